"""Runs commands side by side, round after round, and compares speed, CPU and memory."""

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

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
    *,
    warm_up: bool = True,
) -> dict[str, list[Run]]:
    """Run every command once a round, in turn, so that all see the same state of the machine.

    A warm-up round comes first and does not count, unless the commands run so long that what it
    warms is no part of the figures. A command that fails ends it all.
    """
    runs: dict[str, list[Run]] = {name: [] for name in commands}
    for number in range(0 if warm_up else 1, rounds + 1):
        for name, argv in commands.items():
            run = _run(argv)
            after_each(name)
            if number:
                runs[name].append(run)
    return runs


# A process starts with the largest resident set of the one that started it, so what starts the
# commands is as small as Python can be.
# The process that starts our tools outlives ours by a moment, so that nobody would wait for it and
# count what the tools took: it comes to the launcher, which asks for such orphans (Linux).
_LAUNCHER = """
import posix, sys, time
posix.set_inheritable(int(sys.argv[1]), False)
began = time.perf_counter()
child = posix.posix_spawnp(sys.argv[2], sys.argv[2:], posix.environ)
import ctypes
if sys.platform == "linux":
    PR_SET_CHILD_SUBREAPER = 36
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
cpu = memory = took = status = 0
while True:
    try:
        ended, state, usage = posix.wait3(0)
    except ChildProcessError:
        break
    if ended == child:
        took, status = time.perf_counter() - began, state
    cpu += usage.ru_utime + usage.ru_stime
    memory = max(memory, usage.ru_maxrss)
posix.write(int(sys.argv[1]), f"{took} {cpu} {memory} {status}".encode())
"""


def _run(argv: Sequence[str]) -> Run:
    reading, writing = os.pipe()
    with open(reading, encoding="ascii") as told:  # noqa: PTH123  (a descriptor)
        launch = [sys.executable, "-I", "-S", "-c", _LAUNCHER, str(writing), *argv]
        process = subprocess.Popen(launch, stdout=subprocess.PIPE, pass_fds=(writing,))
        os.close(writing)
        said = process.communicate()[0].split()
        if process.returncode:
            raise SystemExit(f"{argv[0]} could not be run")
        seconds, cpu, memory, status = told.read().split()
    if int(status):
        code = os.waitstatus_to_exitcode(int(status))
        raise SystemExit(f"{argv[0]} … ended with exit status {code}")
    try:
        own = float(said[-1]) if said else None
    except ValueError:
        own = None
    return Run(float(seconds), own, float(cpu), int(memory) * 1024)


def answer_of(script: str, *words: str) -> dict[str, float]:
    """What a bench's script, run in a fresh process with these arguments, prints: a JSON object."""
    argv = [sys.executable, script, *words]
    done = subprocess.run(argv, stdout=subprocess.PIPE, check=True, timeout=300)
    answer: dict[str, float] = json.loads(done.stdout)
    return answer


def peak_memory() -> int:
    """Bytes of this process's largest resident set, without what it began with; Linux tells it."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


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
