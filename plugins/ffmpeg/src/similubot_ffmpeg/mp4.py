"""What the index of an MPEG-4 file says of an audio track, of a source or of a result.

FFmpeg takes 0.06 s to start, which is long beside a short source, and prints neither a track's
edit list nor how many packets its index lists; mutagen 1.48 passes over edit lists, so that it
names 21 s for a clip of 20 s that was cut without encoding. Facts: ISO/IEC 14496-12 (boxes).
"""

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path

_LARGEST_INDEX = 256 * 1024 * 1024
"""Bytes; a day of audio at 96,000 Hz has 35 MB, and a cover lies in it too."""


_PAUSE = 2
"""How many times as long as usual a packet lasts before a pause; rounding varies them by less."""


@dataclass(frozen=True, slots=True)
class Mp4Track:
    """An audio track.

    Attributes:
        codecs: The four characters of each of its sample descriptions: "mp4a" is AAC; "drms",
            "aavd" and "enca" are encrypted.
        rate: Units of time a second, which is the sample rate as FFmpeg writes it.
        packets: How many packets the index lists; 0 in a fragmented file.
        seconds: How long those last.
        filled: The same without pauses, where a packet lasts until the next one.
        plays: Seconds that are played, by the edit list, and `seconds` at most; `seconds` where
            there is none, or where it plays nothing at all.
        plays_nothing: Whether the edit list says that nothing is played, which FFmpeg obeys.
    """

    codecs: tuple[str, ...]
    rate: int
    packets: int
    seconds: float
    filled: float
    plays: float
    plays_nothing: bool = False


def read_tracks(file: Path) -> tuple[Mp4Track, ...]:
    """The audio tracks of a file whose boxes are all there to their last byte.

    Raises:
        ValueError: The file is cut or no MPEG-4 file; says which.
        OSError: It cannot be read.
    """
    index, cut, has_data = _read_index(file)
    if cut:
        raise ValueError("it is cut")
    if index is None or not has_data:
        raise ValueError("it has no index" if index is None else "it has no data")
    return _tracks(index)


def read_source_tracks(file: Path) -> tuple[Mp4Track, ...]:
    """The same of a source, which may be cut; empty where its index cannot be read.

    Raises:
        OSError: It cannot be read.
    """
    try:
        index, _, _ = _read_index(file)
        return () if index is None else _tracks(index)
    except ValueError:
        return ()


def _read_index(file: Path) -> tuple[bytes | None, bool, bool]:
    """The content of the index, whether a box is not whole, and whether there is data."""
    index, has_data = None, False
    with file.open("rb") as stream:
        size, position = stream.seek(0, os.SEEK_END), 0
        while position < size:
            stream.seek(position)
            start = stream.read(16)
            try:
                kind, head, end = _box(start, position, size)
            except ValueError:
                if start[4:8] == b"moov" and size - position <= _LARGEST_INDEX:
                    stream.seek(position + 8)
                    index = stream.read()
                return index, True, has_data
            if kind == b"moov" and end - position <= _LARGEST_INDEX:
                stream.seek(position + head)
                index = stream.read(end - position - head)
            has_data = has_data or kind == b"mdat"
            position = end
    return index, False, has_data


def _box(start: bytes, position: int, limit: int) -> tuple[bytes, int, int]:
    """Of the box whose first bytes these are: its kind, the length of its head, and its end."""
    if len(start) < 8:
        raise ValueError("it is cut")
    length, kind = struct.unpack_from(">I4s", start)
    head = 8
    if length == 1 and len(start) >= 16:
        head, length = 16, struct.unpack_from(">Q", start, 8)[0]
    elif length == 0:
        length = limit - position
    if length < head or position + length > limit:
        raise ValueError("it is cut")
    return kind, head, position + length


def _boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Kind and content of each box in another's content."""
    position = 0
    while position < len(data):
        try:
            kind, head, end = _box(data[position : position + 16], position, len(data))
        except ValueError:
            return  # what follows the tracks may be cut: tags
        yield kind, data[position + head : end]
        position = end


def _inside(data: bytes, *path: bytes) -> bytes:
    """The content of the first box at the end of a path; empty when there is none."""
    for wanted in path:
        data = next((content for kind, content in _boxes(data) if kind == wanted), b"")
    return data


def _tracks(index: bytes) -> tuple[Mp4Track, ...]:
    try:
        movie_rate, _ = _duration(_inside(index, b"mvhd"))
        return tuple(
            _track(content, movie_rate)
            for kind, content in _boxes(index)
            if kind == b"trak" and _inside(content, b"mdia", b"hdlr")[8:12] == b"soun"
        )
    except (struct.error, ZeroDivisionError) as error:
        raise ValueError("its index is not whole") from error


def _track(track: bytes, movie_rate: int) -> Mp4Track:
    table = _inside(track, b"mdia", b"minf", b"stbl")
    rate, length = _duration(_inside(track, b"mdia", b"mdhd"))
    # What the packets last; the header may say anything.
    lasting, filled = _lasting(_inside(table, b"stts"))
    length = lasting or length
    descriptions = _inside(table, b"stsd")[8:]
    sizes = _inside(table, b"stsz")
    played = _edited(_inside(track, b"edts", b"elst"))
    return Mp4Track(
        codecs=tuple(kind.decode("latin-1") for kind, _ in _boxes(descriptions)),
        rate=rate,
        packets=struct.unpack_from(">I", sizes, 8)[0] if len(sizes) >= 12 else 0,
        seconds=length / rate,
        filled=(filled or length) / rate,
        plays=min(length / rate, played / movie_rate) if played else length / rate,
        plays_nothing=played == 0,
    )


def _lasting(times: bytes) -> tuple[int, int]:
    """Units of time that all packets last together, by the table of how long each does, and without
    pauses.
    """
    count = min(struct.unpack_from(">I", times, 4)[0], (len(times) - 8) // 8)
    table = times[8 : 8 + 8 * count]
    _, usual = max(struct.iter_unpack(">II", table), key=itemgetter(0), default=(0, 0))
    lasting = filled = 0
    for number, each in struct.iter_unpack(">II", table):
        lasting += number * each
        filled += number * min(each, _PAUSE * usual)
    return lasting, filled


def _duration(header: bytes) -> tuple[int, int]:
    """Units a second and how many of them, of the header of a track's media or of the movie."""
    # Two times stand before them, of 8 bytes each in version 1, else of 4.
    if header[:1] == b"\1":
        return struct.unpack_from(">IQ", header, 20)
    return struct.unpack_from(">II", header, 12)


def _edited(edits: bytes) -> int | None:
    """What is played of the media in the movie's units; None without an edit."""
    if len(edits) < 8:
        return None
    long = edits[:1] == b"\1"
    form, step = (">Qq", 20) if long else (">Ii", 12)
    entries = [struct.unpack_from(form, edits, at) for at in range(8, len(edits) - step + 1, step)]
    # -1: nothing is played meanwhile
    return sum(length for length, begin in entries if begin >= 0) if entries else None
