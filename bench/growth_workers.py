"""What the bot's queue and its executor cost with a thousand workers and 100,000 jobs a day.

    python bench/growth_workers.py

The queue (`FairQueue`), the executor's decisions (`Fleet`), the sealing of messages and the job
list (`Store`) are the real ones; workers, jobs and time are simulated, and no Redis is asked.
"""

import argparse
import heapq
import math
import random
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from cryptography.fernet import Fernet

from report import Goal, Report, Table, tell
from similubot_bot import JobOutcome, JobRequest, JobStatus, JobTask
from similubot_bot.jobs.queue import Caps, FairQueue, Ticket
from similubot_bot.jobs.store import Store
from similubot_core import ProgressInfo, ProgressStatus
from similubot_workers.fleet import Fleet
from similubot_workers.messages import SOME_NEWS, Attempt, Beat, Ending, Seal, Sealed, State
from similubot_workers.worker import BEAT_SECONDS, PACE_SECONDS

DAY = 86_400.0
MOST_OPEN = 5
"""How many jobs of one user may be open, as the bot has it."""
STATES_A_JOB = 4
"""The operations of a job: itself and its three stages; one of the stages moves at a time."""


@dataclass(frozen=True)
class Load:
    """What is simulated.

    Attributes:
        workers: How many there are, with one slot each.
        jobs: How many are asked for.
        seconds: In how much time; three times as many at the busiest hour as at the quietest.
        job_seconds: How long a job takes on average.
        users, servers: Who asks, and where; a few of them ask the most.
        deaths: How many workers break off without a word; each is back, as another, a minute later.
        beat_seconds: How often a worker says what it does.
        lost_seconds: As `Fleet` takes it.
    """

    workers: int = 1000
    jobs: int = 100_000
    seconds: float = DAY
    job_seconds: float = 600.0
    users: int = 20_000
    servers: int = 500
    deaths: int = 500
    beat_seconds: float = 120.0
    lost_seconds: float = 300.0


@dataclass
class Found:
    """What a simulation found.

    Attributes:
        ended: How often each job ended.
        waits: Seconds that each job waited before its first attempt.
        begun: How many attempts were begun.
        lost: How many attempts went with their workers.
        most_of_a_user: How many jobs of one user ran at once, at most.
        most_on_a_worker: How many jobs one worker carried at once, at most.
        idle_while_waiting: How often a slot was free while the caps let a job start.
        most_waiting, most_running: How many waited and ran at once, at most.
        deciding: Seconds of a processor that the queue and the executor took to start jobs.
        beating: Seconds of a processor that beats took.
        beats: How many there were.
        positions: Seconds that each look at all positions took, with how many waited.
    """

    ended: Counter[int] = field(default_factory=Counter)
    waits: list[float] = field(default_factory=list)
    begun: int = 0
    lost: int = 0
    most_of_a_user: int = 0
    most_on_a_worker: int = 0
    idle_while_waiting: int = 0
    most_waiting: int = 0
    most_running: int = 0
    deciding: float = 0.0
    beating: float = 0.0
    beats: int = 0
    positions: list[tuple[int, float]] = field(default_factory=list)


class _Nobody:
    """A listener that hears nothing."""

    def progress(self, info: ProgressInfo) -> None:
        """Hear nothing."""

    def ended(self, outcome: JobOutcome | None, *, disk_full: bool = False, lost: int = 0) -> None:
        """Hear nothing."""


class Simulation:
    """A day of a bot, as fast as this machine can decide.

    Args:
        load: What happens.
        seed: Of the chances.
    """

    def __init__(self, load: Load, seed: int = 1) -> None:
        self.load = load
        self.found = Found()
        self._chance = random.Random(seed)
        self._now = 0.0
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._count = 0
        self._queue = FairQueue(Caps(per_user=1, per_server=None))
        self._fleet = Fleet(
            "bot",
            frozenset(),
            lambda: self._now,
            lambda: self._now,
            load.lost_seconds,
            load.lost_seconds,
        )
        self._fleet.linked()
        self._tickets: dict[int, Ticket] = {}
        self._asked: dict[int, float] = {}
        self._attempts: Counter[int] = Counter()
        self._carried: dict[str, dict[int, Attempt]] = {}
        self._users: Counter[int] = Counter()
        self._opened: Counter[int] = Counter()
        self._open = load.jobs

    def run(self) -> Found:
        """Let the day pass, until all jobs have ended."""
        load, chance = self.load, self._chance
        for number in range(load.workers):
            self._at(chance.uniform(0, load.beat_seconds), lambda n=number: self._join(f"w{n}"))  # type: ignore[misc]
        for job in range(1, load.jobs + 1):
            self._at(self._moment(), lambda n=job: self._ask(n))  # type: ignore[misc]
        for number in range(load.deaths):
            self._at(chance.uniform(0, load.seconds), lambda n=number: self._die(n))  # type: ignore[misc]
        self._at(load.beat_seconds, self._tick)
        while self._events and self._open:
            self._now, _, event = heapq.heappop(self._events)
            event()
        return self.found

    def _moment(self) -> float:
        """When somebody asks: three times as often at the busiest hour as at the quietest."""
        while True:
            moment = self._chance.uniform(0, 1)
            if self._chance.uniform(0, 1.5) < 1 + 0.5 * math.sin(2 * math.pi * moment):
                return moment * self.load.seconds

    def _at(self, moment: float, event: Callable[[], None]) -> None:
        self._count += 1
        heapq.heappush(self._events, (moment, self._count, event))

    def _after(self, seconds: float, event: Callable[[], None]) -> None:
        self._at(self._now + seconds, event)

    def _few(self, count: int) -> int:
        """One of so many; the first ones more often than the last."""
        return int(count * self._chance.random() ** 2)

    def _ask(self, job: int) -> None:
        user = self._few(self.load.users)
        while self._opened[user] >= MOST_OPEN:  # the bot refuses them then
            user = self._few(self.load.users)
        self._opened[user] += 1
        ticket = Ticket(job, user, self._few(self.load.servers))
        self._tickets[job], self._asked[job] = ticket, self._now
        self._queue.add(ticket)
        self._pump()
        self.found.most_waiting = max(self.found.most_waiting, self._queue.waiting)
        if job % 100 == 0:
            began = time.process_time()
            self._queue.positions()
            self.found.positions.append((self._queue.waiting, time.process_time() - began))

    def _pump(self) -> None:
        began = time.process_time()
        while len(self._queue.running) < self._fleet.slots:
            ticket = self._queue.next()
            if ticket is None:
                break
            self._queue.start(ticket.job, self._now)
            self._begin(ticket)
        self.found.deciding += time.process_time() - began

    def _begin(self, ticket: Ticket) -> None:
        found, job = self.found, ticket.job
        self._attempts[job] += 1
        task = JobTask(job, self._attempts[job], "", "link", "", None, "host", 1)
        handed = self._fleet.hand(task, _Nobody())
        assert handed is not None
        if self._attempts[job] == 1:
            found.waits.append(self._now - self._asked[job])
        found.begun += 1
        self._users[ticket.user] += 1
        found.most_of_a_user = max(found.most_of_a_user, self._users[ticket.user])
        found.most_running = max(found.most_running, len(self._queue.running))
        carried = self._carried.get(handed.worker)
        if carried is None:
            return  # it is dead, and nobody has noticed yet
        carried[job] = handed.about
        found.most_on_a_worker = max(found.most_on_a_worker, len(carried))
        seconds = self._chance.lognormvariate(math.log(self.load.job_seconds) - 0.5, 1.0)
        self._after(seconds, lambda: self._end(handed.worker, handed.about))

    def _end(self, worker: str, about: Attempt) -> None:
        carried = self._carried.get(worker)
        if carried is None or carried.pop(about.job, None) is None:
            return
        if self._fleet.ending(Ending(about, None), Sealed(worker, "0")) is not None:
            self._fleet.forget(about.job)
            self._close(about.job)
            self._opened[self._tickets[about.job].user] -= 1
            self.found.ended[about.job] += 1
            self._open -= 1
        self._pump()
        if self._queue.next() is not None and len(self._queue.running) < self._fleet.slots:
            self.found.idle_while_waiting += 1

    def _close(self, job: int) -> None:
        self._queue.remove(job)
        self._users[self._tickets[job].user] -= 1

    def _join(self, worker: str) -> None:
        self._carried[worker] = {}
        self._beat(worker)

    def _beat(self, worker: str) -> None:
        carried = self._carried.get(worker)
        if carried is None:
            return
        beat = Beat(worker, 1, (), tuple(carried.values()), (), self._now)
        before, began = self._fleet.slots, time.process_time()
        self._fleet.beat(beat, Sealed(worker, "0"))
        self.found.beating += time.process_time() - began
        self.found.beats += 1
        if self._fleet.slots > before:
            self._pump()
        self._after(self.load.beat_seconds, lambda: self._beat(worker))

    def _die(self, number: int) -> None:
        if not self._carried:
            return
        worker = self._chance.choice(list(self._carried))
        del self._carried[worker]
        self._after(60.0, lambda: self._join(f"again{number}"))

    def _tick(self) -> None:
        for over in self._fleet.tick():
            job = over.handed.about.job
            self.found.lost += 1
            self._close(job)
            ticket = self._tickets[job]
            again = Ticket(job, ticket.user, ticket.server, again=True)
            self._queue.add(again)
        self._pump()
        self._after(self.load.beat_seconds, self._tick)


def cost_of(function: Callable[[], object], times: int) -> float:
    """Seconds of a processor that one call takes."""
    began = time.process_time()
    for _ in range(times):
        function()
    return (time.process_time() - began) / times


def cost_of_messages() -> tuple[float, float]:
    """Seconds that it takes to seal a state, and to open it."""
    seal = Seal(Fernet.generate_key().decode(), "bench")
    info = ProgressInfo(
        "MEGA Download", ProgressStatus.IN_PROGRESS, 41.5, 41_500_000, 100_000_000, 5e6, 11.7,
        "song.flac", {"connections": 4}, id="5e3a90c1-17", parent="5e3a90c1-16",
    )  # fmt: skip
    state = State(Attempt("0123456789abcdef", 12_345, 1), info)
    sealed = seal.close(state)
    return (
        cost_of(lambda: seal.close(state), 3000),
        cost_of(lambda: seal.open(sealed, SOME_NEWS), 3000),
    )


def cost_of_the_list(folder: Path, jobs: int) -> tuple[float, float, float]:
    """With so many ended jobs in the list: seconds of a processor that one more job takes from its
    request to its end, megabytes of the list, and seconds that the bot's start takes to read it.
    """
    store = Store(folder / "jobs.db")
    request = JobRequest(1, 2, 3, "https://mega.nz/file/abc#key", "link", "song", 128, "catbox")
    done = JobOutcome(JobStatus.DONE, "https://files.example/abc.m4a", "song.m4a", 1, 1.0, 1.0)

    def one(user: int) -> None:
        record = store.add(replace(request, user=user))
        store.start(record.id)
        store.end(record.id, done)
        store.set_shown(record.id)

    store.db.change("PRAGMA synchronous = OFF")
    for number in range(jobs):
        one(number % 5000)
    store.db.change("PRAGMA synchronous = NORMAL")
    each = cost_of(lambda: one(7), 200)
    began = time.perf_counter()
    store.served()
    store.unfinished()
    start = time.perf_counter() - began
    size = (folder / "jobs.db").stat().st_size / 1e6
    store.close()
    return each, size, start


def quantile(values: list[float], share: float) -> float:
    """A value that so large a share of the values does not exceed."""
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def measure(arguments: argparse.Namespace) -> Report:
    """Measure and tell."""
    load = Load(workers=arguments.workers, jobs=arguments.jobs)
    began = time.perf_counter()
    found = Simulation(load).run()
    took = time.perf_counter() - began
    close, open_ = cost_of_messages()
    with tempfile.TemporaryDirectory(prefix="similubot-bench-") as folder:
        each, size, start = cost_of_the_list(Path(folder), arguments.listed)
    beats = load.workers / BEAT_SECONDS
    states = found.most_running / PACE_SECONDS
    jobs = load.jobs / DAY
    decide = found.deciding / found.begun
    beat = found.beating / found.beats
    busiest = max(found.positions)
    bot = beats * (beat + open_) + states * open_ + jobs * (decide + each)
    rows = (
        ("jobs a second, on average", f"{jobs:.2f}", f"{(decide + each) * 1e6:.0f}"),
        ("beats a second", f"{beats:.0f}", f"{(beat + open_) * 1e6:.0f}"),
        ("states a second, all slots busy", f"{states:.0f}", f"{open_ * 1e6:.0f}"),
        ("positions, with the most waiting", f"{busiest[0]}", f"{busiest[1] * 1e6:.0f}"),
    )
    return Report(
        f"{load.workers:,} workers, {load.jobs:,} jobs a day",
        f"{load.workers} simulated workers with one slot, {load.jobs} jobs of "
        f"{load.job_seconds / 60:g} minutes on average in a day, {load.deaths} workers that break "
        "off without a word. The queue, the executor's decisions, the sealing of messages and the "
        "job list are the real ones; the day took "
        f"{took:.0f} s. The figures of a step are this machine's.",
        (
            f"Each of {len(found.ended)} jobs ended once, after {found.begun} attempts, "
            f"{found.lost} of which went with their workers.",
            f"Half of the jobs waited {quantile(found.waits, 0.5):.0f} s, one in a hundred "
            f"{quantile(found.waits, 0.99) / 60:.0f} minutes; at most {found.most_waiting} waited "
            f"and {found.most_running} ran.",
            f"All of it takes {bot:.2f} of one processor in the bot, {states * open_:.2f} of it "
            "for states.",
            f"Redis passes {2 * states + 4 * beats:.0f} commands and messages a second.",
            f"A worker takes {close * 1e6:.0f} µs to seal a state.",
            f"With {arguments.listed} jobs in its list ({size:.0f} MB) one more takes "
            f"{each * 1e3:.2f} ms of it, and the bot's start reads it in {start:.2f} s.",
        ),
        (Table("", ("", "how many", "µs of the bot each"), rows),),
        goals=(
            Goal(f"the bot with {load.workers:,} workers: processors", bot, 1.0),
            Goal("starting a job, ms", decide * 1e3, 10.0),
        ),
    )


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What is simulated."""
    parser.add_argument("--workers", type=int, default=1000)
    parser.add_argument("--jobs", type=int, default=100_000)
    parser.add_argument("--listed", type=int, default=50_000, help="jobs in the list")


if __name__ == "__main__":
    tell(__doc__, measure, add_arguments)
