"""PacedSink: it takes states from any thread, and shows them however slow its function is."""

import logging
import threading
from collections.abc import Callable
from functools import partial

import pytest

from similubot_core import CountingTracker, ProgressInfo, ProgressStatus
from similubot_core.progress import paced_sink as module
from similubot_core.progress.paced_sink import PacedSink

LIMIT = 20.0
Until = Callable[[Callable[[], bool]], None]


def state(percentage: float, status: str = "in_progress", operation: str = "X") -> ProgressInfo:
    return ProgressInfo(operation, ProgressStatus(status), percentage, timestamp=0.0)


def ends_with(written: list[float], number: float) -> bool:
    return written[-1:] == [number]


def shown(states: list[ProgressInfo]) -> list[float]:
    return [info.percentage for info in states]


def test_close_shows_what_still_waits_and_ends_the_thread(nothing_left: None) -> None:
    written: list[float] = []
    sink = PacedSink(lambda info: written.append(info.percentage), interval=3600)
    for n in range(100):
        sink.show(state(n))
    sink.show(state(100, "completed"))
    sink.close()
    assert written[-1] == 100
    assert len(written) <= 3


def test_close_shows_the_newest_state_of_what_has_not_ended_too(nothing_left: None) -> None:
    written: list[float] = []
    sink = PacedSink(lambda info: written.append(info.percentage), interval=3600)
    for n in range(100):
        sink.show(state(n))
    sink.close()
    assert written[-1] == 99


def test_a_sink_that_was_shown_nothing_needs_no_thread(nothing_left: None) -> None:
    sink = PacedSink(print, 1)
    sink.close()
    sink.close()


def test_closing_a_sink_that_has_shown_everything_does_not_wait(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "CLOSE_SECONDS", 3600)
    sink = PacedSink(lambda info: None, interval=3600)
    sink.show(state(100, "completed"))
    until_shown = sink.feed.wait(LIMIT)
    assert until_shown
    sink.close()


def test_what_comes_after_close_is_not_shown() -> None:
    written: list[ProgressInfo] = []
    sink = PacedSink(written.append, 0)
    sink.close()
    sink.show(state(1))
    assert written == []


def test_show_never_waits_for_a_slow_writer(until: Until) -> None:
    go, written = threading.Event(), list[float]()

    def write(info: ProgressInfo) -> None:
        assert go.wait(LIMIT)
        written.append(info.percentage)

    sink = PacedSink(write, interval=0)
    for n in range(10_000):
        sink.show(state(n))
    assert written == []
    go.set()
    until(lambda: written[-1:] == [9999])
    sink.close()
    assert len(written) <= 4


def test_close_does_not_wait_for_ever_for_a_writer_that_hangs(
    monkeypatch: pytest.MonkeyPatch, nothing_left: None
) -> None:
    monkeypatch.setattr(module, "CLOSE_SECONDS", 0.05)
    entered, go = threading.Event(), threading.Event()

    def write(info: ProgressInfo) -> None:
        entered.set()
        assert go.wait(LIMIT)

    sink = PacedSink(write, 0)
    sink.show(state(1))
    assert entered.wait(LIMIT)
    sink.close()
    go.set()


def test_a_writer_that_raises_is_logged_once_and_gets_the_next_state(
    caplog: pytest.LogCaptureFixture, until: Until
) -> None:
    written: list[float] = []

    def write(info: ProgressInfo) -> None:
        written.append(info.percentage)
        raise OSError("pipe is gone")

    sink = PacedSink(write, 0)
    with caplog.at_level(logging.WARNING):
        for n in range(3):
            sink.show(state(n))
            until(partial(ends_with, written, n))
        sink.close()
    assert len(caplog.records) == 1


def test_any_number_of_threads_may_show(nothing_left: None) -> None:
    written: list[ProgressInfo] = []
    sink = PacedSink(written.append, 0)

    def work(operation: str) -> None:
        for n in range(300):
            sink.show(state(n, operation=operation))
        sink.show(state(100, "completed", operation))

    threads = [threading.Thread(target=work, args=(f"op {n}",)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LIMIT)
    sink.close()
    for n in range(4):
        mine = [info for info in written if info.operation == f"op {n}"]
        assert mine[-1].status is ProgressStatus.COMPLETED
        assert shown(mine[:-1]) == sorted(shown(mine[:-1]))


def test_a_tracker_is_followed_by_the_sinks_own_pace_alone() -> None:
    written: list[ProgressInfo] = []
    sink = PacedSink(written.append, interval=3600)
    tracker = CountingTracker("Copy")
    tracker.add_callback(sink.show)
    for n in range(100):
        tracker.update(current_size=n, total_size=100)
    tracker.complete()
    sink.close()
    assert [info.status.value for info in written] == ["starting", "in_progress", "completed"]
