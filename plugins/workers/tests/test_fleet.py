"""What the bot knows of its workers, with a clock that the test controls."""

from similubot_bot import JobOutcome, JobTask
from similubot_core import ProgressInfo
from similubot_testkit.fake_clock import FakeClock
from similubot_workers.fleet import Fleet, Over
from similubot_workers.messages import Attempt, Beat, Cancel, Ending, Sealed, Taken

NEEDS = frozenset({"downloader mega"})
MORNING = 1_800_000_000.0


class Listener:
    def progress(self, info: ProgressInfo) -> None:
        """Hear nothing."""

    def ended(self, outcome: JobOutcome | None, *, disk_full: bool = False, lost: int = 0) -> None:
        """Hear nothing."""


class House:
    """A fleet whose workers say what they do when the test has them."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.fleet = Fleet("bot", NEEDS, self.clock, lambda: MORNING, 15.0, 10.0)
        self.fleet.linked()

    def beat(
        self,
        worker: str,
        *running: Attempt,
        slots: int = 1,
        ended: tuple[Attempt, ...] = (),
        plugins: tuple[str, ...] = tuple(NEEDS),
        clock: float = MORNING,
        leaves: bool = False,
    ) -> list[object]:
        said = Beat(worker, slots, plugins, running, ended, clock, leaves)
        return list(self.fleet.beat(said, Sealed(worker, "0.1.0")))

    def hand(self, job: int, attempt: int = 1) -> str | None:
        task = JobTask(job, attempt, "https://x.example", "link", "a", None, "host", 10**9)
        handed = self.fleet.hand(task, Listener())
        return None if handed is None else handed.worker

    def after(self, seconds: float) -> list[tuple[int, int]]:
        """The jobs that are over by then, and how many workers each has lost."""
        self.clock.advance(seconds)
        return [(over.handed.about.job, over.lost) for over in self.fleet.tick()]


def attempt(job: int, number: int = 1) -> Attempt:
    return Attempt("bot", job, number)


def test_no_more_is_handed_over_than_there_are_free_slots() -> None:
    house = House()
    assert (house.fleet.slots, house.hand(1)) == (0, None)
    house.beat("a", slots=2)
    house.beat("b")
    assert house.fleet.slots == 3
    assert sorted(str(house.hand(job)) for job in (1, 2, 3)) == ["a", "a", "b"]
    assert (house.fleet.slots, house.hand(4)) == (3, None)


def test_the_worker_with_the_most_free_slots_gets_the_next_job() -> None:
    house = House()
    house.beat("a", slots=1)
    house.beat("b", slots=3)
    assert [house.hand(job) for job in (1, 2)] == ["b", "b"]


def test_a_slot_that_ends_an_attempt_which_no_longer_counts_is_not_free() -> None:
    house = House()
    house.beat("a", attempt(9), slots=1)
    assert house.hand(1) is None


def test_the_slot_of_an_attempt_that_has_ended_is_free_at_once() -> None:
    house = House()
    house.beat("a")
    house.hand(1)
    house.beat("a", attempt(1))
    assert house.fleet.ending(Ending(attempt(1), None), Sealed("a", "0.1.0")) is not None
    assert house.hand(2) == "a"


def test_an_attempt_whose_worker_is_silent_is_over_and_the_worker_counts_as_lost() -> None:
    house = House()
    house.beat("a")
    house.hand(1)
    house.beat("a", attempt(1))
    assert house.after(15.0) == []
    assert house.after(0.1) == [(1, 1)]
    assert house.fleet.machines == []
    assert house.fleet.slots == 0


def test_an_attempt_that_never_reached_its_worker_is_over_without_a_loss() -> None:
    house = House()
    house.beat("a")
    house.hand(1)
    house.clock.advance(10.0)
    house.beat("a")
    assert house.after(0.5) == []
    house.beat("a")
    assert house.after(0.0) == [(1, 0)]


def test_nobody_is_lost_while_redis_is_away_nor_at_once_when_it_is_back() -> None:
    house = House()
    house.beat("a")
    house.hand(1)
    house.beat("a", attempt(1))
    house.fleet.cut()
    assert house.after(1000.0) == []
    assert house.fleet.slots == 1
    house.fleet.linked()
    assert house.after(15.0) == []
    assert house.after(0.1) == [(1, 1)]


def test_a_worker_that_is_heard_again_was_not_broken_by_its_job() -> None:
    house = House()
    house.beat("a")
    house.hand(1)
    house.beat("a", attempt(1))
    house.after(16.0)
    assert house.beat("a", attempt(1)) == [Cancel(attempt(1))]
    assert house.fleet.lost_by(1) == set()


def test_the_losses_of_a_job_add_up_until_it_is_forgotten() -> None:
    house = House()
    for number, worker in enumerate(("a", "b"), start=1):
        house.beat(worker)
        house.hand(1, number)
        house.beat(worker, attempt(1, number))
        assert house.after(16.0) == [(1, number)]
    house.fleet.forget(1)
    assert house.fleet.lost_by(1) == set()


def test_a_worker_that_leaves_gives_back_what_it_has_without_a_loss() -> None:
    house = House()
    house.beat("a")
    house.hand(1)
    house.beat("a", attempt(1))
    house.beat("a", attempt(1), leaves=True)
    assert house.after(0.0) == [(1, 0)]
    assert house.fleet.machines == []


def test_a_cancel_that_got_lost_is_said_again() -> None:
    house = House()
    house.beat("a")
    house.hand(1)
    house.fleet.handed[1].cancelled = True
    assert house.beat("a", attempt(1)) == [Cancel(attempt(1))]


def test_an_older_attempt_is_cancelled_and_its_ending_is_not_asked_for_again() -> None:
    house = House()
    house.beat("a", slots=2)
    house.hand(1, attempt=2)
    assert house.beat("a", attempt(1, 1), attempt(1, 2), slots=2) == [Cancel(attempt(1, 1))]
    assert house.beat("a", ended=(attempt(1, 1),), slots=2) == [Taken(attempt(1, 1))]


def test_what_was_handed_over_before_a_restart_is_left_alone_until_it_is_asked_for() -> None:
    house = House()
    house.fleet.restore(attempt(1), "a", {"z"})
    assert house.beat("a", attempt(1)) == []
    assert house.after(1000.0) == []
    assert house.fleet.lost_by(1) == {"z"}


def test_workers_of_another_version_or_without_a_plugin_or_with_a_wrong_clock_get_no_jobs() -> None:
    house = House()
    house.fleet.other_version("old", "0.0.9")
    house.beat("poor", plugins=())
    house.beat("late", clock=MORNING - 100)
    assert house.hand(1) is None
    refused = {machine.name: machine.refused for machine in house.fleet.machines}
    assert refused == house.fleet.refused
    assert refused["old"].startswith("It runs similubot-workers 0.0.9, and the bot ")
    assert refused["poor"].startswith("It lacks what the bot offers: downloader mega.")
    assert refused["late"].startswith("Its clock and the bot's differ by over a minute")
    house.clock.advance(16.0)
    house.fleet.tick()
    assert house.fleet.machines == []


def test_over_says_which_attempt_it_was() -> None:
    house = House()
    house.beat("a")
    house.hand(1)
    house.beat("a", leaves=True)
    (over,) = house.fleet.tick()
    assert isinstance(over, Over)
    assert (over.handed.about, over.handed.worker) == (attempt(1), "a")


def test_what_nobody_hears_of_yet_takes_a_slot_of_its_worker_and_none_of_the_bots() -> None:
    house = House()
    house.fleet.restore(attempt(1), "a", set())
    house.beat("a", attempt(1), slots=2)
    assert house.fleet.slots == 1
    task = JobTask(1, 1, "https://x.example", "link", "a", None, "host", 10**9)
    assert house.fleet.adopt(task, Listener()) is not None
    assert house.fleet.slots == 2
    house.fleet.release(1)
    assert house.fleet.slots == 1
    house.fleet.forget(1)
    assert house.fleet.slots == 1
    house.beat("a", slots=2)
    assert house.fleet.slots == 2
