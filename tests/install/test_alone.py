"""Each plugin alone with the core in an empty environment, and the core with nothing."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from .environments import ROOT, Environment, run

BOT = {"bot", "mega", "ffmpeg", "catbox", "http", "discord_sink", "terminal_sink"}
LISTED = {
    "http": {"http"},
    "mega": {"mega", "http"},
    "ffmpeg": {"ffmpeg"},
    "catbox": {"catbox", "http"},
    "discord_sink": {"discord_sink"},
    "matrix": {"matrix"},
    "notify": {"notify"},
    "telegram": {"telegram"},
    "terminal_sink": {"terminal_sink"},
    "testkit": set(),
    "tools": {"tools"},
    "loopback": {"loopback"},
    "web": {"web"},
    "yt_dlp": {"yt_dlp"},
    "bot": BOT,
    "workers": {"workers", *BOT},
}
"""Each plugin's folder, and what is listed once it is installed with what it needs."""


def test_the_core_alone_works_and_says_what_to_install(
    new_environment: Callable[[], Environment], tmp_path: Path
) -> None:
    environment = new_environment()
    environment.install("similubot-core")
    assert "No plugin is installed" in environment.similubot("plugins").stdout
    assert environment.similubot("watch", "--", "echo", "hello").stdout == "hello\n"
    (tmp_path / "clip.mp4").write_bytes(b"x")
    refused = environment.similubot("convert", tmp_path / "clip.mp4", ok=False)
    assert refused.returncode == 2
    assert "install similubot-ffmpeg" in refused.stderr


@pytest.mark.slow
@pytest.mark.parametrize("plugin", sorted(LISTED))
def test_each_plugin_alone_with_the_core_is_listed_as_ok(
    plugin: str, new_environment: Callable[[], Environment]
) -> None:
    environment = new_environment()
    environment.install(f"similubot-{plugin.replace('_', '-')}")
    found = environment.plugins()
    assert set(found) == LISTED[plugin]
    assert {record["status"] for records in found.values() for record in records} <= {"ok"}
    run(environment.python, "-c", f"from similubot_{plugin} import *")


@pytest.mark.slow
def test_discovery_works_with_the_lowest_pluggy_too(tmp_path: Path) -> None:
    """The newest is what every other test runs with."""
    lowest = next(
        line.partition(">=")[2].strip(' ",')
        for line in (ROOT / "pyproject.toml").read_text().splitlines()
        if "pluggy>=" in line
    )
    quiet = ("--quiet", "--disable-pip-version-check", "--no-deps")
    folder = tmp_path / "pluggy"
    run(sys.executable, "-m", "pip", "install", *quiet, "--target", folder, f"pluggy=={lowest}")
    version = "import pluggy; print(pluggy.__version__)"
    told = run(sys.executable, "-c", version, PYTHONPATH=str(folder)).stdout
    assert told.startswith(lowest)
    ran = run(
        *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", "not slow"),
        ROOT / "tests/core/test_plugins.py",
        cwd=ROOT,
        PYTHONPATH=str(folder),
    )
    assert " passed" in ran.stdout
