"""The testkit's pytest fixtures; pytest finds them by the entry point `pytest11`.

Nothing is imported until a fixture is asked for, so that a test run that uses none of them costs
nothing, and no test of a stranger's depends on what they need.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from similubot_core import ProgressInfo, ProgressTracker, StageContext
    from similubot_core.plugins.specs import Plugins
    from similubot_testkit.fake_clock import FakeClock
    from similubot_testkit.recording_sink import RecordingSink


@pytest.fixture
def recording_sink() -> RecordingSink:
    """A sink that keeps every state it is shown, in ``recording_sink.seen``."""
    from similubot_testkit.recording_sink import RecordingSink

    return RecordingSink()


@pytest.fixture
def fake_clock() -> FakeClock:
    """A clock that stands still until ``fake_clock.advance(seconds)``."""
    from similubot_testkit.fake_clock import FakeClock

    return FakeClock()


@pytest.fixture
def on_each_update(
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[[Callable[[ProgressInfo], object]], None]:
    """``on_each_update(function)`` calls it with the state that each update of any tracker leaves,
    in the updating thread. A callback may leave out what is soon replaced.
    """
    from similubot_core import ProgressTracker

    update = ProgressTracker.update

    def watch(function: Callable[[ProgressInfo], object]) -> None:
        def watched(tracker: ProgressTracker, *arguments: object, **changes: object) -> None:
            update(tracker, *arguments, **changes)  # type: ignore[arg-type]
            function(tracker.get_current_progress())

        monkeypatch.setattr(ProgressTracker, "update", watched)

    return watch


@pytest.fixture
def stage_context(tmp_path: Path, recording_sink: RecordingSink) -> StageContext:
    """What a job gives to a stage: an empty folder, a cancel token and ``recording_sink``."""
    from similubot_core import StageContext

    folder = tmp_path / "stage"
    folder.mkdir()
    return StageContext(folder, callbacks=(recording_sink.show,))


@pytest.fixture
def assert_tracker_keeps_the_rules() -> Callable[..., None]:
    """The check of the six rules: ``assert_tracker_keeps_the_rules(MyTracker, samples)``."""
    from similubot_testkit import rules

    def check(make: Callable[[], ProgressTracker], samples: Sequence[str] = ()) -> None:
        rules.assert_tracker_keeps_the_rules(make, samples)

    return check


@pytest.fixture
def assert_sink_keeps_the_rules() -> Callable[..., None]:
    """The check of a sink: ``assert_sink_keeps_the_rules(open_it, shown)``."""
    from similubot_testkit import sink_rules

    return sink_rules.assert_sink_keeps_the_rules


@pytest.fixture
def assert_downloader_keeps_the_rules() -> Callable[..., None]:
    """The check of a downloader: ``assert_downloader_keeps_the_rules(it, source)``."""
    from similubot_testkit import stage_rules

    return stage_rules.assert_downloader_keeps_the_rules


@pytest.fixture
def assert_converter_keeps_the_rules() -> Callable[..., None]:
    """The check of a converter: ``assert_converter_keeps_the_rules(it, file)``."""
    from similubot_testkit import stage_rules

    return stage_rules.assert_converter_keeps_the_rules


@pytest.fixture
def assert_uploader_keeps_the_rules() -> Callable[..., None]:
    """The check of an uploader: ``assert_uploader_keeps_the_rules(it, file)``."""
    from similubot_testkit import stage_rules

    return stage_rules.assert_uploader_keeps_the_rules


@pytest.fixture
def load_only() -> Callable[..., Plugins]:
    """A plugin manager without discovery: ``load_only(my_plugin).get(SinkSpec, "mine")``."""
    from similubot_testkit.only_these_plugins import load_only

    return load_only


@pytest.fixture
def no_plugins(load_only: Callable[..., Plugins]) -> Plugins:
    """What the core offers by itself, whatever is installed."""
    return load_only()
