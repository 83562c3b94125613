"""DiskBudget: which jobs fit on the disk at the same time."""

import enum
import shutil
from collections.abc import Callable
from pathlib import Path

from similubot_bot.jobs.records import JobRequest
from similubot_bot.jobs.watch import folder_size

MIB = 1024 * 1024
SPARE = 32 * MIB
"""What stays free in any case: for the job list, the log, and what a download asks for besides."""
UNKNOWN_SIZE = 64 * MIB
"""What a source of unknown size is taken for."""

_LARGE_SOURCES = frozenset(
    ("wav", "wave", "aif", "aiff", "flac", "alac", "ape", "wv", "mp4", "m4v", "mkv", "mov", "avi",
     "webm", "ts", "mpg", "mpeg", "flv", "wmv")
)  # fmt: skip
"""The suffixes of files from which much smaller ones are made."""
_SHRUNK = 0.3


class Fit(enum.Enum):
    """Whether a job fits."""

    NOW = "it fits now"
    LATER = "it fits once other jobs, or files, are gone"
    NEVER = "it does not fit on this disk"


class DiskBudget:
    """Reserves the disk that running jobs are going to need. It is used in the event loop.

    A reservation lives in this process alone: after a crash there is none.

    Args:
        folder: Where the jobs' folders lie, each named by its job's number.
        floor: Bytes that stay free.
        usage: The disk's (total, used, free) bytes; may raise OSError.
    """

    def __init__(
        self,
        folder: Path,
        floor: int,
        usage: Callable[[Path], tuple[int, int, int]] = shutil.disk_usage,
    ) -> None:
        self._folder = folder
        self._floor = max(floor, SPARE)
        self._usage = usage
        self._reserved: dict[int, int] = {}

    def need(self, request: JobRequest) -> int:
        """Bytes that a job takes at most: its source and, beside it, its result."""
        size = UNKNOWN_SIZE if request.size is None else request.size
        suffix = request.name.rpartition(".")[2].lower()
        return round(size * (1 + (_SHRUNK if suffix in _LARGE_SOURCES else 1)))

    @property
    def floor(self) -> int:
        """Bytes that stay free in any case."""
        return self._floor

    @property
    def free(self) -> int:
        """Free bytes; 0 when the disk cannot be asked."""
        return self._ask()[1]

    def fit(self, need: int) -> Fit:
        """Whether a job that needs so many bytes fits beside those that run."""
        total, free = self._ask()
        wanted = need + self._floor
        if free - sum(self._reserved.values()) >= wanted:
            return Fit.NOW
        used = {job: folder_size(self._folder / str(job)) for job in self._reserved}
        left = sum(max(0, need - used[job]) for job, need in self._reserved.items())
        if free - left >= wanted:
            return Fit.NOW
        return Fit.LATER if total >= wanted else Fit.NEVER

    def largest(self) -> int:
        """Bytes that a job alone may need at most."""
        return max(0, self._ask()[0] - self._floor)

    def reserve(self, job: int, need: int) -> None:
        """Keep bytes for a job that starts."""
        self._reserved[job] = need

    def release(self, job: int) -> None:
        """Give back what a job had; one that had nothing is no error."""
        self._reserved.pop(job, None)

    def _ask(self) -> tuple[int, int]:
        try:
            total, _, free = self._usage(self._folder)
        except OSError:
            return 0, 0
        return total, free
