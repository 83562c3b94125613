"""How an update, and a job's processor time and memory, grow with the sinks that are told.

    python bench/growth_sinks.py [--seconds N]

Each case is a fresh process: an update's cost in a tight loop, then a job that is updated 1,000
times a second. Which threads used the processor is told by their own clocks.
"""

import argparse
import json
import os
import sys
import threading
import time
from pathlib import Path
from typing import TextIO

from event_cost import OURS, SINKS, TIGHT, mixed, nanoseconds_each, open_tracker
from harness import answer_of, peak_memory
from report import Curve, Plot, Report, Table, tell

COUNTS = (0, 1, 2, 4, 8, 16, 32, 64)
ROUNDS = 4
RATE = 1000
"""Updates a second of the job."""


def job(kinds: list[str], seconds: float, stream: TextIO) -> dict[str, float]:
    """In this process: what a job with these sinks uses, in seconds of CPU a second, and bytes."""
    with open_tracker(stream, kinds) as update:
        used, threads = time.process_time(), _by_thread()
        began = time.perf_counter()
        for number in range(int(seconds * RATE)):
            update(current_size=number)
            ahead = began + number / RATE - time.perf_counter()
            if ahead > 0:
                time.sleep(ahead)
        took = time.perf_counter() - began
        answer = {"cpu": (time.process_time() - used) / took}
        for name, after in _by_thread().items():
            answer[name] = (after - threads.get(name, 0.0)) / took
    return answer | {"memory": peak_memory()}


def _by_thread() -> dict[str, float]:
    """Seconds of CPU of the threads that live, by name."""
    used: dict[str, float] = {}
    for thread in threading.enumerate():
        if thread.ident is not None:
            clock = time.pthread_getcpuclockid(thread.ident)
            used[thread.name] = used.get(thread.name, 0.0) + time.clock_gettime(clock)
    return used


def update_cost(kinds: list[str], stream: TextIO) -> dict[str, float]:
    """In this process: nanoseconds of an update in a tight loop."""
    empty = nanoseconds_each(TIGHT, "pass", None)
    with open_tracker(stream, kinds) as update:
        return {"ns": nanoseconds_each(TIGHT, OURS, update) - empty}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seconds", type=float, default=2.0, help="of the job")


def measure(arguments: argparse.Namespace) -> Report:
    """All counts of mixed sinks, then the most of each kind alone."""
    seconds = str(arguments.seconds)
    asked = {str(count): mixed(count) for count in COUNTS}
    asked |= {f"{COUNTS[-1]}, {kind} alone": [kind] * COUNTS[-1] for kind in SINKS}
    found = {name: answer_of(__file__, "job", seconds, *kinds) for name, kinds in asked.items()}
    costs: dict[str, list[float]] = {name: [] for name in asked}
    for _ in range(ROUNDS):
        for name, kinds in asked.items():
            costs[name].append(answer_of(__file__, "cost", *kinds)["ns"])
    for name, nanoseconds in costs.items():
        found[name]["ns"] = min(nanoseconds)
    most = found[str(COUNTS[-1])]
    base = found["0"]
    threads = {name: value for name, value in most.items() if name not in ("cpu", "memory", "ns")}
    busiest = max(threads, key=lambda name: threads[name])
    dearest = max(SINKS, key=lambda kind: found[f"{COUNTS[-1]}, {kind} alone"]["cpu"])
    alone = found[f"{COUNTS[-1]}, {dearest} alone"]
    x = tuple(map(float, COUNTS))
    many = [found[str(count)] for count in COUNTS]
    return Report(
        "Growth with sinks",
        "Real sinks, by turns JSON lines, plain lines and a terminal's bars, on the null device. "
        "The update's cost is wall time of the thread that does the work in a tight loop, so what "
        f"the sinks' threads take from it is in it; the least of {ROUNDS} "
        f"rounds. CPU is that of a job with {RATE:,} updates a second, in per cent of one "
        "core; a fresh process for each row.",
        (
            f"What limits it: of the CPU with {COUNTS[-1]} sinks the threads {busiest!r} use "
            f"{threads[busiest] / most['cpu']:.0%}, and the dearest kind of sink is {dearest}, "
            f"{(alone['cpu'] - base['cpu']) / COUNTS[-1]:.2%} of a core each. The thread that does "
            "the work waits for the interpreter's lock while they draw, and for nothing else.",
            f"A sink more takes {(most['memory'] - base['memory']) / COUNTS[-1] / 1024:.0f} KiB.",
        ),
        (
            Table(
                "",
                ("sinks", "ns an update", "CPU, % of a core", "peak memory, MiB"),
                tuple(
                    (
                        name,
                        f"{figures['ns']:.0f}",
                        f"{figures['cpu']:.1%}",
                        f"{figures['memory'] / 2**20:.1f}",
                    )
                    for name, figures in found.items()
                ),
            ),
            Table(
                f"The threads with {COUNTS[-1]} sinks",
                ("threads", "CPU, % of a core"),
                tuple((name, f"{cpu:.1%}") for name, cpu in threads.items()),
            ),
        ),
        (
            Plot(
                "growth-sinks-update",
                "An update's cost on the thread that does the work, by sinks",
                "sinks",
                "nanoseconds",
                (Curve("tight loop", x, tuple(figures["ns"] for figures in many)),),
            ),
            Plot(
                "growth-sinks-cpu",
                f"CPU of a job with {RATE:,} updates a second by its sinks",
                "sinks",
                "% of one core",
                (Curve("all threads", x, tuple(100 * figures["cpu"] for figures in many)),),
            ),
            Plot(
                "growth-sinks-memory",
                "Peak memory of a job by its sinks",
                "sinks",
                "MiB",
                (Curve("process", x, tuple(figures["memory"] / 2**20 for figures in many)),),
            ),
        ),
    )


if __name__ == "__main__":
    with Path(os.devnull).open("w", encoding="utf-8") as null:
        if sys.argv[1:2] == ["job"]:
            print(json.dumps(job(sys.argv[3:], float(sys.argv[2]), null)))
        elif sys.argv[1:2] == ["cost"]:
            print(json.dumps(update_cost(sys.argv[2:], null)))
        else:
            tell(__doc__, measure, add_arguments)
