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
    aes_key, nonce = os.urandom(16), os.urandom(8)
    stream = Cipher(AES(aes_key), modes.CTR(nonce + bytes(8))).encryptor()
    file_mac = Cipher(AES(aes_key), modes.CBC(_ZERO)).encryptor()
    mac, size = _ZERO, 0
    for chunk_size in _chunk_sizes():
        plain = source.read(chunk_size)
        if not plain:
            break
        size += len(plain)
        target.write(stream.update(plain))
        chunk_mac = Cipher(AES(aes_key), modes.CBC(nonce + nonce)).encryptor()
        # CBC from IV 0 over the chunk MACs is the m = E(m ^ chunkmac) that MEGA describes.
        mac = file_mac.update(chunk_mac.update(plain + bytes(-len(plain) % 16))[-16:])
    tail = _xor(mac[0:4], mac[4:8]) + _xor(mac[8:12], mac[12:16])
    return EncryptedFile(
        size=size,
        key=_xor(aes_key, nonce + tail) + nonce + tail,
        attributes=encrypt_attributes(name, aes_key),
    )


def _xor(left: bytes, right: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(left, right, strict=True))
