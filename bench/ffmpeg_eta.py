"""How near the ETA at half time is to the truth, in one piece and in parts.

    python bench/ffmpeg_eta.py [--ffmpeg PATH] [--seconds N] [--rounds N]

Steady sound is encoded; at the first state of 50 % or more, the ETA that was told is compared with
the time that the rest really took.
"""

import argparse
import tempfile
import time
from pathlib import Path

from similubot_core import ProgressInfo, ProgressStatus
from similubot_ffmpeg import AudioConverter, FFmpegSettings
from similubot_ffmpeg.program import find_program
from similubot_testkit.media import make_sound


def measure(ffmpeg: Path, source: Path, threads: int, folder: Path) -> str:
    """Convert once; a sentence of what was told at half time and what came."""
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
    truth = ends[0] - when
    assert info.eta is not None
    return (
        f"threads={threads}: at {info.percentage:.1f} % the ETA was {info.eta:.1f} s, "
        f"it took {truth:.1f} s: {100 * (info.eta / truth - 1):+.0f} %"
    )


def main(ffmpeg: Path, seconds: float, rounds: int) -> None:
    """Make the sound, convert it in turn, print."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source = make_sound(folder / "a.flac", seconds, ffmpeg)
        for _ in range(rounds):
            for threads in (1, 2):
                print(measure(ffmpeg, source, threads, folder))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ffmpeg", type=Path, default=None)
    parser.add_argument("--seconds", type=float, default=1800.0)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    main(options.ffmpeg or find_program(FFmpegSettings()).path, options.seconds, options.rounds)
