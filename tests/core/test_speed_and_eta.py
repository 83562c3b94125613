"""Speed and ETA of a tracker that is told only sizes or percentages, by a clock of our own."""

import pytest

from similubot_core import CountingTracker, ProgressInfo
from similubot_testkit.fake_clock import FakeClock

MB = 1_000_000


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def tracker(clock: FakeClock) -> CountingTracker:
    return CountingTracker("Copy", clock)


def after_six_of_ten_megabytes(tracker: CountingTracker, clock: FakeClock) -> ProgressInfo:
    """Two megabytes a second for three seconds."""
    for megabytes in (0, 2, 4):
        tracker.update(current_size=megabytes * MB, total_size=10 * MB)
        clock.advance(1)
    tracker.update(current_size=6 * MB)
    return tracker.get_current_progress()


def test_they_are_measured_from_the_sizes(tracker: CountingTracker, clock: FakeClock) -> None:
    info = after_six_of_ten_megabytes(tracker, clock)
    assert (info.speed, info.eta) == (2 * MB, 2)


def test_they_are_unknown_at_first(tracker: CountingTracker) -> None:
    tracker.update(current_size=MB, total_size=10 * MB)
    info = tracker.get_current_progress()
    assert (info.speed, info.eta) == (None, None)


def test_without_a_total_only_the_speed_is_known(
    tracker: CountingTracker, clock: FakeClock
) -> None:
    tracker.update(current_size=0)
    clock.advance(2)
    tracker.update(current_size=MB)
    info = tracker.get_current_progress()
    assert (info.speed, info.eta) == (MB / 2, None)


def test_work_that_begins_anew_is_measured_anew(tracker: CountingTracker, clock: FakeClock) -> None:
    after_six_of_ten_megabytes(tracker, clock)
    tracker.update(current_size=0)
    assert tracker.get_current_progress().speed is None
    clock.advance(1)
    tracker.update(current_size=MB)
    assert tracker.get_current_progress().speed == MB


def test_without_sizes_the_eta_comes_from_the_percentages(
    tracker: CountingTracker, clock: FakeClock
) -> None:
    tracker.update(10)
    clock.advance(5)
    tracker.update(20)
    info = tracker.get_current_progress()
    assert (info.speed, info.eta) == (None, 40)


def test_sizes_are_measured_by_themselves_once_they_come(
    tracker: CountingTracker, clock: FakeClock
) -> None:
    tracker.update(10)
    clock.advance(5)
    info = after_six_of_ten_megabytes(tracker, clock)
    assert (info.speed, info.eta) == (2 * MB, 2)


def test_what_the_tool_says_is_taken_and_kept(tracker: CountingTracker, clock: FakeClock) -> None:
    tracker.update(current_size=0, total_size=10 * MB, speed=5, eta=7)
    info = after_six_of_ten_megabytes(tracker, clock)
    assert (info.speed, info.eta) == (5, 7)


def test_the_eta_follows_from_the_speed_that_the_tool_says(tracker: CountingTracker) -> None:
    tracker.update(current_size=6 * MB, total_size=10 * MB, speed=MB)
    assert tracker.get_current_progress().eta == 4


def test_none_is_unknown_now_and_measured_again_later(
    tracker: CountingTracker, clock: FakeClock
) -> None:
    after_six_of_ten_megabytes(tracker, clock)
    tracker.update(current_size=6 * MB, speed=None, eta=None)
    info = tracker.get_current_progress()
    assert (info.speed, info.eta) == (None, None)
    clock.advance(1)
    tracker.update(current_size=8 * MB)
    info = tracker.get_current_progress()
    assert (info.speed, info.eta) == (2 * MB, 1)


def test_the_speed_sinks_while_nothing_moves(tracker: CountingTracker, clock: FakeClock) -> None:
    after_six_of_ten_megabytes(tracker, clock)
    clock.advance(1)
    info = tracker.get_current_progress()
    assert info.speed == 1.5 * MB
    assert info.eta == pytest.approx(8 / 3)
    assert info.current_size == 6 * MB


def test_standing_still_is_measured_once_a_second(
    tracker: CountingTracker, clock: FakeClock
) -> None:
    states = {id(after_six_of_ten_megabytes(tracker, clock)): tracker.get_current_progress()}
    for _ in range(8):
        clock.advance(0.25)
        info = tracker.get_current_progress()
        states[id(info)] = info
    assert len(states) == 3


def test_after_ten_seconds_of_standstill_the_speed_is_0_and_nothing_is_new(
    tracker: CountingTracker, clock: FakeClock
) -> None:
    after_six_of_ten_megabytes(tracker, clock)
    for _ in range(30):
        clock.advance(1)
        info = tracker.get_current_progress()
    assert (info.speed, info.eta) == (0, None)
    clock.advance(1)
    assert tracker.get_current_progress() is info
    tracker.update(current_size=7 * MB)
    assert tracker.get_current_progress().current_size == 7 * MB
