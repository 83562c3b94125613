"""What a tracker takes to read a line of a tool's output, beside a pattern written by hand.

    python bench/parse_cost.py [--rounds N]

The lines are what the tools printed, word for word, from the tests' samples. The pattern looks for
the one figure of progress, without a check, a size, a speed or an ETA: no less can be done.
"""

import argparse
import re
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from report import Report, Table, tell
from similubot_core import ProgressInfo, ProgressTracker
from similubot_core.process import LineSplitter
from similubot_ffmpeg import FFmpegProgressTracker
from similubot_mega import MegaProgressTracker, MegatoolsProgressTracker

PLUGINS = Path(__file__).parents[1] / "plugins"
PERCENT = re.compile(r"(\d+(?:\.\d+)?)\s*%")
FFMPEG_TIME = re.compile(r"time=(\d+):(\d+):([\d.]+)")
OUT_TIME = re.compile(r"out_time_us=(\d+)")
AT_ONCE = 5000
"""About how many lines are read between two looks at the clock."""

MEGATOOLS = """\
big.bin: 6.67% - 25.4\xa0MiB (26669518 bytes) of 381.5\xa0MiB (21.1\xa0MiB/s)
big.bin: 12.02% - 45.9\xa0MiB (48096142 bytes) of 381.5\xa0MiB (20.4\xa0MiB/s)
big.bin: 99.61% - 380.0\xa0MiB (398446862 bytes) of 381.5\xa0MiB (21.3\xa0MiB/s)
"""

CASES: dict[str, tuple[str, str, Callable[[], ProgressTracker], re.Pattern[str]]] = {
    "MEGAcmd": ("mega", "*.stderr.bin", MegaProgressTracker, PERCENT),
    "megatools": ("", "", MegatoolsProgressTracker, PERCENT),
    "FFmpeg -progress": ("ffmpeg", "*.progress.txt", FFmpegProgressTracker, OUT_TIME),
    "FFmpeg's own lines": ("ffmpeg", "*.stderr.txt", FFmpegProgressTracker, FFMPEG_TIME),
}
"""The plugin and which of its samples, the tracker, and the pattern by hand."""


def lines_of(plugin: str, pattern: str) -> list[list[str]]:
    """The lines of each sample, as a running tool's would be cut."""
    if not plugin:
        return [MEGATOOLS.splitlines()]
    found = []
    for sample in sorted((PLUGINS / plugin / "tests" / "samples").glob(pattern)):
        lines: list[str] = []
        splitter = LineSplitter(lines.append)
        splitter.feed(sample.read_bytes())
        splitter.close()
        found.append(lines)
    return found


def read_by_tracker(runs: Sequence[list[str]], new: Callable[[], ProgressTracker]) -> None:
    """Read each run with a tracker of its own that has somebody to tell, as in a job."""
    for lines in runs:
        tracker = new()
        tracker.add_callback(_take)
        for line in lines:
            tracker.parse_output(line)


def _take(info: ProgressInfo) -> None:
    pass


def read_by_hand(runs: Sequence[list[str]], pattern: re.Pattern[str]) -> None:
    """Look for the figure in each line, and keep the last."""
    last = 0.0
    for lines in runs:
        for line in lines:
            match = pattern.search(line)
            if match:
                last = float(match[1])
    assert last >= 0


def microseconds_a_line(read: Callable[[], None], lines: int) -> float:
    """CPU time of a line, over enough repetitions to be measured."""
    times = max(1, AT_ONCE // lines)
    began = time.process_time()
    for _ in range(times):
        read()
    return (time.process_time() - began) / (times * lines) * 1e6


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--rounds", type=int, default=7)


def measure(arguments: argparse.Namespace) -> Report:
    """All in turn, round after round."""
    samples = {name: lines_of(plugin, files) for name, (plugin, files, _, _) in CASES.items()}
    found: dict[tuple[str, str], list[float]] = {}
    for _ in range(arguments.rounds):
        for name, (_, _, new, pattern) in CASES.items():
            runs = samples[name]
            count = sum(map(len, runs))
            for who, read in (
                ("tracker", lambda runs=runs, new=new: read_by_tracker(runs, new)),
                ("by hand", lambda runs=runs, pattern=pattern: read_by_hand(runs, pattern)),
            ):
                found.setdefault((name, who), []).append(microseconds_a_line(read, count))
    medians = {key: statistics.median(costs) for key, costs in found.items()}
    dearest = max(CASES, key=lambda name: medians[name, "tracker"])
    rows = tuple(
        (
            name,
            f"{sum(map(len, samples[name]))}",
            f"{medians[name, 'tracker']:.2f}",
            f"{min(found[name, 'tracker']):.2f} to {max(found[name, 'tracker']):.2f}",
            f"{medians[name, 'by hand']:.2f}",
        )
        for name in CASES
    )
    return Report(
        "Reading a line of a tool's output",
        "CPU time of `parse_output` a line, on all lines that the tests have from the real tools, "
        "those without progress too; each sample by a new tracker with a paced callback. By hand "
        "is a pattern that finds the one figure and does nothing else with it. The median of "
        f"{arguments.rounds} interleaved rounds.",
        (
            f"The dearest is {dearest}: a tool that printed 100 lines a second would cost "
            f"{medians[dearest, 'tracker'] / 1e6 * 100:.2%} of a core.",
        ),
        (Table("", ("", "lines", "tracker, µs", "least to most", "by hand, µs"), rows),),
    )


if __name__ == "__main__":
    tell(__doc__, measure, add_arguments)
