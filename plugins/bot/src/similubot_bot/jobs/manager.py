"""Work: takes jobs, runs them in a fair order, keeps their list and their messages right."""

import asyncio
import contextlib
import dataclasses
import logging
import shutil
import time
from collections.abc import Callable, Coroutine, Iterator

from similubot_bot.discord.job_messages import Answers, Send
from similubot_bot.discord.permissions import Person
from similubot_bot.discord.queue_positions import Places
from similubot_bot.jobs.queue import Caps, FairQueue, Ticket
from similubot_bot.jobs.records import Asked, Ending, JobRecord, Outcome
from similubot_bot.jobs.requests import Wish
from similubot_bot.jobs.runner import Run, Runner
from similubot_bot.jobs.store import Store
from similubot_bot.jobs.store_thread import StoreThread
from similubot_bot.ops.logs import job_number
from similubot_bot.settings import BotSettings
from similubot_core import SimilubotError, UsageError, render
from similubot_discord_sink import DiscordProgressUpdater

logger = logging.getLogger(__name__)

MOST_STARTS = 30
"""A job during which the bot died this often is given up: it may be the reason."""
DISK_CHECK_SECONDS = 15.0
STOP_POLL_SECONDS = 0.1
END_SECONDS = 5.0
"""How long stopping waits for interrupted threads and for messages to be edited."""


class Work:
    """All jobs that have not ended, and what becomes of them. It is used in the event loop.

    Args:
        settings: The table [bot].
        store: The job list.
        runner: Runs jobs.
        answers: Shows them.
        on_end: Told of each job that ended, with its ending.
    """

    def __init__(
        self,
        settings: BotSettings,
        store: StoreThread,
        runner: Runner,
        answers: Answers,
        on_end: Callable[[Ending], None],
    ) -> None:
        self._settings = settings
        self._store = store
        self._runner = runner
        self._answers = answers
        self._on_end = on_end
        caps = Caps(settings.jobs, settings.jobs_per_user, settings.jobs_per_server)
        self._queue = FairQueue(caps, store.do_now(Store.served))
        self._adding = asyncio.Lock()
        self._open: dict[int, JobRecord] = {}
        self._runs: dict[int, Run] = {}
        self._posting: dict[int, JobRecord | None] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._places = Places(self._show_place, lambda job: self._open[job].asked.channel)
        self._disk_timer: asyncio.TimerHandle | None = None
        self.stopping = False

    # -- asking -----------------------------------------------------------------------------

    @property
    def running(self) -> list[tuple[JobRecord, Run]]:
        """The jobs that run."""
        return [(self._open[job], run) for job, run in self._runs.items()]

    @property
    def waiting(self) -> list[JobRecord]:
        """The jobs that wait, the next one first."""
        return [self._open[ticket.job] for ticket in self._queue.order()]

    def open_of(self, user: int) -> list[JobRecord]:
        """The jobs of a user that have not ended, oldest first."""
        return [record for record in self._open.values() if record.asked.user == user]

    def get(self, job: int) -> JobRecord | None:
        """A job that has not ended."""
        return self._open.get(job)

    @property
    def disk_is_low(self) -> bool:
        """Whether less disk is free than the settings want."""
        return shutil.disk_usage(self._settings.folder).free < self._settings.min_free_disk

    # -- taking and ending ------------------------------------------------------------------

    async def submit(self, wish: Wish, person: Person, channel: int, send: Send) -> None:
        """Take a job. Returns once its message is sent.

        Args:
            wish: What is wanted.
            person: Who wants it.
            channel: Where the message goes.
            send: Sends it.

        Raises:
            UsageError: It is not taken; says why.
        """
        asked = Asked(
            person.user,
            person.server,
            channel,
            wish.source,
            wish.kind,
            wish.name,
            wish.bitrate,
            wish.to,
        )
        async with self._adding:  # so that several at once do not pass the caps together
            self._refuse_if_full(person)
            record = await self._store.do(Store.add, asked)
            self._open[record.id] = record
        logger.info("Job %d: %s asked by user %d", record.id, wish.name, person.user)
        # A task of its own: it must go on when the one who asked is gone.
        await asyncio.shield(self._spawn(self._post(record, send), record.id))

    def cancel(self, job: int) -> bool:
        """Cancel a job; False when there is none that could be."""
        record = self._open.get(job)
        if record is None or record.ending is not None:
            return False
        run = self._runs.get(job)
        if run is not None:
            run.cancel.cancel()
        else:
            self._end(record, Ending(Outcome.CANCELLED, "Cancelled before it began."))
        return True

    async def resume(self) -> None:
        """Take up what was there when the bot last ended. Call it once, logged in."""
        found = await self._store.do(Store.unfinished)
        unfinished = {record.id for record in found if record.ending is None}
        await asyncio.to_thread(self._runner.sweep, unfinished)
        for record in found:
            if record.ending is not None:
                self._spawn(self._show_end(record), record.id)
                continue
            self._open[record.id] = record
            if record.message is None:
                self._spawn(self._post(record, None), record.id)
            else:
                self._enqueue(record)
        if found:
            logger.info("Jobs of before that are gone on with: %d", len(found))
        self._pump()

    async def stop(self, seconds: float, hurry: asyncio.Event) -> None:
        """Start nothing more; give what runs some time, then keep it for the next start.

        Args:
            seconds: How long running jobs may go on.
            hurry: Ends that time at once.
        """
        self.stopping = True
        self._places.close()
        if self._runs:
            logger.info("Waiting up to %g s for the jobs that run: %d", seconds, len(self._runs))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    while self._runs and not hurry.is_set():
                        await asyncio.sleep(STOP_POLL_SECONDS)
        for run in self._runs.values():
            run.keep()
        if self._tasks:
            await asyncio.wait(set(self._tasks), timeout=END_SECONDS)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def forget_old(self) -> None:
        """Remove what ended longer ago than the settings say from the job list."""
        moment = time.time() - self._settings.keep_days * 86_400
        await self._store.do(Store.forget_before, moment)

    # -- inside -----------------------------------------------------------------------------

    def _refuse_if_full(self, person: Person) -> None:
        settings = self._settings
        if self.stopping:
            raise UsageError("I am being restarted; ask again in a minute.")
        if len(self.open_of(person.user)) >= settings.open_per_user:
            raise UsageError(
                f"You have {settings.open_per_user} jobs here already; wait for one to end, or "
                "cancel one."
            )
        here = [r for r in self._open.values() if r.asked.server == person.server]
        if person.server is not None and len(here) >= settings.open_per_server:
            raise UsageError("The queue of this server is full; try again later.")
        if self.disk_is_low:
            free = render.size(settings.min_free_disk)
            logger.warning("Refused a job: less than %s of disk is free", free)
            raise UsageError("There is no room on my disk at the moment; try again later.")

    def _spawn(self, work: Coroutine[None, None, None], job: int) -> asyncio.Task[None]:
        task = asyncio.create_task(_of_job(job, work), name=f"job {job}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _post(self, record: JobRecord, send: Send | None) -> None:
        self._posting[record.id] = None
        place = self._queue.place_if_added(_ticket(record))
        message = await self._answers.post(record, place, send)
        if message is not None:
            await self._store.do(Store.set_message, record.id, message)
        ended = self._posting.pop(record.id)
        if ended is not None:
            await self._show_end(dataclasses.replace(ended, message=message))
            return
        if message is None:
            self._end(record, Ending(Outcome.CANCELLED, "There was nowhere to answer."))
            return
        record = dataclasses.replace(record, message=message)
        self._open[record.id] = record
        if place is not None:
            self._places.shown(record.id, place)
        self._enqueue(record)
        self._pump()

    def _enqueue(self, record: JobRecord) -> None:
        self._queue.add(_ticket(record))
        logger.info("Job %d is in the queue", record.id)

    def _pump(self) -> None:
        """Begin what may begin, and have the others' places shown."""
        while not self.stopping and self._queue.waiting:
            if self.disk_is_low:
                self._look_again_later()
                break
            ticket = self._queue.start_next(time.time())
            if ticket is None:
                break
            self._begin(self._open[ticket.job])
        if not self.stopping:
            self._places.set(self._queue.places())

    def _look_again_later(self) -> None:
        logger.warning("The jobs wait: the disk is too full")
        if self._disk_timer is not None:
            self._disk_timer.cancel()
        loop = asyncio.get_running_loop()
        self._disk_timer = loop.call_later(DISK_CHECK_SECONDS, self._pump)

    def _begin(self, record: JobRecord) -> None:
        self._places.drop(record.id)
        if record.starts >= MOST_STARTS:
            sentence = "I broke down too often over this one, so I gave it up; try another file."
            self._end(record, Ending(Outcome.FAILED, sentence))
            return
        record = dataclasses.replace(record, starts=record.starts + 1, started=time.time())
        self._open[record.id] = record
        self._runs[record.id] = self._runner.prepare()
        self._spawn(self._run(record), record.id)

    async def _run(self, record: JobRecord) -> None:
        run = self._runs[record.id]
        logger.info("Job %d begins (for the %d. time)", record.id, record.starts)
        with _told_in_log():
            await self._store.do(Store.start, record.id)
        await self._places.settled(record.id)
        updater = self._answers.updater(record, self._runner.operations(record))
        self._runner.start(record, run, updater.create_callback())
        ending = await asyncio.shield(run.done)
        del self._runs[record.id]
        if ending is None:
            await self._answers.keep(record, updater)
            return
        ended = self._close(record, ending)
        self._pump()
        await self._show_end(ended, updater)

    def _end(self, record: JobRecord, ending: Ending) -> None:
        """End a job that does not run."""
        self._places.drop(record.id)
        ended = self._close(record, ending)
        posting = record.id in self._posting
        if posting:
            self._posting[record.id] = ended  # shown once its message is sent
        self._spawn(self._note_end(ended, ending, show=not posting), record.id)
        asyncio.get_running_loop().call_soon(self._pump)

    async def _note_end(self, ended: JobRecord, ending: Ending, *, show: bool) -> None:
        with _told_in_log():
            await self._store.do(Store.end, ended.id, ending)
        await asyncio.to_thread(self._runner.remove, ended.id)
        if show:
            await self._show_end(ended)

    def _close(self, record: JobRecord, ending: Ending) -> JobRecord:
        """A job is open no more; what became of it."""
        logger.info("Job %d: %s after %.1f s", record.id, ending.outcome.value, ending.seconds)
        ended = dataclasses.replace(record, ending=ending)
        self._queue.remove(record.id)
        self._open.pop(record.id, None)
        self._on_end(ending)
        return ended

    async def _show_end(
        self, record: JobRecord, updater: DiscordProgressUpdater | None = None
    ) -> None:
        await self._places.settled(record.id)
        await self._answers.end(record, updater)
        await self._store.do(Store.set_shown, record.id)
        assert record.ending is not None
        told = record.message is None or record.ending.outcome is Outcome.CANCELLED
        if not told and time.time() - record.created >= self._settings.notify_after:
            await self._answers.notify(record)

    async def _show_place(self, job: int, place: int) -> None:
        record = self._open.get(job)
        if record is not None and record.message is not None:
            await self._answers.show_place(record, place)


def _ticket(record: JobRecord) -> Ticket:
    asked = record.asked
    return Ticket(record.id, asked.user, asked.server, again=record.starts > 0)


@contextlib.contextmanager
def _told_in_log() -> Iterator[None]:
    """The job list cannot be written: the worst of it is that a crash has the job begin again."""
    try:
        yield
    except SimilubotError as error:
        logger.error("%s (%s)", error.message, error.detail)


async def _of_job(job: int, work: Coroutine[None, None, None]) -> None:
    job_number.set(job)
    try:
        await work
    except Exception:
        logger.exception("The task of job %d failed", job)
