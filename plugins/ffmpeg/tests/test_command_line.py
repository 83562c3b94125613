"""`similubot convert` and `similubot watch` with real FFmpeg, as a user runs them."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Shapes = Callable[[str], Path]


def similubot(
    *arguments: str | Path, program: Path, folder: Path
) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "similubot_core", *arguments],
        cwd=folder,
        env={**os.environ, "SIMILUBOT_FFMPEG_PROGRAM": str(program)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_fit_gives_the_largest_result_that_fits(
    maker: Path, shapes: Shapes, tmp_path: Path
) -> None:
    done = similubot("convert", shapes("flac"), "--fit", "200KB", program=maker, folder=tmp_path)
    assert (done.returncode, done.stdout) == (0, "sound.m4a\n")
    assert 150_000 < (tmp_path / "sound.m4a").stat().st_size <= 200 * 1024


def test_a_size_that_nothing_fits_is_told_and_no_file_is_made(
    maker: Path, shapes: Shapes, tmp_path: Path
) -> None:
    done = similubot("convert", shapes("flac"), "--fit", "9k", program=maker, folder=tmp_path)
    assert done.returncode == 1
    assert "cannot be made to fit 9.0 KB: even at 32 kb/s" in done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("size", ["abc", "0", "-5MB", "1TB5", ""])
def test_what_is_no_size_is_wrong_usage(
    size: str, maker: Path, shapes: Shapes, tmp_path: Path
) -> None:
    done = similubot("convert", shapes("flac"), f"--fit={size}", program=maker, folder=tmp_path)
    assert done.returncode == 2
    assert "is not a size; write one as 25MB" in done.stderr


def test_a_damaged_file_is_one_sentence_and_exit_1(
    maker: Path, shapes: Shapes, tmp_path: Path
) -> None:
    whole = shapes("flac").read_bytes()
    (tmp_path / "cut.flac").write_bytes(whole[: len(whole) // 2])
    done = similubot("convert", "cut.flac", "--json", program=maker, folder=tmp_path)
    assert done.returncode == 1
    last = json.loads(done.stdout.splitlines()[-1])
    assert last["event"] == "error"
    assert last["message"].startswith("cut.flac is damaged: only ")
    assert [path.name for path in tmp_path.iterdir()] == ["cut.flac"]


def test_watch_shows_the_progress_of_any_ffmpeg_and_ends_as_it_does(
    ffmpeg: Path, shapes: Shapes, tmp_path: Path
) -> None:
    command = ("--", ffmpeg, "-i", shapes("wav"), "-c:a", "aac", "-b:a", "96k", "out.m4a")
    done = similubot(
        "watch", "--tracker", "ffmpeg", "--sink", "json", *command, program=ffmpeg, folder=tmp_path
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out.m4a").is_file()
    events = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    assert events[-1]["status"] == "completed"
    assert events[-1]["details"]["duration"] == pytest.approx(8.0, abs=0.1)
    assert events[-1]["details"]["out_time"] == pytest.approx(8.0, abs=0.1)
    assert any(event["status"] == "in_progress" for event in events)
