"""Print the verdict on each kind of file, whole and changed, with each FFmpeg given, as a table.

    python plugins/ffmpeg/tests/verdict_table.py ffmpeg FFMPEG…

The first makes the files. Each row: the file, what was seen of it, and the verdict; a row on which
the FFmpegs differ says so. Exits with 1 where a verdict is wrong.
"""

import logging
import sys
import tempfile
from pathlib import Path

from similubot_ffmpeg import AudioConverter, FFmpegSettings
from similubot_loopback.odd_media import (
    FALSE_HEADERS,
    KINDS,
    SECONDS,
    Sample,
    cut,
    decoded_seconds,
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
    for name, kind in KINDS.items():
        whole = make(name, folder, maker)
        made.append(Sample(whole, kind, "whole", SECONDS))
        for change, share in (("cut to 60 %", 0.6), ("cut by 30 bytes", None)):
            place = folder / change.replace(" ", "-").replace("%", "")
            place.mkdir(exist_ok=True)
            size = whole.stat().st_size
            part = share if share is not None else (size - 30) / size
            made.append(Sample(cut(whole, part, place), kind, change, SECONDS))
        if kind.joins:
            (folder / "joined").mkdir(exist_ok=True)
            made.append(Sample(join(whole, folder / "joined"), kind, "joined", 2 * SECONDS))
        if name in FALSE_HEADERS:
            (folder / "false").mkdir(exist_ok=True)
            lying = with_false_header(name, whole, 30, folder / "false")
            made.append(Sample(lying, kind, "header says 30 times as much", SECONDS))
    return made


def is_right(sample: Sample, ok: bool, source: float, result: float) -> bool:
    """Whether a verdict is: whole if and only if nothing that can be known of is missing."""
    missing = sample.seconds - source > LOST
    if not ok:
        return bool(sample.seconds - source > 0.0001)
    return bool(abs(result - source) < 0.2 and not (missing and sample.kind.says_its_end))


def main(programs: list[Path]) -> int:
    """Print the table; returns how many verdicts are wrong."""
    wrong = 0
    handler = Evidence()
    logger = logging.getLogger("similubot_ffmpeg")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    print("| File | Change | Evidence | Verdict |\n|---|---|---|---|")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        names = {KINDS[kind]: kind for kind in KINDS}
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
            print(
                f"| {names[sample.kind]} | {sample.change} | {handler.seen} | {shown} |", flush=True
            )
    print(f"\n{wrong} wrong", file=sys.stderr)
    return wrong


if __name__ == "__main__":
    sys.exit(main([Path(program).absolute() for program in sys.argv[1:]]) > 0)
