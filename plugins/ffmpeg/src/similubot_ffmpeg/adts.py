"""Frames of AAC in ADTS (ISO 13818-7), counted and copied whole."""

from typing import BinaryIO

FRAME_SAMPLES = 1024
"""Samples of a channel in a frame, as FFmpeg's encoder writes them."""
_HEADER = 7


def copy_frames(source: BinaryIO, target: BinaryIO, skip: int, count: int | None) -> int:
    """Copy frames; returns how many there were after those skipped, at most `count`.

    Args:
        source: What is read, from where it stands.
        target: What is written.
        skip: How many frames are left out first.
        count: How many frames are copied at most; None is all.

    Raises:
        ValueError: A frame does not begin where it should, or is not whole.
    """
    copied = 0
    while count is None or copied < count:
        header = source.read(_HEADER)
        if not header:
            break
        # 12 bits of ones and two of zeros, the version between them; 13 bits of length.
        if len(header) < _HEADER or header[0] != 0xFF or header[1] & 0xF6 != 0xF0:
            raise ValueError("no ADTS frame")
        length = (header[3] & 3) << 11 | header[4] << 3 | header[5] >> 5
        rest = source.read(max(0, length - _HEADER))
        if len(rest) != length - _HEADER:
            raise ValueError("the last ADTS frame is not whole")
        if skip:
            skip -= 1
            continue
        target.write(header)
        target.write(rest)
        copied += 1
    return copied


def are_of_one_kind(source: BinaryIO) -> bool:
    """Whether all frames have one profile, one sample rate and one layout of channels.

    A file with one description for all of them plays what changes on the way at a wrong speed.
    """
    first = None
    while header := source.read(_HEADER):
        # 12 bits of ones and two of zeros, the version between them; 13 bits of length.
        if len(header) < _HEADER or header[0] != 0xFF or header[1] & 0xF6 != 0xF0:
            return False
        kind = header[2] & 0xFD, header[3] & 0xC0
        first = first or kind
        length = (header[3] & 3) << 11 | header[4] << 3 | header[5] >> 5
        if kind != first or length < _HEADER:
            return False
        source.seek(length - _HEADER, 1)
    return first is not None
