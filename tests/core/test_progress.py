"""The six rules of progress, over any sequence of calls from any number of threads."""

import copy
import json
import logging
import math
import os
import pickle
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as settings_of_a_run
from hypothesis import strategies as st

from similubot_core import (
    Cancelled,
    CountingTracker,
    ProgressInfo,
    ProgressStatus,
    ProgressTracker,
    StageError,
)

unhurried = settings_of_a_run(deadline=None, max_examples=60)  # a loaded machine is no failure

LIMIT = 20.0
Until = Callable[[Callable[[], bool]], None]
STARTING, IN_PROGRESS = ProgressStatus.STARTING, ProgressStatus.IN_PROGRESS
COMPLETED, FAILED = ProgressStatus.COMPLETED, ProgressStatus.FAILED
CANCELLED = ProgressStatus.CANCELLED


class Tracker(ProgressTracker):
    def __init__(self) -> None:
        super().__init__("Test")
        self.states: list[ProgressInfo] = []

    def update(self, *arguments: Any, **more: Any) -> None:
        """As ever; keeps the state that it leaves."""
        super().update(*arguments, **more)
        self.states.append(self.get_current_progress())

    def parse_output(self, text: str) -> bool:
        return False


def recorded() -> tuple[Tracker, list[ProgressInfo]]:
    tracker, seen = Tracker(), list[ProgressInfo]()
    tracker.add_callback(seen.append)
    return tracker, seen


def after_each_update() -> tuple[Tracker, list[ProgressInfo]]:
    """A tracker, and the states that its updates leave."""
    tracker = Tracker()
    return tracker, tracker.states


def assert_the_rules(seen: list[ProgressInfo], *, ended: bool) -> None:
    """Rules 1 to 3 over what one callback was told."""
    if not seen:
        return
    assert seen[0].status is STARTING
    assert [i.status for i in seen[1:]].count(STARTING) == 0
    assert [i.status.is_final for i in seen[:-1]].count(True) == 0
    assert seen[-1].status.is_final == ended
    percentages = [info.percentage for info in seen]
    assert percentages == sorted(percentages)
    for info in seen:
        assert 0 <= info.percentage <= 100
        assert (info.percentage == 100) == (info.status is COMPLETED)
        for number in (info.speed, info.eta, info.current_size, info.total_size):
            assert number is None or (math.isfinite(number) and number >= 0)
        json.dumps(info.as_dict(), allow_nan=False)


# -- any sequence of calls ---------------------------------------------------------------------

number = st.one_of(
    st.none(),
    st.floats(),
    st.floats(-1, 120),
    st.integers(),
    st.integers(0, 10**13),
    st.integers(min_value=10**308, max_value=10**400),
)
update = st.fixed_dictionaries(
    {},
    optional={
        "percentage": number,
        "current_size": number,
        "total_size": number,
        "speed": number,
        "eta": number,
        "message": st.none() | st.text(max_size=5),
        "details": st.none() | st.dictionaries(st.text(max_size=3), st.floats(), max_size=2),
    },
)
call = st.one_of(
    st.tuples(st.just("update"), update),
    st.tuples(st.just("update"), update),
    st.tuples(st.sampled_from(["start", "complete", "fail", "cancel"]), st.just({"message": "m"})),
)


def perform(tracker: Tracker, calls: list[tuple[str, dict[str, Any]]]) -> None:
    for name, arguments in calls:
        getattr(tracker, name)(**arguments)


@unhurried
@given(st.lists(call, max_size=30))
def test_any_sequence_of_calls_keeps_the_rules(calls: list[tuple[str, dict[str, Any]]]) -> None:
    tracker, seen = recorded()
    perform(tracker, calls)
    assert_the_rules(seen, ended=any(n in ("complete", "fail", "cancel") for n, _ in calls))
    left = [info for info in tracker.states if not info.status.is_final]
    assert_the_rules([*seen[:1], *left], ended=False)


@unhurried
@given(st.lists(st.lists(call, max_size=15), min_size=2, max_size=4))
def test_any_sequences_from_several_threads_keep_the_rules(
    calls: list[list[tuple[str, dict[str, Any]]]],
) -> None:
    tracker, seen = recorded()
    barrier = threading.Barrier(len(calls))
    failures: list[BaseException] = []

    def work(mine: list[tuple[str, dict[str, Any]]]) -> None:
        try:
            barrier.wait(LIMIT)
            perform(tracker, mine)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(mine,)) for mine in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LIMIT)
    assert not failures
    ends = [n for mine in calls for n, _ in mine if n in ("complete", "fail", "cancel")]
    assert_the_rules(seen, ended=bool(ends))
    assert not ends or seen[-1] == tracker.get_current_progress()


# -- rule 1: the beginning and the end ---------------------------------------------------------


def test_before_it_starts_it_is_starting_and_nobody_was_told() -> None:
    tracker, seen = recorded()
    info = tracker.get_current_progress()
    assert (info.operation, info.status, info.percentage) == ("Test", STARTING, 0.0)
    assert seen == []


def test_the_first_update_starts_it() -> None:
    tracker, seen = recorded()
    tracker.update(percentage=1)
    assert [i.status for i in seen] == [STARTING, IN_PROGRESS]


def test_a_second_start_says_nothing() -> None:
    tracker, seen = recorded()
    tracker.start("first")
    tracker.start("second")
    assert [i.message for i in seen] == ["first"]


@pytest.mark.parametrize(
    ("end", "status"),
    [
        (lambda t: t.complete("done"), COMPLETED),
        (lambda t: t.fail("done"), FAILED),
        (lambda t: t.cancel("done"), CANCELLED),
    ],
)
def test_after_the_end_nothing_is_told(
    end: Callable[[Tracker], None], status: ProgressStatus
) -> None:
    tracker, seen = recorded()
    end(tracker)
    perform(tracker, [("start", {}), ("update", {"percentage": 50}), ("fail", {"message": "no"})])
    tracker.complete()
    tracker.cancel()
    assert [i.status for i in seen] == [STARTING, status]
    assert seen[-1].message == "done"


def test_complete_fills_what_is_known_and_leaves_nothing_to_wait_for() -> None:
    tracker, seen = recorded()
    tracker.update(current_size=10, total_size=100, speed=5, eta=18)
    tracker.complete()
    last = seen[-1]
    assert (last.percentage, last.current_size, last.total_size) == (100.0, 100, 100)
    assert (last.speed, last.eta) == (None, 0.0)


def test_a_failure_leaves_the_percentage_where_it_was() -> None:
    tracker, seen = recorded()
    tracker.update(percentage=40)
    tracker.fail("The host is gone; try again.")
    assert (seen[-1].percentage, seen[-1].eta) == (40.0, None)


def test_as_a_context_it_starts_and_takes_the_blocks_own_end() -> None:
    tracker, seen = recorded()
    with tracker:
        tracker.complete("ok")
    assert [i.status for i in seen] == [STARTING, COMPLETED]


@pytest.mark.parametrize(
    ("error", "status", "message"),
    [
        (StageError("The link is dead."), FAILED, "The link is dead."),
        (Cancelled(), CANCELLED, "Cancelled."),
        (KeyboardInterrupt(), CANCELLED, "Cancelled."),
        (ValueError("s3cret"), FAILED, "Test stopped on an unexpected error (ValueError)."),
        (SystemExit(1), FAILED, "Test stopped on an unexpected error (SystemExit)."),
    ],
)
def test_as_a_context_an_exception_ends_it_and_goes_on(
    error: BaseException, status: ProgressStatus, message: str
) -> None:
    tracker, seen = recorded()
    with pytest.raises(type(error)), tracker:
        raise error
    assert (seen[-1].status, seen[-1].message) == (status, message)


def test_as_a_context_a_block_that_falls_through_fails() -> None:
    tracker, seen = recorded()
    with tracker:
        tracker.update(percentage=99)
    assert seen[-1].status is FAILED
    assert "without a result that could be checked" in seen[-1].message


# -- rules 2 and 3: numbers --------------------------------------------------------------------


def test_the_percentage_never_falls_and_stays_below_100_until_complete() -> None:
    tracker, seen = after_each_update()
    for percentage in (10, 5, 100, 150, 3):
        tracker.update(percentage=percentage)
    assert [i.percentage for i in seen] == [10, 10, 99.99, 99.99, 99.99]


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, -1, 10**400, -(10**400)])
def test_a_number_that_cannot_be_counts_as_unknown(value: float) -> None:
    tracker, seen = after_each_update()
    tracker.update(percentage=20, speed=1, eta=1)
    tracker.update(percentage=value, total_size=value, speed=value, eta=value)
    last = seen[-1]
    assert (last.percentage, last.total_size, last.speed, last.eta) == (20, None, None, None)


def test_a_size_keeps_every_byte_however_large() -> None:
    tracker, seen = after_each_update()
    tracker.update(current_size=2**60 + 1, total_size=2**61 + 1)
    assert (seen[-1].current_size, seen[-1].total_size) == (2**60 + 1, 2**61 + 1)


def test_the_percentage_comes_from_the_sizes_where_it_is_not_given() -> None:
    tracker, seen = after_each_update()
    tracker.update(current_size=1, total_size=4)
    tracker.update(current_size=2)
    tracker.update(percentage=90, current_size=3)
    tracker.update(current_size=5, total_size=0)
    assert [i.percentage for i in seen] == [25, 50, 90, 90]


def test_what_is_left_out_stays_and_none_is_unknown() -> None:
    tracker, seen = after_each_update()
    tracker.update(1, 2, total_size=3, speed=4, eta=5, message="m", details={"d": 1})
    tracker.update()
    before, after = seen[-2:]
    assert after == before
    tracker.update(total_size=None, speed=None, eta=None)
    last = seen[-1]
    assert (last.current_size, last.total_size, last.speed, last.eta) == (2, None, None, None)


def test_an_argument_that_is_none_is_an_error() -> None:
    tracker, _ = recorded()
    with pytest.raises(TypeError, match="no argument curent_size"):
        tracker.update(curent_size=1)


# -- rule 4: callbacks -------------------------------------------------------------------------


def test_a_callback_that_raises_is_logged_and_the_others_still_run(
    caplog: pytest.LogCaptureFixture,
) -> None:
    tracker, seen = Tracker(), list[ProgressInfo]()

    def broken(info: ProgressInfo) -> None:
        raise RuntimeError("broken callback")

    tracker.add_callback(broken)
    tracker.add_callback(seen.append)
    with caplog.at_level(logging.ERROR):
        perform(tracker, [("update", {"percentage": n}) for n in range(5)])
        tracker.complete()
    assert seen[-1].status is COMPLETED
    assert len(caplog.records) == 1
    assert "broken callback" in caplog.text


def test_a_callback_that_hangs_in_its_first_call_holds_up_nobody_and_gets_the_end(
    until: Until,
) -> None:
    tracker, quick = recorded()
    slow: list[ProgressInfo] = []
    go = threading.Event()

    def hangs(info: ProgressInfo) -> None:
        assert go.wait(LIMIT)
        slow.append(info)

    tracker.add_callback(hangs)
    for n in range(1000):  # would never end if it were called in this thread
        tracker.update(percentage=n / 10)
    tracker.complete()
    assert quick[-1].status is COMPLETED
    assert slow == []
    go.set()
    until(lambda: slow[-1:] == quick[-1:])
    assert_the_rules(slow, ended=True)


def test_a_callback_that_hangs_does_not_hold_up_another_operations(until: Until) -> None:
    go = threading.Event()
    held_up = [recorded() for _ in range(5)]

    def hangs(info: ProgressInfo) -> None:
        go.wait(LIMIT)

    for tracker, _ in held_up:
        tracker.add_callback(hangs)
        tracker.start()
    other, seen = recorded()
    for n in range(1, 20):
        other.update(current_size=n, total_size=100)
        until(lambda n=n: seen[-1].current_size == n)  # type: ignore[misc]
    go.set()
    for tracker, mine in held_up:
        tracker.complete()
        until(lambda mine=mine: mine[-1].status is COMPLETED)  # type: ignore[misc]


def test_a_callback_that_ends_its_thread_is_called_again(caplog: pytest.LogCaptureFixture) -> None:
    tracker, seen = Tracker(), list[ProgressInfo]()

    def exits(info: ProgressInfo) -> None:
        seen.append(info)
        raise SystemExit(1)

    tracker.add_callback(exits)
    tracker.update(percentage=1)
    tracker.complete()
    assert [info.status for info in seen] == [STARTING, IN_PROGRESS, COMPLETED]
    assert len(caplog.records) == 1


def test_a_callback_that_forks_is_called_once_a_state() -> None:
    program = """
import os
from similubot_core import CountingTracker

def forks(info):
    child = os.fork()
    if child:
        os.waitpid(child, 0)
        print(info.status.value, flush=True)

tracker = CountingTracker("Copy")
tracker.add_callback(forks)
tracker.update(current_size=1)
tracker.complete()
"""
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True
    )
    assert ended.stdout.split() == ["starting", "in_progress", "completed"]


def test_a_forked_child_shows_the_progress_of_its_own_work() -> None:
    program = """
import os
from similubot_core import CountingTracker

def show(info):
    print(os.getpid() == parent, info.operation, info.status.value, flush=True)

parent = os.getpid()
ours = CountingTracker("ours")
ours.add_callback(show)
ours.start()
child = os.fork()
if child == 0:
    theirs = CountingTracker("theirs")
    theirs.add_callback(show)
    theirs.complete()
    os._exit(0)
os.waitpid(child, 0)
ours.complete()
"""
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True
    )
    assert ended.stdout.splitlines() == [
        "True ours starting", "False theirs starting", "False theirs completed",
        "True ours completed",
    ]  # fmt: skip


def test_a_program_that_ends_still_gives_a_slow_callback_the_last_state() -> None:
    program = """
import time
from similubot_core import CountingTracker

def slow(info):
    time.sleep(0.3)
    print(info.status.value, flush=True)

tracker = CountingTracker("Copy")
tracker.add_callback(slow)
tracker.update(current_size=1)
tracker.complete()
"""
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True
    )
    assert ended.stdout.split() == ["starting", "in_progress", "completed"]


def test_ten_thousand_operations_with_a_callback_each_take_two_threads() -> None:
    before = threading.active_count()
    seen: list[ProgressInfo] = []
    trackers = [Tracker() for _ in range(10_000)]
    for tracker in trackers:
        tracker.add_callback(lambda info: seen.append(info))
    for tracker in trackers:
        tracker.start()
    assert threading.active_count() <= before + 3
    for tracker in trackers:
        tracker.cancel()
    ended = [info.id for info in seen if info.status is CANCELLED]
    assert sorted(ended) == sorted(tracker.id for tracker in trackers)


def test_a_coroutine_that_a_plain_callback_returns_is_reported(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def handle(info: ProgressInfo) -> None: ...

    tracker = Tracker()
    tracker.add_callback(lambda info: handle(info))
    tracker.complete()
    assert "add the coroutine function itself" in caplog.text


def test_a_callback_may_call_the_tracker_itself(until: Until) -> None:
    tracker, seen = recorded()

    def callback(info: ProgressInfo) -> None:
        if info.percentage == 10:
            tracker.update(percentage=20, message=f"after {tracker.get_current_progress().status}")
        if info.percentage == 20:
            tracker.cancel("by the callback")
        tracker.add_callback(seen.append)

    tracker.add_callback(callback)
    tracker.update(percentage=10)
    until(lambda: seen[-1].status is CANCELLED)
    assert seen[-1].percentage == 20
    assert_the_rules(seen, ended=True)


def test_a_callback_added_twice_is_told_once() -> None:
    tracker, seen = recorded()
    tracker.add_callback(seen.append)
    tracker.start()
    assert len(seen) == 1


def test_a_removed_callback_is_told_nothing_more() -> None:
    tracker, seen = recorded()
    tracker.start()
    tracker.remove_callback(seen.append)
    tracker.remove_callback(seen.append)
    tracker.remove_callback(print)
    tracker.complete()
    assert [i.status for i in seen] == [STARTING]


def test_a_callback_may_remove_itself() -> None:
    tracker, seen = Tracker(), list[ProgressInfo]()

    def once(info: ProgressInfo) -> None:
        seen.append(info)
        tracker.remove_callback(once)

    tracker.add_callback(once)
    tracker.update(percentage=1)
    tracker.complete()
    assert [i.status for i in seen] == [STARTING]


def test_a_removed_slow_callback_gets_nothing_that_still_waited(until: Until) -> None:
    tracker, seen = recorded()
    held: list[ProgressInfo] = []
    entered, go = threading.Event(), threading.Event()

    def hangs(info: ProgressInfo) -> None:
        entered.set()
        assert go.wait(LIMIT)
        held.append(info)

    tracker.add_callback(hangs)
    tracker.update(percentage=1)
    assert entered.wait(LIMIT)
    tracker.remove_callback(hangs)
    go.set()
    tracker.complete()
    until(lambda: len(held) == 1)
    assert seen[-1].status is COMPLETED
    assert [i.status for i in held] == [STARTING]


# -- rule 5: text from outside -----------------------------------------------------------------


class Gullible(ProgressTracker):
    """Takes a tool's word for the end."""

    def parse_output(self, text: str) -> bool:
        if "Saved" in text:
            self.complete(text)
        if "Error" in text:
            self.fail(text)
        return True


class MoreGullible(Gullible):
    def parse_output(self, text: str) -> bool:
        return super().parse_output(text) or True


@pytest.mark.parametrize("kind", [Gullible, MoreGullible])
def test_what_a_tool_prints_ends_no_operation(
    kind: type[ProgressTracker], caplog: pytest.LogCaptureFixture
) -> None:
    tracker = kind("Fetching")
    for line in ("Saved video.mp4", "Error: no", "Saved"):
        assert tracker.parse_output(line)
    assert not tracker.get_current_progress().status.is_final
    assert [record.getMessage().partition(":")[0] for record in caplog.records] == ["Fetching"]
    tracker.fail("The tool ended with exit status 3.")
    assert tracker.get_current_progress().status is FAILED


def test_an_end_from_elsewhere_counts_while_output_is_read() -> None:
    class Reading(ProgressTracker):
        def parse_output(self, text: str) -> bool:
            other = threading.Thread(target=self.cancel)
            other.start()
            other.join(LIMIT)
            return False

    tracker = Reading("Fetching")
    tracker.parse_output("50 %")
    assert tracker.get_current_progress().status is CANCELLED


@unhurried
@given(st.text(), st.text())
def test_no_text_is_taken_for_a_status(message: str, key: str) -> None:
    tracker, seen = recorded()
    tracker.update(percentage=1, message=message, details={key: message, "status": "completed"})
    assert seen[-1].status is IN_PROGRESS
    assert seen[-1].as_dict()["status"] == "in_progress"
    assert seen[-1].message == message


# -- rule 6: threads ---------------------------------------------------------------------------


def test_order_and_finality_hold_with_many_updaters(until: Until) -> None:
    tracker, seen = recorded()
    barrier = threading.Barrier(5)

    def work(offset: int) -> None:
        barrier.wait(LIMIT)
        for n in range(500):
            tracker.update(current_size=n * 4 + offset, total_size=2000)
        if offset == 0:
            tracker.complete()

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    barrier.wait(LIMIT)
    for thread in threads:
        thread.join(LIMIT)
    until(lambda: seen[-1].status is COMPLETED)
    assert_the_rules(seen, ended=True)


# -- ProgressInfo ------------------------------------------------------------------------------


def test_a_state_cannot_be_changed_and_later_states_do_not_change_it() -> None:
    tracker, seen = after_each_update()
    details: dict[str, object] = {"speed_factor": 2.0}
    tracker.update(percentage=1, details=details)
    details["speed_factor"] = 3.0
    assert seen[-1].details == {"speed_factor": 2.0}
    with pytest.raises(AttributeError):
        seen[-1].percentage = 5  # type: ignore[misc]
    with pytest.raises(TypeError):
        seen[-1].details["x"] = 1  # type: ignore[index]


def test_a_state_as_a_dict_is_what_json_carries() -> None:
    info = ProgressInfo("X", IN_PROGRESS, 5.0, details={"a": math.nan, "b": math.inf, "c": 1.5})
    values = info.as_dict()
    assert values["details"] == {"a": None, "b": None, "c": 1.5}
    assert list(values) == [
        "operation", "status", "percentage", "current_size", "total_size", "speed", "eta",
        "message", "details", "id", "parent", "unit", "timestamp",
    ]  # fmt: skip
    assert json.loads(json.dumps(values, allow_nan=False))["status"] == "in_progress"


def test_a_state_made_by_hand_stands_for_the_operation_of_its_name() -> None:
    info = ProgressInfo("Copy", IN_PROGRESS, 5.0, 1, 20, 2.0, 9.5, "half", {}, 1.0)
    assert (info.id, info.parent, info.unit) == ("Copy", None, "B")


def test_two_trackers_of_one_name_have_ids_of_their_own() -> None:
    first, second = Tracker(), Tracker()
    assert first.id != second.id
    assert first.get_current_progress().id == first.id


def test_every_state_of_an_operation_has_its_id_and_its_unit() -> None:
    tracker = CountingTracker("Packing", unit="files")
    seen: list[ProgressInfo] = []
    tracker.add_callback(seen.append)
    tracker.update(current_size=1, total_size=12)
    tracker.fail("The disk is full; make room.")
    assert {(info.id, info.unit) for info in seen} == {(tracker.id, "files")}


def test_a_forked_program_makes_ids_of_its_own() -> None:
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writing, Tracker().id.encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        theirs = pipe.read()
    os.waitpid(child, 0)
    assert theirs.partition("-")[0] != Tracker().id.partition("-")[0]


def test_states_are_compared_by_value_and_can_be_kept_in_sets() -> None:
    one = ProgressInfo("X", STARTING, timestamp=1.0)
    assert one == ProgressInfo("X", STARTING, timestamp=1.0)
    assert len({one, ProgressInfo("X", STARTING, timestamp=1.0)}) == 1


def test_a_state_can_be_sent_to_another_process() -> None:
    tracker, seen = recorded()
    tracker.update(percentage=1, details={"a": 1})
    assert pickle.loads(pickle.dumps(seen)) == seen
    assert copy.deepcopy(seen) == seen
