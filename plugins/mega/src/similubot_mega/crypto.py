"""MEGA's cryptography on the downloading side: keys, attributes, chunks and their MACs.

Facts as in MEGA's public SDK: AES-CTR for the data, a CBC-MAC for each chunk, and the chunk MACs
folded into the eight bytes that the link carries.
"""

import base64
import binascii
import json
from collections.abc import Iterator
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.ciphers import Cipher, CipherContext, modes
from cryptography.hazmat.primitives.ciphers.algorithms import AES

from similubot_core.errors import StageError

MIB = 1024 * 1024
_STEP = 128 * 1024
_GROWING = 8  # chunks that grow from 128 KiB to 1 MiB; all later ones have 1 MiB
_GROWN_END = _STEP * _GROWING * (_GROWING + 1) // 2
LARGEST_CHUNK = MIB
_MAC_STEP = 65_536
BLOCK = 16
_ZERO = bytes(BLOCK)


class WrongKey(StageError):  # noqa: N818  (what it is)
    """The key does not open what the server gave."""

    def __init__(self) -> None:
        super().__init__("The key of this MEGA link is wrong; copy the whole link again.")


def unb64(text: str) -> bytes:
    """Decode MEGA's base64 (URL-safe, no padding).

    Raises:
        ValueError: It is none.
    """
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (binascii.Error, UnicodeEncodeError) as error:
        raise ValueError("not base64") from error


@dataclass(frozen=True)
class FileKey:
    """A file's secrets: the AES key, the counter's first half and the MAC of the whole."""

    aes: bytes = field(repr=False)
    nonce: bytes = field(repr=False)
    meta_mac: bytes = field(repr=False)


def file_key(raw: bytes) -> FileKey:
    """Take a file key of 32 bytes apart."""
    return FileKey(_xor(raw[:16], raw[16:32]), raw[16:24], raw[24:32])


def decrypt_node_key(wrapped: bytes, folder_key: bytes) -> bytes:
    """Decrypt a node's key (16 or 32 bytes) with the key of its shared folder."""
    decryptor = Cipher(AES(folder_key), modes.ECB()).decryptor()  # noqa: S305  (MEGA's format)
    return decryptor.update(wrapped) + decryptor.finalize()


def decrypt_name(attributes: str, aes_key: bytes) -> str:
    """The name in a node's encrypted attributes: a stranger's text, "" when it has none.

    Raises:
        WrongKey: They are not attributes under this key.
    """
    try:
        data = unb64(attributes)
        decryptor = Cipher(AES(aes_key), modes.CBC(_ZERO)).decryptor()
        plain = decryptor.update(data) + decryptor.finalize()
        if not plain.startswith(b"MEGA{"):
            raise WrongKey
        values: object = json.loads(plain[4:].split(b"\0", 1)[0].decode("utf-8", errors="replace"))
    except (ValueError, RecursionError):
        raise WrongKey from None
    name = values.get("n") if isinstance(values, dict) else None
    return name if isinstance(name, str) else ""


def chunk_start(index: int) -> int:
    """The offset in bytes at which chunk number `index` (from 0) begins."""
    if index < _GROWING:
        return _STEP * index * (index + 1) // 2
    return _GROWN_END + (index - _GROWING) * MIB


def chunk_at(offset: int) -> int:
    """The number of the chunk that the byte at `offset` (from 0) lies in."""
    if offset >= _GROWN_END:
        return _GROWING + (offset - _GROWN_END) // MIB
    return next(index for index in range(_GROWING) if chunk_start(index + 1) > offset)


def chunk_count(size: int) -> int:
    """How many chunks a file of `size` bytes has; 0 of none."""
    if size > _GROWN_END:
        return _GROWING - (-(size - _GROWN_END) // MIB)
    return next(index for index in range(_GROWING + 1) if chunk_start(index) >= size)


def chunk_ranges(size: int) -> Iterator[tuple[int, int]]:
    """The chunks of a file as (start, end) in bytes, the end not included."""
    for index in range(chunk_count(size)):
        yield chunk_start(index), min(chunk_start(index + 1), size)


def decryptor_at(key: FileKey, offset: int) -> CipherContext:
    """A decryptor for the bytes from `offset` on, which is a multiple of 16."""
    counter = key.nonce + (offset // BLOCK).to_bytes(8, "big")
    return Cipher(AES(key.aes), modes.CTR(counter)).decryptor()


def chunk_mac(key: FileKey, plain: bytearray, length: int) -> bytes:
    """The MAC of a decrypted chunk, 16 bytes.

    Args:
        key: The file's key.
        plain: Begins with the chunk; what follows it is overwritten by up to 15 zeros.
        length: Bytes of the chunk, 1 or more.
    """
    padded = length + (-length % BLOCK)
    plain[length:padded] = bytes(padded - length)
    cbc = Cipher(AES(key.aes), modes.CBC(key.nonce + key.nonce)).encryptor()
    scratch = bytearray(_MAC_STEP + BLOCK)  # takes what the reckoning discards
    with memoryview(plain) as chunk:
        for start in range(0, padded, _MAC_STEP):
            written = cbc.update_into(chunk[start : min(start + _MAC_STEP, padded)], scratch)
    return bytes(scratch[written - BLOCK : written])


def meta_mac(key: FileKey, chunk_macs: bytes | bytearray) -> bytes:
    """Fold all chunk MACs (16 bytes each, in order) into the eight bytes that the link carries."""
    cbc = Cipher(AES(key.aes), modes.CBC(_ZERO)).encryptor()
    mac = (_ZERO + cbc.update(bytes(chunk_macs)))[-BLOCK:]
    return _xor(mac[0:4], mac[4:8]) + _xor(mac[8:12], mac[12:16])


def _xor(left: bytes, right: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(left, right, strict=True))
