"""Paced callbacks: 20 states a second, every change of status, and updates that cost nothing."""

import threading

from hypothesis import given
from hypothesis import strategies as st

from similubot_core import ProgressInfo, ProgressStatus, ProgressTracker
from similubot_testkit.rules import assert_progress_keeps_the_rules
from tests.core.conftest import Ticks

PATIENCE = 10.0


class Counting(ProgressTracker):
    def __init__(self) -> None:
        super().__init__("Counting")

    def parse_output(self, text: str) -> bool:
        return False


def paced() -> tuple[Counting, list[ProgressInfo]]:
    tracker, seen = Counting(), list[ProgressInfo]()
    tracker.add_callback(seen.append, paced=True)
    return tracker, seen


def test_changes_of_status_are_told_at_once(ticks: Ticks) -> None:
    tracker, seen = paced()
    tracker.start()
    tracker.update(current_size=1, total_size=10)
    tracker.complete()
    assert [info.status.value for info in seen] == ["starting", "in_progress", "completed"]


def test_between_two_ticks_only_the_newest_state_is_told(ticks: Ticks) -> None:
    tracker, seen = paced()
    tracker.update(current_size=0, total_size=10)
    for size in range(1, 6):
        tracker.update(current_size=size)
    assert [info.current_size for info in seen] == [None, 0]
    ticks.tick()
    assert [info.current_size for info in seen] == [None, 0, 5]
    assert seen[-1].percentage == 50.0


def test_ticks_without_news_tell_nothing_and_end(ticks: Ticks) -> None:
    tracker, seen = paced()
    tracker.update(current_size=1)
    tracker.update(current_size=2)
    for _ in range(3):
        ticks.tick()
    assert not ticks.asked
    assert len(seen) == 3
    tracker.update(current_size=3)
    ticks.tick()
    assert [info.current_size for info in seen] == [None, 1, 2, 3]


def test_a_size_that_is_being_stored_while_ticks_end_is_told(ticks: Ticks) -> None:
    """What a thread does that looked before the tick and stores after it."""
    tracker, seen = paced()
    tracker.update(current_size=1)
    ticks.tick()
    ticks.tick()  # finds nothing new; one more is to come
    tracker._pending_size = 2
    ticks.tick()
    assert seen[-1].current_size == 2


def test_the_end_comes_with_the_last_size_without_waiting_for_a_tick(ticks: Ticks) -> None:
    tracker, seen = paced()
    tracker.update(current_size=0, total_size=10)
    tracker.update(current_size=7)
    tracker.fail("The line broke; try again.")
    assert seen[-1].status is ProgressStatus.FAILED
    assert seen[-1].current_size == 7
    assert seen[-1].percentage == 70.0
    ticks.tick()
    tracker.update(current_size=8)
    ticks.tick()
    assert_progress_keeps_the_rules(seen)


def test_the_newest_state_can_be_asked_for_between_ticks(ticks: Ticks) -> None:
    tracker, _ = paced()
    tracker.update(current_size=0, total_size=10)
    tracker.update(current_size=3)
    assert tracker.get_current_progress().current_size == 3
    assert tracker.get_current_progress().percentage == 30.0


def test_a_direct_callback_beside_a_paced_one_is_told_everything(ticks: Ticks) -> None:
    tracker, seen = paced()
    direct: list[ProgressInfo] = []
    tracker.add_callback(direct.append)
    for size in range(5):
        tracker.update(current_size=size)
    assert [info.current_size for info in direct] == [None, 0, 1, 2, 3, 4]
    assert len(seen) == 2
    ticks.tick()
    assert [info.current_size for info in seen] == [None, 0, 4]


def test_one_added_or_removed_in_mid_work_is_told_from_then_on(ticks: Ticks) -> None:
    tracker, seen = paced()
    late: list[ProgressInfo] = []
    tracker.update(current_size=1)
    tracker.update(current_size=2)
    tracker.add_callback(late.append, paced=True)
    tracker.update(current_size=3)
    ticks.tick()
    tracker.remove_callback(seen.append)
    told = len(seen)
    tracker.update(current_size=4)
    ticks.tick()
    assert [info.current_size for info in late] == [3, 4]
    assert len(seen) == told


@given(st.lists(st.one_of(
    st.integers(-5, 200).map(lambda size: {"current_size": size}),
    st.integers(0, 100).map(lambda size: {"total_size": size}),
    st.floats(-10, 110).map(lambda share: {"percentage": share}),
    st.text(max_size=3).map(lambda text: {"message": text}),
), max_size=30))  # fmt: skip
def test_a_paced_and_a_direct_callback_end_in_the_same_state(
    updates: list[dict[str, object]],
) -> None:
    """Whatever is updated, storing a size alone changes nothing but when it is told."""
    stored, told = Counting(), Counting()
    told.add_callback(lambda info: None)
    for values in updates:
        stored.update(**values)  # type: ignore[arg-type]
        told.update(**values)  # type: ignore[arg-type]
    one, other = stored.get_current_progress(), told.get_current_progress()
    assert (one.current_size, one.total_size) == (other.current_size, other.total_size)
    assert one.percentage <= other.percentage
    assert one.message == other.message


def test_with_the_real_ticker_the_newest_state_arrives_by_itself() -> None:
    arrived = threading.Event()
    tracker = Counting()

    def callback(info: ProgressInfo) -> None:
        if info.current_size == 999:
            arrived.set()

    tracker.add_callback(callback, paced=True)
    for size in range(1000):
        tracker.update(current_size=size)
    assert arrived.wait(PATIENCE)


def test_updates_from_many_threads_keep_the_rules() -> None:
    tracker, seen = paced()
    tracker.update(current_size=0, total_size=1000)

    def work() -> None:
        for size in range(1000):
            tracker.update(current_size=size)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    tracker.complete()
    assert_progress_keeps_the_rules(seen)
