"""PartFile: a download under way on disk, so that a later run goes on where one was interrupted.

Beside the bytes (``NAME.part``) lies a list of the chunks that are whole, with their MACs
(``NAME.part.chunks``). It holds nothing of the key but a digest.
"""

import hashlib
import os
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Self

from similubot_core.jobs.growing import GrowingFile
from similubot_mega.api import RemoteFile
from similubot_mega.crypto import (
    BLOCK,
    LARGEST_CHUNK,
    chunk_count,
    chunk_mac,
    chunk_ranges,
    chunk_start,
)

PART_SUFFIX = ".part"
LIST_SUFFIX = ".chunks"
BUFFER = LARGEST_CHUNK + 2 * BLOCK
"""Bytes to hold a chunk: the ciphers want a block of room behind what they write."""
_RECORD = 1 + BLOCK  # a 1 for "is whole", then the chunk's MAC
_DIGEST = hashlib.sha256().digest_size


class PartFile:
    """The bytes of `remote` that are here; a context manager that closes the files.

    `keep` may be called from several threads, for different chunks.

    Args:
        path: Where they lie; made when it is not there, as is the list beside it.
        remote: What is downloaded.

    Raises:
        OSError: They cannot be made.

    Attributes:
        macs: The MACs of all chunks, 16 bytes each; zeros where a chunk is missing.
    """

    def __init__(self, path: Path, remote: RemoteFile) -> None:
        self._path = path
        self._list_path = path.with_name(path.name + LIST_SUFFIX)
        self._remote = remote
        self._count = chunk_count(remote.size)
        self._whole = bytearray(self._count)
        self._growing: GrowingFile | None = None
        self.macs = bytearray(BLOCK * self._count)
        with ExitStack() as opened:
            self._data = _open(path)
            opened.callback(os.close, self._data)
            self._list = _open(self._list_path)
            opened.callback(os.close, self._list)
            self._opened = opened.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._opened.close()

    def move_to(self, target: Path) -> None:
        """Give the bytes, which are all here and right, their name."""
        self._path.replace(target)
        self._list_path.unlink(missing_ok=True)

    def remove(self) -> None:
        """Remove what is here."""
        self._path.unlink(missing_ok=True)
        self._list_path.unlink(missing_ok=True)

    @property
    def was_begun(self) -> bool:
        """Whether an earlier run left chunks here, of this file or another."""
        return os.fstat(self._list).st_size > _DIGEST

    def find_whole(self, before_each: Callable[[], object]) -> int:
        """Look which chunks an earlier run left whole; their bytes are read and checked again.

        Args:
            before_each: Called before each chunk that is read; may raise.

        Returns:
            How many bytes are here.
        """
        expected = _DIGEST + _RECORD * self._count
        known = os.pread(self._list, expected, 0)
        here = 0
        if known[:_DIGEST] == _digest(self._remote):
            plain = bytearray(BUFFER)
            for chunk, (start, end) in enumerate(chunk_ranges(self._remote.size)):
                record = known[_DIGEST + _RECORD * chunk :][:_RECORD]
                if len(record) == _RECORD and record[0]:
                    before_each()
                    length = end - start
                    with memoryview(plain) as view:
                        got = os.preadv(self._data, [view[:length]], start)
                    # After a power failure the list can be ahead of the bytes.
                    mac = chunk_mac(self._remote.key, plain, length)
                    if got == length and mac == record[1:]:
                        self._note(chunk, mac)
                        here += length
        else:
            os.ftruncate(self._list, 0)
            os.pwrite(self._list, _digest(self._remote), 0)
        os.ftruncate(self._data, self._remote.size)
        return here

    def growing(self) -> GrowingFile:
        """The file for somebody who reads it as it grows; call `find_whole` first."""
        growing = GrowingFile(self._path, self._remote.size, self._remote.name)
        for chunk, whole in enumerate(self._whole):
            if whole:
                growing.add(chunk_start(chunk), min(chunk_start(chunk + 1), self._remote.size))
        self._growing = growing
        return growing

    def missing(self) -> list[tuple[int, int]]:
        """The runs of chunks that are not here, as (first, the one after the last)."""
        runs: list[tuple[int, int]] = []
        for chunk, whole in enumerate(self._whole):
            if whole:
                continue
            if runs and runs[-1][1] == chunk:
                runs[-1] = (runs[-1][0], chunk + 1)
            else:
                runs.append((chunk, chunk + 1))
        return runs

    def keep(self, chunk: int, plain: bytearray, length: int, mac: bytes) -> None:
        """Write a decrypted chunk, the first `length` bytes of `plain`, and note it as whole.

        Raises:
            OSError: It cannot be written.
        """
        offset, written = chunk_start(chunk), 0
        with memoryview(plain) as view:
            while written < length:
                written += os.pwrite(self._data, view[written:length], offset + written)
        os.pwrite(self._list, b"\1" + mac, _DIGEST + _RECORD * chunk)
        self._note(chunk, mac)

    def _note(self, chunk: int, mac: bytes) -> None:
        self.macs[chunk * BLOCK : (chunk + 1) * BLOCK] = mac
        self._whole[chunk] = 1
        if self._growing is not None:
            end = min(chunk_start(chunk + 1), self._remote.size)
            self._growing.add(chunk_start(chunk), end)


def bytes_on_disk(folder: Path) -> int:
    """What the downloads that were interrupted in `folder` take up there."""
    return sum(path.stat().st_blocks * 512 for path in folder.glob(f"*{PART_SUFFIX}"))


def _open(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666)


def _digest(remote: RemoteFile) -> bytes:
    """Of what makes two downloads the same file, without giving any of it away."""
    key = remote.key
    return hashlib.sha256(key.aes + key.nonce + key.meta_mac + b"%d" % remote.size).digest()
