"""Two lines to adopt: a loop, a block, and the program's default sink."""

import contextlib
import json
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

import similubot_core
from similubot_core import CountingTracker, ProgressInfo, UsageError, default_sink, track, tracked
from similubot_core.progress import PacedSink, ProgressStatus


def states_of(program: str) -> list[dict[str, object]]:
    """What a program shows in the sink json, on stderr."""
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False
    )
    return [json.loads(line) for line in ended.stderr.splitlines() if line.startswith("{")]


def test_a_loop_is_shown_to_its_end() -> None:
    first, *_, last = states_of("""
from similubot_core import track
for x in track(range(12), "Packing", unit="files", sink="json=stderr"): pass
""")
    assert (first["operation"], first["status"]) == ("Packing", "starting")
    assert (last["status"], last["current_size"], last["total_size"]) == ("completed", 12, 12)
    assert last["unit"] == "files"


def test_a_loop_gives_the_items_themselves() -> None:
    assert list(track(iter("abc"), sink="none")) == ["a", "b", "c"]


def test_a_loop_that_is_left_early_is_cancelled() -> None:
    *_, last = states_of("""
from similubot_core import track
for x in track(range(12), "Packing", sink="json=stderr"):
    if x == 5: break
""")
    assert (last["status"], last["current_size"]) == ("cancelled", 5)


def test_a_block_is_completed_and_an_exception_fails_it() -> None:
    with tracked("Copy", total=10, sink="none") as done:
        done.advance(10)
    assert done.get_current_progress().status is ProgressStatus.COMPLETED
    with pytest.raises(ValueError, match="no"), tracked("Copy", sink="none") as failed:
        raise ValueError("no")
    assert failed.get_current_progress().status is ProgressStatus.FAILED


def test_what_is_iterated_may_fail() -> None:
    def broken() -> Iterator[int]:
        yield 1
        raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        list(track(broken(), sink="none"))


def test_advancing_from_several_threads_loses_nothing() -> None:
    tracker = CountingTracker("Copy", unit="files")

    def work() -> None:
        for _ in range(5000):
            tracker.advance()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert tracker.get_current_progress().current_size == 20_000


def test_what_was_advanced_by_the_end_is_in_the_end_and_nothing_after_it() -> None:
    tracker = CountingTracker("Copy")
    tracker.update(current_size=0)
    for _ in range(2500):
        tracker.advance(2)
    tracker.complete()
    tracker.advance()
    assert tracker.get_current_progress().current_size == 5000


def test_a_loop_can_be_looked_at_in_the_midst_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = threading.Event()

    def show(info: ProgressInfo) -> None:
        if info.current_size == 2500:
            shown.set()

    sink = PacedSink(show, 0.01)

    @contextlib.contextmanager
    def open_it(choice: str | None) -> Iterator[PacedSink]:
        yield sink
        sink.close()

    monkeypatch.setattr("similubot_core._track.default_sink", open_it)
    for number in track(range(3000)):
        if number == 2500:  # 2500 are done, and this one takes its time
            assert shown.wait(60)


def test_advancing_goes_on_from_what_was_updated() -> None:
    tracker = CountingTracker("Copy")
    tracker.update(current_size=5, total_size=10)
    tracker.advance(2)
    tracker.update(current_size=8)
    tracker.advance()
    assert tracker.get_current_progress().current_size == 9


def test_blocks_within_each_other_share_one_sink() -> None:
    with default_sink("none") as outer:
        with default_sink("none") as inner:
            assert inner is outer
        outer.show(ProgressInfo("X", ProgressStatus.STARTING))
    with default_sink("none") as another:
        assert another is not outer


def test_a_sink_that_is_not_there_is_an_error_before_anything_is_done() -> None:
    with pytest.raises(UsageError, match="no sink 'nowhere'"):
        list(track([1], sink="nowhere"))


def test_all_public_names_are_found_by_dir() -> None:
    assert set(similubot_core.__all__) <= set(dir(similubot_core))
    ended = subprocess.run(
        [sys.executable, "-c", "import similubot_core; print(*dir(similubot_core))"],
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert {"ProgressTracker", "track", "tracked"} <= set(ended.stdout.split())
