"""RunningJob: one attempt of a job, from its executor's reports to its outcome."""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterator, Sequence
from contextvars import copy_context

from similubot_bot.i18n import _, language
from similubot_bot.jobs.executor import Executor
from similubot_bot.jobs.records import JobOutcome, JobRecord, JobStatus
from similubot_bot.jobs.sinks import OpenSinks
from similubot_bot.jobs.store import Store
from similubot_bot.jobs.store_thread import StoreThread
from similubot_core import ProgressCallback, ProgressInfo, SimilubotError
from similubot_core.jobs.stages import STAGES

logger = logging.getLogger(__name__)

MOST_OPERATIONS = 50
"""How many operations of an attempt are remembered: a plugin might report any number."""
MAX_LOST = 3
"""A job that this many machines broke down over is given up: it may be the reason."""


class RunningJob:
    """One attempt that an executor carries out: its `AttemptListener`.

    Args:
        record: The job.
        executor: Who carries it out.
        store: The job list, where the outcome is noted as soon as there is one.

    Attributes:
        latest: The newest state that it reported; None before the first.
        operations: The newest state of each of its operations by their ids, with when it began, in
            seconds since 1970. Those that began first come first.
        planned: The names of the operations that are known to come, in order.
        disk_full: Whether it ended because the executor's disk was full.
        elsewhere: Whether it was handed back for other reasons, to begin again elsewhere.
        sinks: Where else its states are shown.
        may_retry_on_full_disk: Whether a full disk hands the job back instead of ending it.
        done: Set in the event loop to its outcome, or to None when it was handed back.
    """

    def __init__(self, record: JobRecord, executor: Executor, store: StoreThread) -> None:
        self.record = record
        self.executor = executor
        self.latest: ProgressInfo | None = None
        self.operations: dict[str, tuple[ProgressInfo, float]] = {}
        self.planned: Sequence[str] = ()
        self.disk_full = self.elsewhere = False
        self.sinks = OpenSinks(())
        self.may_retry_on_full_disk: Callable[[], bool] = lambda: False
        self._store = store
        self._callback: ProgressCallback | None = None
        self._loop = asyncio.get_running_loop()
        self.done: asyncio.Future[JobOutcome | None] = self._loop.create_future()

    def show_in(self, callback: ProgressCallback) -> None:
        """Pass every state on to this callback as well."""
        self._callback = callback

    def progress(self, info: ProgressInfo) -> None:
        """Take a state."""
        if info.unit != STAGES:  # a stage says more than the whole job
            self.latest = info
        known = self.operations.get(info.id)
        if known is not None:
            self.operations[info.id] = info, known[1]
        elif len(self.operations) < MOST_OPERATIONS:
            self.operations[info.id] = info, info.timestamp
        self.sinks.show(info)
        if self._callback is not None:
            self._callback(info)

    def ended(self, outcome: JobOutcome | None, *, disk_full: bool = False, lost: int = 0) -> None:
        """Note the outcome in this thread: a crash between an upload's end and this note would
        upload it again. Then tell the event loop.
        """
        if outcome is not None and disk_full and self.may_retry_on_full_disk():
            outcome = None
        elif outcome is None and lost >= MAX_LOST:
            outcome = copy_context().run(self._gave_up)
        self.disk_full, self.elsewhere = disk_full, not disk_full
        if outcome is not None:
            with errors_logged():
                self._store.do_now(Store.end, self.record.id, outcome)
        try:
            self._loop.call_soon_threadsafe(self._set_done, outcome)
        except RuntimeError:
            logger.info("The bot was gone before this job ended")

    def _gave_up(self) -> JobOutcome:
        language.set(self.record.request.locale)
        sentence = _(
            "Each of the {count} machines that tried this broke down, so I gave up; try another "
            "file.",
            count=MAX_LOST,
        )
        return JobOutcome(JobStatus.FAILED, sentence)

    def _set_done(self, outcome: JobOutcome | None) -> None:
        if not self.done.done():
            self.done.set_result(outcome)


@contextlib.contextmanager
def errors_logged() -> Iterator[None]:
    """The job list cannot be written: at worst a crash makes the job start again."""
    try:
        yield
    except SimilubotError as error:
        logger.error("%s (%s)", error.message, error.detail)
