"""JobManager: accepts jobs, has them run in a fair order, keeps their list and messages true."""

import asyncio
import contextlib
import dataclasses
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, Generic, TypeVar

from similubot_bot import preferences
from similubot_bot.i18n import _, language, ngettext
from similubot_bot.i18n import size as size_text
from similubot_bot.jobs.disk import DiskBudget, Fit
from similubot_bot.jobs.executor import Executor, JobTask, Machine, task_of
from similubot_bot.jobs.positions import QueuePositions
from similubot_bot.jobs.presenter import JobPresenter, LiveT, MessageRef, Reply
from similubot_bot.jobs.queue import Caps, FairQueue, Ticket
from similubot_bot.jobs.records import JobOutcome, JobRecord, JobRequest, JobStatus
from similubot_bot.jobs.running_job import RunningJob, errors_logged
from similubot_bot.jobs.sinks import JobSinks
from similubot_bot.jobs.store import Store
from similubot_bot.jobs.store_thread import StoreThread
from similubot_bot.ops.logs import job_number
from similubot_bot.settings import BotSettings
from similubot_core import (
    SimilubotError,
    SourceInfo,
    UsageError,
    render,
)

logger = logging.getLogger(__name__)
T = TypeVar("T")

MAX_ATTEMPTS = 30
"""A job during which the bot died this often is given up: it may be the reason."""
DAY = 86_400.0
DISK_CHECK_SECONDS = 15.0
STUCK_SECONDS = 60.0
IN_TURN_SECONDS = 1.0
STOP_POLL_SECONDS = 0.1
END_SECONDS = 5.0
"""How long stopping waits for interrupted attempts and for messages to be edited."""


Describe = Callable[[JobRequest], Awaitable[SourceInfo | None]]
"""Asks for the name and size of a source; None where that is not known in time. Raises a StageError
for a source that cannot be fetched."""


@dataclasses.dataclass(frozen=True, slots=True)
class Limits:
    """A server's own limits; None is the operator's.

    Attributes:
        open_per_user: How many jobs of one user may wait or run.
        open_per_server: How many jobs of the server may wait or run.
        max_size: Bytes that a source may have.
    """

    open_per_user: int | None = None
    open_per_server: int | None = None
    max_size: int | None = None


def _least(operators: int, servers: int | None) -> int:
    return operators if servers is None else min(operators, servers)


class JobManager(Generic[LiveT]):
    """All jobs that have not ended. It is used in the event loop.

    Args:
        settings: The table [bot].
        store: The job list.
        executors: Who carries jobs out; the first with a free slot gets the next job.
        presenter: Shows jobs to people.
        operations_of: The names of the operations that a request's job is going to report, in
            order; () where they are not known.
        on_end: Called with the outcome of each job.
        sinks: Shows each job elsewhere as well.
        describe: Asks for the name and size of a request's source.

    Attributes:
        server_limits: The limits that a server has set for itself, below the operator's.
        waits_for_disk: The job whose turn it is, and that waits for room on the disk; None without.
        stopping, paused, draining: Whether the bot stops, starts no job, accepts no job.
    """

    def __init__(
        self,
        settings: BotSettings,
        store: StoreThread,
        executors: Sequence[Executor],
        presenter: JobPresenter[LiveT],
        operations_of: Callable[[JobRequest], Sequence[str]],
        on_end: Callable[[JobOutcome], None],
        describe: Describe,
        sinks: JobSinks,
    ) -> None:
        self._settings = settings
        self._store = store
        self._executors = executors
        self._presenter = presenter
        self._operations_of = operations_of
        self._on_end = on_end
        self._describe = describe
        self._sinks = sinks
        self._disk = DiskBudget(settings.folder / "jobs", settings.min_free_disk)
        self._needs: dict[int, int] = {}
        self._begun_again: set[int] = set()
        self._speed: float | None = None
        self._idle_since: float | None = None
        self.waits_for_disk: int | None = None
        caps = Caps(settings.jobs_per_user, settings.jobs_per_server)
        self._queue = FairQueue(caps, store.do_now(Store.served))
        self._adding = asyncio.Lock()
        self._open: dict[int, JobRecord] = {}
        self._running: dict[int, RunningJob] = {}
        self._posting: dict[int, JobRecord | None] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._positions = QueuePositions(
            self._show_position, lambda job: channel_of(self._open[job])
        )
        self._lookups: asyncio.Future[Any] | None = None
        self._disk_timer: asyncio.TimerHandle | None = None
        self.server_limits: Callable[[int | None], Limits] = lambda server: Limits()
        self.stopping = False
        self.paused = False
        self.draining = False

    # -- looking ----------------------------------------------------------------------------

    @property
    def running(self) -> list[RunningJob]:
        """The jobs that run, in the order of their start."""
        return list(self._running.values())

    @property
    def waiting(self) -> list[JobRecord]:
        """The jobs that wait, the next one first."""
        return [self._open[ticket.job] for ticket in self._queue.order()]

    @property
    def slots(self) -> int:
        """How many jobs the executors can carry at once just now."""
        return sum(executor.slots for executor in self._executors)

    @property
    def machines(self) -> list[Machine]:
        """The machines that the executors have besides this process."""
        return [machine for executor in self._executors for machine in executor.machines]

    @property
    def open(self) -> list[int]:
        """The numbers of all jobs that have not ended, oldest first."""
        return list(self._open)

    def open_of(self, user: int) -> list[JobRecord]:
        """The jobs of a user that have not ended, oldest first."""
        return [record for record in self._open.values() if record.request.user == user]

    def get(self, job: int) -> JobRecord | None:
        """A job that has not ended."""
        return self._open.get(job)

    def estimated_wait(self, job: int) -> float | None:
        """Seconds until a waiting job starts, by how fast past jobs went here; None: not known."""
        return self.estimated_waits().get(job)

    def estimated_waits(self) -> dict[int, float]:
        """The same for all waiting jobs at once, but for those of which it is not known."""
        waits: dict[int, float] = {}
        slots, ahead = self.slots, 0
        if self._speed is None or not slots:
            return waits
        for record in (*(running.record for running in self.running), *self.waiting):
            if record.id not in self._running:
                waits[record.id] = ahead / self._speed / slots
            if record.request.size is None:
                break
            ahead += record.request.size
        return waits

    @property
    def is_stuck(self) -> bool:
        """Whether jobs wait and none runs, although they should, for a minute by now."""
        if self.paused or self.stopping or self._idle_since is None or self._running:
            return False
        return bool(self._queue.waiting) and time.monotonic() - self._idle_since > STUCK_SECONDS

    @property
    def disk_free(self) -> int:
        """Free bytes where jobs work; 0 when the disk cannot be asked."""
        return self._disk.free

    @property
    def disk_is_low(self) -> bool:
        """Whether less disk is free than the settings want."""
        return self._disk.free < max(1, self._settings.min_free_disk)

    # -- accepting and ending ---------------------------------------------------------------

    async def submit(self, request: JobRequest, reply: Reply) -> None:
        """Accept a job. Returns once its message is sent.

        Args:
            request: What is asked for, and by whom.
            reply: Sends the job's first message.

        Raises:
            UsageError: It is not accepted; says why.
        """
        _, posted = await self.accept(request, reply)
        await asyncio.shield(posted)

    async def accept(
        self, request: JobRequest, reply: Reply | None
    ) -> tuple[int, "asyncio.Task[None]"]:
        """Accept a job without waiting for its message; its number, and what ends once it is sent.

        Args:
            request: What is asked for, and by whom.
            reply: Sends the job's first message; None sends it into the request's channel.

        Raises:
            UsageError: It is not accepted; says why.
        """
        async with self._adding:  # so that several at once do not pass the caps together
            self._refuse_if_full(request, self.server_limits(request.server))
            await self._refuse_over_daily_limits(request)
            record = await self._store.do(Store.add, request)
            self._open[record.id] = record
        logger.info("Job %d: user %d requested %s", record.id, request.user, request.name)
        # A task of its own: it must go on when the requester is gone.
        return record.id, self._spawn(self._post(record, reply), record.id)

    def cancel(self, job: int) -> bool:
        """Cancel a job; False when it has ended, or there is none."""
        record = self._open.get(job)
        if record is None or record.outcome is not None:
            return False
        running = self._running.get(job)
        if running is not None:
            running.executor.cancel(job)
        else:
            self._end(record, JobOutcome(JobStatus.CANCELLED, _("Cancelled before it started.")))
        return True

    async def resume(self) -> None:
        """Go on with the jobs that were there when the bot last ended. Call it once, logged in."""
        found = await self._store.do(Store.unfinished)
        unfinished = {record.id for record in found if record.outcome is None}
        for executor in self._executors:
            await executor.sweep(unfinished)
        for record in found:
            if record.outcome is not None:
                language.set(record.request.locale)
                self._spawn(self._show_outcome(record), record.id)
                continue
            self._open[record.id] = record
            if record.attempts and await self._adopt(record):
                continue
            if record.message is None:
                self._spawn(self._post(record, None), record.id)
            else:
                self._enqueue(record)
        if found:
            logger.info("Jobs from before the restart: %d", len(found))
        self.pump()

    def on_message_deleted(self, message: int) -> None:
        """A message is gone; if it is an open job's, its job is cancelled where the settings say
        so. Otherwise the outcome goes elsewhere in the end.
        """
        if self._settings.on_delete != "cancel":
            return
        for record in list(self._open.values()):
            if record.message == message:
                logger.info("Job %d: its message was deleted", record.id)
                self.cancel(record.id)

    async def stop(self, seconds: float, hurry: asyncio.Event) -> None:
        """Start nothing more; give what runs here some time, then keep it for the next start.

        Args:
            seconds: How long running jobs may go on.
            hurry: Ends that time at once.
        """
        self.stopping = True
        self._positions.close()
        here = [running for running in self.running if not running.executor.outlives_bot]
        if here:
            logger.info("Waiting up to %g s for running jobs: %d", seconds, len(here))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    while any(job.record.id in self._running for job in here):
                        if hurry.is_set():
                            break
                        await asyncio.sleep(STOP_POLL_SECONDS)
        for running in self.running:
            running.executor.release(running.record.id)
            if running.executor.outlives_bot:
                running.ended(None)
        if self._tasks:
            await asyncio.wait(set(self._tasks), timeout=END_SECONDS)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for executor in self._executors:
            await executor.close()

    async def idle(self) -> None:
        """Wait until no job is open and everything is shown."""
        while self._tasks:
            await asyncio.wait(set(self._tasks))
            await asyncio.sleep(0)

    async def prune(self) -> None:
        """Forget what ended longer ago than the settings say: sources first, then whole jobs."""
        now = time.time()
        with errors_logged():
            moment = now - self._settings.retry_minutes * 60
            await self._store.do(Store.forget_sources, moment)
            kept_since = now - self._settings.keep_days * DAY
            await self._store.do(Store.forget_before, kept_since)
            await self._store.do(preferences.prune_audit, kept_since)

    def pump(self) -> None:
        """Start what may start, and have the others' positions shown.

        Executors whose `slots` grew call it too, in the event loop.
        """
        while not self.stopping and not self.paused and self._queue.waiting:
            executor = self._free_executor()
            if executor is not None and executor.shares_disk and self.disk_is_low:
                self._pump_later()
                break
            ticket = None if executor is None else self._queue.next()
            if executor is None or ticket is None:
                break
            record = self._open[ticket.job]
            if executor.shares_disk and not self._reserve(record):
                break
            self._queue.start(ticket.job, time.time())
            self._start(record, executor)
        else:
            self.waits_for_disk = None
        if self._running or not self._queue.waiting:
            self._idle_since = None
        elif self._idle_since is None:
            self._idle_since = time.monotonic()
        if not self.stopping:
            self._positions.set(self._queue.positions())

    # -- inside -----------------------------------------------------------------------------

    def _refuse_if_full(self, request: JobRequest, limits: Limits) -> None:
        settings = self._settings
        per_user = _least(settings.open_per_user, limits.open_per_user)
        per_server = _least(settings.open_per_server, limits.open_per_server)
        if self.stopping:
            raise UsageError(_("I am restarting; try again in a minute."))
        if self.draining:
            raise UsageError(_("I am about to be serviced and accept no jobs; try again later."))
        if len(self.open_of(request.user)) >= per_user:
            raise UsageError(
                ngettext(
                    "You already have {count} job here; wait for it to end, or cancel it.",
                    "You already have {count} jobs here; wait for one to end, or cancel one.",
                    per_user,
                )
            )
        here = [r for r in self._open.values() if r.request.server == request.server]
        if request.server is not None and len(here) >= per_server:
            raise UsageError(_("This server's queue is full; try again later."))
        if self.disk_is_low and self._executors_share_disk():
            free = render.size(settings.min_free_disk)
            logger.warning("Refused a job: less than %s of disk is free", free)
            raise UsageError(_("I am out of disk space at the moment; try again later."))

    async def _refuse_over_daily_limits(self, request: JobRequest) -> None:
        settings = self._settings
        since = time.time() - DAY
        for user, server, jobs, size in (
            (request.user, None, settings.user_jobs_per_day, settings.user_bytes_per_day),
            (None, request.server, settings.server_jobs_per_day, settings.server_bytes_per_day),
        ):
            if (jobs is None and size is None) or (user is None and server is None):
                continue
            used_jobs, used_size = await self._store.do(
                Store.used_since, since, user=user, server=server
            )
            if (jobs is not None and used_jobs >= jobs) or (size is not None and used_size >= size):
                raise UsageError(
                    _("You have used up what one day allows; try again tomorrow.")
                    if server is None
                    else _("This server has used up what one day allows; try again tomorrow.")
                )

    def _free_executor(self) -> Executor | None:
        for executor in self._executors:
            used = sum(running.executor is executor for running in self._running.values())
            if used < executor.slots:
                return executor
        return None

    def _spawn(self, work: Coroutine[None, None, None], job: int) -> asyncio.Task[None]:
        record = self._open.get(job)
        locale = language.get() if record is None else record.request.locale
        task = asyncio.create_task(_of_job(job, locale, work), name=f"job {job}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _post(self, record: JobRecord, reply: Reply | None) -> None:
        """Look the source up, send the job's first message, and put it into the queue."""
        self._posting[record.id] = None
        try:
            await self._post_and_enqueue(record, reply)
        except Exception:
            logger.exception("Job %d cannot be queued", record.id)
            self._posting.pop(record.id, None)
            if record.id in self._open:
                self._end(self._open[record.id], _unexpected(record))

    async def _post_and_enqueue(self, record: JobRecord, reply: Reply | None) -> None:
        record, refused = await self._in_turn(self._look_up(record))
        if refused is not None and self._posting[record.id] is None:
            self._end(record, refused)
        ended = self._posting[record.id]
        if ended is not None:
            del self._posting[record.id]
            await self._post_outcome(ended, reply)
            return
        position = self._position_if_added(record)
        with errors_logged():
            self._speed = await self._store.do(Store.past_speed)
        posted = await self._presenter.post(record, position, reply)
        await self._note_message(record, posted)
        ended = self._posting.pop(record.id)
        if ended is not None:
            await self._show_outcome(_with_message(ended, posted))
            return
        if posted is None:
            self._end(record, JobOutcome(JobStatus.CANCELLED, _("There was nowhere to reply.")))
            return
        record = _with_message(record, posted)
        self._open[record.id] = record
        if position is not None:
            self._positions.shown(record.id, position)
        self._enqueue(record)
        self.pump()

    async def _in_turn(self, lookup: Awaitable[T]) -> T:
        """Await a lookup, and then, for a moment, those that began before it: requests keep their
        order where nothing is slow.
        """
        earlier, own = self._lookups, asyncio.ensure_future(lookup)
        self._lookups = own
        result = await own
        if earlier is not None and not earlier.done():
            await asyncio.wait({earlier}, timeout=IN_TURN_SECONDS)
        return result

    async def _look_up(self, record: JobRecord) -> tuple[JobRecord, JobOutcome | None]:
        """Ask for the source's name and size; an outcome when it can never be converted here."""
        request = record.request
        try:
            info = await self._describe(request)
        except SimilubotError as error:
            logger.info("Refused: %s (%s)", error.message, error.detail or "no further detail")
            return record, JobOutcome(JobStatus.FAILED, error.message)
        if info is not None:
            name = render.sanitize_line(info.name, 100) or request.name
            size = request.size if info.size is None else info.size
            record = dataclasses.replace(
                record, request=dataclasses.replace(request, name=name, size=size)
            )
            if record.id in self._open:
                self._open[record.id] = record
            with errors_logged():
                await self._store.do(Store.set_source, record.id, name, size)
        return record, self._too_large(record)

    def _max_size(self, request: JobRequest) -> int:
        return _least(self._settings.max_size, self.server_limits(request.server).max_size)

    def _too_large(self, record: JobRecord) -> JobOutcome | None:
        size, limit = record.request.size, self._max_size(record.request)
        if size is not None and size > limit:
            sentence = _(
                "The file has {size}, more than the {limit} that are allowed here; choose a "
                "smaller one.",
                size=size_text(size),
                limit=size_text(limit),
            )
            return JobOutcome(JobStatus.FAILED, sentence)
        need = self._disk.need(record.request)
        if self._executors_share_disk() and self._disk.fit(need) is Fit.NEVER:
            sentence = _(
                "The file is too large for me: it takes {need} of disk space, and I have {largest} "
                "at most.",
                need=size_text(need),
                largest=size_text(self._disk.largest()),
            )
            return JobOutcome(JobStatus.FAILED, sentence)
        return None

    def _executors_share_disk(self) -> bool:
        return all(executor.shares_disk for executor in self._executors)

    async def _post_outcome(self, record: JobRecord, reply: Reply | None) -> None:
        """Send the first message of a job that has ended already."""
        await self._note_message(record, await self._presenter.post(record, None, reply))
        with errors_logged():
            await self._store.do(Store.set_shown, record.id)

    async def _note_message(self, record: JobRecord, posted: MessageRef | None) -> None:
        if posted is not None:
            ended = _with_message(record, posted)
            with errors_logged():
                await self._store.do(Store.set_message, record.id, posted[0], ended.message_channel)

    def _position_if_added(self, record: JobRecord) -> int | None:
        ticket = _ticket(record)
        if self._free_executor() is not None and self._queue.fits(ticket):
            return None
        return self._queue.position_if_added(ticket)

    def _enqueue(self, record: JobRecord) -> None:
        self._queue.add(_ticket(record))
        logger.info("Job %d is in the queue", record.id)

    def _pump_later(self) -> None:
        logger.warning("Jobs wait: the disk is too full")
        if self._disk_timer is not None:
            self._disk_timer.cancel()
        loop = asyncio.get_running_loop()
        self._disk_timer = loop.call_later(DISK_CHECK_SECONDS, self.pump)

    def _reserve(self, record: JobRecord) -> bool:
        """Reserve the disk for the job whose turn it is; False when it has to wait for it."""
        need = max(self._disk.need(record.request), self._needs.get(record.id, 0))
        fit = self._disk.fit(need)
        if fit is Fit.NOW or (fit is Fit.NEVER and not self._running):
            self._disk.reserve(record.id, need)
            self.waits_for_disk = None
            return True
        if self.waits_for_disk != record.id:
            self.waits_for_disk = record.id
            logger.info("Job %d waits for %s of disk", record.id, render.size(need))
            self._positions.changed(record.id)
        if not self._running:  # nobody's end frees any: look again by and by
            self._pump_later()
        return False

    def _start(self, record: JobRecord, executor: Executor) -> None:
        self._positions.drop(record.id)
        if record.attempts >= MAX_ATTEMPTS:
            sentence = _("I crashed too often over this one, so I gave up; try another file.")
            self._end(record, JobOutcome(JobStatus.FAILED, sentence))
            return
        record = dataclasses.replace(record, attempts=record.attempts + 1, started=time.time())
        self._open[record.id] = record
        self._running[record.id] = RunningJob(record, executor, self._store)
        self._spawn(self._run(record), record.id)

    async def _run(self, record: JobRecord) -> None:
        running = self._running[record.id]
        where = running.executor.name
        logger.info("Job %d starts on %s (attempt %d)", record.id, where, record.attempts)
        with errors_logged():
            await self._store.do(Store.start, record.id)
        live: LiveT | None = None
        try:
            await self._positions.settled(record.id)
            live = self._live(running)
            running.sinks = await asyncio.to_thread(self._sinks.open, record)
            running.may_retry_on_full_disk = lambda: len(self._running) > 1
            running.executor.run(await self._task(record), running)
        except Exception:  # an executor of another plugin, say: the slot must come back
            logger.exception("Job %d cannot start", record.id)
            await asyncio.to_thread(running.ended, _unexpected(record))
        await self._finish(running, live)

    async def _adopt(self, record: JobRecord) -> bool:
        """Whether an executor still carries the job from before the restart."""
        for executor in self._executors:
            if not executor.outlives_bot:
                continue
            running = RunningJob(record, executor, self._store)
            if await executor.adopt(await self._task(record), running):
                self._running[record.id] = running
                self._queue.add_running(_ticket(record))
                self._spawn(self._finish(running, self._live(running)), record.id)
                return True
        return False

    async def _task(self, record: JobRecord) -> JobTask:
        request, userhash = record.request, ""
        with errors_logged():
            userhash = await self._store.do(preferences.load_userhash, request.user)
        return task_of(
            request,
            self._max_size(request),
            job=record.id,
            attempt=record.attempts,
            userhash=userhash,
        )

    def _live(self, running: RunningJob) -> LiveT:
        record = running.record
        # What was done already does not start again, so a later attempt's operations are unknown.
        operations = self._operations_of(record.request) if record.attempts == 1 else ()
        again = record.id in self._begun_again
        live = self._presenter.live(record, operations, begun_again=again)
        running.planned = operations
        running.show_in(live.create_callback())
        return live

    async def _finish(self, running: RunningJob, live: LiveT | None) -> None:
        outcome = await asyncio.shield(running.done)
        record = running.record
        del self._running[record.id]
        self._disk.release(record.id)
        await asyncio.to_thread(running.sinks.close)
        if outcome is None:
            if live is None:
                live = self._presenter.live(record, ())
            if self.stopping:
                await self._presenter.show_kept(record, live)
            else:
                logger.warning("Job %d was handed back; it is queued again", record.id)
                if running.disk_full:
                    self._needs[record.id] = 2 * self._disk.need(record.request)
                    await running.executor.forget(record.id)
                if running.elsewhere:
                    self._begun_again.add(record.id)
                await self._presenter.show_waiting_again(record, live, elsewhere=running.elsewhere)
                self._queue.remove(record.id)
                self._enqueue(record)
                self.pump()
            return
        for executor in self._executors:  # earlier attempts may have been elsewhere
            await executor.forget(record.id)
        ended = self._close(record, outcome)
        self.pump()
        await self._show_outcome(ended, live)

    def _end(self, record: JobRecord, outcome: JobOutcome) -> None:
        """End a job that does not run."""
        self._positions.drop(record.id)
        ended = self._close(record, outcome)
        posting = record.id in self._posting
        if posting:
            self._posting[record.id] = ended  # shown once its message is sent
        self._spawn(self._note_end(ended, outcome, show=not posting), record.id)
        asyncio.get_running_loop().call_soon(self.pump)

    async def _note_end(self, ended: JobRecord, outcome: JobOutcome, *, show: bool) -> None:
        with errors_logged():
            await self._store.do(Store.end, ended.id, outcome)
        for executor in self._executors:
            await executor.forget(ended.id)
        if show:
            await self._show_outcome(ended)

    def _close(self, record: JobRecord, outcome: JobOutcome) -> JobRecord:
        """Take a job out of those that are open; returns its record with the outcome."""
        logger.info("Job %d: %s after %.1f s", record.id, outcome.status.value, outcome.seconds)
        ended = dataclasses.replace(record, outcome=outcome)
        self._queue.remove(record.id)
        self._open.pop(record.id, None)
        self._needs.pop(record.id, None)
        self._begun_again.discard(record.id)
        self._on_end(outcome)
        return ended

    async def _show_outcome(self, record: JobRecord, live: LiveT | None = None) -> None:
        await self._positions.settled(record.id)
        await self._presenter.show_outcome(record, live)
        with errors_logged():
            await self._store.do(Store.set_shown, record.id)
        assert record.outcome is not None
        if record.message is None or record.outcome.status is JobStatus.CANCELLED:
            return
        wanted = None
        with errors_logged():
            member = await self._store.do(preferences.load_member, record.request.user)
            wanted = member.notify
        if wanted is None:
            wanted = time.time() - record.created >= self._settings.notify_after
        if wanted:
            await self._presenter.notify(record)

    async def _show_position(self, job: int, position: int) -> None:
        record = self._open.get(job)
        if record is not None and record.message is not None:
            waits_for_disk = job == self.waits_for_disk
            await self._presenter.show_position(
                record, position, waits_for_disk=waits_for_disk, wait=self.estimated_wait(job)
            )


def _unexpected(record: JobRecord) -> JobOutcome:
    return JobOutcome(
        JobStatus.FAILED,
        _(
            "Something unexpected happened. The bot's operator can find details in the log under "
            "job {job}.",
            job=record.id,
        ),
    )


def channel_of(record: JobRecord) -> int:
    """The channel of a job's message."""
    return record.message_channel or record.request.channel


def _with_message(record: JobRecord, posted: MessageRef | None) -> JobRecord:
    if posted is None:
        return record
    message, channel = posted
    elsewhere = channel if channel != record.request.channel else None
    return dataclasses.replace(record, message=message, message_channel=elsewhere)


def _ticket(record: JobRecord) -> Ticket:
    request = record.request
    return Ticket(record.id, request.user, request.server, again=record.attempts > 0)


async def _of_job(job: int, locale: str, work: Coroutine[None, None, None]) -> None:
    job_number.set(job)
    language.set(locale)
    try:
        await work
    except Exception:
        logger.exception("The task of job %d failed", job)
