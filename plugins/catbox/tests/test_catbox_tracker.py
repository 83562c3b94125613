"""UploadProgressTracker: bytes become speed, ETA and a percentage that promises nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from similubot_catbox import UploadProgressTracker
from similubot_core import ProgressInfo, ProgressStatus
from similubot_testkit.rules import assert_tracker_keeps_the_rules

MB = 1_000_000


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize("size", [None, 0, 1000])
def test_it_keeps_the_rules_of_progress(size: int | None) -> None:
    assert_tracker_keeps_the_rules(lambda: UploadProgressTracker("Catbox", size))


def test_it_is_used_as_the_earlier_bot_used_it() -> None:
    states: list[ProgressInfo] = []
    tracker = UploadProgressTracker("Catbox", file_size=4 * MB)
    tracker.add_callback(states.append)
    tracker.start_upload()
    tracker.update_progress(bytes_uploaded=MB)
    tracker.complete_upload(final_url="https://files.catbox.moe/abc.m4a")
    assert states[0].status is ProgressStatus.STARTING
    assert states[1].percentage == 25
    assert states[-1].status is ProgressStatus.COMPLETED
    assert states[-1].details == {"url": "https://files.catbox.moe/abc.m4a"}


def test_speed_and_eta_are_those_of_the_bytes() -> None:
    clock = Clock()
    tracker = UploadProgressTracker("Catbox", 10 * MB, clock=clock)
    for second in range(5):
        clock.now = 1000.0 + second
        tracker.update_progress(second * MB)
    info = tracker.get_current_progress()
    assert (info.current_size, info.total_size, info.percentage) == (4 * MB, 10 * MB, 40)
    assert info.speed == pytest.approx(MB)
    assert info.eta == pytest.approx(6)


def test_with_all_bytes_sent_it_waits_under_100_percent() -> None:
    tracker = UploadProgressTracker("Catbox", 10)
    tracker.update_progress(10)
    tracker.all_sent()
    info = tracker.get_current_progress()
    assert info.status is ProgressStatus.IN_PROGRESS
    assert info.percentage < 100
    assert (info.speed, info.eta) == (None, None)
    assert info.message == "Waiting for the server of Catbox"


def test_beginning_anew_resets_bytes_speed_and_eta_but_never_the_percentage() -> None:
    clock = Clock()
    tracker = UploadProgressTracker("Catbox", 10 * MB, clock=clock)
    tracker.update_progress(0)
    clock.now += 5
    tracker.update_progress(5 * MB)
    tracker.update_progress(0, "Trying again")
    info = tracker.get_current_progress()
    assert (info.current_size, info.percentage) == (0, 50)
    assert (info.speed, info.eta, info.message) == (None, None, "Trying again")


def test_an_unknown_size_stays_unknown_until_the_end() -> None:
    tracker = UploadProgressTracker("Catbox")
    tracker.update_progress(5)
    assert tracker.get_current_progress().total_size is None
    assert tracker.get_current_progress().percentage == 0
    tracker.complete_upload()
    info = tracker.get_current_progress()
    assert (info.percentage, info.total_size, dict(info.details)) == (100, 5, {})


def test_a_failure_is_told() -> None:
    tracker = UploadProgressTracker("Catbox", 10)
    tracker.start_upload()
    tracker.fail_upload("It failed: do this.")
    info = tracker.get_current_progress()
    assert (info.status, info.message) == (ProgressStatus.FAILED, "It failed: do this.")


@given(st.lists(st.integers(-(10**12), 10**12), max_size=40), st.none() | st.integers(0, 10**9))
def test_any_numbers_keep_the_rules(counts: list[int], size: int | None) -> None:
    states: list[ProgressInfo] = []
    tracker = UploadProgressTracker("Catbox", size)
    tracker.add_callback(states.append)
    for count in counts:
        tracker.update_progress(count)
    tracker.complete_upload("https://files.catbox.moe/a")
    assert states[0].status is ProgressStatus.STARTING
    percentages = [info.percentage for info in states]
    assert percentages == sorted(percentages)
    assert all(info.percentage < 100 for info in states[:-1])
    for info in states:
        assert info.speed is None or info.speed >= 0
        assert info.eta is None or info.eta >= 0
        assert info.current_size is None or size is None or 0 <= info.current_size <= size


@given(st.text(max_size=300))
def test_no_text_says_anything_about_an_upload(text: str) -> None:
    tracker = UploadProgressTracker("Catbox", 10)
    assert tracker.parse_output(text) is False
    assert tracker.get_current_progress().status is ProgressStatus.STARTING
