"""What reading a block of FFmpeg's -progress costs, beside ffmpeg-progress-yield.

    pip install ffmpeg-progress-yield
    python bench/ffmpeg_parse.py [--blocks N] [--rounds N]

Both get the same lines, one by one, as they read them from a pipe: a header with the duration, then
two blocks for each second of a run. Ours also computes sizes, bitrate and ETA, keeps the rules of
progress and tells a callback. The peer keeps all lines and joins them anew for each one, so its
cost grows with the run.
"""

import argparse
import statistics
import time
from collections.abc import Callable

from ffmpeg_progress_yield import FfmpegProgress

from similubot_ffmpeg import FFmpegProgressTracker

HEADER = (
    "Input #0, mp3, from 'file:x.mp3':",
    "  Duration: 01:00:00.00, start: 0.025057, bitrate: 192 kb/s",
    "  Stream #0:0: Audio: mp3 (mp3float), 44100 Hz, stereo, fltp, 192 kb/s",
)


def lines(blocks: int) -> list[str]:
    """What FFmpeg 7 prints in a run of so many blocks."""
    said = list(HEADER)
    for number in range(blocks):
        micros = int(3.6e9 * number / blocks)
        clock = f"{micros // 3_600_000_000:02}:{micros // 60_000_000 % 60:02}"
        said += [
            "bitrate= 129.7kbits/s",
            f"total_size={micros * 16 // 1000}",
            f"out_time_us={micros}",
            f"out_time_ms={micros}",
            f"out_time={clock}:{micros / 1e6 % 60:09.6f}",
            "dup_frames=0",
            "drop_frames=0",
            "speed=57.9x",
            "progress=continue",
        ]
    return said


def ours(said: list[str]) -> float:
    """Read all; the last percentage."""
    tracker = FFmpegProgressTracker()
    seen = [0.0]
    tracker.add_callback(lambda info: seen.append(info.percentage))
    for line in said:
        tracker.parse_output(line)
    return seen[-1]


def peer(said: list[str]) -> float:
    """Read all; the last percentage."""
    progress = FfmpegProgress(["ffmpeg", "-i", "x.mp3", "x.m4a"])
    stderr: list[str] = []
    last = 0.0
    for line in said:
        last = progress._process_output(line, stderr, None) or last
    return last


def main(blocks: int, rounds: int) -> None:
    """Run both in turn; print microseconds a block."""
    said = lines(blocks)
    readers: dict[str, Callable[[list[str]], float]] = {
        "similubot-ffmpeg": ours,
        "ffmpeg-progress-yield": peer,
    }
    costs: dict[str, list[float]] = {name: [] for name in readers}
    for _ in range(rounds):
        for name, read in readers.items():
            began = time.process_time()
            last = read(said)
            costs[name].append((time.process_time() - began) / blocks * 1e6)
            assert last > 99, (name, last)
    print(f"{blocks} blocks, {rounds} rounds")
    for name, cost in costs.items():
        print(f"{name:24}{statistics.median(cost):8.1f} µs a block")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--blocks", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    main(options.blocks, options.rounds)
