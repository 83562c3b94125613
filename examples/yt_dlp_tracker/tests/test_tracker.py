"""The tracker on what yt-dlp 2026.10.26 really printed (servers on the same machine)."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
import similubot_yt_dlp_tracker
from similubot_yt_dlp_tracker.tracker import YtDlpProgressTracker

from similubot_core import TrackerSpec
from similubot_core.plugins.specs import Plugins

SAMPLES = Path(__file__).with_name("samples")


def lines(name: str) -> list[str]:
    text = (SAMPLES / f"{name}.txt").read_text()
    return [line for line in re.split(r"[\r\n]", text) if line]


def percentages(name: str) -> list[float]:
    tracker = YtDlpProgressTracker()
    return [
        tracker.get_current_progress().percentage
        for line in lines(name)
        if tracker.parse_output(line)
    ]


@pytest.mark.parametrize("name", ["single", "playlist", "formats"])
def test_every_row_is_read(name: str) -> None:
    rows = [line for line in lines(name) if re.match(r"\[download\]\s+[\d.]+%", line)]
    assert rows
    assert len(percentages(name)) == len(rows)


def test_one_file_shows_what_is_printed() -> None:
    seen = percentages("single")
    assert seen[:4] == [0.0, 0.1, 0.2, 0.5]
    assert seen[-1] == 99.99


def test_a_playlist_of_three_is_one_bar() -> None:
    seen = percentages("playlist")
    assert seen == sorted(seen)
    assert pytest.approx(100 / 3) in seen
    assert pytest.approx(200 / 3) in seen
    assert seen[-1] == 99.99


def test_picture_and_sound_are_half_of_the_bar_each() -> None:
    seen = percentages("formats")
    assert seen == sorted(seen)
    assert 50.0 in seen
    assert seen[-1] == 99.99


def test_the_speed_is_in_bytes_per_second() -> None:
    tracker = YtDlpProgressTracker()
    tracker.parse_output("[download]  50.0% of   10.00MiB at    2.00MiB/s ETA 00:02")
    assert tracker.get_current_progress().speed == 2 * 1024**2


def test_the_eta_is_that_of_the_whole(fake_clock: Callable[[], float]) -> None:
    tracker = YtDlpProgressTracker(fake_clock)
    tracker.parse_output("[download] Downloading item 1 of 2")
    tracker.parse_output("[download]   0.0% of   10.00MiB at    1.00MiB/s ETA 00:10")
    fake_clock.advance(5)  # type: ignore[attr-defined]
    tracker.parse_output("[download]  50.0% of   10.00MiB at    1.00MiB/s ETA 00:05")
    assert tracker.get_current_progress().eta == pytest.approx(15)


@pytest.mark.parametrize(
    "line",
    [
        "[download] Destination: 99% of 1.00MiB at 1.00MiB/s ETA 00:00.mp3",
        "[info] a: Downloading item 1 of 0",
        "[download] 99% of cotton",
        "[download]  50.0% of   10.00MiB at    1.2.3MiB/s ETA 00:05 and more",
        "[download] 1% of ~" + " " * 65_000 + "1",
        "[download] 1% of " + "1" * 65_000,
    ],
)
def test_titles_that_look_like_rows_say_nothing(line: str) -> None:
    assert not YtDlpProgressTracker().parse_output(line)


@pytest.mark.parametrize("name", ["single", "playlist", "formats"])
def test_it_keeps_the_rules(name: str, assert_tracker_keeps_the_rules: Callable[..., None]) -> None:
    assert_tracker_keeps_the_rules(YtDlpProgressTracker, lines(name))


def test_similubot_finds_it_by_the_programs_name(load_only: Callable[..., Plugins]) -> None:
    spec = load_only(similubot_yt_dlp_tracker).get(TrackerSpec, "yt-dlp")
    assert "yt-dlp" in spec.programs
    assert isinstance(spec.factory(), YtDlpProgressTracker)
