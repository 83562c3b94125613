"""Cover art: what reads it, what it takes in a result, and its form as a tag."""

import base64
import struct
from pathlib import Path

from similubot_ffmpeg.formats import Format


def cover_size_in(cover: Path | None, format: Format) -> int:  # noqa: A002
    """Bytes that a cover takes in a result."""
    if cover is None or not format.holds_cover:
        return 0
    count = cover.stat().st_size
    return count * 4 // 3 + 64 if format.cover_is_a_tag else count


def cover_tag(picture: bytes, demuxer: str) -> bytes:
    """A cover as the tag METADATA_BLOCK_PICTURE (RFC 9639, 8.8), in FFmpeg's form for tags.

    Its size in points is 0, for "see the picture".
    """
    kind = b"image/png" if demuxer == "png_pipe" else b"image/jpeg"
    front, no_description = 3, 0
    block = struct.pack(">II", front, len(kind)) + kind + struct.pack(">I", no_description)
    block += struct.pack(">IIIII", 0, 0, 0, 0, len(picture)) + picture
    text = base64.b64encode(block).replace(b"=", b"\\=")
    return b";FFMETADATA1\nMETADATA_BLOCK_PICTURE=" + text + b"\n"


def cover_demuxer(cover: Path) -> str | None:
    """FFmpeg's demuxer for a picture that an MPEG-4 file takes; None for any other."""
    with cover.open("rb") as stream:
        start = stream.read(8)
    if start == b"\x89PNG\r\n\x1a\n":
        return "png_pipe"
    return "jpeg_pipe" if start.startswith(b"\xff\xd8\xff") else None
