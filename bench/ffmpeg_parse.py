"""What reading a block of FFmpeg's -progress costs, beside ffmpeg-progress-yield.

    make bench, or in its environment: python bench/ffmpeg_parse.py [--blocks N] [--rounds N]

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

from report import Report, Table, tell
from similubot_ffmpeg import FFmpegProgressTracker

PEER = "ffmpeg-progress-yield"
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


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--blocks", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=5)


def measure(arguments: argparse.Namespace) -> Report:
    """Run both in turn, for a run of so many blocks and one of four times as many."""
    rows = []
    for blocks in (arguments.blocks, 4 * arguments.blocks):
        costs = cost_of_a_block(blocks, arguments.rounds)
        median = {name: statistics.median(cost) for name, cost in costs.items()}
        rows += [
            (
                f"{name}, {blocks} blocks",
                f"{median[name]:.1f}",
                f"{min(cost):.1f} to {max(cost):.1f}",
                f"{median[name] / median[PEER]:.2f}",
            )
            for name, cost in costs.items()
        ]
    return Report(
        "Reading a block of FFmpeg's -progress",
        "Nine lines a block, one by one, as they are read from a pipe. Ours also computes sizes, "
        "bitrate and ETA, keeps the rules of progress and tells a callback. The peer keeps all "
        f"lines and joins them anew for each one, so its cost grows with the run. CPU time, "
        f"{arguments.rounds} interleaved rounds.",
        (),
        (Table("", ("", "µs a block", "least to most", f"times {PEER}"), tuple(rows)),),
    )


def cost_of_a_block(blocks: int, rounds: int) -> dict[str, list[float]]:
    """Microseconds of CPU a block, for each round of each reader."""
    said = lines(blocks)
    readers: dict[str, Callable[[list[str]], float]] = {"similubot-ffmpeg": ours, PEER: peer}
    costs: dict[str, list[float]] = {name: [] for name in readers}
    for _ in range(rounds):
        for name, read in readers.items():
            began = time.process_time()
            last = read(said)
            costs[name].append((time.process_time() - began) / blocks * 1e6)
            assert last > 100 - 200 / blocks, (name, last)
    return costs


if __name__ == "__main__":
    tell(__doc__, measure, add_arguments)
