"""`similubot new-plugin`: what it writes passes its own tests, the type checker and the linter."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from similubot_core.cli.new_plugin import USAGES, write_plugin
from similubot_core.errors import SimilubotError, UsageError

KINDS = sorted(USAGES)
NAMES = ("tool", "a-tool-with-a-name")


def run(*command: str | Path, cwd: Path, **environ: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", *command],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=240,
        env={**os.environ, **environ},
    )


@pytest.mark.parametrize("kind", KINDS)
def test_a_new_plugin_passes_its_own_tests(kind: str, tmp_path: Path) -> None:
    folder = write_plugin(tmp_path, "my-host_2", kind)
    ran = run(
        *("pytest", "-q", "-p", "similubot_testkit.pytest_plugin", "-p", "no:cacheprovider"),
        cwd=folder,
        PYTHONPATH=str(folder / "src"),
        PYTEST_DISABLE_PLUGIN_AUTOLOAD="1",
    )
    assert ran.returncode == 0, ran.stdout
    assert " passed" in ran.stdout


@pytest.mark.slow
def test_new_plugins_have_sound_types_in_their_tests_too(tmp_path: Path) -> None:
    folders = [write_plugin(tmp_path, f"my-{kind}", kind) for kind in KINDS]
    parts = [folder / part for folder in folders for part in ("src", "tests")]
    path = os.pathsep.join(map(str, parts[::2]))
    cache = ("--cache-dir", str(tmp_path / "cache"))
    checked = run("mypy", "--strict", *cache, *parts, cwd=tmp_path, MYPYPATH=path)
    assert checked.returncode == 0, checked.stdout
    assert "no issues found in 19 source files" in checked.stdout


@pytest.mark.parametrize("kind", KINDS)
def test_a_new_plugin_passes_ruff_as_it_is_by_default_and_some_rules_more(
    kind: str, tmp_path: Path
) -> None:
    folders = [write_plugin(tmp_path, name, kind) for name in NAMES]
    more = ("--select=E,F,W,I,B,UP,SIM,D1,N", "--ignore=D107,E501,N802", "--line-length=88")
    for folder in folders:
        default = run("ruff", "check", "--isolated", "--no-cache", ".", cwd=folder)
        assert default.returncode == 0, default.stdout
        linted = run("ruff", "check", "--isolated", "--no-cache", *more, "src", cwd=folder)
        assert linted.returncode == 0, linted.stdout
        formatted = run("ruff", "format", "--isolated", "--no-cache", "--diff", ".", cwd=folder)
        assert formatted.returncode == 0, formatted.stdout


def test_it_is_a_whole_package(tmp_path: Path) -> None:
    folder = write_plugin(tmp_path, "my_tool", "tracker")
    files = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert files == {
        ".github/workflows/test.yml",
        ".gitignore",
        "README.md",
        "pyproject.toml",
        "src/similubot_my_tool/__init__.py",
        "src/similubot_my_tool/py.typed",
        "src/similubot_my_tool/tracker.py",
        "tests/sample.txt",
        "tests/test_tracker.py",
    }
    assert "$" not in "".join((folder / name).read_text() for name in files if name.endswith("py"))
    assert "${{ matrix.python }}" in (folder / ".github/workflows/test.yml").read_text()


def test_the_command_prints_the_folder_and_what_to_do_next(tmp_path: Path) -> None:
    ran = run("similubot_core", "new-plugin", "toola", "--kind", "sink", cwd=tmp_path)
    assert (ran.returncode, ran.stdout) == (0, "similubot-toola\n")
    assert "pip install ./similubot-toola" in ran.stderr


@pytest.mark.parametrize(
    "name", ["", "A", "1a", "a b", "a--b", "-a", "../a", "a.b", "ä", "a\n", "a" * 61]
)
def test_a_name_that_cannot_be_one_is_refused_and_nothing_is_written(
    name: str, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match="cannot be a plugin's name"):
        write_plugin(tmp_path, name, "sink")
    assert list(tmp_path.iterdir()) == []


def test_a_name_that_an_installed_plugin_has_is_refused(tmp_path: Path) -> None:
    ran = run("similubot_core", "new-plugin", "json", "--kind", "sink", cwd=tmp_path)
    assert ran.returncode == 2
    assert "An installed plugin is called json already" in ran.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_exists_is_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "similubot-toola").mkdir()
    with pytest.raises(UsageError, match="exists already"):
        write_plugin(tmp_path, "toola", "sink")
    assert list((tmp_path / "similubot-toola").iterdir()) == []


def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(SimilubotError, match="cannot be written"):
        write_plugin(tmp_path / "missing", "toola", "sink")


def test_a_command_has_a_name_that_discord_takes(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="32 characters at most"):
        write_plugin(tmp_path, "a" * 33, "command")


def test_without_a_kind_it_says_which_there_are(tmp_path: Path) -> None:
    ran = run("similubot_core", "new-plugin", "toola", "--kind", "bot", cwd=tmp_path)
    assert ran.returncode == 2
    assert "converter" in ran.stderr
