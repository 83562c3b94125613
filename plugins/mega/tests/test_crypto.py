"""Chunks, MACs and attributes, against a plain second reckoning."""

import contextlib
import os
from itertools import pairwise

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, modes
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from hypothesis import given
from hypothesis import strategies as st

from similubot_mega.crypto import (
    LARGEST_CHUNK,
    MIB,
    FileKey,
    WrongKey,
    chunk_count,
    chunk_mac,
    chunk_ranges,
    chunk_start,
    decrypt_name,
    decryptor_at,
    file_key,
    meta_mac,
)

KIB = 1024


def test_chunks_grow_from_128_kib_to_1_mib() -> None:
    sizes = [end - start for start, end in chunk_ranges(12 * MIB)]
    assert sizes[:10] == [n * 128 * KIB for n in range(1, 9)] + [MIB, MIB]


@given(st.integers(0, 300 * MIB))
def test_chunks_cover_a_file_without_gaps(size: int) -> None:
    ranges = list(chunk_ranges(size))
    assert len(ranges) == chunk_count(size)
    assert sum(end - start for start, end in ranges) == size
    assert all(end == chunk_start(index + 1) for index, (_, end) in enumerate(ranges[:-1]))
    assert all(0 < end - start <= LARGEST_CHUNK for start, end in ranges)
    assert not ranges or (ranges[0][0], ranges[-1][1]) == (0, size)


@given(
    st.binary(min_size=1, max_size=100),
    st.integers(0, 1 << 36).map(lambda block: block * 16),
    st.lists(st.integers(1, 99), max_size=5),
)
def test_a_chunk_in_any_pieces_is_decrypted_and_its_mac_is_the_cbc_mac(
    plain: bytes, offset: int, cuts: list[int]
) -> None:
    key = FileKey(os.urandom(16), os.urandom(8), b"")
    counter = key.nonce + (offset // 16).to_bytes(8, "big")
    encrypted = Cipher(AES(key.aes), modes.CTR(counter)).encryptor().update(plain)
    edges = [0, *sorted(cut for cut in cuts if cut < len(plain)), len(plain)]
    decryptor, out = decryptor_at(key, offset), bytearray(b"?" * (len(plain) + 32))
    for start, end in pairwise(edges):
        decryptor.update_into(encrypted[start:end], memoryview(out)[start:])
    mac = chunk_mac(key, out, len(plain))
    assert out[: len(plain)] == plain
    state = key.nonce + key.nonce
    for start in range(0, len(plain), 16):
        block = plain[start : start + 16].ljust(16, b"\0")
        mixed = bytes(a ^ b for a, b in zip(state, block, strict=True))
        state = Cipher(AES(key.aes), modes.ECB()).encryptor().update(mixed)
    assert mac == state


def test_the_whole_mac_folds_the_chunk_macs() -> None:
    key = FileKey(os.urandom(16), os.urandom(8), b"")
    macs = [os.urandom(16) for _ in range(3)]
    state = bytes(16)
    for mac in macs:
        mixed = bytes(a ^ b for a, b in zip(state, mac, strict=True))
        state = Cipher(AES(key.aes), modes.ECB()).encryptor().update(mixed)
    words = [int.from_bytes(state[i : i + 4], "big") for i in range(0, 16, 4)]
    folded = (words[0] ^ words[1]).to_bytes(4, "big") + (words[2] ^ words[3]).to_bytes(4, "big")
    assert meta_mac(key, b"".join(macs)) == folded


def test_a_file_key_is_taken_apart() -> None:
    raw = bytes(range(32))
    key = file_key(raw)
    assert key.nonce == raw[16:24]
    assert key.meta_mac == raw[24:32]
    assert key.aes == bytes(a ^ b for a, b in zip(raw[:16], raw[16:], strict=True))
    assert "0" not in repr(key)


def _attributes(text: bytes, key: bytes) -> str:
    import base64

    padded = text + bytes(-len(text) % 16)
    encrypted = Cipher(AES(key), modes.CBC(bytes(16))).encryptor().update(padded)
    return base64.urlsafe_b64encode(encrypted).rstrip(b"=").decode()


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (b'MEGA{"n":"a.mp3"}', "a.mp3"),
        (b'MEGA{"n":"a.mp3","c":"x"}', "a.mp3"),
        ('MEGA{"n":"ü"}'.encode(), "ü"),
        (b'MEGA{"n":7}', ""),
        (b"MEGA{}", ""),
    ],
)
def test_the_name_is_read_from_the_attributes(text: bytes, name: str) -> None:
    assert decrypt_name(_attributes(text, b"k" * 16), b"k" * 16) == name


@pytest.mark.parametrize(
    "text", [b'XEGA{"n":"a"}', b"MEGA[1]", b"MEGA{", b"", b"MEGA{" + b'"a":{' * 5000]
)
def test_what_are_no_attributes_means_a_wrong_key(text: bytes) -> None:
    with pytest.raises(WrongKey):
        decrypt_name(_attributes(text, b"k" * 16), b"k" * 16)


@given(st.text() | st.from_regex(r"[A-Za-z0-9_-]{0,80}", fullmatch=True))
def test_any_text_is_a_name_or_a_wrong_key(text: str) -> None:
    with pytest.raises(WrongKey):
        decrypt_name(text, b"k" * 16)


@given(st.binary(max_size=200))
def test_any_attributes_are_a_name_or_a_wrong_key(text: bytes) -> None:
    with contextlib.suppress(WrongKey):
        assert isinstance(decrypt_name(_attributes(b"MEGA{" + text, b"k" * 16), b"k" * 16), str)
