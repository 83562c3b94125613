"""The seam between the queue, which decides, and the executors, which carry jobs out.

The `JobManager` hands an executor one attempt of a job at a time, never more than it has free slots
for, and learns of it only through the attempt's `AttemptListener`. A `JobTask` holds plain values,
so that it can travel to another process; `msgspec.json.encode` takes it as it is.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from similubot_bot.jobs.records import JobOutcome, JobRequest, SourceKind
from similubot_core import ProgressInfo

TASK_VERSION = 1
"""The version of `JobTask`'s fields; an executor elsewhere refuses one that it does not know."""


@dataclass(frozen=True, slots=True)
class JobTask:
    """One attempt of one job: all that an executor needs to know.

    Attributes:
        job: The job's number.
        attempt: Which attempt it is, from 1. What an older attempt reports is ignored.
        source: The whole link. It may hold a key: never log it, and encrypt it in transit.
        kind: What `source` is.
        name: What may be shown of the source; text from outside.
        bitrate: Kilobits per second; None is the converter's default.
        to: The uploader as ``NAME`` or ``NAME=TARGET``.
        max_size: Bytes that the source may have at most.
        size: The source's bytes; None while they are not known.
        format: The name of the result's format; None is the default.
        userhash: The requester's own account at Catbox, a secret; "" uploads with the operator's.
        locale: The language of sentences for the requester, such as "de".
        keep_damaged: Whether what there is of a damaged source is wanted as a result.
        version: `TASK_VERSION` of the bot that made it.
    """

    job: int
    attempt: int
    source: str = field(repr=False)
    kind: SourceKind
    name: str
    bitrate: int | None
    to: str
    max_size: int
    size: int | None = None
    format: str | None = None
    userhash: str = field(default="", repr=False)
    locale: str = "en"
    keep_damaged: bool = False
    version: int = TASK_VERSION


@dataclass(frozen=True, slots=True)
class Machine:
    """One of the machines that an executor has besides this process, as it is now.

    Attributes:
        name: For people and the log; text from outside.
        version: Of the program that runs there; text from outside.
        slots: How many jobs it carries at once.
        jobs: The numbers of those that it carries now.
        refused: Why it gets no job, in a sentence; "" when it gets some.
    """

    name: str
    version: str
    slots: int
    jobs: tuple[int, ...] = ()
    refused: str = ""


class AttemptListener(Protocol):
    """What an executor reports about one attempt. Any thread may call it; it never raises."""

    def progress(self, info: ProgressInfo) -> None:
        """Report the newest state of an operation. Never blocks."""

    def ended(self, outcome: JobOutcome | None, *, disk_full: bool = False, lost: int = 0) -> None:
        """Report the end of the attempt, exactly once; may wait for a disk.

        Args:
            outcome: How the job ended; None hands the job back without one: it is queued again, or
                kept for the next start when the bot is stopping.
            disk_full: Whether the job failed because the executor's disk was full: it may be tried
                again when other jobs are gone.
            lost: How many machines are gone by now, without a word, that carried this job; 0 when
                the attempt ended in order. A job that takes machines with it is given up.
        """


class Executor(Protocol):
    """Carries jobs out: threads of this process, or workers elsewhere.

    All methods but the listener's are called in the bot's event loop and return without blocking.
    """

    name: str
    """For people and the log, such as "local"."""

    outlives_bot: bool
    """Whether attempts go on while the bot is down, to be found again by `adopt`."""

    shares_disk: bool
    """Whether attempts work on the disk of the bot's data folder, so that the bot reserves room."""

    @property
    def slots(self) -> int:
        """How many attempts it can carry at once just now; may change at any time."""

    @property
    def machines(self) -> Sequence[Machine]:
        """The machines that it has besides this process."""

    def run(self, task: JobTask, listener: AttemptListener) -> None:
        """Start an attempt. Does not raise: whatever goes wrong ends the attempt."""

    def cancel(self, job: int) -> None:
        """Cancel the job's attempt: it ends within seconds as cancelled, or as it had ended."""

    def release(self, job: int) -> None:
        """The bot is stopping: hand the job back (``ended(None)``), leaving what can be resumed.

        An executor that outlives the bot lets the attempt go on, and reports no more of it.
        """

    async def adopt(self, task: JobTask, listener: AttemptListener) -> bool:
        """Whether this attempt, started before the bot's restart, still runs here (or has ended
        here); from now on `listener` hears of it.
        """

    async def sweep(self, open_jobs: set[int]) -> None:
        """Remove what earlier runs left of jobs that are not among `open_jobs`."""

    async def forget(self, job: int) -> None:
        """Remove what is kept of a job that ended."""

    async def close(self) -> None:
        """Let go of connections and threads; attempts were ended or released before."""


def task_of(
    request: JobRequest, max_size: int, *, job: int = 0, attempt: int = 1, userhash: str = ""
) -> JobTask:
    """The task for one attempt of a request; without `job`, one that is only planned."""
    return JobTask(
        job,
        attempt,
        request.source,
        request.kind,
        request.name,
        request.bitrate,
        request.to,
        max_size,
        request.size,
        request.format,
        userhash,
        request.locale,
        request.keep_damaged,
    )
