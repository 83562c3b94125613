"""Whether the end of a source is there, by the lengths that its own structure gives.

FFmpeg (4.1 to 9.0.2) says nothing of a cut Ogg, MP3, AIFF or AU file, nor of any file of bare
samples that is cut between two of its packets. mutagen 1.48 and tinytag 2.2 believe the header:
they name the same length for a whole file and for two thirds of it. So these few fields are read
here: lengths in bytes, which hold whatever a codec or a byte rate claims.
"""

import os
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

_UNKNOWN_FROM = 0x7FFF_0000
"""Programs that write to a pipe cannot know the size, and write the largest, signed or not."""
_MOST_CHUNKS = 2000
_LARGEST_CHUNK = 1 << 40
_BLANK_STEP = 1024
_BLANK_RUN = 8192
"""Bytes; the longest frames of AC-3 have 4,096."""
_OGG_PAGE = 27 + 255 + 255 * 255
"""Bytes of the longest page of RFC 3533: a header, the segment table, the segments."""
_OGG_TAIL = _OGG_PAGE + 4096
_LAST_VOC_KIND = 9
_W64_DATA = bytes.fromhex("64617461f3acd3118cd100c04f8edb8a")
_MXF_PACK = bytes.fromhex("060e2b34020501010d01020101")
_ASF_PROPERTIES = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")
_MOST_BOXES = 100_000
_MP4_BOXES = (
    *(b"ftyp", b"styp", b"moov", b"moof", b"mdat", b"mfra", b"sidx", b"free", b"skip", b"wide"),
    *(b"udta", b"meta", b"uuid", b"emsg", b"prft"),
)
_EBML, _SEGMENT = b"\x1a\x45\xdf\xa3", b"\x18\x53\x80\x67"
_FLV_SIZE = b"\0\x08filesize\0"
_ASF_HEADER = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
_ASF_DATA = bytes.fromhex("3626b2758e66cf11a6d900aa0062ce6c")
_ASF_DATA_HEAD = 50
_MP3_RATES = {3: (44_100, 48_000, 32_000), 2: (22_050, 24_000, 16_000), 0: (11_025, 12_000, 8000)}


@dataclass(frozen=True, slots=True)
class SourceEnd:
    """What the structure of a file says of its end.

    Attributes:
        there: Whether the end is there.
        share: How much of what the file should hold is there, within 0 and 1; None when the file
            does not say how much it should hold.
    """

    there: bool
    share: float | None = None


def source_end(file: Path, container: str) -> SourceEnd | None:
    """What the structure of `file` says; None when it says nothing, or nobody here can read it.

    Args:
        file: The source.
        container: FFmpeg's name of it, such as "wav" or "mov,mp4,m4a,3gp,3g2,mj2".

    Raises:
        OSError: The file cannot be read.
    """
    reader = _READERS.get(container)
    if reader is None:
        return None
    with file.open("rb") as stream:
        size = stream.seek(0, os.SEEK_END)
        stream.seek(0)
        try:
            return reader(stream, size)
        except (struct.error, IndexError):
            return None


def asf_objects(file: Path) -> frozenset[bytes]:
    """The names, of 16 bytes, of the objects in the header of an ASF file.

    Raises:
        OSError: The file cannot be read.
    """
    with file.open("rb") as stream:
        return frozenset(name for name, _, _ in _chunks(stream, 30, "<16sq", 1, whole=True))


def blank_share(file: Path) -> float:
    """How much of a file is runs of zeros of at least `_BLANK_RUN` bytes, within 0 and 1, the tags
    at its beginning left out.

    Audio that is coded in frames has none: a frame of silence has a head too, and is shorter.

    Raises:
        OSError: The file cannot be read.
    """
    blank = run = 0
    zeros = bytes(_BLANK_STEP)
    with file.open("rb", buffering=1 << 20) as stream:
        begin = stream.seek(_after_id3(stream))
        while piece := stream.read(_BLANK_STEP):
            if piece == zeros:
                run += _BLANK_STEP
                continue
            blank += run if run >= _BLANK_RUN else 0
            run = 0
        length = stream.tell() - begin
    blank += run if run >= _BLANK_RUN else 0
    return blank / length if length else 0.0


def ogg_lacks_pages(file: Path) -> bool:
    """Whether pages of an Ogg file are missing, by the numbers that each stream gives its pages.

    Raises:
        OSError: The file cannot be read.
    """
    numbers: dict[bytes, int] = {}
    with file.open("rb") as stream:
        while len(head := stream.read(27)) == 27:
            if head[:4] != b"OggS":
                return True
            segments = stream.read(head[26])
            serial, (number,) = head[14:18], struct.unpack_from("<I", head, 18)
            begins = bool(head[5] & 2)
            if not begins and number != numbers.get(serial, number - 1) + 1:
                return True
            numbers[serial] = number
            stream.seek(sum(segments), os.SEEK_CUR)
    return False


def mp4_lacks_fragments(file: Path) -> bool:
    """Whether fragments of an MPEG-4 file are missing between others, by their numbers.

    Raises:
        OSError: The file cannot be read.
    """
    begin, last = 0, None
    with file.open("rb") as stream:
        for _ in range(_MOST_BOXES):
            stream.seek(begin)
            head = stream.read(24)
            if len(head) < 24:
                return False
            length, name = struct.unpack_from(">I4s", head)
            if length == 1:
                (length,) = struct.unpack_from(">Q", head, 8)
            elif name == b"moof" and head[12:16] == b"mfhd":
                (number,) = struct.unpack_from(">I", head, 20)
                if last is not None and number > last + 1:
                    return True
                last = number
            if length < 8:
                return False
            begin += length
    return False


def _held(begin: int, length: int, size: int) -> SourceEnd:
    """Of `length` bytes from `begin` on, what lies within a file of `size` bytes."""
    if begin + length <= size:
        return SourceEnd(True)
    return SourceEnd(False, max(0, size - begin) / length)


def _chunks(
    stream: BinaryIO, begin: int, form: str, align: int, *, whole: bool = False
) -> Iterator[tuple[bytes, int, int]]:
    """Name, begin of the content, and length of each chunk.

    Args:
        stream: Seekable.
        begin: Where the first chunk is.
        form: How `struct` reads a chunk's name and length.
        align: Chunks begin at multiples of this.
        whole: Whether the length counts the chunk's head.
    """
    head = struct.calcsize(form)
    for _ in range(_MOST_CHUNKS):
        stream.seek(begin)
        data = stream.read(head)
        if len(data) < head:
            return
        name, length = struct.unpack(form, data)
        length -= head if whole else 0
        yield name, begin + head, length
        if not 0 <= length < _LARGEST_CHUNK:
            return
        begin += head + length
        begin += -begin % align


def _wav(stream: BinaryIO, size: int) -> SourceEnd | None:
    start = stream.read(12)
    long_size = None
    for name, begin, length in _chunks(stream, 12, "<4sI", 2):
        if name == b"ds64":  # RF64 and BW64: sizes of 64 bits
            stream.seek(begin + 8)
            (long_size,) = struct.unpack("<Q", stream.read(8))
        elif name == b"data":
            if start[:4] != b"RIFF" and long_size is not None:
                return _held(begin, long_size, size)
            unknown = length == 0 or (length >= _UNKNOWN_FROM and begin + length > size)
            return None if unknown else _held(begin, length, size)
    return None


def _avi(stream: BinaryIO, size: int) -> SourceEnd | None:
    """By the lists of frames, of which large files have several; an index may follow each."""
    for name, begin, length in _chunks(stream, 0, "<4sI", 2):
        if name != b"RIFF" or length == 0 or length >= _UNKNOWN_FROM:
            return None
        has_frames = False
        for inner, at, inside in _chunks(stream, begin + 4, "<4sI", 2):
            stream.seek(at)
            if inner == b"LIST" and stream.read(4) == b"movi":
                has_frames = True
                if at + inside > size:
                    return _held(at, inside, size)
            if at + inside >= begin + length:
                break
        if not has_frames:
            return SourceEnd(False) if begin + length > size else None
    return SourceEnd(True)


def _aiff(stream: BinaryIO, size: int) -> SourceEnd | None:
    for name, begin, length in _chunks(stream, 12, ">4sI", 2):
        if name == b"SSND":
            return None if length == 0 else _held(begin, length, size)
    return None


def _caf(stream: BinaryIO, size: int) -> SourceEnd | None:
    for name, begin, length in _chunks(stream, 8, ">4sq", 1):
        if name == b"data":
            return None if length < 0 else _held(begin, length, size)  # -1: to the end
    return None


def _w64(stream: BinaryIO, size: int) -> SourceEnd | None:
    for name, begin, length in _chunks(stream, 40, "<16sq", 8, whole=True):
        if name == _W64_DATA:
            return None if length <= 0 else _held(begin, length, size)
    return None


def _au(stream: BinaryIO, size: int) -> SourceEnd | None:
    _, begin, length = struct.unpack(">4sII", stream.read(12))
    return None if length in (0, 0xFFFF_FFFF) else _held(begin, length, size)


def _voc(stream: BinaryIO, size: int) -> SourceEnd | None:
    head = stream.read(26)
    (begin,) = struct.unpack_from("<H", head, 20)
    for _ in range(_MOST_CHUNKS):
        stream.seek(begin)
        block = stream.read(4)
        if len(block) < 4 or block[0] == 0:
            # The block that ends the file; zeros that a downloader left look like one.
            return SourceEnd(block[:1] == b"\0" and size - begin < _BLANK_RUN)
        length = int.from_bytes(block[1:], "little")
        if block[0] > _LAST_VOC_KIND:
            return None  # sox counts the first block 9 bytes too short
        if begin + 4 + length > size:
            return SourceEnd(False)  # nothing says how many blocks there were to be
        begin += 4 + length
    return None


def _dsf(stream: BinaryIO, size: int) -> SourceEnd | None:
    _, _, length = struct.unpack("<4sQQ", stream.read(20))
    return None if length == 0 else _held(0, length, size)


def _asf(stream: BinaryIO, size: int) -> SourceEnd | None:
    head = stream.read(30)
    if head[:16] != _ASF_HEADER:
        return None
    (begin,) = struct.unpack_from("<Q", head, 16)
    stream.seek(min(begin, size))
    data = stream.read(24)
    if data[:16] == _ASF_DATA:
        (length,) = struct.unpack_from("<Q", data, 16)
        return None if length <= _ASF_DATA_HEAD else _held(begin, length, size)
    for name, begin, _ in _chunks(stream, 30, "<16sq", 1, whole=True):
        if name == _ASF_PROPERTIES:
            stream.seek(begin + 16)
            length, _, _, _, _, _, flags = struct.unpack("<QQQQQQI", stream.read(52))
            live = flags & 1  # the length means nothing then
            return None if live or length == 0 else _held(0, length, size)
    return None


def _rm(stream: BinaryIO, size: int) -> SourceEnd | None:
    for name, begin, length in _chunks(stream, 0, ">4sI", 1, whole=True):
        if name == b"DATA":
            # 10: its own version, count and link, which FFmpeg counts twice.
            return None if length <= 20 else _held(begin, length - 10, size)
    return None


def _mp4(stream: BinaryIO, size: int) -> SourceEnd | None:
    """By the outermost boxes; FFmpeg is silent on a cut within the head of a fragment."""
    begin = 0
    for _ in range(_MOST_BOXES):
        stream.seek(begin)
        head = stream.read(16)
        if len(head) < 8:
            return SourceEnd(True)
        length, name = struct.unpack_from(">I4s", head)
        if name not in _MP4_BOXES:
            return None
        if length == 1 and len(head) == 16:
            (length,) = struct.unpack_from(">Q", head, 8)
        if length == 0:
            return SourceEnd(True)  # up to the end of the file
        if length < 8 or begin + length > size:
            # Of a cut index of fragments all audio is there; a cut "moov" is read by mp4.py.
            return SourceEnd(name == b"mfra")
        begin += length
    return None


def _wavpack(stream: BinaryIO, size: int) -> SourceEnd | None:
    """By the samples that each block counts: of all, before it, and in it."""
    begin, end, total = 0, 0, 0
    for _ in range(_MOST_BOXES):
        stream.seek(begin)
        head = stream.read(24)
        if len(head) < 24 or head[:4] != b"wvpk":
            break
        length, _, counted, index, samples = struct.unpack_from("<IIIII", head, 4)
        total = total or counted  # FFmpeg writes it into the first block only
        if begin + 8 + length > size:
            break
        begin += 8 + length
        end = max(end, index + samples)
    if total in (0, 0xFFFF_FFFF):
        return None
    return SourceEnd(True) if end >= total else SourceEnd(False, end / total)


def _matroska(stream: BinaryIO, size: int) -> SourceEnd | None:
    """By the length of the segment, which programs that write to a pipe leave open."""
    head = stream.read(4096)
    at = head.find(_SEGMENT)
    if head[:4] != _EBML or at < 0 or head[at + 4] != 1:  # 1: eight bytes of length follow
        return None
    length = int.from_bytes(head[at + 5 : at + 12], "big")
    begin = at + 12
    if length == (1 << 56) - 1:
        return None
    return SourceEnd(begin + length <= size)


def _flv(stream: BinaryIO, size: int) -> SourceEnd | None:
    """By the "filesize" of its metadata, a number of AMF0, which most programs write."""
    begin = stream.read(4096)
    at = begin.find(_FLV_SIZE) + len(_FLV_SIZE)
    if at < len(_FLV_SIZE):
        return None
    (length,) = struct.unpack_from(">d", begin, at)
    return _held(0, int(length), size) if 0 < length < _LARGEST_CHUNK else None


def _after_id3(stream: BinaryIO) -> int:
    """Where the ID3v2 tags at the beginning end, of which several can follow each other."""
    begin = 0
    for _ in range(8):
        stream.seek(begin)
        head = stream.read(10)
        if len(head) < 10 or head[:3] != b"ID3":
            break
        length = head[6] << 21 | head[7] << 14 | head[8] << 7 | head[9]
        begin += 10 + length + (10 if head[5] & 16 else 0)
    return begin


def _mp3(stream: BinaryIO, size: int) -> SourceEnd | None:
    """By the bytes that a Xing or Info header counts, of which encoders write one."""
    begin = stream.seek(_after_id3(stream))
    frame = stream.read(200)
    if len(frame) < 200 or frame[0] != 0xFF or frame[1] & 0xE0 != 0xE0:
        return None
    version, mono = frame[1] >> 3 & 3, frame[3] >> 6 == 3
    if version not in _MP3_RATES:
        return None
    at = 4 + ((17 if mono else 32) if version == 3 else (9 if mono else 17))
    if frame[at : at + 4] not in (b"Xing", b"Info"):
        return None
    (flags,) = struct.unpack_from(">I", frame, at + 4)
    if not flags & 2:
        return None
    (length,) = struct.unpack_from(">I", frame, at + 8 + (4 if flags & 1 else 0))
    return None if length == 0 else _held(begin, length, size)


def _mxf(stream: BinaryIO, size: int) -> SourceEnd | None:
    """By where the header says that the footer begins."""
    head = stream.read(128)
    at = head.find(_MXF_PACK)
    if at < 0:
        return None
    at += len(_MXF_PACK) + 3  # what kind of pack it is
    length = head[at]
    at += 1 + (length & 0x7F if length & 0x80 else 0)  # BER: how long the length itself is
    (footer,) = struct.unpack_from(">Q", head, at + 24)
    return None if footer == 0 else _held(0, footer + 1, size)


def _ogg(stream: BinaryIO, size: int) -> SourceEnd | None:
    """By the last page: whether all of it is there, and says that it is the last."""
    stream.seek(max(0, size - _OGG_TAIL))
    tail = stream.read(_OGG_TAIL)
    begin = tail.rfind(b"OggS")
    if begin < 0 or len(tail) < begin + 27:
        return SourceEnd(False)
    segments = tail[begin + 26]
    table = tail[begin + 27 : begin + 27 + segments]
    end = begin + 27 + segments + sum(table)
    rest = tail[end:]
    cut = len(table) < segments or len(tail) < end or (rest != b"" and b"OggS".startswith(rest))
    return SourceEnd(not cut and bool(tail[begin + 5] & 4))


_READERS: dict[str, Callable[[BinaryIO, int], SourceEnd | None]] = {
    "wav": _wav,
    "avi": _avi,
    "aiff": _aiff,
    "caf": _caf,
    "w64": _w64,
    "au": _au,
    "voc": _voc,
    "dsf": _dsf,
    "asf": _asf,
    "rm": _rm,
    "flv": _flv,
    "wv": _wavpack,
    "matroska,webm": _matroska,
    "mov,mp4,m4a,3gp,3g2,mj2": _mp4,
    "mp3": _mp3,
    "mxf": _mxf,
    "ogg": _ogg,
}
