"""RedisExecutor: hands the bot's jobs to workers on other machines."""

import asyncio
import contextlib
import logging
import os
import queue
import threading
import time
from collections.abc import Callable
from contextvars import copy_context
from functools import partial
from pathlib import Path

import msgspec
import redis

from similubot_bot import (
    AttemptListener,
    ExecutorContext,
    JobOutcome,
    JobStatus,
    JobTask,
    Machine,
)
from similubot_bot.i18n import _, language
from similubot_core import UsageError
from similubot_workers.abilities import abilities
from similubot_workers.fleet import LOST_SECONDS, MISSING_SECONDS, Fleet, Handed, Over
from similubot_workers.link import (
    ALIVE_SECONDS,
    KEPT_SECONDS,
    Ear,
    Names,
    broker,
    connect,
    task_message,
)
from similubot_workers.messages import (
    A_PRESENCE,
    AN_ENDING,
    SOME_NEWS,
    Attempt,
    Beat,
    Cancel,
    Ending,
    Order,
    OtherVersionError,
    Presence,
    SayAgain,
    Seal,
    Sealed,
    SealError,
    Taken,
    Task,
)

logger = logging.getLogger(__name__)

TICK_SECONDS = 2.0
CLOSE_SECONDS = 5.0


class _Note(msgspec.Struct, frozen=True):
    """What the executor's folder holds of a job, for the bot's next start.

    Attributes:
        attempt: Which attempt was handed over last.
        worker: To which worker; "" when that is over.
        lost: The workers that are gone and carried the job.
    """

    attempt: int
    worker: str
    lost: tuple[str, ...] = ()


class RedisExecutor:
    """Hands attempts to workers, never more than they have free slots for.

    What it decides by is in `Fleet`. Two threads of its own talk to Redis, so that neither the
    event loop nor what is heard ever waits for what is said.

    Args:
        url: The address of Redis.
        key: What messages are sealed with.
        queue_name: The name under which a bot and its workers find each other.
        context: What the bot gives an executor.
        lost_seconds: As in `fleet`.
        missing_seconds: As in `fleet`.

    Raises:
        UsageError: The address or the key is none, or the bot's folder cannot be used.
    """

    name = "workers"
    outlives_bot = True
    shares_disk = False

    def __init__(
        self,
        url: str,
        key: str,
        queue_name: str,
        context: ExecutorContext,
        *,
        lost_seconds: float = LOST_SECONDS,
        missing_seconds: float = MISSING_SECONDS,
    ) -> None:
        self._folder = context.folder / "workers"
        self._bot = _own_id(self._folder)
        self._seal = Seal(key, self._bot)
        self._names = Names(queue_name)
        self._redis = connect(url)
        self._broker = broker(self._redis, self._names)
        self._slots_changed = context.slots_changed
        self._lock = threading.Lock()
        self._fleet = Fleet(
            self._bot,
            abilities(context.plugins),
            time.monotonic,
            time.time,
            lost_seconds,
            missing_seconds,
        )
        self._hears = False
        self._told: set[str] = set()
        self._without_worker: list[AttemptListener] = []
        for path in self._folder.glob("[0-9]*"):
            with contextlib.suppress(OSError, ValueError, msgspec.DecodeError):
                note = msgspec.json.decode(path.read_bytes(), type=_Note)
                about = Attempt(self._bot, int(path.name), note.attempt)
                self._fleet.restore(about, note.worker, set(note.lost))
        self._todo: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._ear = Ear(self._redis, (self._names.news,), self._take, self._set_hears)
        self._thread = threading.Thread(target=self._work, name="redis-mouth", daemon=True)
        self._ear.start()
        self._thread.start()

    # -- what the bot asks: in the event loop, never waits ---------------------------------------

    @property
    def slots(self) -> int:
        """How many attempts the workers can carry, with those that they do."""
        with self._lock:
            return self._fleet.slots

    @property
    def machines(self) -> list[Machine]:
        """The workers, also those that get no jobs."""
        with self._lock:
            return self._fleet.machines

    def run(self, task: JobTask, listener: AttemptListener) -> None:
        """Hand an attempt to the worker with the most free slots."""
        with self._lock:
            handed = self._fleet.hand(task, listener)
        if handed is None:  # the last free one is gone since the bot asked
            self._without_worker.append(listener)
            return
        self._todo.put(partial(self._hand, handed, task))

    def cancel(self, job: int) -> None:
        """Have the worker cancel the job's attempt."""
        with self._lock:
            handed = self._fleet.handed.get(job)
            if handed is None:
                return
            handed.cancelled = True
            linked = self._fleet.is_linked
        if linked:
            self._todo.put(partial(self._say, handed.worker, Cancel(handed.about)))
        else:
            self._todo.put(partial(self._end_cancelled, job))

    def release(self, job: int) -> None:
        """The bot stops: the attempt goes on, and is found again by `adopt`."""
        with self._lock:
            self._fleet.release(job)

    async def adopt(self, task: JobTask, listener: AttemptListener) -> bool:
        """Whether a worker carries this attempt from before the restart, as far as is known."""
        with self._lock:
            handed = self._fleet.adopt(task, listener)
        if handed is None:
            return False
        self._todo.put(self._read_endings)
        self._todo.put(partial(self._say, handed.worker, SayAgain()))
        return True

    async def sweep(self, open_jobs: set[int]) -> None:
        """Forget the jobs that are not among `open_jobs`."""
        self._todo.put(partial(self._sweep, open_jobs))

    async def forget(self, job: int) -> None:
        """Forget a job that ended."""
        self._todo.put(partial(self._forget, job))

    async def close(self) -> None:
        """Say what is to be said still, and let go of Redis; the workers go on."""
        self._ear.close()
        self._todo.put(self._leave)
        self._todo.put(None)
        await asyncio.to_thread(self._thread.join, CLOSE_SECONDS)
        await asyncio.to_thread(self._ear.join, CLOSE_SECONDS)

    # -- what is said: in a thread of its own ----------------------------------------------------

    def _work(self) -> None:
        due = 0.0
        while True:
            now = time.monotonic()
            todo: Callable[[], None] | None
            if now >= due:
                todo, due = self._tick, now + TICK_SECONDS
            else:
                try:
                    todo = self._todo.get(timeout=due - now)
                except queue.Empty:
                    continue
            if todo is None:
                return
            try:
                todo()
            except (redis.RedisError, OSError) as error:
                self._cut(error)
            except Exception:
                logger.exception("The workers' executor failed at a step")

    def _tick(self) -> None:
        while self._without_worker:
            self._without_worker.pop().ended(None)
        with self._lock:
            refused = self._fleet.refused
        for worker, why in refused.items():
            if (line := f"{worker}: {why}") not in self._told:
                self._told.add(line)
                logger.warning("A worker gets no jobs. %s", line)
        if not self._is_only_bot():
            with self._lock:
                self._fleet.cut()
            return
        presence = self._seal.close(Presence(self._bot, refused))
        self._redis.set(self._names.bot, presence, ex=ALIVE_SECONDS)
        if self._hears:
            with self._lock:
                is_new = not self._fleet.is_linked
            if is_new:
                self._link()
        with self._lock:
            over = self._fleet.tick()
        for one in over:
            self._end_over(one)

    def _is_only_bot(self) -> bool:
        """Whether no other bot uses this queue: their jobs would get mixed up."""
        sealed = self._redis.get(self._names.bot)
        if not isinstance(sealed, bytes):
            return True
        try:
            other = self._seal.open(sealed, A_PRESENCE)[0].bot
        except OtherVersionError as error:
            other = error.sender
        except SealError:
            other = ""
        if other == self._bot:
            return True
        if "other bot" not in self._told:
            self._told.add("other bot")
            logger.error(
                "Another bot uses the workers' queue, or did a moment ago with another key; until "
                "it is gone, no job goes to a worker. Give one of them another [workers] queue."
            )
        return False

    def _link(self) -> None:
        """Redis can be reached: tell it what it may have lost, and hear what was missed."""
        with self._lock:
            handed = list(self._fleet.handed.values())
        for one in handed:
            self._fence(one.about.job, one.about.attempt)
        self._read_endings()
        self._redis.publish(self._names.orders, self._seal.close(SayAgain()))
        with self._lock:
            self._fleet.linked()
        logger.info("Redis is there; workers are listened to")
        self._told.discard("other bot")
        self._told.discard("cut")
        self._slots_changed()

    def _cut(self, error: Exception) -> None:
        with self._lock:
            self._fleet.cut()
        if "cut" not in self._told:
            self._told.add("cut")
            logger.warning(
                "Redis cannot be reached (%s); workers go on with what they have, and get no more "
                "until it is back.",
                type(error).__name__,
            )

    def _hand(self, handed: Handed, task: JobTask) -> None:
        try:
            self._keep(handed.about, handed.worker)
            self._fence(task.job, task.attempt)
            sealed = self._seal.close(Task(self._bot, task))
            self._broker.enqueue(task_message(handed.worker, sealed))
            self._redis.publish(self._names.orders_of(handed.worker), b"")
        except (redis.RedisError, OSError) as error:
            self._cut(error)
            self._end_over(Over(handed, 0))
            return
        logger.info("Job %d goes to worker %s", task.job, handed.worker)

    def _say(self, worker: str, order: Order) -> None:
        self._redis.publish(self._names.orders_of(worker), self._seal.close(order))

    def _fence(self, job: int, attempt: int) -> None:
        name = self._names.attempts(self._bot)
        self._redis.hset(name, str(job), str(attempt))
        self._redis.expire(name, KEPT_SECONDS)

    def _end_over(self, over: Over) -> None:
        """End an attempt whose worker does not: give the job back, or count it as cancelled."""
        handed, about = over.handed, over.handed.about
        with self._lock:
            if self._fleet.handed.get(about.job) is handed:
                self._fleet.take(about.job)
        if over.lost:
            logger.warning("Job %d: worker %s is gone", about.job, handed.worker)
        self._keep(about, "")
        try:  # whoever has it yet is not to upload
            self._fence(about.job, about.attempt + 1)
        except (redis.RedisError, OSError) as error:
            self._cut(error)
        if handed.listener is None:
            return
        if handed.cancelled:
            handed.listener.ended(copy_context().run(_cancelled, handed.locale))
        else:
            handed.listener.ended(None, lost=over.lost)

    def _end_cancelled(self, job: int) -> None:
        with self._lock:
            handed = self._fleet.take(job)
        if handed is not None:
            self._end_over(Over(handed, 0))

    def _take_ending(self, ending: Ending, sender: Sealed) -> None:
        with self._lock:
            if self._fleet.counts(ending.about, sender.sender):
                handed = self._fleet.ending(ending, sender)
                if handed is None:
                    return  # the bot starts, and asks for it in a moment
            else:
                handed = None
        if handed is not None:
            assert handed.listener is not None
            logger.info("Job %d has ended on worker %s", ending.about.job, handed.worker)
            self._keep(ending.about, "")
            outcome = ending.outcome
            if outcome is None and handed.cancelled:
                outcome = copy_context().run(_cancelled, handed.locale)
            handed.listener.ended(outcome, disk_full=ending.disk_full)
        if ending.about.bot == self._bot:
            self._redis.hdel(self._names.endings(self._bot), str(ending.about.job))
        self._say(sender.sender, Taken(ending.about))

    def _read_endings(self) -> None:
        """Look at the endings that were told while nobody listened."""
        kept = self._redis.hgetall(self._names.endings(self._bot))
        for sealed in kept.values():
            assert isinstance(sealed, bytes)
            with contextlib.suppress(SealError, OtherVersionError):
                self._take_ending(*self._seal.open(sealed, AN_ENDING))

    def _sweep(self, open_jobs: set[int]) -> None:
        for path in self._folder.glob("[0-9]*"):
            if path.name.isdecimal() and (job := int(path.name)) not in open_jobs:
                with self._lock:
                    self._fleet.forget(job)
                path.unlink(missing_ok=True)
        fenced = {int(job) for job in self._redis.hkeys(self._names.attempts(self._bot))}
        for job in fenced - open_jobs:
            self._forget(job)

    def _forget(self, job: int) -> None:
        with self._lock:
            self._fleet.forget(job)
        (self._folder / str(job)).unlink(missing_ok=True)
        self._redis.hdel(self._names.attempts(self._bot), str(job))

    def _leave(self) -> None:
        self._redis.delete(self._names.bot)

    def _keep(self, about: Attempt, worker: str) -> None:
        """Note which worker has a job's attempt, for the bot's next start."""
        with self._lock:
            lost = tuple(sorted(self._fleet.lost_by(about.job)))
        path = self._folder / str(about.job)
        beside = path.with_name(f".{about.job}")
        try:
            beside.write_bytes(msgspec.json.encode(_Note(about.attempt, worker, lost)))
            beside.replace(path)
        except OSError as error:
            logger.error("The bot's folder cannot be written: %s", error.strerror)

    # -- what is heard: in a thread of its own ---------------------------------------------------

    def _set_hears(self, hears: bool) -> None:
        self._hears = hears
        if hears:
            self._todo.put(self._tick)
        else:
            self._cut(redis.ConnectionError())

    def _take(self, sealed: bytes) -> None:
        try:
            news, sender = self._seal.open(sealed, SOME_NEWS)
        except OtherVersionError as error:
            with self._lock:
                self._fleet.other_version(error.sender, error.package)
            return
        except SealError:
            if "key" not in self._told:
                self._told.add("key")
                logger.warning(
                    "A worker has another [workers] key than the bot; it gets no jobs until both "
                    "have the same."
                )
            return
        if isinstance(news, Beat):
            self._take_beat(news, sender)
        elif isinstance(news, Ending):
            self._todo.put(partial(self._take_ending, news, sender))
        else:
            with self._lock:
                listener = self._fleet.listener_of(news, sender)
            if listener is not None:
                listener.progress(news.info)

    def _take_beat(self, beat: Beat, sender: Sealed) -> None:
        with self._lock:
            before = self._fleet.slots
            orders = self._fleet.beat(beat, sender)
            grew = self._fleet.slots > before
            owes = any(self._fleet.counts(about, beat.worker) for about in beat.ended)
        for order in orders:
            self._todo.put(partial(self._say, beat.worker, order))
        if owes:  # it was told while nobody listened
            self._todo.put(self._read_endings)
        if grew:
            self._slots_changed()


def _cancelled(locale: str) -> JobOutcome:
    language.set(locale)
    return JobOutcome(JobStatus.CANCELLED, _("Cancelled."))


def _own_id(folder: Path) -> str:
    """The id of the bot's data folder, made when there is none."""
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        path = folder / "id"
        if not path.exists():
            path.write_text(os.urandom(8).hex(), encoding="ascii")
        return path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"The folder {folder} cannot be used: {error}.") from error
