"""Runs commands side by side, round after round, and compares speed, CPU and memory."""

import os
import statistics
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from report import Table


@dataclass(frozen=True)
class Run:
    """One run of one command.

    Attributes:
        seconds: From start to end of the process.
        own_seconds: What the command itself measured, printed as its last word on stdout; None
            when that is no number.
        cpu: Seconds of CPU, user and system, of the process and its children.
        memory: Bytes of the process's largest resident set.
    """

    seconds: float
    own_seconds: float | None
    cpu: float
    memory: int


Value = Callable[[Run], float]
"""Takes one figure of a run."""


def run_interleaved(
    commands: Mapping[str, Sequence[str]],
    rounds: int,
    after_each: Callable[[str], object] = lambda name: None,
) -> dict[str, list[Run]]:
    """Run every command once a round, in turn, so that all see the same state of the machine.

    A warm-up round comes first and does not count. A command that fails ends it all.
    """
    runs: dict[str, list[Run]] = {name: [] for name in commands}
    for number in range(rounds + 1):
        for name, argv in commands.items():
            run = _run(argv)
            after_each(name)
            if number:
                runs[name].append(run)
    return runs


def _run(argv: Sequence[str]) -> Run:
    began = time.perf_counter()
    process = subprocess.Popen(argv, stdout=subprocess.PIPE)
    assert process.stdout is not None
    said = process.stdout.read().split()
    process.stdout.close()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{argv[0]} … ended with exit status {process.returncode}")
    try:
        own = float(said[-1]) if said else None
    except ValueError:
        own = None
    return Run(seconds, own, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024)


def median(runs: Sequence[Run], value: Value) -> float:
    """The median of one value over the runs."""
    return statistics.median(value(run) for run in runs)


def ratio(runs: Mapping[str, Sequence[Run]], name: str, base: str, value: Value) -> float:
    """How many times `base`'s value `name`'s is: the median of the ratios within each round, so
    that what slows the machine for a while slows both.
    """
    pairs = zip(runs[base], runs[name], strict=True)
    return statistics.median(value(run) / value(other) for other, run in pairs)


def work(run: Run) -> float:
    """The work alone, in seconds; of a program that does not tell, the whole process."""
    return run.seconds if run.own_seconds is None else run.own_seconds


def process(run: Run) -> float:
    """The whole process, in seconds."""
    return run.seconds


def cpu(run: Run) -> float:
    """Seconds of CPU, user and system."""
    return run.cpu


def memory(run: Run) -> float:
    """Bytes of the largest resident set."""
    return run.memory


def comparison(runs: Mapping[str, Sequence[Run]], base: str, title: str = "") -> Table:
    """Medians, and speeds as ratios to `base`: 2.00 is twice as fast. In brackets the extremes."""

    def spread(done: Sequence[Run], value: Value) -> str:
        values = sorted(map(value, done))
        return f"{statistics.median(values):.3f} ({values[0]:.3f} to {values[-1]:.3f})"

    def row(name: str, done: Sequence[Run]) -> tuple[str, ...]:
        return (
            name,
            spread(done, work),
            f"{1 / ratio(runs, name, base, work):.2f}",
            spread(done, process),
            f"{1 / ratio(runs, name, base, process):.2f}",
            f"{median(done, cpu):.2f}",
            f"{median(done, memory) / 2**20:.0f}",
        )

    speed = f"times {base}'s speed"
    columns = ("", "work, s", speed, "whole process, s", speed, "CPU, s", "peak memory, MiB")
    return Table(title, columns, tuple(row(name, done) for name, done in runs.items()))
