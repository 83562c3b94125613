"""What a receiver is shown and when, by a clock that the test moves and without any thread."""

import math

import pytest
from hypothesis import given
from hypothesis import settings as settings_of_a_run
from hypothesis import strategies as st

from similubot_core import CountingTracker, ProgressInfo, ProgressStatus
from similubot_core.progress._feed import Feed
from similubot_testkit.fake_clock import FakeClock

unhurried = settings_of_a_run(deadline=None, max_examples=60)  # a loaded machine is no failure

ORDER = [ProgressStatus.STARTING, ProgressStatus.IN_PROGRESS, ProgressStatus.COMPLETED]


class ByHand:
    """A runner that does nothing but keep when it was to serve."""

    def __init__(self) -> None:
        self.woken: list[float] = []

    def wake(self, feed: Feed, at: float) -> None:
        self.woken.append(at)


class Receiver:
    """A feed of its own, served when the test says so."""

    def __init__(self, interval: float = 5.0) -> None:
        self.clock = FakeClock(100.0)
        self.runner = ByHand()
        self.got: list[ProgressInfo] = []
        self.feed = Feed(self.got.append, self.runner, interval, self.clock)
        self.feed.slow = True  # so that a tracker does not wait for it

    def show(self, info: ProgressInfo) -> None:
        """What a tracker knows it by; it uses the feed."""
        self.feed.push(info)

    def serve(self, *, after: float = 0.0) -> list[float]:
        """Let time pass and show all that is due then; returns the percentages."""
        self.clock.advance(after)
        before = len(self.got)
        while (info := self.feed.take(self.clock())) is not None:
            self.feed.call(info)
        return [info.percentage for info in self.got[before:]]


def state(percentage: float, status: str = "in_progress", operation: str = "X") -> ProgressInfo:
    return ProgressInfo(operation, ProgressStatus(status), percentage, timestamp=0.0)


def pushing(*infos: ProgressInfo) -> Receiver:
    receiver = Receiver()
    for info in infos:
        receiver.feed.push(info)
    return receiver


def test_the_first_state_is_shown_at_once() -> None:
    assert pushing(state(1)).serve() == [1]


def test_in_progress_the_newest_state_is_shown_once_an_interval() -> None:
    receiver = pushing(state(1))
    receiver.serve()
    receiver.feed.push(state(2))
    assert receiver.serve(after=4.9) == []
    receiver.feed.push(state(3))
    assert receiver.serve(after=0.1) == [3]
    assert receiver.serve(after=100) == []


def test_changes_of_status_are_shown_at_once_and_in_order() -> None:
    receiver = pushing(state(0, "starting"), state(1), state(2), state(100, "completed"))
    assert receiver.serve() == [0, 1, 100]


def test_operations_are_told_apart_by_their_id() -> None:
    receiver = pushing(state(1, operation="A"), state(2, operation="B"))
    assert receiver.serve() == [1, 2]


def test_a_receiver_of_changes_alone_is_shown_nothing_else() -> None:
    receiver = Receiver(math.inf)
    receiver.feed.push(state(1))
    receiver.serve()
    receiver.feed.push(state(2))
    assert receiver.serve(after=1e9) == []
    assert receiver.feed.due() is None
    receiver.feed.push(state(100, "completed"))
    assert receiver.serve() == [100]


def test_what_is_pushed_and_stays_is_not_looked_for() -> None:
    receiver = pushing(state(1))
    receiver.serve()
    receiver.serve(after=5)
    assert receiver.feed.due() is None
    receiver.feed.push(state(2))
    assert receiver.serve(after=5) == [2]


def test_closing_shows_the_newest_state_of_what_has_not_ended() -> None:
    receiver = pushing(state(1), state(1, operation="B"))
    receiver.serve()
    receiver.feed.push(state(2))
    receiver.feed.close()
    assert receiver.serve() == [2]
    receiver.feed.push(state(3))
    assert receiver.serve(after=100) == []
    assert receiver.feed.wait(0)


def test_a_tracker_is_asked_for_its_newest_state() -> None:
    receiver = Receiver()
    tracker = CountingTracker("Copy")
    tracker.add_callback(receiver.show)
    tracker.update(current_size=0, total_size=10)
    receiver.serve()
    tracker.update(current_size=3)
    tracker.update(current_size=5)
    assert receiver.serve(after=5) == [50]
    tracker.update(current_size=7)
    tracker.fail("The line broke; try again.")
    assert receiver.serve() == [70]
    assert receiver.feed.due() is None


def test_a_state_is_not_shown_before_the_change_that_it_follows() -> None:
    receiver = Receiver()
    tracker = CountingTracker("Copy")
    tracker.add_callback(receiver.show)
    tracker.start()
    receiver.serve()
    receiver.clock.advance(5)
    tracker.update(10)  # a change of status: queued
    tracker.update(50)
    assert receiver.serve() == [10]
    assert receiver.serve(after=10) == [50]


def test_it_looks_rarely_at_what_does_not_move_and_soon_again_once_it_does() -> None:
    receiver = Receiver(0.05)
    tracker = CountingTracker("Copy", receiver.clock)
    tracker.add_callback(receiver.show)
    tracker.update(1)
    looks = 0
    for _ in range(200):  # ten seconds
        receiver.serve(after=0.05)
        due = receiver.feed.due()
        assert due is not None
        looks += due - receiver.clock() < 0.06
    assert looks < 40
    tracker.update(message="it moves")
    receiver.serve(after=0.05)
    assert receiver.got[-1].message == "it moves"


def test_a_tracker_that_is_thrown_away_is_forgotten() -> None:
    receiver = Receiver()
    tracker = CountingTracker("Copy")
    tracker.add_callback(receiver.show)
    tracker.update(1)
    receiver.serve()
    del tracker
    receiver.serve(after=5)
    assert receiver.feed.due() is None


def test_thousands_of_operations_are_looked_at_less_often() -> None:
    receiver = Receiver(0.05)
    trackers = [CountingTracker("Copy", receiver.clock) for _ in range(4000)]
    for tracker in trackers:
        tracker.add_callback(receiver.show)
        tracker.update(1)
    receiver.serve()
    receiver.serve(after=0.05)
    due = receiver.feed.due()
    assert due is not None
    assert due - receiver.clock() >= 0.2


@unhurried
@given(
    st.lists(
        st.tuples(st.integers(0, 2), st.sampled_from("AB"), st.floats(0, 10), st.booleans()),
        max_size=40,
    )
)
def test_nothing_is_shown_twice_or_out_of_order_and_the_newest_is_never_lost(
    steps: list[tuple[int, str, float, bool]],
) -> None:
    receiver = Receiver()
    put: dict[str, list[ProgressInfo]] = {"A": [], "B": []}
    for number, (status, operation, seconds, serve) in enumerate(steps):
        info = state(number, ORDER[status].value, operation)
        put[operation].append(info)
        receiver.feed.push(info)
        if serve:
            receiver.serve(after=seconds)
    receiver.feed.close()
    receiver.serve()
    for operation in "AB":
        got = [info for info in receiver.got if info.operation == operation]
        places = [put[operation].index(info) for info in got]
        assert places == sorted(set(places))
        assert got[-1:] == put[operation][-1:]
        assert changes(got) == changes(put[operation])


def changes(infos: list[ProgressInfo]) -> list[ProgressStatus]:
    """The statuses, without those that stayed."""
    befores = [None, *infos]
    pairs = zip(infos, befores, strict=False)
    return [i.status for i, before in pairs if before is None or before.status is not i.status]


def test_what_a_receiver_raises_is_logged_once_a_kind(caplog: pytest.LogCaptureFixture) -> None:
    receiver = Receiver()
    calls: list[ProgressInfo] = []

    def broken(info: ProgressInfo) -> None:
        calls.append(info)
        raise ValueError("odd") if len(calls) % 2 else KeyError("even")

    receiver.feed.write = broken
    for number in range(4):
        receiver.feed.push(state(number, operation=str(number)))
    receiver.serve()
    assert len(calls) == 4
    assert len(caplog.records) == 2
