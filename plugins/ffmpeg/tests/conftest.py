"""The FFmpegs of this machine, and real media made by the first of them."""

import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from similubot_ffmpeg import AudioConverter, FFmpegSettings
from similubot_ffmpeg.program import Program, version_of
from similubot_loopback.media import SHAPES

FFMPEGS_VARIABLE = "SIMILUBOT_TEST_FFMPEGS"
"""A list of more FFmpegs to test with, as fetch_ffmpegs.py prints it."""


def _ffmpegs() -> dict[str, Path]:
    """The FFmpegs here by version: on PATH, in imageio-ffmpeg, and those of the variable."""
    paths = [shutil.which("ffmpeg") or ""]
    try:
        import imageio_ffmpeg

        paths.append(imageio_ffmpeg.get_ffmpeg_exe())
    except (ImportError, RuntimeError):
        pass
    paths += os.environ.get(FFMPEGS_VARIABLE, "").split(os.pathsep)
    found: dict[str, Path] = {}
    for path in filter(None, paths):
        version = version_of(Program(Path(path), "tests"))
        found.setdefault(re.sub(r"^n|[-+].*$", "", version), Path(path))
    return found


FFMPEGS = _ffmpegs()
RAW = ("-f", "s16le", "-ac", "1", "-ar", "44100")


@pytest.fixture(
    scope="session",
    # `make test` takes the first, that on PATH; `make test-all` takes each.
    params=[
        pytest.param(path, id=version, marks=[pytest.mark.slow] if number else [])
        for number, (version, path) in enumerate(FFMPEGS.items())
    ]
    or [pytest.param(None, marks=pytest.mark.skip(reason="no FFmpeg here; make setup brings one"))],
)
def ffmpeg(request: pytest.FixtureRequest) -> Path:
    """Each FFmpeg of this machine in turn."""
    path: Path = request.param
    return path


@pytest.fixture(scope="session")
def maker() -> Path:
    """The FFmpeg that makes the media: the newest here."""
    if not FFMPEGS:
        pytest.skip("no FFmpeg here; make setup brings one")
    newest = max(FFMPEGS, key=lambda version: [int(n) for n in re.findall(r"\d+", version)])
    return FFMPEGS[newest]


@pytest.fixture(scope="session")
def shapes(tmp_path_factory: pytest.TempPathFactory, maker: Path) -> Callable[[str], Path]:
    """A file of 8 seconds for each shape of `SHAPES`, made when it is first asked for."""
    made: dict[str, Path] = {}

    def shape(name: str) -> Path:
        if name not in made:
            made[name] = SHAPES[name](tmp_path_factory.mktemp("media"), 8.0, maker)
        return made[name]

    return shape


@pytest.fixture
def converter(ffmpeg: Path, tmp_path: Path) -> AudioConverter:
    """A converter that runs the FFmpeg of this turn and writes into the test's own folder."""
    return AudioConverter(
        temp_dir=tmp_path / "results", settings=FFmpegSettings(program=str(ffmpeg))
    )


@pytest.fixture
def newest(maker: Path, tmp_path: Path) -> AudioConverter:
    """The same with the newest FFmpeg only, for what does not depend on the version."""
    return AudioConverter(
        temp_dir=tmp_path / "results", settings=FFmpegSettings(program=str(maker))
    )


@pytest.fixture
def decoded(maker: Path) -> Callable[[Path], float]:
    """Decodes a file to its end and returns its seconds; fails on anything that is not clean."""

    def decode(file: Path) -> float:
        result = subprocess.run(
            [maker, "-v", "error", "-i", file, "-map", "0:a:0", *RAW, "-"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=120,
            check=True,
        )
        assert result.stderr == b""
        return len(result.stdout) / 2 / 44_100

    return decode
