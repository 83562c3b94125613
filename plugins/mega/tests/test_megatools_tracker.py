"""MegatoolsProgressTracker over megatools' output and over anything else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from similubot_core.process import LineSplitter
from similubot_mega import MegatoolsProgressTracker

LINE = "big.bin: 6.67% - 25.4\xa0MiB (26669518 bytes) of 381.5\xa0MiB (21.1\xa0MiB/s)"
MIB = 1024 * 1024


def test_a_line_gives_percentage_exact_bytes_and_speed() -> None:
    tracker = MegatoolsProgressTracker()
    assert tracker.parse_output(LINE)
    info = tracker.get_current_progress()
    assert info.percentage == pytest.approx(6.67)
    assert info.current_size == 26669518
    assert info.total_size == int(381.5 * MIB)
    assert info.speed == int(21.1 * MIB)
    assert info.eta == pytest.approx((381.5 - 25.434) / 21.1, rel=0.01)


def test_the_lines_of_a_terminal_are_read_too() -> None:
    tracker = MegatoolsProgressTracker()
    splitter = LineSplitter(tracker.parse_output)
    for byte in (LINE + "\x1b[0K \r").encode():
        splitter.feed(bytes([byte]))
    assert tracker.get_current_progress().current_size == 26669518


def test_a_small_file_has_no_second_count_of_bytes() -> None:
    tracker = MegatoolsProgressTracker()
    assert tracker.parse_output("a: 50.00% - 342\xa0bytes of 683\xa0bytes (10\xa0bytes/s)")
    info = tracker.get_current_progress()
    assert (info.current_size, info.total_size, info.speed) == (342, 683, 10)


def test_a_stopped_transfer_has_no_eta() -> None:
    tracker = MegatoolsProgressTracker()
    tracker.parse_output("a: 50.00% - 342\xa0bytes of 683\xa0bytes (0\xa0bytes/s)")
    assert tracker.get_current_progress().eta is None


@pytest.mark.parametrize(
    "line",
    [
        "Downloaded odd.bin",
        f"Downloaded {LINE}",
        f"ERROR: Download failed for '{LINE}': Local file already exists",
        f"{LINE}.mp4",
    ],
)
def test_a_files_name_is_not_taken_for_progress(line: str) -> None:
    assert not MegatoolsProgressTracker().parse_output(line)


def test_of_a_name_that_looks_like_progress_the_real_figures_count() -> None:
    tracker = MegatoolsProgressTracker()
    assert tracker.parse_output(LINE.replace("big.bin", LINE.replace("6.67", "99.99")))
    assert tracker.get_current_progress().percentage == pytest.approx(6.67)


@given(st.lists(st.binary(max_size=200) | st.just(LINE.encode())))
def test_any_bytes_at_all_leave_it_without_an_exception(pieces: list[bytes]) -> None:
    tracker = MegatoolsProgressTracker()
    for piece in pieces:
        tracker.parse_output(piece.decode("utf-8", errors="replace"))
        tracker.parse_output(piece.decode("latin-1"))
    assert 0.0 <= tracker.get_current_progress().percentage < 100.0
