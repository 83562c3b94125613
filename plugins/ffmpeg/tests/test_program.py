"""Which FFmpeg is used, and what `similubot doctor` and the hooks say."""

import subprocess
import sys
from pathlib import Path

import pytest

from similubot_core import Settings, StageError
from similubot_ffmpeg.program import check, find_program
from similubot_ffmpeg.settings import FFmpegSettings


def fake_program(folder: Path, name: str, text: str = "#!/bin/sh\necho hello\n") -> Path:
    path = folder / name
    path.write_text(text)
    path.chmod(0o755)
    return path


def test_the_one_of_the_settings_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    fake_program(tmp_path, "ffmpeg")
    mine = fake_program(tmp_path, "my-ffmpeg")
    assert find_program(FFmpegSettings(program=str(mine))).path == mine
    assert find_program(FFmpegSettings(program="my-ffmpeg")).path == mine


def test_the_one_on_path_comes_before_the_bundled_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    mine = fake_program(tmp_path, "ffmpeg")
    program = find_program(FFmpegSettings())
    assert (program.path, program.origin) == (mine, "PATH")


def test_the_bundled_one_is_used_where_path_has_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundled = pytest.importorskip("imageio_ffmpeg")
    monkeypatch.setenv("PATH", str(tmp_path))
    program = find_program(FFmpegSettings())
    assert (program.path, program.origin) == (Path(bundled.get_ffmpeg_exe()), "imageio-ffmpeg")


def test_without_any_the_error_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)
    with pytest.raises(StageError, match="FFmpeg is missing: install FFmpeg"):
        find_program(FFmpegSettings())
    (found,) = check(Settings(environ={}))
    assert not found.ok
    assert "apt install ffmpeg" in found.cure


def test_doctor_says_which_one_and_its_version(ffmpeg: Path) -> None:
    (found,) = check(Settings(environ={"SIMILUBOT_FFMPEG_PROGRAM": str(ffmpeg)}))
    assert found.ok
    version = subprocess.run([ffmpeg, "-version"], capture_output=True, check=True, text=True)
    assert found.detail == f"{version.stdout.split()[2]} from settings: {ffmpeg}"


def test_doctor_says_so_when_it_is_not_ffmpeg(tmp_path: Path) -> None:
    other = fake_program(tmp_path, "other")
    (found,) = check(Settings(environ={"SIMILUBOT_FFMPEG_PROGRAM": str(other)}))
    assert not found.ok
    assert "does not run as FFmpeg" in found.detail


def test_the_plugin_is_light_until_it_is_used() -> None:
    code = (
        "import sys, similubot_ffmpeg as p; p.similubot_trackers(); p.similubot_stages();"
        "heavy = {'discord', 'aiohttp', 'requests', 'rich', 'cryptography', 'imageio_ffmpeg',"
        "'similubot_ffmpeg.converter', 'subprocess'} & set(sys.modules); print(sorted(heavy))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "[]"
