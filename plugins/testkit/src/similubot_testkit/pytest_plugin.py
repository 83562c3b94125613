"""The testkit's pytest fixtures; pytest finds them by the entry point `pytest11`.

Nothing heavy is imported until a fixture is asked for, so that a test run that uses none of them
costs nothing.
"""

from collections.abc import Callable, Sequence

import pytest

from similubot_core import ProgressTracker
from similubot_core.descriptors import Plugins
from similubot_core.plugins import load_plugins
from similubot_testkit.recording_sink import RecordingSink


@pytest.fixture
def recording_sink() -> RecordingSink:
    """A sink that keeps everything it is told."""
    return RecordingSink()


@pytest.fixture
def assert_tracker_keeps_the_rules() -> Callable[..., None]:
    """The check of the six rules: ``assert_tracker_keeps_the_rules(MyTracker, samples)``."""
    from similubot_testkit import rules

    def check(make: Callable[[], ProgressTracker], samples: Sequence[str] = ()) -> None:
        rules.assert_tracker_keeps_the_rules(make, samples)

    return check


@pytest.fixture
def no_plugins() -> Plugins:
    """What the core offers by itself, whatever is installed."""
    return load_plugins(entry_points=())
