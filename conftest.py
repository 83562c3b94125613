"""What holds for every test of the repository."""

import signal
from collections.abc import Iterator

import hypothesis
import pytest

SLOW_SECONDS = 3600
"""The limit of a test marked slow; `timeout` in pyproject.toml limits all others."""


def pytest_configure() -> None:
    """Set up the run.

    SIGHUP is heard even under `nohup`, since a process that ignores it passes that on to every
    child of a test. Hypothesis gives an example no time limit: on a busy machine any takes long.
    """
    hypothesis.settings.register_profile("ours", deadline=None)
    hypothesis.settings.load_profile("ours")
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give slow tests the time that they take."""
    for item in items:
        if item.get_closest_marker("slow") and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(SLOW_SECONDS))


@pytest.fixture(autouse=True, scope="session")
def _own_caches(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What this machine's user has measured stays out of the tests, and theirs out of it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("caches")))
        yield
