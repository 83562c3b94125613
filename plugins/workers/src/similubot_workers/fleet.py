"""Fleet: what the bot knows of its workers, and which attempt each of them carries.

Plain data and a clock, no connection: `RedisExecutor` tells it what comes in, and does what it
says. It is guarded by its caller's lock.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import msgspec

from similubot_bot import AttemptListener, JobTask, Machine
from similubot_core import render
from similubot_workers import __version__
from similubot_workers.messages import Attempt, Beat, Cancel, Ending, Order, Sealed, State, Taken

LOST_SECONDS = 15.0
"""A worker that says nothing for so long is gone."""

MISSING_SECONDS = 10.0
"""An attempt that its worker does not mention for so long, though it speaks, never reached it."""

SKEW_SECONDS = 60.0
"""How far a worker's clock may be off: a task's age is told by it."""


@dataclass
class Handed:
    """An attempt that was handed to a worker.

    Attributes:
        about: Which.
        worker: The worker's id.
        listener: Who hears of it; None until the bot, started anew, asks for it.
        mentioned: When its worker last said that it has it, or it was handed over.
        carried: Whether its worker has said so at all.
        cancelled: Whether it is to end as cancelled.
        locale: The requester's language.
    """

    about: Attempt
    worker: str
    listener: AttemptListener | None
    mentioned: float
    carried: bool = False
    cancelled: bool = False
    locale: str = "en"


@dataclass
class _Worker:
    """A worker that has said something."""

    beat: Beat
    package: str
    heard: float
    refused: str = ""
    carries: set[int] = field(default_factory=set)

    def free(self) -> int:
        """How many attempts it takes: its slots, without those that it has or ends just now."""
        if self.refused:
            return 0
        strangers = sum(about.job not in self.carries for about in self.beat.running)
        return max(0, self.beat.slots - len(self.carries) - strangers)


@dataclass(frozen=True, slots=True)
class Over:
    """An attempt that is over without an ending from its worker.

    Attributes:
        handed: Which.
        lost: How many workers are gone by now that carried the job; 0 when this one never had it,
            or left in order.
    """

    handed: Handed
    lost: int


class Fleet:
    """The workers and the attempts that were handed to them.

    Args:
        bot: The id of the bot's data folder.
        needed: What a worker must be able to do, such as "downloader mega".
        clock: Seconds that only grow.
        wall_clock: Seconds since 1970.
        lost_seconds: As `LOST_SECONDS`.
        missing_seconds: As `MISSING_SECONDS`.
    """

    def __init__(
        self,
        bot: str,
        needed: frozenset[str],
        clock: Callable[[], float],
        wall_clock: Callable[[], float],
        lost_seconds: float = LOST_SECONDS,
        missing_seconds: float = MISSING_SECONDS,
    ) -> None:
        self._bot = bot
        self._needed = needed
        self._clock = clock
        self._wall_clock = wall_clock
        self._lost_seconds = lost_seconds
        self._missing_seconds = missing_seconds
        self._workers: dict[str, _Worker] = {}
        self._others: dict[str, tuple[str, float]] = {}
        self._free: dict[str, int] = {}
        self._free_slots = 0
        self._unheard = 0
        self._handed: dict[int, Handed] = {}
        self._lost: dict[int, set[str]] = {}
        self._linked: float | None = None

    # -- looking --------------------------------------------------------------------------------

    @property
    def slots(self) -> int:
        """How many attempts can be there at once: those that somebody hears of, and the free
        slots.
        """
        carried = len(self._handed) - self._unheard
        return carried + (self._free_slots if self._linked is not None else 0)

    @property
    def is_linked(self) -> bool:
        """Whether Redis can be reached."""
        return self._linked is not None

    @property
    def machines(self) -> list[Machine]:
        """The workers that live, also those that get no jobs."""
        found = [
            Machine(
                worker.beat.worker,
                worker.package,
                worker.beat.slots,
                tuple(sorted(about.job for about in worker.beat.running)),
                worker.refused,
            )
            for worker in self._workers.values()
        ]
        found += [Machine(id_, package, 0, (), self._other_version(package))
                  for id_, (package, _) in self._others.items()]  # fmt: skip
        return sorted(found, key=lambda machine: machine.name)

    @property
    def refused(self) -> dict[str, str]:
        """For each worker that gets no jobs, why."""
        others = {id_: self._other_version(package) for id_, (package, _) in self._others.items()}
        return others | {
            id_: worker.refused for id_, worker in self._workers.items() if worker.refused
        }

    @property
    def handed(self) -> Mapping[int, Handed]:
        """The attempts that were handed over, by their jobs."""
        return self._handed

    def lost_by(self, job: int) -> set[str]:
        """The workers that are gone and carried the job."""
        return self._lost.get(job, set())

    # -- what the bot does ----------------------------------------------------------------------

    def hand(self, task: JobTask, listener: AttemptListener) -> Handed | None:
        """Choose a worker for an attempt, the one with the most free slots; None without any."""
        if self._linked is None:
            return None
        if not self._free:
            return None
        chosen = max(self._free, key=self._free.__getitem__)
        about = Attempt(self._bot, task.job, task.attempt)
        return self._add(Handed(about, chosen, listener, 0.0, locale=task.locale))

    def restore(self, about: Attempt, worker: str, lost: set[str]) -> None:
        """Take up an attempt from before the bot's restart; nobody hears of it yet."""
        if lost:
            self._lost[about.job] = lost
        if worker:
            self._add(Handed(about, worker, None, 0.0, carried=True))
            self._unheard += 1

    def adopt(self, task: JobTask, listener: AttemptListener) -> Handed | None:
        """Have somebody hear of an attempt from before the restart; None when it is none."""
        handed = self._handed.get(task.job)
        if handed is None or handed.listener is not None:
            return None
        if handed.about.attempt != task.attempt:
            self.take(task.job)
            return None
        handed.listener, handed.locale = listener, task.locale
        handed.mentioned = self._clock()
        self._unheard -= 1
        return handed

    def release(self, job: int) -> None:
        """Nobody hears of a job's attempt any more, and it goes on."""
        handed = self._handed.get(job)
        if handed is not None and handed.listener is not None:
            handed.listener = None
            self._unheard += 1

    def take(self, job: int) -> Handed | None:
        """Take out an attempt that is over; None when there is none."""
        handed = self._handed.pop(job, None)
        if handed is not None and handed.listener is None:
            self._unheard -= 1
        if handed is not None and handed.worker in self._workers:
            self._workers[handed.worker].carries.discard(job)
            self._count_free(handed.worker)
        return handed

    def forget(self, job: int) -> None:
        """The job is over for good."""
        self.take(job)
        self._lost.pop(job, None)

    def _add(self, handed: Handed) -> Handed:
        handed.mentioned = self._clock()
        self._handed[handed.about.job] = handed
        if handed.worker in self._workers:
            self._workers[handed.worker].carries.add(handed.about.job)
            self._count_free(handed.worker)
        return handed

    def _count_free(self, worker: str) -> None:
        known = self._workers.get(worker)
        free = 0 if known is None else known.free()
        self._free_slots += free - self._free.pop(worker, 0)
        if free:
            self._free[worker] = free

    # -- what comes in --------------------------------------------------------------------------

    def linked(self) -> None:
        """Redis can be reached, from now on: silence counts again, from now on."""
        self._linked = self._clock()

    def cut(self) -> None:
        """Redis cannot be reached: nobody can be heard, and nobody is gone for that."""
        self._linked = None

    def other_version(self, worker: str, package: str) -> None:
        """A worker of another version has said something."""
        self._others[worker] = package, self._clock()

    def beat(self, beat: Beat, sender: Sealed) -> list[Order]:
        """A worker lives; returns what to tell it."""
        now = self._clock()
        worker = self._workers.get(beat.worker)
        if worker is None:
            worker = self._workers[beat.worker] = _Worker(beat, sender.package, now)
            worker.carries = {j for j, h in self._handed.items() if h.worker == beat.worker}
        worker.beat, worker.heard = beat, now
        worker.refused = self._refusal(beat)
        self._count_free(beat.worker)
        for lost in self._lost.values():
            lost.discard(beat.worker)  # it was out of reach only: the job did not break it
        orders: list[Order] = []
        for about in (*beat.running, *beat.ended):
            handed = self._current(about, beat.worker)
            if handed is not None:
                handed.mentioned, handed.carried = now, True
            if (handed is None or handed.cancelled) and about in beat.running:
                orders.append(Cancel(about))
            if handed is None and about in beat.ended:
                orders.append(Taken(about))
        return orders

    def listener_of(self, state: State, sender: Sealed) -> AttemptListener | None:
        """Who hears of a state; None when its attempt does not count any more."""
        handed = self._current(state.about, sender.sender)
        return None if handed is None else handed.listener

    def ending(self, ending: Ending, sender: Sealed) -> Handed | None:
        """The attempt that has ended, taken out; None when it does not count, or nobody hears of
        it yet.
        """
        handed = self._current(ending.about, sender.sender)
        if handed is None or handed.listener is None:
            return None
        worker = self._workers.get(handed.worker)
        if worker is not None:  # its slot is free from now on, not only from its next beat
            left = tuple(about for about in worker.beat.running if about != ending.about)
            worker.beat = msgspec.structs.replace(worker.beat, running=left)
        return self.take(ending.about.job)

    def counts(self, about: Attempt, worker: str) -> bool:
        """Whether an attempt is the one that counts."""
        return self._current(about, worker) is not None

    def tick(self) -> list[Over]:
        """Time has passed; returns the attempts that are over for that, taken out."""
        if self._linked is None:
            return []
        over = list(self._over())
        self._drop_silent()
        return over

    # -- inside ---------------------------------------------------------------------------------

    def _current(self, about: Attempt, worker: str) -> Handed | None:
        handed = self._handed.get(about.job)
        if handed is None or handed.about != about or handed.worker != worker:
            return None
        return handed

    def _silent(self, heard: float) -> bool:
        assert self._linked is not None
        return self._clock() - max(heard, self._linked) > self._lost_seconds

    def _over(self) -> Iterator[Over]:
        assert self._linked is not None
        for job, handed in list(self._handed.items()):
            if handed.listener is None:
                continue
            worker = self._workers.get(handed.worker)
            since = max(handed.mentioned, self._linked)
            if worker is None or self._silent(worker.heard):
                if not self._silent(handed.mentioned):
                    continue
                lost = self._lost.setdefault(job, set())
                if handed.carried:
                    lost.add(handed.worker)
            elif (worker.beat.leaves and handed.about not in worker.beat.ended) or (
                worker.heard - since > self._missing_seconds
            ):
                lost = set()
            else:
                continue
            self.take(job)
            yield Over(handed, len(lost))

    def _drop_silent(self) -> None:
        for id_, worker in list(self._workers.items()):
            if worker.beat.leaves or self._silent(worker.heard):
                del self._workers[id_]
                self._count_free(id_)
        for id_, (_, heard) in list(self._others.items()):
            if self._silent(heard):
                del self._others[id_]

    def _refusal(self, beat: Beat) -> str:
        lacks = sorted(self._needed - set(beat.plugins))
        if lacks:
            return (
                f"It lacks what the bot offers: {', '.join(lacks)}. Install the same plugins "
                "there, with the same settings."
            )
        if abs(beat.clock - self._wall_clock()) > SKEW_SECONDS:
            return "Its clock and the bot's differ by over a minute; have both set by NTP."
        return ""

    @staticmethod
    def _other_version(package: str) -> str:
        shown = render.sanitize_line(package, 40)
        return (
            f"It runs similubot-workers {shown}, and the bot {__version__}; install the same "
            "version on both."
        )
