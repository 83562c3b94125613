"""What is shown of real programs, from what they printed and when (`bench/watch_tools.py`)."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from similubot_core import ProgressTracker
from similubot_core.cli._find_program import inner_commands, program_names
from similubot_core.cli._screen import Screen
from similubot_core.progress.percent_tracker import PercentTracker
from similubot_testkit.fake_clock import FakeClock

pytest.importorskip("similubot_tools")

from similubot_tools import PROGRAMS, ToolTracker

SAMPLES = Path(__file__).parents[2] / "plugins" / "tools" / "tests" / "samples"
RECORDINGS = sorted(SAMPLES.glob("*.json"))
QUIET = 0.1
STARTING_SECONDS = 1.0
KNOWN = {
    "curl.pipe", "curl.terminal", "wget.terminal", "aria2c.terminal",
    "rclone-p.terminal", "rclone-use-json-log.pipe", "rclone-v.pipe", "7z-a.pipe", "7z-x.pipe",
    "xz-v.terminal", "pv.terminal", "pv-n.pipe", "flac.pipe", "handbrakecli.pipe", "ninja.terminal",
    "ninja.pipe",
    "rsync-info-progress2.pipe",
    "tqdm.pipe", "tqdm.terminal", "osc-9-4.terminal", "a-count-of-steps.pipe",
    "cmake-build.terminal",
}  # fmt: skip
"""Recordings of which a percentage must be shown."""


@dataclass
class Replay:
    """A recording read as `watch` reads it: what was shown, and at which share of the time."""

    recording: dict[str, Any]
    tracker: ProgressTracker
    shown: list[tuple[float, float, float | None]] = field(default_factory=list)

    @classmethod
    def of(cls, path: Path) -> "Replay":
        recording = json.loads(path.read_text())
        clock = FakeClock()
        (words, *more) = inner_commands(recording["command"])
        names = [n for n, programs in PROGRAMS.items() if program_names(words[0])[0] in programs]
        tracker: ProgressTracker = PercentTracker("x", clock)
        if names and not any(program_names(w[0])[0] in p for w in more for p in PROGRAMS.values()):
            tracker = ToolTracker(names[0], words, clock)
        replay = cls(recording, tracker)
        replay.shown = list(replay._read(clock))
        return replay

    def _read(self, clock: FakeClock) -> Iterator[tuple[float, float, float | None]]:
        screen = Screen(self.tracker.parse_output)
        now = 0.0
        for at, text in self.recording["output"]:
            if at - now > QUIET:
                clock.advance(QUIET)
                screen.read_row()
                yield self._state(now + QUIET)
                now += QUIET
            clock.advance(max(0.0, at - now))
            now = max(at, now)
            screen.feed(text)
            yield self._state(now)

    def _state(self, now: float) -> tuple[float, float, float | None]:
        info = self.tracker.get_current_progress()
        return now / max(self.recording["seconds"], 0.1), info.percentage, info.eta


@pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: path.stem)
def test_nothing_is_shown_that_is_far_off(path: Path) -> None:
    replay = Replay.of(path)
    seconds = replay.recording["seconds"]
    off_by = 10 + 100 * STARTING_SECONDS / max(seconds, STARTING_SECONDS)
    last = 0.0
    for share, percentage, _ in replay.shown:
        if percentage != last:
            assert not (percentage > 90 and share < 1 / 3)
            if replay.recording["steady"]:
                assert abs(percentage - 100 * share) <= off_by
        last = percentage


@pytest.mark.parametrize("name", sorted(KNOWN))
def test_a_percentage_is_shown_where_the_tool_tells_one_of_the_whole(name: str) -> None:
    shown = Replay.of(SAMPLES / f"{name}.json").shown
    assert max(percentage for _, percentage, _ in shown) > 50


@pytest.mark.parametrize("name", ["curl.pipe", "wget.terminal", "aria2c.terminal", "pv.terminal"])
def test_the_time_left_is_steady(name: str) -> None:
    replay = Replay.of(SAMPLES / f"{name}.json")
    ends = [
        share * replay.recording["seconds"] + eta
        for share, percentage, eta in replay.shown
        if eta is not None and 10 < percentage < 90
    ]
    assert ends
    assert all(a / 2 < b < a * 2 for a, b in pairwise(ends))
