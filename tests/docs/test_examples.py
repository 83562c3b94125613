"""Every Python example of the guide and of two READMEs runs; each command line in them is one.

On a page, a block whose first line is ``# some/name.py`` is that file; blocks with tests are run by
pytest with the testkit's fixtures, and the others as one program, in the page's order. The examples
of docs/migration.md have a test of their own.
"""

import argparse
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from similubot_core import CommandSpec, SinkSpec
from similubot_core.plugins.manager import load_plugins
from similubot_core.plugins.specs import Plugins

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    path
    for path in (
        ROOT / "README.md",
        ROOT / "plugins/testkit/README.md",
        ROOT / "plugins/loopback/README.md",
        *ROOT.glob("docs/**/*.md"),
    )
    if path != ROOT / "docs/migration.md"
)
_BLOCK = re.compile(r"^```(\w+)[^\n]*\n(.*?)^```", re.DOTALL | re.MULTILINE)
_NAME = re.compile(r"# ([\w./-]+\.(?:py|toml))\n")


@dataclass
class Example:
    """What a page's blocks amount to."""

    files: dict[str, str] = field(default_factory=dict)
    program: list[str] = field(default_factory=list)


def blocks(page: Path, language: str) -> Iterator[str]:
    for found, text in _BLOCK.findall(page.read_text(encoding="utf-8")):
        if found == language:
            yield text


def example(page: Path) -> Example:
    found = Example()
    for number, text in enumerate(blocks(page, "python")):
        name = _NAME.match(text)
        if name:
            found.files[name[1]] = text
        elif "def test_" in text:
            found.files[f"tests/test_block_{number}.py"] = text
        else:
            found.program.append(text)
    return found


def has_python(page: Path) -> bool:
    return any(True for _ in blocks(page, "python"))


FLAC = f"""#!{sys.executable}
import subprocess, sys
from similubot_core import Settings
from similubot_ffmpeg.program import find_program
from similubot_ffmpeg.settings import FFmpegSettings

program = find_program(Settings(environ={{}}).table(FFmpegSettings)).path
source = sys.argv[-1]
target = [sys.argv[2]] if sys.argv[1] == "--output-name" else ["-f", "null", "-"]
print("clip.wav: 50% complete, ratio=0.500", file=sys.stderr)
sys.exit(subprocess.run([program, "-v", "error", "-i", source, *target]).returncode)
"""
"""Stands in for the program flac where it is not installed: FFmpeg does the same work."""


def run(folder: Path, *command: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, *command],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        env={
            **os.environ,
            "PYTHONPATH": f"{folder}{os.pathsep}{folder / 'src'}",
            "PATH": f"{os.environ['PATH']}{os.pathsep}{folder / 'programs'}",
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        },
    )


@pytest.mark.parametrize(
    "page", [p for p in PAGES if has_python(p)], ids=lambda p: str(p.relative_to(ROOT))
)
def test_the_python_examples_of_a_page_run(page: Path, tmp_path: Path) -> None:
    found = example(page)
    for name, text in found.files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    if found.program:
        (tmp_path / "page.py").write_text("\n".join(found.program), encoding="utf-8")
        ran = run(tmp_path, "page.py")
        assert ran.returncode == 0, ran.stderr
    if any("def test_" in text for text in found.files.values()):
        (tmp_path / "programs").mkdir()
        (tmp_path / "programs/flac").write_text(FLAC)
        (tmp_path / "programs/flac").chmod(0o755)
        ran = run(
            *(tmp_path, "-m", "pytest", "-q", "-rs", "-p", "similubot_testkit.pytest_plugin"),
            *("-p", "similubot_loopback.pytest_plugin", "-p", "no:cacheprovider"),
            *("--rootdir", str(tmp_path), str(tmp_path)),
        )
        assert ran.returncode == 0, ran.stdout + ran.stderr
        assert "skipped" not in ran.stdout
        assert (
            f" {sum(t.count('def test_') for t in found.files.values())} passed"
            in f" {ran.stdout.splitlines()[-1]}"
        )


def plugin_files() -> list[tuple[Path, str, str]]:
    return [
        (page, name, text)
        for page in PAGES
        for name, text in example(page).files.items()
        if "@hookimpl" in text and not name.startswith("tests/")
    ]


@pytest.mark.parametrize(
    ("page", "name", "text"), plugin_files(), ids=lambda value: str(value)[-30:].split("\n")[0]
)
def test_an_examples_plugin_is_ok(page: Path, name: str, text: str, tmp_path: Path) -> None:
    for other, source in example(page).files.items():
        path = tmp_path / other
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source, encoding="utf-8")
    module = Path(name).parent.name if name.endswith("__init__.py") else Path(name).stem
    ran = run(
        tmp_path,
        "-c",
        f"import {module}; from similubot_testkit.only_these_plugins import load_only;"
        f" assert load_only({module}).specs",
    )
    assert ran.returncode == 0, ran.stderr


def command_lines() -> list[tuple[str, str]]:
    """Each line of a shell block that runs `similubot`, with its page."""
    found = []
    for page in PAGES:
        for text in blocks(page, "sh"):
            for line in text.replace("\\\n", " ").splitlines():
                words = shlex.split(line, comments=True)
                while words and re.fullmatch(r"[A-Z_]+=\S*", words[0]):
                    words.pop(0)
                if words[:1] == ["similubot"]:
                    found.append((str(page.relative_to(ROOT)), shlex.join(words[1:])))
    return found


@pytest.fixture(scope="module")
def plugins() -> Plugins:
    return load_plugins()


@pytest.mark.parametrize(("page", "line"), command_lines())
def test_a_command_line_of_the_guide_is_one(page: str, line: str, plugins: Plugins) -> None:
    name, *typed = shlex.split(line)
    spec = plugins.get(CommandSpec, name)
    parser = argparse.ArgumentParser(exit_on_error=False)
    parser.add_argument("--no-plugins", action="store_true")
    parser.add_argument("--config")
    spec.configure(parser)
    parsed = parser.parse_args(typed)
    for sink in getattr(parsed, "sink", None) or ():
        sink_name = sink.partition("=")[0]
        assert sink_name in {spec.name for spec in plugins.all(SinkSpec)}


def test_the_guide_has_pages_with_examples() -> None:
    assert len([page for page in PAGES if has_python(page)]) >= 10
    assert len(command_lines()) >= 20
