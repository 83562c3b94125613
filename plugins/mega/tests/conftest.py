"""A running loopback MEGA server, and downloaders that talk to it."""

import os
import stat
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from similubot_loopback.mega_server import LoopbackMega
from similubot_mega import MegaDownloader, MegaSettings
from similubot_mega.backoff import Waits

FAST = Waits(first=0.01, longest=0.05, busy=0.02, silence=10.0, reported=0.05)
SAMPLES = Path(__file__).parent / "samples"


@pytest.fixture(params=sorted(path.name for path in SAMPLES.glob("*.bin")))
def sample(request: pytest.FixtureRequest) -> bytes:
    return (SAMPLES / str(request.param)).read_bytes()


@pytest.fixture
def samples() -> Path:
    return SAMPLES


@pytest.fixture
def server() -> Iterator[LoopbackMega]:
    with LoopbackMega() as running:
        yield running


@pytest.fixture
def make_downloader(server: LoopbackMega, tmp_path: Path) -> Callable[..., MegaDownloader]:
    def make(waits: Waits = FAST, **settings: object) -> MegaDownloader:
        values: dict[str, object] = {"api_url": server.url, "stall_timeout": 20.0} | settings
        return MegaDownloader(tmp_path / "out", MegaSettings(**values), waits=waits)  # type: ignore[arg-type]

    return make


@pytest.fixture
def downloader(make_downloader: Callable[..., MegaDownloader]) -> MegaDownloader:
    return make_downloader()


@pytest.fixture
def install_mega_get(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Put a stand-in mega-get first on PATH; its body gets `link`, `folder` and `say`."""

    def install(body: str) -> Path:
        folder = tmp_path / "bin"
        folder.mkdir(exist_ok=True)
        program = folder / "mega-get"
        program.write_text(
            f"#!{sys.executable}\n"
            + textwrap.dedent(
                """\
                import os, signal, subprocess, sys, time
                from pathlib import Path
                link, folder = sys.argv[1], Path(sys.argv[2])
                def say(data, to=2):
                    os.write(to, data)
                """
            )
            + textwrap.dedent(body)
        )
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
        return program

    return install
