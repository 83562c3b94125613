"""Print the verdict on each kind of file, whole and changed, with each FFmpeg given, as a table.

    python plugins/ffmpeg/tests/verdict_table.py ffmpeg FFMPEG…

The first makes the files. Each row: the file, what was seen of it, and the verdict; a row on which
the FFmpegs differ says so. Exits with 1 where a verdict is wrong.
"""

import logging
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

from similubot_ffmpeg import AudioConverter, FFmpegSettings
from similubot_loopback.odd_media import (
    FALSE_HEADERS,
    KINDS,
    ODD_KINDS,
    SECONDS,
    Kind,
    Sample,
    cut,
    decoded_seconds,
    empty,
    join,
    make,
    with_false_header,
)

LOST = 0.5
"""Seconds of audio without which a file is not whole."""


class Evidence(logging.Handler):
    """Keeps what the conversion says that it saw."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.seen = ""

    def emit(self, record: logging.LogRecord) -> None:
        message = record.getMessage()
        if ", from Evidence(" in message:
            self.seen = message.partition(", from Evidence(")[2].rstrip(")")


def samples(folder: Path, maker: Path) -> list[Sample]:
    """Every file of the table."""
    made = []
    for name, kind in (KINDS | ODD_KINDS).items():
        whole = make(name, folder, maker)
        made.append(Sample(whole, kind, "whole", SECONDS))
        for change, share in (("cut to 60 %", 0.6), ("cut by 30 bytes", None)):
            place = folder / change.replace(" ", "-").replace("%", "")
            place.mkdir(exist_ok=True)
            size = whole.stat().st_size
            part = share if share is not None else (size - 30) / size
            made.append(Sample(cut(whole, part, place), kind, change, SECONDS))
        (folder / "zeros").mkdir(exist_ok=True)
        made.append(
            Sample(empty(whole, 0.4, 0.8, folder / "zeros"), kind, "zeros in 40 %", SECONDS)
        )
        if kind.joins:
            (folder / "joined").mkdir(exist_ok=True)
            made.append(Sample(join(whole, folder / "joined"), kind, "joined", 2 * SECONDS))
        if name in FALSE_HEADERS:
            (folder / "false").mkdir(exist_ok=True)
            lying = with_false_header(name, whole, 30, folder / "false")
            made.append(Sample(lying, kind, "header says 30 times as much", SECONDS))
    return made + odd_samples(folder, maker)


def odd_samples(folder: Path, maker: Path) -> list[Sample]:
    """Files put together as programs and accidents do; each made of the whole ones."""
    (folder / "odd").mkdir()
    data = {name: make(name, folder, maker).read_bytes() for name in (KINDS | ODD_KINDS)}
    made: list[Sample] = []

    def add(name: str, suffix: str, content: bytes, seconds: float, *, says: bool = True) -> Path:
        file = folder / "odd" / f"{name}.{suffix}"
        file.write_bytes(content)
        made.append(Sample(file, Kind(suffix, says_its_end=says), name, seconds))
        return file

    def run(name: str, suffix: str, seconds: float, *words: str | Path) -> None:
        file = folder / "odd" / f"{name}.{suffix}"
        command = [maker, "-v", "error", "-y", *words, file]
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
        made.append(Sample(file, Kind(suffix), name, seconds))

    def piped(name: str, suffix: str, *words: str) -> bytes:
        source = ("-f", "lavfi", "-i", f"anoisesrc=d={SECONDS}:c=pink:r=44100:a=0.3:seed=1")
        command: list[str | Path] = [maker, "-v", "error", *source, *words, "-"]
        content = subprocess.run(command, check=True, capture_output=True).stdout
        add(name, suffix, content, SECONDS)
        return content

    low = subprocess.run(
        [maker, "-v", "error", "-f", "lavfi", "-i", f"anoisesrc=d={SECONDS}:r=22050:a=0.3",
         "-c:a", "libvorbis", "-f", "ogg", "-"],
        check=True, capture_output=True,
    ).stdout  # fmt: skip
    mono = subprocess.run(
        [maker, "-v", "error", "-f", "lavfi", "-i", f"anoisesrc=d={SECONDS}:r=22050:a=0.3",
         "-c:a", "aac", "-f", "adts", "-"],
        check=True, capture_output=True,
    ).stdout  # fmt: skip
    half = len(data["ogg"]) // 2
    add("Vorbis of two rates", "ogg", data["ogg"] + low, 2 * SECONDS)
    add("Vorbis, then Opus", "ogg", data["ogg"] + data["opus"], 2 * SECONDS)
    add("Vorbis, and half of it again", "ogg", data["ogg"] + data["ogg"][:half], 2 * SECONDS)
    add("AAC of two rates", "aac", data["aac"] + mono, 2 * SECONDS)
    add("AC-3, then E-AC-3", "ac3", data["ac3"] + data["eac3"], 2 * SECONDS, says=False)
    mp3 = data["mp3"]
    tag = b"ID3\3\0\0" + bytes([2, 0, 0, 0]) + bytes(4 << 20)
    add("ID3 tag of 4 MB", "mp3", tag + mp3, SECONDS)
    add("HTML before", "mp3", b"<html>error</html>" * 20 + mp3, SECONDS)
    add("HTML behind", "mp3", mp3 + b"<html>error</html>" * 80, SECONDS)
    add("ID3v1 tag", "flac", data["flac"] + b"TAG" + bytes(125), SECONDS)
    add("FLAC twice", "flac", data["flac"] * 2, 2 * SECONDS)
    add("Matroska twice", "mka", data["mka, AAC"] * 2, 2 * SECONDS)
    add("zeros behind", "m4a", data["m4a, index last"] + bytes(100_000), SECONDS)
    wav = bytearray(data["wav"])
    at = wav.find(b"data") + 4
    for size in (0, 0xFFFF_FFFF, 0x7FFF_FFFF):
        struct.pack_into("<I", wav, at, size)
        add(f"data of {size:#x} bytes", "wav", bytes(wav), SECONDS)
    struct.pack_into("<I", wav, at, len(wav) * 2)
    add("data twice as long as the file", "wav", bytes(wav), 2 * SECONDS)
    au = bytearray(data["au"])
    struct.pack_into(">I", au, 8, 0xFFFF_FFFF)
    add("unknown length", "au", bytes(au), SECONDS, says=False)
    live = piped("live", "webm", "-c:a", "libopus", "-f", "webm", "-live", "1")
    add("live, cut to 60 %", "webm", live[: len(live) * 6 // 10], SECONDS)
    piped("through a pipe", "flac", "-f", "flac")
    piped("through a pipe", "wav", "-f", "wav")
    piped("through a pipe", "mka", "-c:a", "flac", "-f", "matroska")
    fragments = data["mp4, fragmented"]
    last = fragments.rfind(b"moof") - 4
    add("without its last fragment", "mp4", fragments[:last], SECONDS, says=False)
    add("cut in its last fragment's head", "mp4", fragments[: last + 60], SECONDS)
    m4a = folder / "m4a.m4a"
    run("clip cut with -c copy", "m4a", 3.0, "-ss", "2", "-i", m4a, "-c", "copy", "-t", "3")
    run("begins late", "m4a", SECONDS, "-itsoffset", "1.5", "-i", m4a, "-c", "copy")
    chapters = folder / "chapters"
    chapters.write_text(";FFMETADATA1\n[CHAPTER]\nTIMEBASE=1/1\nSTART=0\nEND=100\n")
    run("chapters of 100 s", "m4a", SECONDS, "-i", m4a, "-i", chapters, "-c", "copy")
    text = folder / "text.srt"
    text.write_text("1\n00:00:01,000 --> 00:01:00,000\nhello\n")
    run("subtitles of 60 s", "mp4", SECONDS, "-i", m4a, "-i", text, "-c:a", "copy", "-c:s",
        "mov_text")  # fmt: skip
    still = ("-f", "lavfi", "-i", "testsrc2=s=64x64:r=1:d=20", "-c:v", "mpeg4")
    run("picture of 20 s", "mp4", SECONDS, "-i", m4a, *still, "-c:a", "copy")
    return made


def is_right(sample: Sample, ok: bool, source: float, result: float) -> bool:
    """Whether a verdict is: whole if and only if nothing that can be known of is missing."""
    missing = sample.seconds - source > LOST
    known = sample.kind.says_its_end or sample.change.startswith("zeros")
    if not ok:
        return bool(sample.seconds - source > 0.0001)
    return bool(abs(result - source) < 0.2 and not (missing and known))


def main(programs: list[Path]) -> int:
    """Print the table; returns how many verdicts are wrong."""
    wrong = 0
    handler = Evidence()
    logger = logging.getLogger("similubot_ffmpeg")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    print("| File | Change | Evidence | Verdict |\n|---|---|---|---|")
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        names = {kind: name for name, kind in (KINDS | ODD_KINDS).items()}
        for sample in samples(folder, programs[0]):
            verdicts = []
            for program in programs:
                handler.seen = ""
                converter = AudioConverter(
                    temp_dir=folder / "results", settings=FFmpegSettings(program=str(program))
                )
                ok, path, error = converter.convert_to_aac(sample.file, 64)
                source = decoded_seconds(sample.file, program)
                result = decoded_seconds(Path(path), programs[0]) if path else 0.0
                right = is_right(sample, ok, source, result)
                wrong += not right
                said = "whole" if ok else (error or "").partition(" is ")[2] or error
                verdicts.append(f"{said}{'' if right else ' **wrong**'}")
                if path:
                    Path(path).unlink()
            shown = verdicts[0] if len(set(verdicts)) == 1 else " / ".join(verdicts)
            name = names.get(sample.kind, sample.file.suffix[1:])
            print(f"| {name} | {sample.change} | {handler.seen} | {shown} |", flush=True)
    print(f"\n{wrong} wrong", file=sys.stderr)
    return wrong


if __name__ == "__main__":
    sys.exit(main([Path(program).absolute() for program in sys.argv[1:]]) > 0)
