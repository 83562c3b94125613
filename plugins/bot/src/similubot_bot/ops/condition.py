"""How the bot and its machine are, in numbers."""

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal


@dataclass(frozen=True, slots=True)
class Condition:
    """How the bot and its machine are at one moment.

    Attributes:
        state: "running", "paused" (jobs are accepted, and none starts), "draining" (no job is
            accepted) or "stopping".
        running: How many jobs run.
        waiting: How many jobs wait.
        slots: How many jobs can run at once just now.
        load: How many programs wanted the processor, on average of the last minute; None where the
            system does not say.
        processors: How many processors the bot may use.
        memory: Bytes of memory that the bot's process has; None where the system does not say.
        disk_free: Free bytes where jobs work.
        disk_is_low: Whether so little disk is free that no job starts.
        late: The worst lateness of the event loop in the last minute, in seconds.
        began: When the bot started, in seconds since 1970.
    """

    state: Literal["running", "paused", "draining", "stopping"]
    running: int
    waiting: int
    slots: int
    load: float | None
    processors: int
    memory: int | None
    disk_free: int
    disk_is_low: bool
    late: float
    began: float


def load() -> float | None:
    """How many programs wanted the processor in the last minute; None where that is not known."""
    try:
        return os.getloadavg()[0]
    except OSError:
        return None


def processors() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


def memory() -> int | None:
    """Bytes of memory that this process has; None where that is not known."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except (OSError, ValueError, IndexError):
        return None
    return pages * os.sysconf("SC_PAGE_SIZE")
