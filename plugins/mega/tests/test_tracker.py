"""MegaProgressTracker over MEGAcmd's own output, whole and cut, and over anything else."""

import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from similubot_core import ProgressInfo, ProgressStatus
from similubot_core.process import LineSplitter
from similubot_mega import MegaProgressTracker

BAR = re.compile(rb"([A-Za-z ]+?) \|\|[#.]*\|\|\((\d+)/(\d+) ([KM])B: +([\d.]+) %\)")
LAST_UNFINISHED = 99.99  # 100 is kept for a result that was checked


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def lines_of(sample: bytes) -> list[str]:
    lines: list[str] = []
    splitter = LineSplitter(lines.append)
    splitter.feed(sample)
    splitter.close()
    return lines


def test_every_line_with_a_bar_gives_the_percentage_that_it_prints(sample: bytes) -> None:
    tracker = MegaProgressTracker()
    bars = 0
    for line in lines_of(sample):
        match = BAR.match(line.encode())
        assert match
        assert tracker.parse_output(line)
        bars += 1
        info = tracker.get_current_progress()
        printed = float(match[5])
        assert info.details == {"title": match[1].decode(), "printed": printed}
        if match[1] == b"TRANSFERRING":
            assert info.percentage == pytest.approx(min(printed, LAST_UNFINISHED), abs=0.01)
    assert bars == sample.count(b"%")


def test_over_a_whole_download_the_percentage_never_falls_and_the_end_is_right(
    sample: bytes,
) -> None:
    tracker = MegaProgressTracker()
    seen: list[ProgressInfo] = []
    tracker.add_callback(seen.append)
    for line in lines_of(sample):
        tracker.parse_output(line)
    tracker.complete("done")
    percentages = [info.percentage for info in seen]
    assert percentages == sorted(percentages)
    assert seen[0].status is ProgressStatus.STARTING
    assert [info.status for info in seen].count(ProgressStatus.COMPLETED) == 1
    assert (seen[-1].status, seen[-1].percentage) == (ProgressStatus.COMPLETED, 100.0)
    assert all(p < 100.0 for p in percentages[:-1])


@given(data=st.data())
def test_output_cut_at_any_byte_reads_the_same(data: st.DataObject) -> None:
    sample = data.draw(st.sampled_from(_some_samples()))
    cuts = data.draw(st.lists(st.integers(0, len(sample)), max_size=30))
    tracker, splitter_tracker = MegaProgressTracker(), MegaProgressTracker()
    splitter = LineSplitter(splitter_tracker.parse_output)
    count = 0
    edges = [0, *sorted(cuts), len(sample)]
    for start, end in pairwise(edges):
        splitter.feed(sample[start:end])
        if tracker.parse_output(sample[start:end].decode()):
            count += 1
    splitter.close()
    expected = MegaProgressTracker()
    expected.parse_output(sample.decode())
    for one in (tracker, splitter_tracker):
        assert _without_time(one) == _without_time(expected)


def _some_samples() -> list[bytes]:
    from pathlib import Path

    return [p.read_bytes()[-2000:] for p in sorted((Path(__file__).parent / "samples").glob("*"))]


def _without_time(tracker: MegaProgressTracker) -> tuple[object, ...]:
    info = tracker.get_current_progress()
    return info.percentage, info.current_size, info.total_size, dict(info.details), info.message


def test_both_hundred_per_cent_lines_leave_it_unfinished() -> None:
    tracker = MegaProgressTracker()
    line = "TRANSFERRING ||####||(50/50 MB: 100.00 %) \0"
    assert tracker.parse_output(line)
    assert tracker.parse_output(line)
    info = tracker.get_current_progress()
    assert (info.status, info.percentage) == (ProgressStatus.IN_PROGRESS, LAST_UNFINISHED)


def test_sizes_are_bytes_as_fine_as_the_percentage() -> None:
    tracker = MegaProgressTracker()
    tracker.parse_output("TRANSFERRING ||#....||(8/1714 MB:   0.50 %) ")
    info = tracker.get_current_progress()
    assert info.total_size == 1714 * 1024 * 1024
    assert info.current_size == int(1714 * 1024 * 1024 * 0.005)


def test_speed_and_eta_come_from_the_samples() -> None:
    clock = Clock()
    tracker = MegaProgressTracker(clock)
    for percent in range(11):
        tracker.parse_output(f"TRANSFERRING ||#..||({percent}/100 MB: {percent:6.2f} %) \0")
        clock.now += 0.5
    info = tracker.get_current_progress()
    assert info.speed == pytest.approx(2 * 1024 * 1024, rel=0.01)
    assert info.eta == pytest.approx(45.0, rel=0.01)


def test_fetching_nodes_is_a_message_and_no_percentage() -> None:
    tracker = MegaProgressTracker()
    assert tracker.parse_output("Fetching nodes ||#####...||(585/878 KB:  66.67 %) \0")
    info = tracker.get_current_progress()
    assert (info.percentage, info.message) == (0.0, "Fetching nodes: 67 %")


@pytest.mark.parametrize(
    "line",
    [
        "TRANSFERRING ||#||(97/683 KB:  14.29 %) ",
        "TRANSFERRING ||||(97/683 KB:  14.29 %) ",
        "TRANSFE||(97/683 KB:  14.29 %) ",
        "||(97/683 KB:  14.29 %) ",
    ],
)
def test_a_narrow_terminal_leaves_enough(line: str) -> None:
    tracker = MegaProgressTracker()
    assert tracker.parse_output(line)
    assert tracker.get_current_progress().percentage == pytest.approx(14.29)


def test_the_line_of_the_earlier_bots_specification_is_read() -> None:
    tracker = MegaProgressTracker()
    assert tracker.parse_output("TRANSFERRING ||################||(1714/1714 MB: 100.00 %)")


@pytest.mark.parametrize(
    "line",
    [
        "Download finished: ./TRANSFERRING ||##..||(5/10 MB:  50.00 %) ",
        "[2026-01-14_15-25-04.364295 cmd ERR  TRANSFERRING ||##..||(5/10 MB:  50.00 %) ]",
        "TRANSFERRING ||##..||(5/10 MB:  50.00 %) .mp4",
        "/downloads/||##..||(5/10 MB:  50.00 %)",
    ],
)
def test_a_files_name_is_not_taken_for_progress(line: str) -> None:
    tracker = MegaProgressTracker()
    assert not tracker.parse_output(line)
    assert tracker.get_current_progress().percentage == 0.0


@given(st.lists(st.binary(max_size=200) | st.sampled_from([b"\r", b"\0\n", b"TRANSFERRING ||##"])))
def test_any_bytes_at_all_leave_it_without_an_exception(pieces: list[bytes]) -> None:
    tracker = MegaProgressTracker()
    for piece in pieces:
        tracker.parse_output(piece.decode("utf-8", errors="replace"))
        tracker.parse_output(piece.decode("latin-1"))
    assert 0.0 <= tracker.get_current_progress().percentage < 100.0


@given(
    done=st.integers(0, 10**18),
    total=st.integers(0, 10**18),
    percent=st.floats(-1e9, 1e9),
    unit=st.sampled_from(["B", "KB", "MB", "GB", "TB", "XB"]),
)
def test_any_numbers_keep_the_rules(done: int, total: int, percent: float, unit: str) -> None:
    tracker = MegaProgressTracker()
    tracker.parse_output(f"TRANSFERRING ||#.||({done}/{total} {unit}: {percent:6.2f} %) ")
    info = tracker.get_current_progress()
    assert 0.0 <= info.percentage <= LAST_UNFINISHED
    assert info.speed is None or info.speed >= 0


def test_a_megabyte_without_a_line_end_takes_no_memory_and_no_time() -> None:
    tracker = MegaProgressTracker()
    for _ in range(1000):
        assert not tracker.parse_output("TRANSFERRING ||" + "#" * 1000)
    assert tracker.parse_output("TRANSFERRING ||#.||(1/2 MB:  50.00 %) ")
