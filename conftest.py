"""What holds for every test of the repository."""

import signal

import pytest

SLOW_SECONDS = 3600
"""The limit of a test marked slow; `timeout` in pyproject.toml limits all others."""


def pytest_configure() -> None:
    """Hear SIGHUP even under `nohup`: what ignores it hands that on to every child of a test."""
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give slow tests the time that they take."""
    for item in items:
        if item.get_closest_marker("slow") and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(SLOW_SECONDS))
