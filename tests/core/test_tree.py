"""Operations form a tree: a whole follows from its parts, and every node keeps the rules."""

import gc
import threading
import weakref
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import settings as settings_of_a_run
from hypothesis import strategies as st

from similubot_core import CountingTracker, ProgressInfo, ProgressStatus
from similubot_testkit.fake_clock import FakeClock
from similubot_testkit.rules import assert_progress_keeps_the_rules

unhurried = settings_of_a_run(deadline=None, max_examples=60)

LIMIT = 20.0


def album(unit: str = "B") -> CountingTracker:
    return CountingTracker("Album", FakeClock(), unit=unit)


def by_operation(seen: list[ProgressInfo]) -> dict[str, list[ProgressInfo]]:
    found: dict[str, list[ProgressInfo]] = {}
    for info in seen:
        found.setdefault(info.operation, []).append(info)
    return found


def test_a_part_knows_its_whole() -> None:
    whole = album()
    part = whole.child("Song 1")
    assert part.get_current_progress().parent == whole.id
    assert whole.get_current_progress().parent is None


def test_sizes_and_percentage_of_a_whole_are_those_of_its_parts() -> None:
    whole = album()
    first, second = whole.child("Song 1"), whole.child("Song 2")
    first.update(current_size=50, total_size=100)
    second.update(current_size=0, total_size=300)
    info = whole.get_current_progress()
    assert (info.current_size, info.total_size, info.percentage) == (50, 400, 12.5)
    first.complete()
    info = whole.get_current_progress()
    assert (info.current_size, info.total_size, info.percentage) == (100, 400, 25.0)


def test_a_total_is_unknown_while_one_parts_is() -> None:
    whole = album()
    whole.child("Song 1").update(current_size=50, total_size=100)
    whole.child("Song 2")
    info = whole.get_current_progress()
    assert (info.current_size, info.total_size, info.percentage) == (50, None, 0.0)


def test_a_total_that_is_known_beforehand_counts() -> None:
    whole = album()
    whole.update(total_size=1000)
    whole.child("Song 1").update(current_size=50, total_size=100)
    info = whole.get_current_progress()
    assert (info.current_size, info.total_size, info.percentage) == (50, 1000, 5.0)


def test_weights_say_what_share_a_part_has() -> None:
    job = CountingTracker("Job", unit="stages")
    download, conversion = job.child("Download", 1), job.child("Conversion", weight=3)
    download.complete()
    assert job.get_current_progress().percentage == 25.0
    conversion.update(50)
    assert job.get_current_progress().percentage == 62.5


def test_a_percentage_is_unknown_where_a_weight_is() -> None:
    job = CountingTracker("Job", unit="stages")
    download = job.child("Download", 1)
    job.child("Conversion")
    download.complete()
    assert job.get_current_progress().percentage == 0.0


def test_parts_that_are_still_to_come_count_where_their_weight_is_planned() -> None:
    job = CountingTracker("Job", unit="stages")
    job.plan_weight(4)
    job.child("Download", 1).complete()
    assert job.get_current_progress().percentage == 25.0


def test_bytes_and_frames_are_not_added_up() -> None:
    whole = album()
    whole.child("Song 1").update(current_size=50, total_size=100)
    whole.child("Video", unit="frames").update(current_size=1, total_size=9)
    info = whole.get_current_progress()
    assert (info.current_size, info.total_size) == (None, None)


def test_a_whole_that_counts_something_else_keeps_its_own_count() -> None:
    whole = album(unit="songs")
    whole.update(current_size=1, total_size=12)
    whole.child("Song 2").update(current_size=50, total_size=100)
    info = whole.get_current_progress()
    assert (info.current_size, info.total_size, info.unit) == (1, 12, "songs")


def test_speeds_are_added_up_and_the_eta_follows() -> None:
    whole = album()
    first, second = whole.child("Song 1"), whole.child("Song 2")
    first.update(current_size=50, total_size=100, speed=5)
    second.update(current_size=0, total_size=100, speed=10)
    info = whole.get_current_progress()
    assert (info.speed, info.eta) == (15, 10)


def test_a_whole_begins_with_its_first_part() -> None:
    whole = album()
    seen: list[ProgressInfo] = []
    whole.add_callback(seen.append)
    whole.child("Song 1").start()
    told = [(info.operation, info.status.value) for info in seen]
    assert told == [("Album", "starting"), ("Album", "in_progress"), ("Song 1", "starting")]


def test_callbacks_of_a_whole_get_its_parts_too() -> None:
    whole = album()
    early = whole.child("Song 1")
    seen: list[ProgressInfo] = []
    whole.add_callback(seen.append)
    late = early.child("Verse")
    late.complete()
    early.complete()
    whole.complete()
    found = by_operation(seen)
    assert set(found) == {"Album", "Song 1", "Verse"}
    for infos in found.values():
        assert_progress_keeps_the_rules(infos)


def test_a_callback_that_is_removed_from_a_whole_gets_its_parts_no_more() -> None:
    whole = album()
    part = whole.child("Song 1")
    seen: list[ProgressInfo] = []
    whole.add_callback(seen.append)
    whole.remove_callback(seen.append)
    part.complete()
    assert seen == []


@pytest.mark.parametrize(
    ("end", "status"),
    [
        (lambda t: t.complete("ok"), ProgressStatus.COMPLETED),
        (lambda t: t.fail("no"), ProgressStatus.FAILED),
        (lambda t: t.cancel("stop"), ProgressStatus.CANCELLED),
    ],
)
def test_what_is_unfinished_below_ends_likewise_and_before(
    end: Callable[[CountingTracker], None], status: ProgressStatus
) -> None:
    whole = album()
    seen: list[ProgressInfo] = []
    whole.add_callback(seen.append)
    done, half, unbegun = whole.child("done"), whole.child("half"), whole.child("unbegun")
    deep = half.child("deep")
    done.fail("alone")
    deep.update(50)
    end(whole)
    ends = {info.operation: info.status for info in seen if info.status.is_final}
    assert ends == {
        "done": ProgressStatus.FAILED, "half": status, "deep": status, "unbegun": status,
        "Album": status,
    }  # fmt: skip
    assert list(ends)[-1] == "Album"
    assert unbegun.get_current_progress().status is status
    for infos in by_operation(seen).values():
        assert_progress_keeps_the_rules(infos)


def test_a_part_that_begins_after_the_end_ends_at_once() -> None:
    whole = album()
    late = whole.child("late")
    whole.cancel()
    latest = whole.child("latest")
    latest.update(50)
    assert late.get_current_progress().status is ProgressStatus.CANCELLED
    assert latest.get_current_progress().status is ProgressStatus.CANCELLED


def test_a_whole_does_not_end_by_itself() -> None:
    whole = album()
    whole.child("Song 1").complete()
    info = whole.get_current_progress()
    assert info.status is ProgressStatus.IN_PROGRESS
    assert info.percentage < 100


def test_a_tracker_that_has_begun_or_is_a_part_already_is_refused() -> None:
    whole, begun = album(), CountingTracker("begun")
    begun.start()
    part = whole.child("Song 1")
    for wrong in (begun, part, whole):
        with pytest.raises(ValueError, match="has begun, or is a part already"):
            whole.adopt(wrong)


@pytest.mark.parametrize("weight", [-1, float("nan"), float("inf")])
def test_a_weight_that_cannot_be_is_refused(weight: float) -> None:
    with pytest.raises(ValueError, match="weight"):
        album().child("Song", weight)


def test_a_part_that_has_ended_takes_no_memory() -> None:
    whole = album()
    parts = [whole.child(f"Song {n}") for n in range(100)]
    for part in parts:
        part.complete()
    left = weakref.WeakSet(parts)
    del part, parts
    gc.collect()
    assert not left


def test_threads_may_work_at_the_parts_of_one_whole() -> None:
    whole = album()
    seen: list[ProgressInfo] = []
    whole.add_callback(seen.append)

    def work(number: int) -> None:
        for song in range(20):
            with whole.child(f"{number}/{song}") as part:
                for size in range(20):
                    part.update(current_size=size, total_size=20)
                    whole.get_current_progress()
                part.complete()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LIMIT)
        assert not thread.is_alive()
    assert whole.get_current_progress().current_size == 4 * 20 * 20
    whole.complete()
    found = by_operation(seen)
    assert len(found) == 81
    for infos in found.values():
        assert_progress_keeps_the_rules(infos)


step = st.tuples(
    st.sampled_from(["child", "update", "complete", "fail", "cancel", "start"]),
    st.integers(0, 5),
    st.floats(0, 100),
    st.none() | st.floats(0, 10),
)


@unhurried
@given(st.lists(step, max_size=30))
def test_any_tree_keeps_the_rules(steps: list[tuple[str, int, float, float | None]]) -> None:
    whole = album()
    seen: list[ProgressInfo] = []
    whole.add_callback(seen.append)
    nodes = [whole]
    states: dict[str, list[ProgressInfo]] = {}
    for what, number, percentage, weight in steps:
        node = nodes[number % len(nodes)]
        if what == "child":
            nodes.append(node.child(str(len(nodes)), weight))
        elif what == "update":
            node.update(percentage, current_size=number)
        elif what == "start":
            node.start()
        else:
            getattr(node, what)(what)
        for each in nodes:
            states.setdefault(each.id, []).append(each.get_current_progress())
    whole.complete()
    for infos in by_operation(seen).values():
        assert_progress_keeps_the_rules(infos)
    for infos in states.values():
        percentages = [info.percentage for info in infos]
        assert percentages == sorted(percentages)
