"""What a piece of our code costs in a process of its own: time, CPU, memory and threads."""

import hashlib
import os
import shutil
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

_HEAD = """
import json, os, resource, sys, threading, time
from pathlib import Path
from similubot_core import CancelToken, StageContext
arguments = sys.argv[1:]
peak_threads = 0
over = threading.Event()
def look():
    global peak_threads
    while not over.wait(0.01):
        peak_threads = max(peak_threads, threading.active_count() - 1)
def context(folder):
    return StageContext(Path(folder), CancelToken(), (lambda info: None,))
"""
_TAIL = """
def seconds_of(who):
    usage = resource.getrusage(who)
    return usage.ru_utime + usage.ru_stime
watcher = threading.Thread(target=look)
watcher.start()
own, children = seconds_of(resource.RUSAGE_SELF), seconds_of(resource.RUSAGE_CHILDREN)
in_kernel = resource.getrusage(resource.RUSAGE_SELF).ru_stime
began = time.perf_counter()
try:
    work()
finally:
    over.set()
seconds = time.perf_counter() - began
watcher.join()
status = Path("/proc/self/status").read_text()
print(json.dumps({
    "seconds": seconds,
    "own_cpu": seconds_of(resource.RUSAGE_SELF) - own,
    "in_kernel": resource.getrusage(resource.RUSAGE_SELF).ru_stime - in_kernel,
    "children_cpu": seconds_of(resource.RUSAGE_CHILDREN) - children,
    # Not ru_maxrss, which a process begins with its parent's.
    "memory": int(status.partition("VmHWM:")[2].split()[0]) * 1024,
    "threads": peak_threads,
}))
"""


class Cost(msgspec.Struct, frozen=True):
    """What one process took.

    Attributes:
        seconds: Of wall time, for the work alone.
        own_cpu: Seconds of CPU of the process itself, user and system.
        in_kernel: What of it the system took for it.
        children_cpu: The same of its children.
        memory: Bytes of its largest resident set, without its children's.
        threads: How many there were at most.
    """

    seconds: float
    own_cpu: float
    in_kernel: float
    children_cpu: float
    memory: int
    threads: int


def run(program: str, *arguments: object, environment: Mapping[str, str] | None = None) -> Cost:
    """Run Python code and then its `work()`, whose cost is told; one that fails ends it all.

    Args:
        program: Takes its `arguments` as strings from the list of that name, and may make a stage's
            `context(folder)`. It defines `work()`.
        arguments: For the program.
        environment: Variables added to this process's.
    """
    argv = [sys.executable, "-c", _HEAD + program + _TAIL, *map(str, arguments)]
    done = subprocess.run(
        argv, stdout=subprocess.PIPE, check=True, env=os.environ | dict(environment or {})
    )
    return msgspec.json.decode(done.stdout, type=Cost)


def median(costs: Sequence[Cost]) -> Cost:
    """The medians of the figures, each for itself; of the threads the most."""
    return Cost(
        statistics.median(cost.seconds for cost in costs),
        statistics.median(cost.own_cpu for cost in costs),
        statistics.median(cost.in_kernel for cost in costs),
        statistics.median(cost.children_cpu for cost in costs),
        int(statistics.median(cost.memory for cost in costs)),
        max(cost.threads for cost in costs),
    )


def cpu_of(pid: int) -> float:
    """Seconds of CPU that a running process has taken so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def busy(seconds: float, cpu: Mapping[str, float]) -> str:
    """A sentence of who kept the processors busy, and what therefore limits it.

    Args:
        seconds: Of wall time.
        cpu: Seconds of CPU meanwhile by who took them.
    """
    processors = len(os.sched_getaffinity(0))
    shares = {who: spent / seconds for who, spent in cpu.items()}
    told = ", ".join(f"{who} keeps {share:.2f}" for who, share in shares.items())
    told = f"of {processors} processors {told} busy"
    most = max(shares, key=shares.__getitem__)
    if sum(shares.values()) > 0.85 * processors:
        return f"{told}: the processors limit it, and {most} takes the most of them"
    if 0.85 < shares[most] < 1.05:
        return f"{told}: one thread of {most} limits it"
    return f"{told}: neither the processors nor one thread limit it, but waiting"


def sha256(file: Path) -> str:
    """The digest of a file."""
    with file.open("rb") as source:
        return hashlib.file_digest(source, "sha256").hexdigest()


def clear(folder: Path) -> None:
    """Remove what is in a folder."""
    for path in folder.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()
