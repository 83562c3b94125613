"""A worker: carries out what the bot hands it, tells how far it is, and gives back what it must."""

import ctypes
import gc
import logging
import secrets
import shutil
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import redis
from dramatiq.errors import ConnectionClosed

from similubot_bot import AttemptListener, BotSettings, JobOutcome, JobTask
from similubot_bot.jobs.local_executor import LocalExecutor
from similubot_core import Cancelled, CancelToken, ProgressInfo, Settings
from similubot_core.plugins.specs import Plugins
from similubot_core.progress.paced_sink import PacedSink
from similubot_workers.abilities import abilities
from similubot_workers.link import (
    AGAIN_SECONDS,
    ALIVE_SECONDS,
    KEPT_SECONDS,
    Ear,
    Names,
    broker,
    connect,
)
from similubot_workers.messages import (
    A_PRESENCE,
    A_TASK,
    AN_ORDER,
    TASK_SECONDS,
    Attempt,
    Beat,
    Cancel,
    Ending,
    OtherVersionError,
    Seal,
    SealError,
    State,
    Taken,
)

logger = logging.getLogger(__name__)

BEAT_SECONDS = 2.0
FETCH_SECONDS = 2.0
"""How long a task may lie in Redis whose wake-up call got lost."""

PACE_SECONDS = 0.1
"""Seconds between two states of an operation on their way to the bot."""

MOST_STATES = 100
"""Of how many operations of an attempt the newest states are kept, to be said again."""

FENCE_SECONDS = 600.0
"""How long an upload waits for Redis, which tells whether it may begin."""

UNKNOWN_SECONDS = 60.0
"""How long it waits for a bot that has not said it to Redis again after Redis lost its data."""

TAKEN_SECONDS = 5.0
"""How long a worker that stops waits for the bot to note how its last jobs ended."""


class _Carried:
    """One attempt that the worker carries: what its executor reports goes to the bot.

    Args:
        about: Which.
        task: What is to be done.
        tell: Sends a state to the bot; may block.
        over: Called once at the end, in the attempt's thread.
    """

    def __init__(
        self,
        about: Attempt,
        task: JobTask,
        tell: Callable[[State], None],
        over: Callable[["_Carried", Ending], None],
    ) -> None:
        self.about = about
        self.task = task
        self.states: dict[str, ProgressInfo] = {}
        self._tell = tell
        self._over = over
        self._sink = PacedSink(self._write, PACE_SECONDS)

    def progress(self, info: ProgressInfo) -> None:
        """Take a state; never blocks."""
        self._sink.show(info)

    def ended(self, outcome: JobOutcome | None, *, disk_full: bool = False, lost: int = 0) -> None:
        """Take the end, in the attempt's thread."""
        self._sink.close()
        self._over(self, Ending(self.about, outcome, disk_full))

    def say_again(self) -> None:
        """Send the newest states again."""
        for info in list(self.states.values()):
            self._tell(State(self.about, info))

    def _write(self, info: ProgressInfo) -> None:
        if info.id in self.states or len(self.states) < MOST_STATES:
            self.states[info.id] = info
        self._tell(State(self.about, info))


class Carrier(Protocol):
    """What a worker needs of its executor."""

    def run(self, task: JobTask, listener: AttemptListener) -> None:
        """Start an attempt."""

    def cancel(self, job: int) -> None:
        """Cancel it."""

    def release(self, job: int) -> None:
        """End it without an outcome."""

    def remove(self, job: int) -> None:
        """Remove its files."""


class Worker:
    """Serves one bot's queue until it is told to stop.

    Args:
        url: The address of Redis.
        key: What messages are sealed with.
        queue: The name under which a bot and its workers find each other.
        plugins: What jobs may use.
        settings: The settings of this run.
        folder: Where the jobs' folders lie.
        slots: How many jobs it carries at once.

    Raises:
        UsageError: The address or the key is none.
    """

    def __init__(
        self,
        url: str,
        key: str,
        queue: str,
        plugins: Plugins,
        settings: Settings,
        folder: Path,
        slots: int,
    ) -> None:
        self.id = f"{socket.gethostname()}-{secrets.token_hex(3)}"
        self._slots = slots
        self._folder = folder
        self._table = settings.table(BotSettings)
        self._abilities = tuple(sorted(abilities(plugins)))
        self._seal = Seal(key, self.id)
        self._names = Names(queue)
        self._redis = connect(url)
        self._broker = broker(self._redis, self._names)
        self._carrier: Carrier = LocalExecutor(
            plugins, settings, folder, slots, may_upload=self._may_upload
        )
        self._lock = threading.Lock()
        self._carried: dict[int, _Carried] = {}
        self._next: dict[int, _Carried] = {}
        self._endings: dict[Attempt, Ending] = {}
        self._stopping = threading.Event()
        self._hurry = threading.Event()
        self._wake = threading.Event()
        self._poke = threading.Event()
        self._closed = threading.Event()
        self._again = False
        self._has_worked = True
        self._failed_at = float("-inf")
        self._reachable: bool | None = None
        self.refusal = ""

    # -- its life: in the main thread ------------------------------------------------------------

    def stop(self) -> None:
        """Take no more jobs and end soon; the second time, at once. Any thread, or a signal."""
        (self._hurry if self._stopping.is_set() else self._stopping).set()
        self._wake.set()

    def serve(self) -> None:
        """Carry jobs until `stop`, or until the bot refuses (`refusal` says why)."""
        channels = (self._names.orders, self._names.orders_of(self.id))
        ear = Ear(self._redis, channels, self._take_order, self._linked)
        fetch = threading.Thread(target=self._fetch, name="fetch", daemon=True)
        ear.start()
        fetch.start()
        while not self._stopping.is_set():
            self._beat()
            if self.refusal and not self._carried:
                break
            if self._has_worked and not self._carried:
                self._has_worked = False
                _give_memory_back()
            self._wake.wait(BEAT_SECONDS)
            self._wake.clear()
        self._stopping.set()
        self._end_jobs()
        self._closed.set()
        self._poke.set()
        ear.close()
        self._leave()
        ear.join(TAKEN_SECONDS)
        fetch.join(TAKEN_SECONDS)

    def _end_jobs(self) -> None:
        """Let what runs end for a while, then give it back."""
        if self._carried:
            logger.info(
                "Waiting up to %g s for running jobs: %d",
                self._table.stop_seconds,
                len(self._carried),
            )
        self._beat_until(lambda: not self._carried, self._table.stop_seconds, self._hurry)
        for job in list(self._carried):
            self._carrier.release(job)
        self._beat_until(lambda: not self._carried, 10.0)
        self._beat_until(lambda: not self._endings, TAKEN_SECONDS)

    def _beat_until(
        self, done: Callable[[], bool], seconds: float, hurry: threading.Event | None = None
    ) -> None:
        end = time.monotonic() + seconds
        while not done() and not (hurry is not None and hurry.is_set()):
            self._beat()
            left = end - time.monotonic()
            if left <= 0 or done():
                return
            self._wake.wait(min(BEAT_SECONDS, left))
            self._wake.clear()

    def _beat(self) -> None:
        """Say that it lives and what it does, and hear whether the bot lives."""
        with self._lock:
            again, self._again = self._again, False
            carried = list(self._carried.values())
            endings = list(self._endings.values())
        try:
            sealed = self._seal.close(self._now())
            with self._redis.pipeline(transaction=False) as pipe:
                pipe.set(self._names.worker(self.id), sealed, ex=ALIVE_SECONDS)
                pipe.publish(self._names.news, sealed)
                pipe.get(self._names.bot)
                presence = pipe.execute()[2]
            for ending in endings:  # until the bot has noted it, which is soon
                self._send_ending(ending)
        except (redis.RedisError, OSError) as error:
            self._again = True
            self._failed_at = time.monotonic()
            if self._reachable is not False:
                self._reachable = False
                logger.warning("Redis cannot be reached (%s); trying on.", type(error).__name__)
            return
        if self._reachable is not True:
            self._reachable = True
            logger.info("Worker %s is at work, with %d slots", self.id, self._slots)
        if again:
            for one in carried:
                one.say_again()
        self._look_at(presence)

    def _now(self, *, leaves: bool = False) -> Beat:
        takes = not self._stopping.is_set() and not self.refusal and not self._disk_is_low()
        with self._lock:
            running = (*self._carried.values(), *self._next.values())
            return Beat(
                self.id,
                self._slots if takes else 0,
                self._abilities,
                tuple(one.about for one in running),
                tuple(self._endings),
                time.time(),
                leaves,
            )

    def _disk_is_low(self) -> bool:
        try:
            return shutil.disk_usage(self._folder).free < max(1, self._table.min_free_disk)
        except OSError:
            return True

    def _look_at(self, presence: object) -> None:
        """See in what the bot says of itself whether it takes this worker."""
        if not isinstance(presence, bytes) or self.refusal:
            return
        try:
            why = self._seal.open(presence, A_PRESENCE)[0].refused.get(self.id, "")
        except OtherVersionError as error:
            why = f"The bot runs another version: {error}. Install the same on both."
        except SealError:
            why = "The bot has another [workers] key; set the same on both."
        if why:
            self.refusal = why
            self._wake.set()

    def _leave(self) -> None:
        try:
            self._redis.publish(self._names.news, self._seal.close(self._now(leaves=True)))
            self._redis.delete(self._names.worker(self.id))
            self._broker.flush(self.id)
        except (redis.RedisError, OSError):
            logger.info("Redis was gone before this worker left")

    # -- what the bot says -----------------------------------------------------------------------

    def _linked(self, linked: bool) -> None:
        if linked:
            self._again = True
            self._poke.set()
            self._wake.set()

    def _take_order(self, sealed: bytes) -> None:
        if not sealed:
            self._poke.set()
            return
        try:
            order, _sender = self._seal.open(sealed, AN_ORDER)
        except (SealError, OtherVersionError):
            return  # what the bot says of itself tells why, with the next beat
        if isinstance(order, Cancel):
            with self._lock:
                found = self._carried.get(order.about.job)
                is_it = found is not None and found.about == order.about
            if is_it:
                self._carrier.cancel(order.about.job)
        elif isinstance(order, Taken):
            with self._lock:
                self._endings.pop(order.about, None)
            if self._stopping.is_set():
                self._wake.set()
        else:
            self._again = True
            self._wake.set()

    def _fetch(self) -> None:
        """Take tasks out of the worker's queue."""
        while not self._closed.is_set():
            try:
                consumer = self._broker.consume(self.id, prefetch=self._slots, timeout=1)
                while not self._closed.is_set():
                    self._poke.clear()
                    message = next(consumer)
                    if message is None:
                        self._poke.wait(FETCH_SECONDS)
                        continue
                    self._accept(message.args)
                    consumer.ack(message)
            except (ConnectionClosed, redis.RedisError, OSError):
                self._closed.wait(AGAIN_SECONDS)

    def _accept(self, arguments: tuple[object, ...]) -> None:
        try:
            sealed = str(arguments[0]).encode("ascii")
            task = self._seal.open(sealed, A_TASK, TASK_SECONDS)[0]
        except (IndexError, UnicodeEncodeError, SealError, OtherVersionError) as error:
            logger.warning("A task cannot be opened, or is too old (%s)", type(error).__name__)
            return
        about = Attempt(task.bot, task.task.job, task.task.attempt)
        one = _Carried(about, task.task, self._tell, self._over)
        if self._stopping.is_set():
            self._over(one, Ending(about, None))
            return
        with self._lock:
            before = self._carried.get(about.job)
            if before is None:
                self._carried[about.job] = one
            else:  # it ends first: both would work in the same folder
                self._next[about.job] = one
        self._wake.set()
        if before is None:
            self._begin(one)
        else:
            self._carrier.cancel(about.job)

    def _begin(self, one: _Carried) -> None:
        logger.info("Job %d begins (attempt %d)", one.about.job, one.about.attempt)
        self._carrier.remove(one.about.job)
        self._carrier.run(one.task, one)

    # -- what the bot is told --------------------------------------------------------------------

    def _tell(self, state: State) -> None:
        """Send a state, unless Redis did not take the last one a moment ago."""
        if time.monotonic() - self._failed_at < AGAIN_SECONDS:
            self._again = True
            return
        try:
            self._redis.publish(self._names.news, self._seal.close(state))
        except (redis.RedisError, OSError):
            self._failed_at = time.monotonic()
            self._again = True

    def _over(self, one: _Carried, ending: Ending) -> None:
        """An attempt has ended; in its thread."""
        job = ending.about.job
        self._has_worked = True
        self._carrier.remove(job)
        how = "given back" if ending.outcome is None else ending.outcome.status.value
        logger.info("Job %d: %s", job, how)
        with self._lock:
            self._endings[ending.about] = ending
            following = None
            if self._carried.get(job) is one:
                del self._carried[job]
                following = self._next.pop(job, None)
                if following is not None:
                    self._carried[job] = following
        try:
            self._send_ending(ending)
        except (redis.RedisError, OSError):
            self._failed_at = time.monotonic()  # each beat tries again
        self._wake.set()
        if following is not None:
            self._begin(following)

    def _send_ending(self, ending: Ending) -> None:
        sealed = self._seal.close(ending)
        name = self._names.endings(ending.about.bot)
        with self._redis.pipeline(transaction=False) as pipe:
            pipe.hset(name, str(ending.about.job), sealed)
            pipe.expire(name, KEPT_SECONDS)
            pipe.publish(self._names.news, sealed)
            pipe.execute()

    def _may_upload(self, task: JobTask, cancel: CancelToken) -> None:
        """Wait until Redis says that this attempt is still the one that counts.

        Raises:
            Cancelled: It is not, or nobody says so in time; then the job is given back.
        """
        with self._lock:
            one = self._carried.get(task.job)
        assert one is not None
        name = self._names.attempts(one.about.bot)
        began = time.monotonic()
        unknown_since: float | None = None
        while time.monotonic() - began < FENCE_SECONDS:
            cancel.raise_if_cancelled()
            try:
                counts = self._redis.hget(name, str(task.job))
            except (redis.RedisError, OSError):
                unknown_since = None
            else:
                if counts == str(task.attempt).encode():
                    return
                if counts is not None:
                    logger.warning("Job %d has begun again elsewhere; not uploaded", task.job)
                    raise Cancelled
                unknown_since = unknown_since or time.monotonic()
                if time.monotonic() - unknown_since > UNKNOWN_SECONDS:
                    break
            cancel.wait(AGAIN_SECONDS)
        self._carrier.release(task.job)
        raise Cancelled


def _give_memory_back() -> None:
    """Hand what jobs and imports have freed back to the system, which the C library keeps else."""
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc's; others do it by themselves
    if trim is not None:
        trim(0)
