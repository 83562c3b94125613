"""What a program may use of the machine, and which limit it was that ended one."""

import os
import re
import resource
import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from similubot_core.errors import StageError
from similubot_core.render import duration, size

LimitName: TypeAlias = Literal[
    "memory", "cpu_seconds", "file_size", "open_files", "processes", "disk"
]

MIB = 1024 * 1024
_SECONDS_TO_END = 5
_LAST_LINES = 3
_DISK_SECONDS = 1.0
_BLOCK = 4096
# What C, C++, Python, Rust and Go programs say last when they get no more of something.
_SAID: Mapping[LimitName, re.Pattern[str]] = {
    "memory": re.compile(
        r"Cannot allocate memory|out of memory|std::bad_alloc|memory allocation of \d+ bytes failed"
        r"|^MemoryError\b",
        re.IGNORECASE,
    ),
    "file_size": re.compile("File too large"),
    "open_files": re.compile("Too many open files"),
    "processes": re.compile(
        r"fork\b.*Resource temporarily unavailable|BlockingIOError|can't start new thread"
    ),
}


class LimitReached(StageError):  # noqa: N818
    """A program was ended by one of its limits.

    Attributes:
        limit: Which one: the name of the attribute of `Limits`.
    """

    def __init__(self, message: str, limit: LimitName, *, detail: str = "") -> None:
        super().__init__(message, detail=detail)
        self.limit = limit


@dataclass(frozen=True, slots=True)
class Limits:
    """What a program may use. None is as much as this process may.

    Attributes:
        memory: Bytes of address space of each process. macOS does not keep to it.
        cpu_seconds: Seconds of processor time of each process, of all its threads together.
        file_size: Bytes that a file may grow to.
        open_files: How many files each process may have open.
        processes: How many processes and threads this user may have when another is started
            (the kernel holds root to none); 0 lets the program start no other program, but threads.
        disk: Bytes by which all files in the folders that it may write may grow together, looked at
            every second, a file counted as 4,096 at least.
    """

    memory: int | None = 4096 * MIB
    cpu_seconds: int | None = 4 * 3600
    file_size: int | None = 16 * 1024 * MIB
    open_files: int | None = 1024
    processes: int | None = 4096
    disk: int | None = 32 * 1024 * MIB


def within_our_own(limits: Limits) -> Limits:
    """The same, lowered to what this process itself may use."""

    def lower(value: int | None, number: int) -> int | None:
        soft, _ = resource.getrlimit(number)
        return value if soft == resource.RLIM_INFINITY else min(soft, value or soft)

    return Limits(
        memory=lower(limits.memory, resource.RLIMIT_AS),
        cpu_seconds=lower(limits.cpu_seconds, resource.RLIMIT_CPU),
        file_size=lower(limits.file_size, resource.RLIMIT_FSIZE),
        open_files=lower(limits.open_files, resource.RLIMIT_NOFILE),
        processes=limits.processes and lower(limits.processes, resource.RLIMIT_NPROC),
        disk=limits.disk,
    )


def as_resources(limits: Limits) -> dict[int, tuple[int, int]]:
    """Soft and hard limits by the numbers of `resource`; there is never a core dump."""
    found = {resource.RLIMIT_CORE: (0, 0)}
    if limits.memory is not None:
        found[resource.RLIMIT_AS] = (limits.memory, limits.memory)
    if limits.cpu_seconds is not None:
        # SIGXCPU first, which says what it was, and SIGKILL for who does not heed it.
        hard = limits.cpu_seconds + _SECONDS_TO_END
        found[resource.RLIMIT_CPU] = (limits.cpu_seconds, hard)
    if limits.file_size is not None:
        found[resource.RLIMIT_FSIZE] = (limits.file_size, limits.file_size)
    if limits.open_files is not None:
        found[resource.RLIMIT_NOFILE] = (limits.open_files, limits.open_files)
    if limits.processes:
        found[resource.RLIMIT_NPROC] = (limits.processes, limits.processes)
    return found


def limit_that_ended(
    program: str, returncode: int, stderr: str, limits: Limits
) -> LimitReached | None:
    """Which limit ended a program, by its signal or its last words; None where none did.

    Args:
        program: Its name, for the sentence.
        returncode: Its exit status; negative for a signal.
        stderr: The end of what it printed on stderr.
        limits: Those it ran within.
    """
    name: LimitName | None = None
    if returncode == -signal.SIGXCPU:
        name = "cpu_seconds"
    elif returncode == -signal.SIGXFSZ:
        name = "file_size"
    elif returncode != 0:
        last = [line[:500] for line in stderr[-2000:].splitlines()[-_LAST_LINES:]]
        said = (n for n, words in _SAID.items() if any(words.search(line) for line in last))
        name = next(said, None)
    if name is None or getattr(limits, name) is None:
        return None
    return limit_error(program, name, limits, f"exit status {returncode}: {stderr[-500:]}")


def limit_error(program: str, name: LimitName, limits: Limits, detail: str = "") -> LimitReached:
    """The error for a program that one of its limits ended."""
    sentence = f"{program} was stopped: it needed more than its limit of {_shown(name, limits)}."
    return LimitReached(sentence, name, detail=detail)


class DiskWatch:
    """What the folders that a program may write grow by, looked at once a second.

    Args:
        folders: The folders.
        most: Bytes that they may grow by.
        clock: Returns seconds that only grow.
    """

    def __init__(self, folders: Sequence[Path], most: int, clock: Callable[[], float]) -> None:
        self._folders = folders
        self._before = self._taken(most)
        self._most = most + self._before
        self._clock = clock
        self._next = clock() + _DISK_SECONDS

    def is_over(self) -> bool:
        """Whether they have grown by more; False where it is too early to look again."""
        if self._clock() < self._next:
            return False
        over = self._taken(self._most) > self._most
        self._next = self._clock() + _DISK_SECONDS
        return over

    def _taken(self, enough: int) -> int:
        """Bytes of all files; counted no further than `enough`, for there may be millions."""
        total = 0
        for folder in self._folders:
            for path, _, names in os.walk(folder):
                for name in names:
                    try:
                        total += max(_BLOCK, os.lstat(os.path.join(path, name)).st_size)  # noqa: PTH118
                    except OSError:  # it has gone
                        continue
                    if total > enough:
                        return total
        return total


def _shown(name: LimitName, limits: Limits) -> str:
    value: int = getattr(limits, name)
    return {
        "memory": f"{size(value)} of memory",
        "cpu_seconds": f"{duration(value)} of processor time",
        "file_size": f"{size(value)} for a file",
        "open_files": f"{value} open files",
        "processes": f"{value} processes" if value else "one process",
        "disk": f"{size(value)} of disk",
    }[name]
