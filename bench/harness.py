"""Runs commands side by side, round after round, and compares speed, CPU and memory."""

import os
import statistics
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass


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


def median(runs: Sequence[Run], value: Callable[[Run], float]) -> float:
    """The median of one value over the runs."""
    return statistics.median(value(run) for run in runs)


def print_table(runs: Mapping[str, Sequence[Run]], base: str) -> None:
    """Print medians as a Markdown table, with speeds as ratios to `base` (larger is faster).

    The ratios are medians of the ratios within each round, so that what slows the machine for a
    while slows both.
    """

    def ratio(name: str, value: Callable[[Run], float]) -> float:
        pairs = zip(runs[base], runs[name], strict=True)
        return statistics.median(value(b) / value(r) for b, r in pairs)

    def own(run: Run) -> float:
        return run.seconds if run.own_seconds is None else run.own_seconds

    print(
        f"| | work, s | speed to {base} | process, s | speed to {base} | CPU, s | peak RSS, MiB |"
    )
    print("|---|---|---|---|---|---|---|")
    for name, done in runs.items():
        print(
            f"| {name} | {median(done, own):.3f} | {ratio(name, own):.2f} "
            f"| {median(done, lambda r: r.seconds):.3f} | {ratio(name, lambda r: r.seconds):.2f} "
            f"| {median(done, lambda r: r.cpu):.2f} "
            f"| {median(done, lambda r: r.memory) / 2**20:.0f} |"
        )
