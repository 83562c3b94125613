"""Media of many kinds, whole, cut, joined and with false headers, and what is true of each.

Used by the property test and by verdict_table.py.
"""

import struct
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

SECONDS = 6.0


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of file.

    Attributes:
        suffix: The ending of its name.
        options: What FFmpeg makes it with.
        says_its_end: Whether its structure tells where it ends, so that a cut can be seen.
        joins: Whether two of them, one after the other, are a file of both.
    """

    suffix: str
    options: tuple[str, ...] = ()
    says_its_end: bool = True
    joins: bool = False


_FRONT = ("-movflags", "+faststart")
_FRAGMENTS = ("-movflags", "+frag_keyframe+empty_moov", "-frag_duration", "1000000")
_VIDEO = ("-f", "lavfi", "-i", "testsrc2=s=64x64:r=10:d=6", "-shortest")

KINDS = {
    "wav": Kind("wav"),
    "wav, 24 bits": Kind("wav", ("-c:a", "pcm_s24le")),
    "wav, ADPCM": Kind("wav", ("-c:a", "adpcm_ms")),
    "RF64": Kind("wav", ("-rf64", "always")),
    "w64": Kind("w64"),
    "caf": Kind("caf"),
    "aiff": Kind("aiff"),
    "au": Kind("au"),
    "voc": Kind("voc", ("-ac", "1")),
    "flac": Kind("flac"),
    "alac": Kind("m4a", ("-c:a", "alac", *_FRONT)),
    "m4a": Kind("m4a", ("-c:a", "aac", *_FRONT)),
    "m4a, index last": Kind("m4a", ("-c:a", "aac")),
    "mp4, fragmented": Kind(
        "mp4",
        ("-c:a", "aac", "-movflags", "+frag_keyframe+empty_moov", "-frag_duration", "1000000"),
    ),
    "mov, PCM": Kind("mov", ("-c:a", "pcm_s16le", *_FRONT)),
    "mp4 with video": Kind("mp4", (*_VIDEO, "-c:v", "mpeg4", "-c:a", "aac", *_FRONT)),
    "mkv, Opus": Kind("mka", ("-c:a", "libopus")),
    "mkv, FLAC": Kind("mka", ("-c:a", "flac")),
    "webm": Kind("webm", ("-c:a", "libvorbis")),
    "ogg": Kind("ogg", ("-c:a", "libvorbis"), joins=True),
    "opus": Kind("opus", ("-c:a", "libopus"), joins=True),
    "mp3": Kind("mp3", ("-c:a", "libmp3lame"), joins=True),
    "mp3 without Xing": Kind(
        "mp3", ("-c:a", "libmp3lame", "-write_xing", "0"), says_its_end=False, joins=True
    ),
    "aac": Kind("aac", ("-c:a", "aac"), says_its_end=False, joins=True),
    "ac3": Kind("ac3", (), says_its_end=False, joins=True),
    "eac3": Kind("eac3", (), says_its_end=False, joins=True),
    "dts": Kind("dts", ("-strict", "-2"), says_its_end=False, joins=True),
    "wma": Kind("wma", ("-c:a", "wmav2")),
    "wavpack": Kind("wv"),
    "tta": Kind("tta"),
    "avi": Kind("avi", ("-c:a", "libmp3lame")),
    "flv": Kind("flv", ("-c:a", "libmp3lame")),
    "mpeg": Kind("mpg", ("-c:a", "mp2"), says_its_end=False, joins=True),
}
"""FFmpeg 4.2.2 and 7.0.2 of imageio-ffmpeg's wheels crash on any MPEG-TS, so none is here."""


ODD_KINDS = {
    "wav, float": Kind("wav", ("-c:a", "pcm_f32le")),
    "wav, double": Kind("wav", ("-c:a", "pcm_f64le")),
    "wav, mu-law": Kind("wav", ("-c:a", "pcm_mulaw", "-ar", "8000")),
    "wav, IMA ADPCM": Kind("wav", ("-c:a", "adpcm_ima_wav")),
    "wav, Yamaha ADPCM": Kind("wav", ("-c:a", "adpcm_yamaha")),
    "wav, GSM": Kind("wav", ("-c:a", "libgsm_ms", "-ar", "8000", "-ac", "1")),
    "wav, MP3": Kind("wav", ("-c:a", "libmp3lame")),
    "gsm": Kind("gsm", ("-c:a", "libgsm", "-ar", "8000", "-ac", "1"), says_its_end=False),
    "aifc, float": Kind("aif", ("-c:a", "pcm_f32be")),
    "aifc, A-law": Kind("aif", ("-c:a", "pcm_alaw")),
    "mov, QT ADPCM": Kind("mov", ("-c:a", "adpcm_ima_qt", *_FRONT)),
    "mov, AC-3": Kind("mov", ("-c:a", "ac3", *_FRONT)),
    "mp4, Opus": Kind("mp4", ("-c:a", "libopus", *_FRONT)),
    "mp4, MP3": Kind("mp4", ("-c:a", "libmp3lame", *_FRONT)),
    "caf, ALAC": Kind("caf", ("-c:a", "alac")),
    "mka, AAC": Kind("mka", ("-c:a", "aac")),
    "mka, PCM": Kind("mka", ("-c:a", "pcm_s24le")),
    "mkv with video": Kind("mkv", (*_VIDEO, "-c:v", "mpeg4", "-c:a", "aac")),
    "avi with video": Kind("avi", (*_VIDEO, "-c:v", "mpeg4", "-c:a", "mp2")),
    "ogg, FLAC": Kind("oga", ("-c:a", "flac", "-f", "ogg")),
    "speex": Kind("spx", ("-c:a", "libspeex", "-ar", "16000", "-ac", "1")),
    "mp2": Kind("mp2", (), says_its_end=False),
    "latm": Kind("latm", ("-c:a", "aac", "-f", "latm"), says_its_end=False),
    "mlp": Kind("mlp", ("-strict", "-2"), says_its_end=False),
    "truehd": Kind("thd", ("-strict", "-2", "-c:a", "truehd"), says_its_end=False),
    "nut, AAC": Kind("nut", ("-c:a", "aac"), says_its_end=False),
    "rm": Kind("rm", ("-c:a", "ac3")),
    "vob, AC-3": Kind("vob", (*_VIDEO, "-c:v", "mpeg2video", "-c:a", "ac3"), says_its_end=False),
}
"""More kinds, of which people have fewer: the table has them too."""


@dataclass(frozen=True, slots=True)
class Sample:
    """A file and what is true of it.

    Attributes:
        file: The file.
        kind: Its kind.
        change: What was done to it.
        seconds: How much audio was put into what it was made of, all pieces together.
    """

    file: Path
    kind: Kind
    change: str
    seconds: float


def make(kind: str, folder: Path, maker: Path) -> Path:
    """A whole file of `SECONDS`, made once."""
    of = (KINDS | ODD_KINDS)[kind]
    file = folder / f"{kind.replace(' ', '-').replace(',', '')}.{of.suffix}"
    if not file.exists():
        noise = f"anoisesrc=d={SECONDS}:c=pink:r=44100:a=0.3:seed=1"
        # A second input comes before the options of the output.
        subprocess.run(
            [maker, "-v", "error", "-y", "-f", "lavfi", "-i", noise, *of.options, file],
            check=True,
            timeout=60,
            stdin=subprocess.DEVNULL,
        )
    return file


def cut(source: Path, share: float, folder: Path) -> Path:
    """The first part of a file."""
    target = folder / source.name
    data = source.read_bytes()
    target.write_bytes(data[: max(1, int(len(data) * share))])
    return target


def empty(source: Path, begin: float, end: float, folder: Path) -> Path:
    """A file with zeros from one share of its bytes to another, as an unfinished download has."""
    target = folder / source.name
    data = bytearray(source.read_bytes())
    first, last = int(len(data) * begin), int(len(data) * end)
    data[first:last] = bytes(last - first)
    target.write_bytes(data)
    return target


def join(source: Path, folder: Path) -> Path:
    """A file twice, one after the other."""
    target = folder / source.name
    target.write_bytes(source.read_bytes() * 2)
    return target


def _flac(data: bytearray, factor: int) -> None:
    """The samples that STREAMINFO counts: 36 bits, of which the last 32 are changed here."""
    at = 8 + 14
    (count,) = struct.unpack_from(">I", data, at)
    struct.pack_into(">I", data, at, count * factor)


def _mp4(data: bytearray, factor: int) -> None:
    """The movie's, the track's and the media's duration, and the edit list's."""
    for box, at in ((b"mvhd", 20), (b"tkhd", 24), (b"mdhd", 20), (b"elst", 12)):
        place = data.find(box) + at
        (length,) = struct.unpack_from(">I", data, place)
        struct.pack_into(">I", data, place, length * factor)


def _matroska(data: bytearray, factor: int) -> None:
    place = data.find(b"\x44\x89\x88") + 3
    (length,) = struct.unpack_from(">d", data, place)
    struct.pack_into(">d", data, place, length * factor)


FALSE_HEADERS: dict[str, Callable[[bytearray, int], None]] = {
    "flac": _flac,
    "m4a": _mp4,
    "m4a, index last": _mp4,
    "mkv, Opus": _matroska,
    "mkv, FLAC": _matroska,
    "webm": _matroska,
}


def with_false_header(kind: str, source: Path, factor: int, folder: Path) -> Path:
    """A file whose header names `factor` times its length."""
    data = bytearray(source.read_bytes())
    FALSE_HEADERS[kind](data, factor)
    target = folder / source.name
    target.write_bytes(data)
    return target


def decoded_seconds(file: Path, ffmpeg: Path) -> float:
    """Seconds that FFmpeg decodes of a file's first audio track; 0 where it decodes nothing."""
    raw = ("-f", "s16le", "-ac", "1", "-ar", "44100")
    run = subprocess.run(
        [ffmpeg, "-v", "quiet", "-i", file, "-map", "0:a:0", *raw, "-"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=120,
        check=False,
    )
    return len(run.stdout) / 2 / 44_100
