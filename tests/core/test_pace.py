"""A sink's own pace: each status is shown, and the newest state now and then."""

import logging
import threading
from collections.abc import Callable
from functools import partial

import pytest
from hypothesis import given
from hypothesis import settings as settings_of_a_run
from hypothesis import strategies as st

from similubot_core import ProgressInfo, ProgressStatus
from similubot_core.progress import paced_sink as pace_module
from similubot_core.progress.paced_sink import Pace, PacedSink

unhurried = settings_of_a_run(deadline=None, max_examples=60)  # a loaded machine is no failure

LIMIT = 20.0
Until = Callable[[Callable[[], bool]], None]
ORDER = [ProgressStatus.STARTING, ProgressStatus.IN_PROGRESS, ProgressStatus.COMPLETED]


def state(percentage: float, status: str = "in_progress", operation: str = "X") -> ProgressInfo:
    return ProgressInfo(operation, ProgressStatus(status), percentage, timestamp=0.0)


def ends_with(written: list[float], number: float) -> bool:
    return written[-1:] == [number]


def shown(states: list[ProgressInfo]) -> list[float]:
    return [info.percentage for info in states]


# -- when, by a clock that the test moves ------------------------------------------------------


def test_the_first_state_is_shown_at_once() -> None:
    pace = Pace(5)
    pace.put(state(1))
    assert shown(pace.take(100)) == [1]


def test_in_progress_the_newest_state_is_shown_once_an_interval() -> None:
    pace = Pace(5)
    pace.put(state(1))
    pace.take(100)
    pace.put(state(2))
    assert pace.take(104.9) == []
    assert pace.next_due(104.9) == 105
    pace.put(state(3))
    assert shown(pace.take(105)) == [3]
    assert pace.take(200) == []
    assert pace.next_due(200) is None


def test_the_end_is_shown_at_once_and_after_what_waited() -> None:
    pace = Pace(5)
    pace.put(state(0, "starting"))
    pace.take(100)
    pace.put(state(1))
    pace.put(state(2))
    pace.put(state(100, "completed"))
    assert pace.next_due(100.1) is not None
    assert shown(pace.take(100.1)) == [2, 100]


def test_two_operations_have_their_own_pace() -> None:
    pace = Pace(5)
    pace.put(state(1, operation="A"))
    pace.take(100)
    pace.put(state(2, operation="A"))
    pace.put(state(3, operation="B"))
    assert shown(pace.take(101)) == [3]


def test_everything_is_shown_when_it_is_asked_for() -> None:
    pace = Pace(5)
    pace.put(state(1))
    pace.take(100)
    pace.put(state(2))
    assert shown(pace.take(100, everything=True)) == [2]


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
    pace, now = Pace(5), 0.0
    put: dict[str, list[ProgressInfo]] = {"A": [], "B": []}
    taken: dict[str, list[ProgressInfo]] = {"A": [], "B": []}
    for number, (status, operation, seconds, take) in enumerate(steps):
        info = state(number, ORDER[status].value, operation)
        put[operation].append(info)
        pace.put(info)
        now += seconds
        for found in pace.take(now) if take else ():
            taken[found.operation].append(found)
    for found in pace.take(now, everything=True):
        taken[found.operation].append(found)
    for operation in "AB":
        places = [put[operation].index(info) for info in taken[operation]]
        assert places == sorted(set(places))
        assert taken[operation][-1:] == put[operation][-1:]
        changes = [
            i.status
            for i, before in zip(put[operation], [None, *put[operation]], strict=False)
            if before is None or i.status is not before.status
        ]
        seen = [
            i.status
            for i, before in zip(taken[operation], [None, *taken[operation]], strict=False)
            if before is None or i.status is not before.status
        ]
        assert seen == changes


# -- the sink ----------------------------------------------------------------------------------


def test_close_shows_what_still_waits_and_ends_the_thread(nothing_left: None) -> None:
    written: list[float] = []
    sink = PacedSink(lambda info: written.append(info.percentage), interval=3600)
    for n in range(100):
        sink.show(state(n))
    sink.show(state(100, "completed"))
    sink.close()
    assert written[-2:] == [99, 100]
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
    assert len(written) <= 3


def test_close_does_not_wait_for_ever_for_a_writer_that_hangs(
    monkeypatch: pytest.MonkeyPatch, nothing_left: None
) -> None:
    monkeypatch.setattr(pace_module, "CLOSE_SECONDS", 0.05)
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
