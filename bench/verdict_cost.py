"""What reading a source and checking its result cost, beside the encode, for files of many kinds.

    python bench/verdict_cost.py [--ffmpeg PATH] [--seconds N] [--rounds N]

Each conversion runs in this process, in one piece. The time of the one run of FFmpeg that makes the
audio is taken out of the whole; what is left is reading, looking for the end, decoding pieces of a
copy, and reading the result. All of it is set beside the time of the encode of the same file.
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
    """Seconds of one conversion: of the run that made the audio, and of all besides."""

    making: float
    besides: float


class Clock:
    """Times every run of FFmpeg, of which the longest makes the audio."""

    def __init__(self) -> None:
        self._run = FFmpeg.run
        self._runs: list[float] = []

    def __enter__(self) -> "Clock":
        def timed(of: FFmpeg, arguments: Sequence[str], *rest: Any, **named: Any) -> Run:
            began = time.perf_counter()
            try:
                return self._run(of, arguments, *rest, **named)
            finally:
                self._runs.append(time.perf_counter() - began)

        FFmpeg.run = timed  # type: ignore[method-assign, assignment]
        return self

    def __exit__(self, *_: object) -> None:
        FFmpeg.run = self._run  # type: ignore[method-assign]

    def convert(self, converter: AudioConverter, file: Path, bitrate: int | None) -> Spent:
        """Convert once."""
        self._runs.clear()
        with tempfile.TemporaryDirectory() as folder:
            began = time.perf_counter()
            converter.run(file, ConversionRequest(bitrate), StageContext(Path(folder)))
            whole = time.perf_counter() - began
        making = max(self._runs)
        return Spent(making, whole - making)


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
            spent = {"encoded": statistics.median(run.besides for run in runs)}
            if "aac" in options:
                copies = [clock.convert(converter, file, None) for _ in range(arguments.rounds)]
                spent["copied"] = statistics.median(run.besides for run in copies)
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
        (Table("", ("Kind", "Encode, s", "All besides, s", "Share"), tuple(rows)),),
        goals=(Goal("Checks of a conversion, of any kind, times its encode", shares[worst], 0.05),),
    )


if __name__ == "__main__":
    tell(__doc__, measure, add_arguments)
