"""How near the ETA at half time is to the truth, in one piece and in parts.

    python bench/ffmpeg_eta.py [--ffmpeg PATH] [--seconds N] [--rounds N]

Steady sound is encoded; at the first state of 50 % or more, the ETA that was told is compared with
the time that the rest really took.
"""

import argparse
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from long_sound import make_long_sound
from report import Report, Table, tell
from similubot_core import ProgressInfo, ProgressStatus
from similubot_ffmpeg import AudioConverter, FFmpegSettings
from similubot_ffmpeg.program import find_program


@dataclass(frozen=True)
class Told:
    """What was told at half time, and what came.

    Attributes:
        percentage: Where it was told.
        eta: Seconds that it said were left.
        truth: Seconds that were left.
    """

    percentage: float
    eta: float
    truth: float

    @property
    def wrong_by(self) -> float:
        """By how much of the truth the ETA was wrong; negative when it promised too much."""
        return self.eta / self.truth - 1


def convert(ffmpeg: Path, source: Path, threads: int, folder: Path) -> Told:
    """Convert once."""
    half: list[tuple[float, ProgressInfo]] = []
    ends: list[float] = []

    def take(info: ProgressInfo) -> None:
        if info.percentage >= 50 and not half:
            half.append((time.monotonic(), info))
        if info.status is ProgressStatus.COMPLETED:
            ends.append(time.monotonic())

    settings = FFmpegSettings(program=str(ffmpeg), threads=threads)
    converter = AudioConverter(temp_dir=folder, settings=settings)
    ok, _, error = converter.convert_to_aac_with_progress(source, 128, progress_callback=take)
    assert ok, error
    when, info = half[0]
    assert info.eta is not None
    return Told(info.percentage, info.eta, ends[0] - when)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--ffmpeg", type=Path, default=None)
    parser.add_argument("--seconds", type=float, default=1800.0)
    parser.add_argument("--rounds", type=int, default=3)


def measure(arguments: argparse.Namespace) -> Report:
    """Make the sound and convert it in turn."""
    ffmpeg = arguments.ffmpeg or find_program(FFmpegSettings()).path
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source = make_long_sound(folder / "a.flac", arguments.seconds, ffmpeg)
        found = [
            (threads, convert(ffmpeg, source, threads, folder))
            for _ in range(arguments.rounds)
            for threads in (1, 2)
        ]
    rows = tuple(
        (
            "one piece" if threads == 1 else f"{threads} parts",
            f"{told.percentage:.1f} %",
            f"{told.eta:.2f}",
            f"{told.truth:.2f}",
            f"{told.wrong_by:+.0%}",
        )
        for threads, told in found
    )
    worst = max(abs(told.wrong_by) for _, told in found)
    return Report(
        "The conversion's ETA at half time",
        f"{arguments.seconds:g} s of steady sound are encoded; at the first state of 50 % or more, "
        "the ETA that was told is compared with the time that the rest really took.",
        (f"At worst it was wrong by {worst:.0%}.",),
        (Table("", ("", "told at", "ETA, s", "it took, s", "wrong by"), rows),),
    )


if __name__ == "__main__":
    tell(__doc__, measure, add_arguments)
