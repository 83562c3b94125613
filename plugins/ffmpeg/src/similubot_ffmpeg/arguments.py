"""FFmpeg's arguments, as lists of words: no shell ever sees them."""

from pathlib import Path

# The containers that are read: none of them makes FFmpeg open another file or address. Left out on
# purpose are playlists and scripts (hls, dash, concat, sdp, imf, sbg, avisynth…), demuxers that
# look for sibling files (image2, vobsub, mlv) and text (tty, srt…).
FORMATS = (
    "aac",
    "ac3",
    "aiff",
    "amr",
    "amrnb",
    "amrwb",
    "ape",
    "asf",
    "asf_o",
    "au",
    "avi",
    "caf",
    "dsf",
    "dts",
    "dtshd",
    "dv",
    "eac3",
    "flac",
    "flv",
    "gsm",
    "iff",
    "live_flv",
    "loas",
    "matroska",
    "mlp",
    "mov",
    "mp3",
    "mpc",
    "mpc8",
    "mpeg",
    "mpegts",
    "mxf",
    "nut",
    "ogg",
    "oma",
    "rm",
    "tak",
    "truehd",
    "tta",
    "voc",
    "w64",
    "wav",
    "wv",
)


def source(file: Path) -> list[str]:
    """An untrusted input: only this one file is opened, and only as a container of `FORMATS`.

    ``file:`` keeps a colon, a leading dash or ``subfile:`` in a name from meaning anything.
    """
    return [
        *("-protocol_whitelist", "file", "-format_whitelist", ",".join(FORMATS)),
        *("-i", f"file:{file.absolute()}"),
    ]


def probe(file: Path) -> list[str]:
    """Print what is in the file. FFmpeg exits with 1 then, since no output is named."""
    return source(file)


def measure(file: Path, stream: str) -> list[str]:
    """Read a stream to its end without decoding it; the last ``out_time`` is its length."""
    return [*source(file), "-map", f"0:{stream}", "-c", "copy", "-f", "null", "-"]


def convert(file: Path, bitrate: int | None, output: Path, *, final: bool) -> list[str]:
    """The first sound track of `file`, its tags and chapters, as AAC in an MPEG-4 file.

    Args:
        file: The source.
        bitrate: Kilobits per second; None copies the track, which is AAC already.
        output: What is written.
        final: Whether this is the last pass, which moves the index to the front.
    """
    return [
        *source(file),
        *("-map", "0:a:0", "-vn", "-sn", "-dn"),
        *_tags("0"),
        *_codec(bitrate),
        *_index(final=final),
        *("-f", "ipod", f"file:{output.absolute()}"),
    ]


def encode_part(file: Path, bitrate: int, cut: str, output: Path) -> list[str]:
    """A part of the first sound track of `file`, cut by the filter `cut`, as bare AAC frames."""
    return [
        *source(file),
        *("-map", "0:a:0", "-vn", "-sn", "-dn", "-af", cut),
        *_codec(bitrate),
        *("-f", "adts", f"file:{output.absolute()}"),
    ]


def wrap(frames: Path, sample_rate: int, file: Path, output: Path, *, final: bool) -> list[str]:
    """Bare AAC frames as an MPEG-4 file with the tags and chapters of `file`.

    Args:
        frames: What FFmpeg's encoder wrote in ADTS, whose first frame is the encoder's delay.
        sample_rate: Hertz of the frames.
        file: The source.
        output: What is written.
        final: Whether this is the last pass, which moves the index to the front.
    """
    return [
        # ADTS has no place for the delay: beginning before 0, it is cut by the MPEG-4 file's edit
        # list, as in a file that is encoded in one piece.
        *("-itsoffset", f"{-1024 / sample_rate:.9f}", "-f", "aac"),
        *("-i", f"file:{frames.absolute()}", *source(file)),
        *("-map", "0:a:0", "-c", "copy", "-copypriorss", "1", *_tags("1"), "-map_chapters", "1"),
        *_index(final=final),
        *("-f", "ipod", f"file:{output.absolute()}"),
    ]


def add_cover(sound: Path, file: Path, stream: int, output: Path) -> list[str]:
    """`sound` as it is, and the picture that is stream number `stream` of `file`.

    A pass of its own, which copies: with a picture in the encode, 7.0.2 to 8.1.2 print no time.
    """
    return [
        *("-i", f"file:{sound.absolute()}", *source(file)),
        *("-map", "0:a:0", "-map", f"1:{stream}", "-c", "copy"),
        *("-map_metadata", "0", "-map_chapters", "0", "-disposition:v:0", "attached_pic"),
        *("-movflags", "+faststart", "-f", "ipod", f"file:{output.absolute()}"),
    ]


def extract_cover(file: Path, stream: int, output: Path) -> list[str]:
    """The bytes of the picture that is stream number `stream`."""
    return [
        *source(file),
        *("-map", f"0:{stream}", "-c", "copy", "-f", "rawvideo", f"file:{output.absolute()}"),
    ]


def _tags(source: str) -> tuple[str, ...]:
    # Ogg and Opus keep their tags with the stream; the container's own win where both are there.
    return "-map_metadata", source, "-map_metadata", f"{source}:s:a:0"


def _index(*, final: bool) -> tuple[str, ...]:
    return ("-movflags", "+faststart") if final else ()


def _codec(bitrate: int | None) -> tuple[str, ...]:
    return ("-c:a", "copy") if bitrate is None else ("-c:a", "aac", "-b:a", f"{bitrate}k")
