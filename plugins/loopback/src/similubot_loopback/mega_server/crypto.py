"""MEGA's cryptography from the server's side: encrypts files as an uploading client would.

Written apart from similubot-mega's, and checked against foreign clients, so that server and
client cannot be wrong together. Facts: MEGA's public SDK and clients (keys, CTR, chunk MACs).
"""

from __future__ import annotations

import base64
import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

from cryptography.hazmat.primitives.ciphers import Cipher, modes
from cryptography.hazmat.primitives.ciphers.algorithms import AES

if TYPE_CHECKING:
    from collections.abc import Iterator

_KIB = 1024
_ZERO = bytes(16)


def b64(data: bytes) -> str:
    """Encode as MEGA does: URL-safe base64 without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def unb64(text: str) -> bytes:
    """Decode URL-safe base64 without padding."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


@dataclass(frozen=True)
class EncryptedFile:
    """What came of encrypting one file."""

    size: int
    """Bytes, the same for plain and encrypted."""
    key: bytes = b""
    """The 32 bytes that a public link carries; secret."""
    attributes: str = ""
    """The encrypted attributes as the API gives them (`at`)."""


def encrypt_attributes(name: str, aes_key: bytes) -> str:
    """Encrypt a node's attributes: AES-CBC, IV 0, padded with NUL, base64."""
    text = b"MEGA" + json.dumps({"n": name}).encode()
    text += bytes(-len(text) % 16)
    encryptor = Cipher(AES(aes_key), modes.CBC(_ZERO)).encryptor()
    return b64(encryptor.update(text) + encryptor.finalize())


def wrap_key(key: bytes, folder_key: bytes) -> str:
    """Encrypt a node's key under its shared folder's key: AES-ECB, base64."""
    encryptor = Cipher(AES(folder_key), modes.ECB()).encryptor()  # noqa: S305 - MEGA's format
    return b64(encryptor.update(key) + encryptor.finalize())


def _chunk_sizes() -> Iterator[int]:
    for eighths in range(1, 8):
        yield eighths * 128 * _KIB
    while True:
        yield 1024 * _KIB


def encrypt_file(source: BinaryIO, target: BinaryIO, name: str) -> EncryptedFile:
    """Encrypt `source` into `target` with a fresh key, one chunk in memory at a time.

    The key's last eight bytes are the MAC of the whole, so they are known at the end only.
    """
    encryption = _Encryption()
    for chunk_size in _chunk_sizes():
        plain = source.read(chunk_size)
        if not plain:
            break
        encryption.add(plain)
        target.write(encryption.stream.update(plain))
    return encryption.done(name)


def encrypt_to_zeros(size: int, name: str) -> EncryptedFile:
    """What makes `size` encrypted bytes of 0 a valid file: its content is then the key stream."""
    encryption, left = _Encryption(), size
    for chunk_size in _chunk_sizes():
        if not left:
            break
        encrypted = bytes(min(chunk_size, left))
        encryption.add(encryption.stream.update(encrypted))
        left -= len(encrypted)
    return encryption.done(name)


class _Encryption:
    """A fresh key, its stream, and the MAC of the chunks so far."""

    def __init__(self) -> None:
        self._aes_key, self._nonce = os.urandom(16), os.urandom(8)
        self.stream = Cipher(AES(self._aes_key), modes.CTR(self._nonce + bytes(8))).encryptor()
        self._file_mac = Cipher(AES(self._aes_key), modes.CBC(_ZERO)).encryptor()
        self._mac, self._size = _ZERO, 0

    def add(self, plain: bytes) -> None:
        """Count one whole chunk, the last one excepted, which may be shorter."""
        self._size += len(plain)
        nonce = self._nonce
        chunk_mac = Cipher(AES(self._aes_key), modes.CBC(nonce + nonce)).encryptor()
        # CBC from IV 0 over the chunk MACs is the m = E(m ^ chunkmac) that MEGA describes.
        padded = plain + bytes(-len(plain) % 16)
        self._mac = self._file_mac.update(chunk_mac.update(padded)[-16:])

    def done(self, name: str) -> EncryptedFile:
        """The file, now that all chunks were added."""
        tail = _xor(self._mac[0:4], self._mac[4:8]) + _xor(self._mac[8:12], self._mac[12:16])
        return EncryptedFile(
            size=self._size,
            key=_xor(self._aes_key, self._nonce + tail) + self._nonce + tail,
            attributes=encrypt_attributes(name, self._aes_key),
        )


def _xor(left: bytes, right: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(left, right, strict=True))
