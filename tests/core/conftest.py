"""What several of the core's tests need: waiting on conditions, folders that are distributions."""

import importlib.util
import os
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from similubot_core import process

ROOT = Path(__file__).parents[2]
LIMIT = 20.0
"""Seconds after which a test that waits for something fails; nothing here takes as long."""


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + LIMIT
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError("what was waited for did not come")
        time.sleep(0.005)


@pytest.fixture
def until() -> Callable[[Callable[[], bool]], None]:
    """`until(condition)` returns once the condition holds and fails after a limit."""
    return wait_until


@pytest.fixture
def nothing_left() -> Iterator[None]:
    """The test leaves no thread, no open file and no child process of its own."""
    process.prepare()  # one helper starts all programs, and stays
    threads, files = set(threading.enumerate()), _open_files()
    yield
    wait_until(lambda: set(threading.enumerate()) <= threads)
    assert _open_files() <= files
    [helper] = children_of(os.getpid())
    wait_until(lambda: not children_of(helper))


def children_of(pid: int) -> list[int]:
    """The process ids of a process's children, ended ones that nobody waited for among them."""
    found = []
    for thread in Path(f"/proc/{pid}/task").iterdir():
        found += [int(child) for child in (thread / "children").read_text().split()]
    return found


def _open_files() -> int:
    return len(list(Path("/dev/fd").iterdir()))


@dataclass
class Place:
    """A folder with distributions that `similubot` finds, as pip would have put them there."""

    folder: Path
    work: Path
    libraries: Path
    environ: dict[str, str] = field(default_factory=dict)

    def distribution(
        self,
        name: str,
        source: str | None,
        *,
        points: str | None = None,
        metadata: str | bytes | None = None,
        version: str = "1.0",
    ) -> None:
        """Put a distribution there whose module (`source`) is called as it is.

        `points` are the lines of its group `similubot`; `metadata` replaces its METADATA.
        """
        module = name.replace("-", "_")
        info = self.folder / f"{module}-{version}.dist-info"
        info.mkdir(parents=True)
        if metadata is None:
            metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        if isinstance(metadata, str):
            metadata = metadata.encode()
        (info / "METADATA").write_bytes(metadata)
        points = f"{name} = {module}" if points is None else points
        (info / "entry_points.txt").write_text(f"[similubot]\n{points}\n")
        if source is not None:
            (self.folder / f"{module}.py").write_text(textwrap.dedent(source))

    def command(self, *arguments: str) -> list[str]:
        # -S, so that what is installed on this machine is not found: only what lies in the folders.
        return [sys.executable, "-S", "-m", "similubot_core", *arguments]

    def environment(self, **more: str) -> dict[str, str]:
        """Nothing of this machine's settings, and only this folder's plugins."""
        kept = {key: os.environ[key] for key in ("PATH",) if key in os.environ}
        return {
            **kept,
            "HOME": str(self.work),
            "PYTHONPATH": os.pathsep.join(map(str, (self.folder, ROOT, self.libraries))),
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONIOENCODING": "utf-8",
            **self.environ,
            **more,
        }

    def start(
        self, *arguments: str, env: Mapping[str, str] | None = None
    ) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(
            self.command(*arguments),
            cwd=self.work,
            env=self.environment(**(env or {})),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def run(
        self, *arguments: str, env: Mapping[str, str] | None = None
    ) -> "subprocess.CompletedProcess[str]":
        """Run `similubot` there to its end."""
        return subprocess.run(
            self.command(*arguments),
            cwd=self.work,
            env=self.environment(**(env or {})),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            encoding="utf-8",
            errors="surrogateescape",
            timeout=60,
            check=False,
        )


@pytest.fixture(scope="session")
def new_place(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Place]:
    """Makes an empty place for distributions, and a folder to work in."""
    libraries = tmp_path_factory.mktemp("libraries")
    for name in ("pluggy", "msgspec", "platformdirs"):  # all that the core needs
        spec = importlib.util.find_spec(name)
        assert spec is not None
        assert spec.origin is not None
        (libraries / name).symlink_to(Path(spec.origin).parent)

    def make() -> Place:
        base = tmp_path_factory.mktemp("place")
        (base / "work").mkdir()
        (base / "site").mkdir()
        return Place(base / "site", base / "work", libraries)

    return make


@pytest.fixture
def place(new_place: Callable[[], Place]) -> Place:
    return new_place()
