"""What the checks of a conversion cost, beside the encode, for files of many kinds.

    python bench/verdict_cost.py [--ffmpeg PATH] [--seconds N] [--rounds N]

Each conversion runs in this process, in one piece. The runs of FFmpeg that write the result, and
the one that reads what is in the source, are what a conversion takes without any check. What is
left is looking for the source's end, decoding pieces of a copy, and reading the result: it is set
beside the time of the encode of the same file.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from long_sound import make_long_sound
from report import Goal, Report, Table, tell
from similubot_core import ConversionRequest, StageContext
from similubot_ffmpeg import AudioConverter, FFmpegSettings
from similubot_ffmpeg.program import find_program
from similubot_ffmpeg.runs import FFmpeg, Run

KINDS: dict[str, tuple[str, ...]] = {
    "mp3": ("-c:a", "libmp3lame", "-b:a", "192k"),
    "m4a": ("-c:a", "aac", "-b:a", "128k"),
    "flac": (),
    "opus": ("-c:a", "libopus"),
    "ts": ("-c:a", "aac", "-b:a", "128k"),
    "aac": ("-c:a", "aac", "-b:a", "128k"),
    "wav": (),
    "mka": ("-c:a", "flac"),
}


@dataclass(frozen=True)
class Spent:
    """Seconds of one conversion: of the runs that made the audio, and of the checks."""

    making: float
    checking: float


class Clock:
    """Times every run of FFmpeg, and tells by its arguments what it is for."""

    def __init__(self) -> None:
        self._run = FFmpeg.run
        self._making = self._reading = 0.0

    def __enter__(self) -> "Clock":
        def timed(of: FFmpeg, arguments: Sequence[str], *rest: Any, **named: Any) -> Run:
            began = time.perf_counter()
            try:
                return self._run(of, arguments, *rest, **named)
            finally:
                took = time.perf_counter() - began
                self._making += took if arguments[-1].startswith("file:") else 0.0
                self._reading += took if "ffmetadata" in arguments else 0.0

        FFmpeg.run = timed  # type: ignore[method-assign, assignment]
        return self

    def __exit__(self, *_: object) -> None:
        FFmpeg.run = self._run  # type: ignore[method-assign]

    def convert(self, converter: AudioConverter, file: Path, bitrate: int | None) -> Spent:
        """Convert once."""
        self._making = self._reading = 0.0
        with tempfile.TemporaryDirectory() as folder:
            began = time.perf_counter()
            converter.run(file, ConversionRequest(bitrate), StageContext(Path(folder)))
            whole = time.perf_counter() - began
        return Spent(self._making, whole - self._making - self._reading)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--ffmpeg", type=Path, default=None)
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--rounds", type=int, default=3)


def measure(arguments: argparse.Namespace) -> Report:
    """Convert a file of each kind."""
    ffmpeg = arguments.ffmpeg or find_program(FFmpegSettings()).path
    converter = AudioConverter(settings=FFmpegSettings(program=str(ffmpeg), threads=1))
    rows, shares = [], {}
    with tempfile.TemporaryDirectory() as name, Clock() as clock:
        for kind, options in KINDS.items():
            file = make_long_sound(Path(name) / f"a.{kind}", arguments.seconds, ffmpeg, *options)
            runs = [clock.convert(converter, file, 64) for _ in range(arguments.rounds)]
            encode = statistics.median(run.making for run in runs)
            spent = {"encoded": statistics.median(run.checking for run in runs)}
            if "aac" in options:
                copies = [clock.convert(converter, file, None) for _ in range(arguments.rounds)]
                spent["copied"] = statistics.median(run.checking for run in copies)
            for how, seconds in spent.items():
                shares[f"{kind}, {how}"] = seconds / encode
                cells = (f"{encode:.2f}", f"{seconds:.3f}", f"{100 * seconds / encode:.1f} %")
                rows.append((f"{kind}, {how}", *cells))
            file.unlink()
    worst = max(shares, key=lambda kind: shares[kind])
    return Report(
        "What checking a conversion costs",
        f"{arguments.seconds:g} s of stereo sound of each kind, encoded to AAC at 64 kb/s in one "
        f"piece and, where it is AAC, copied; the median of {arguments.rounds} conversions.",
        (f"The most, of {worst}: {100 * shares[worst]:.1f} % of the encode.",),
        (Table("", ("Kind", "Encode, s", "Checks, s", "Share"), tuple(rows)),),
        goals=(Goal("Checks of a conversion, of any kind, times its encode", shares[worst], 0.05),),
    )


if __name__ == "__main__":
    tell(__doc__, measure, add_arguments)
