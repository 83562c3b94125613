"""Wheels of everything here, and empty environments."""

import sys
import venv
from collections.abc import Callable
from pathlib import Path

import pytest

from .environments import ROOT, Environment, run

PACKAGES = [ROOT, *sorted(ROOT.glob("plugins/*")), *sorted(ROOT.glob("examples/*_*"))]


@pytest.fixture(scope="session")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a wheel of every distribution of the repository."""
    folder = tmp_path_factory.mktemp("wheels")
    build = ("--no-deps", "--no-build-isolation", "--quiet", "--disable-pip-version-check")
    run(sys.executable, "-m", "pip", "wheel", *build, "--wheel-dir", folder, *PACKAGES)
    return folder


@pytest.fixture(scope="session")
def new_environment(
    wheels: Path, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[], Environment]:
    """Makes an empty environment."""

    def make() -> Environment:
        folder = tmp_path_factory.mktemp("environment")
        venv.create(folder, symlinks=True)
        return Environment(folder, wheels)

    return make


@pytest.fixture(scope="session")
def authors_environment(new_environment: Callable[[], Environment]) -> Environment:
    """What a plugin's author has: the core, the testkit, pytest; and the examples' wheels."""
    environment = new_environment()
    environment.install(
        "similubot-core",
        "similubot-testkit",
        "pytest",
        "similubot-yt-dlp-tracker",
        "similubot-slack",
    )
    return environment
