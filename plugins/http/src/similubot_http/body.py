"""Bodies of uploads, streamed from a file in blocks, anew for each attempt."""

import os
import secrets
import stat
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from similubot_core import StageError
from similubot_core.render import sanitize_line

if TYPE_CHECKING:
    from urllib3.fields import RequestField

BLOCK = 114_688
"""Bytes read and sent at a time, 112 KiB. Measured on loopback (Linux 6, 2 MiB of L2 cache), beside
curl: 64 KiB 1.0 to 1.1 times as fast, 96 to 124 KiB 1.4 to 1.5 times, 128 KiB and more 0.7 to 0.9.
"""

Block = bytes | memoryview


@dataclass(frozen=True)
class FileToSend:
    """A file as it was when it was checked.

    Attributes:
        path: Where it is.
        size: Bytes, more than 0.
        identity: Device, inode, size and time of change; another value means another content.
    """

    path: Path
    size: int
    identity: tuple[int, int, int, int]


def identity(status: os.stat_result) -> tuple[int, int, int, int]:
    """What changes when a file is written to or replaced."""
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def file_to_send(path: Path) -> FileToSend:
    """Look at a file that is to be uploaded.

    Raises:
        StageError: It is missing, empty, not a regular file, or cannot be read.
    """
    name = sanitize_line(path.name)
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            kind = "a folder" if stat.S_ISDIR(status.st_mode) else "not a regular file"
            raise StageError(f"{name} is {kind}; only files can be uploaded.")
        path.open("rb").close()
    except FileNotFoundError:
        raise StageError(f"There is no file {name} to upload.") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "its name is not a file's"
        raise StageError(f"{name} cannot be read: {reason}.") from error
    if status.st_size == 0:
        raise StageError(f"{name} is empty; there is nothing to upload.")
    return FileToSend(path, status.st_size, identity(status))


class FileBody:
    """A file as a body, as an iterable of blocks with a length.

    It has no ``read`` on purpose: urllib3 asks a file-like for 16 KiB at a time, which takes half
    as long again. Each iteration opens the file anew. It is read by one thread at a time; `handed`
    and `finished` may be looked at from any.

    Args:
        file: The file to send; None is a body without one.
        content_type: The value for the Content-Type header.

    Attributes:
        content_type: The value for the Content-Type header.
        handed: Bytes of the body that the system has taken so far.
        finished: Whether it has taken the last one.
    """

    _head = _tail = b""

    def __init__(
        self, file: FileToSend | None, content_type: str = "application/octet-stream"
    ) -> None:
        self.content_type = content_type
        self.handed = 0
        self.finished = False
        self._file = file

    def __len__(self) -> int:
        return len(self._head) + self.file_size + len(self._tail)

    @property
    def file_size(self) -> int:
        """Bytes of the file; 0 without one."""
        return self._file.size if self._file is not None else 0

    def file_bytes_of(self, body_bytes: int) -> int:
        """How many bytes of the file are among the first `body_bytes` of the body."""
        return min(max(0, body_bytes - len(self._head)), self.file_size)

    def __iter__(self) -> Iterator[Block]:
        """The blocks; each is valid until the next is asked for.

        Raises:
            StageError: The file cannot be read any more, or is not what it was when it was checked.
        """
        self.handed, self.finished = 0, False
        for block in self._blocks():
            yield block
            # Asked for the next one: the system has taken this one.
            self.handed += len(block)
        self.finished = True

    def _blocks(self) -> Iterator[Block]:
        if self._head:
            yield self._head
        if self._file is not None:
            yield from _file_blocks(self._file)
        # The end is not sent before the file was found unchanged: without it nothing can land.
        if self._tail:
            yield self._tail


class MultipartBody(FileBody):
    """A form with fields and at most one file.

    Args:
        fields: Name and value of the form's fields.
        file: The file to send; None sends fields only.
        file_field: The name of the file's field.
    """

    def __init__(
        self,
        fields: tuple[tuple[str, str], ...],
        file: FileToSend | None,
        file_field: str = "fileToUpload",
    ) -> None:
        from urllib3.fields import RequestField  # here, as a file is looked at without it

        boundary = f"similubot-{secrets.token_hex(16)}"
        super().__init__(file, f"multipart/form-data; boundary={boundary}")
        parts = [
            _part(boundary, RequestField(name, b"")) + value.encode() for name, value in fields
        ]
        if file is not None:
            field = RequestField(file_field, b"", sent_name(file.path.name))
            parts.append(_part(boundary, field, "application/octet-stream"))
        self._head = b"\r\n".join(parts)
        self._tail = f"\r\n--{boundary}--\r\n".encode()


def _file_blocks(expected: FileToSend) -> Iterator[memoryview]:
    name = sanitize_line(expected.path.name)
    buffer = memoryview(bytearray(BLOCK))
    left = expected.size
    try:
        with expected.path.open("rb", buffering=0) as file:
            while left > 0 and (got := file.readinto(buffer[: min(BLOCK, left)])):
                left -= got
                yield buffer[:got]
            unchanged = left == 0 and identity(os.fstat(file.fileno())) == expected.identity
    except OSError as error:
        raise StageError(
            f"{name} could no longer be read while it was being uploaded: {error.strerror}."
        ) from error
    if not unchanged:
        raise StageError(
            f"{name} changed while it was being uploaded; try again once nothing writes to it."
        )


def sent_name(name: str) -> str:
    """A file's name as it is sent: without what could end it or begin another header.

    Quotes become "'", and backslashes, control characters, line separators and bytes that are no
    UTF-8 become "_"; all else, unicode and blanks too, stays as it is.
    """
    return "".join(
        "'" if c == '"' else "_" if c == "\\" or unicodedata.category(c) in _UNSAFE else c
        for c in name
    )


_UNSAFE = frozenset({"Cc", "Cs", "Zl", "Zp"})


def _part(boundary: str, field: "RequestField", content_type: str | None = None) -> bytes:
    field.make_multipart(content_type=content_type)
    return f"--{boundary}\r\n{field.render_headers()}".encode()
