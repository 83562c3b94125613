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
OFF_BY = 10.0
LOOKING_SECONDS = 0.1
"""How old what was seen of a file may be."""
SHORT_SECONDS = 2.0
ONCE_A_SECOND = [
    f"{tool}.{where}"
    for tool in ("curl", "curl.2", "wget", "wget.2", "pv-n", "pv-n.2", "rclone-v", "rclone-v.2")
    for where in ("pipe", "terminal")
] + ["aria2c.terminal", "aria2c.2.terminal", "pv.terminal", "pv.2.terminal"]
"""Recordings of a steady transfer whose tool reports once a second, or twice."""
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


def true_at(recording: dict[str, Any], share: float) -> float | None:
    """How far the work was then, in per cent: by the time, or by what was written; else None."""
    truth = recording["truth"]
    if truth is True:
        return 100 * share
    if not truth:
        return None
    seconds = share * recording["seconds"]
    return max((done for at, done in truth if at <= seconds), default=0.0)


@pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: path.stem)
def test_nothing_is_shown_that_is_far_off(path: Path) -> None:
    replay = Replay.of(path)
    look = LOOKING_SECONDS / replay.recording["seconds"]
    last = 0.0
    for share, percentage, _ in replay.shown:
        if percentage != last:
            assert not (percentage > 90 and share < 1 / 3)
            lowest = true_at(replay.recording, share - look)
            highest = true_at(replay.recording, share + look)
            if lowest is not None and highest is not None:
                assert lowest - OFF_BY <= percentage <= highest + OFF_BY
        last = percentage


@pytest.mark.parametrize("name", sorted(KNOWN))
def test_a_percentage_is_shown_where_the_tool_tells_one_of_the_whole(name: str) -> None:
    shown = Replay.of(SAMPLES / f"{name}.json").shown
    assert max(percentage for _, percentage, _ in shown) > 50


@pytest.mark.parametrize("name", ONCE_A_SECOND)
def test_the_time_left_is_steady(name: str) -> None:
    replay = Replay.of(SAMPLES / f"{name}.json")
    reports: list[tuple[float, float]] = []
    last = 0.0
    for share, percentage, eta in replay.shown:
        if percentage != last and eta is not None and percentage > 10:
            reports.append((share * replay.recording["seconds"], eta))
        last = percentage
    assert len(reports) > 3
    for (before, eta), (now, next_eta) in pairwise(reports):
        expected = eta - (now - before)
        if expected > SHORT_SECONDS:
            assert expected / 2 < next_eta < expected * 2
