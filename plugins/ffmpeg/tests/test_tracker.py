"""FFmpegProgressTracker: FFmpeg's output as progress, under the rules of every tracker."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from similubot_core import ProgressInfo, ProgressStatus
from similubot_ffmpeg import FFmpegProgressTracker
from similubot_testkit.rules import assert_tracker_keeps_the_rules

SAMPLES = Path(__file__).parent / "samples"


def text_of(sample: str) -> str:
    return (SAMPLES / sample).read_bytes().decode("utf-8", errors="replace")


@pytest.mark.parametrize(
    "sample",
    [
        "4.2.2__wav_stats.stderr.txt",
        "5.1.9__mp4_stats.stderr.txt",
        "7.0.2__neg_copyts.stderr.txt",
        "7.0.2__devfull.progress.txt",
        "9.0.2__mp3.stderr.txt",
    ],
)
def test_it_keeps_the_rules_of_progress(sample: str) -> None:
    assert_tracker_keeps_the_rules(FFmpegProgressTracker, text_of(sample).splitlines())


@pytest.mark.parametrize("sample", sorted(p.name for p in SAMPLES.glob("*__*.txt")))
def test_no_sample_makes_the_percentage_fall_or_reach_100(sample: str) -> None:
    tracker = FFmpegProgressTracker(600.0 if sample.endswith(".progress.txt") else None)
    seen: list[ProgressInfo] = []
    tracker.add_callback(seen.append)
    tracker.parse_output(text_of(sample))
    percentages = [info.percentage for info in seen]
    assert percentages == sorted(percentages)
    assert all(percentage < 100 for percentage in percentages)
    assert all(info.status is not ProgressStatus.COMPLETED for info in seen)


def test_the_duration_comes_from_the_runs_own_output() -> None:
    tracker = FFmpegProgressTracker()
    tracker.parse_output("Input #0, mp3, from 'a.mp3':\n  Duration: 00:10:00.00, start: 0.025057,")
    assert tracker.parse_output(
        "size=    2304KiB time=00:02:30.00 bitrate= 124.0kbits/s speed=  30x    "
    )
    info = tracker.get_current_progress()
    assert info.percentage == pytest.approx(25.0)
    assert info.eta == pytest.approx(450 / 30)
    assert info.current_size == 2304 * 1024
    assert info.details == {
        "speed_factor": 30.0,
        "out_time": 150.0,
        "duration": 600.0,
        "bitrate": 124.0,
    }


def test_a_given_duration_wins_over_the_outputs() -> None:
    tracker = FFmpegProgressTracker()
    tracker.set_total_duration(300.0)
    tracker.parse_output("Input #0, mp3, from 'a.mp3':\n  Duration: 00:10:00.00, start: 0.025057,")
    tracker.parse_output("out_time_us=150000000\nspeed=30x\nprogress=continue")
    assert tracker.get_current_progress().percentage == pytest.approx(50.0)


@pytest.mark.parametrize("nonsense", [None, 0.0, -5.0, float("nan"), float("inf")])
def test_a_duration_that_cannot_be_is_unknown(nonsense: float | None) -> None:
    tracker = FFmpegProgressTracker(nonsense)
    tracker.parse_output("out_time_us=150000000\nspeed=30x\nprogress=continue")
    info = tracker.get_current_progress()
    assert (info.percentage, info.eta) == (0.0, None)
    assert info.details["out_time"] == 150.0


def test_progress_end_does_not_complete_since_it_comes_after_a_kill_too() -> None:
    tracker = FFmpegProgressTracker(10.0)
    tracker.parse_output("out_time_us=10000000\nprogress=end")
    info = tracker.get_current_progress()
    assert info.status is ProgressStatus.IN_PROGRESS
    assert info.percentage < 100


def test_a_source_longer_than_it_says_stays_below_100() -> None:
    tracker = FFmpegProgressTracker(10.0)
    tracker.parse_output("out_time_us=99000000\nspeed=2x\nprogress=continue")
    info = tracker.get_current_progress()
    assert 99 < info.percentage < 100
    assert info.eta == 0.0


@given(st.lists(st.binary(max_size=80), max_size=10))
def test_any_bytes_leave_it_without_an_exception(pieces: list[bytes]) -> None:
    tracker = FFmpegProgressTracker()
    for piece in pieces:
        tracker.parse_output(piece.decode("utf-8", errors="replace"))
