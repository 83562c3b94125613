"""How long a WAV file says it is; FFmpeg (4.1 to 9.0.2) only says how long what is there is."""

import struct
from pathlib import Path
from typing import BinaryIO

_UNKNOWN_FROM = 0x7FFF_0000
"""Programs that write to a pipe cannot know the size, and write the largest, signed or not."""
_CHUNKS = 200


def wav_seconds(file: Path) -> float | None:
    """Seconds of sound that the header promises; None when it does not say, or is none.

    Raises:
        OSError: The file cannot be read.
    """
    with file.open("rb") as stream:
        return read_seconds(stream, file.stat().st_size)


def read_seconds(stream: BinaryIO, size: int) -> float | None:
    """The same, of a seekable stream of `size` bytes."""
    head = stream.read(12)
    if head[:4] != b"RIFF" or head[8:] != b"WAVE":
        return None
    byte_rate = 0
    for _ in range(_CHUNKS):
        header = stream.read(8)
        if len(header) < 8:
            return None
        name, length = struct.unpack("<4sI", header)
        if name == b"data":
            unknown = length == 0 or (length >= _UNKNOWN_FROM and length > size)
            return None if unknown or not byte_rate else length / byte_rate
        body = stream.read(12) if name == b"fmt " else b""
        if len(body) == 12:
            (byte_rate,) = struct.unpack_from("<I", body, 8)
        stream.seek(length + length % 2 - len(body), 1)
    return None
