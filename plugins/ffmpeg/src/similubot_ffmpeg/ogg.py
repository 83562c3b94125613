"""Whether an Ogg file was cut off, which FFmpeg (4.1 to 9.0.2) says nothing about."""

import os
from pathlib import Path

_LONGEST_PAGE = 27 + 255 + 255 * 255
"""Bytes of the longest page of RFC 3533: a header, the segment table, the segments."""


def ogg_is_cut(file: Path) -> bool:
    """Whether the last page of an Ogg file ends after the file does.

    A file that was cut exactly between two pages is not told from a whole one. What is not Ogg at
    all counts as cut.

    Raises:
        OSError: The file cannot be read.
    """
    with file.open("rb") as stream:
        size = stream.seek(0, os.SEEK_END)
        stream.seek(max(0, size - _LONGEST_PAGE - 3))
        tail = stream.read(_LONGEST_PAGE + 3)
    return last_page_is_cut(tail)


def last_page_is_cut(tail: bytes) -> bool:
    """The same, for the last 65,310 bytes of a file (all of a shorter one)."""
    begin = tail.rfind(b"OggS")
    if begin < 0 or len(tail) < begin + 27:
        return True
    segments = tail[begin + 26]
    table = tail[begin + 27 : begin + 27 + segments]
    end = begin + 27 + segments + sum(table)
    rest = tail[end:]
    return len(table) < segments or len(tail) < end or (rest != b"" and b"OggS".startswith(rest))
