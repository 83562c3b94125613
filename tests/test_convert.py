"""`similubot convert` with the real plugins: what comes out, and what bad input costs."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from similubot_ffmpeg import AudioConverter, FFmpegSettings
from similubot_ffmpeg.program import find_program
from similubot_loopback.catbox_server import LoopbackCatbox
from similubot_loopback.media import make_video
from similubot_loopback.mega_server import LoopbackMega

SECONDS = 3


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    program = find_program(FFmpegSettings()).path
    return make_video(tmp_path_factory.mktemp("media") / "clip.mp4", SECONDS, program)


@pytest.fixture
def folder(tmp_path: Path, video: Path) -> Path:
    """A folder with clip.mp4 in it, to run the command in."""
    os.link(video, tmp_path / "clip.mp4")
    return tmp_path


@pytest.fixture
def mega() -> Iterator[LoopbackMega]:
    with LoopbackMega() as server:
        yield server


def similubot(
    folder: Path, *arguments: str, **environment: str
) -> "subprocess.CompletedProcess[str]":
    clean = {name: value for name, value in os.environ.items() if not name.startswith("SIMILUBOT_")}
    return subprocess.run(
        [sys.executable, "-m", "similubot_core", *arguments],
        cwd=folder,
        env={**clean, "XDG_CONFIG_HOME": str(folder / ".config"), **environment},
        capture_output=True,
        text=True,
        timeout=60,
    )


def assert_playable_aac(file: Path) -> None:
    ok, info, error = AudioConverter().get_media_info(file)
    assert ok, error
    assert info is not None
    assert info.audio is not None
    assert info.audio.codec == "aac"
    assert info.duration == pytest.approx(SECONDS, abs=0.1)


def test_a_file_becomes_a_file_beside_it(folder: Path) -> None:
    ended = similubot(folder, "convert", "clip.mp4")
    assert (ended.returncode, ended.stdout) == (0, "clip.m4a\n")
    assert_playable_aac(folder / "clip.m4a")
    assert sorted(path.name for path in folder.iterdir()) == ["clip.m4a", "clip.mp4"]


def test_json_lines_carry_the_progress_and_end_on_the_result(folder: Path) -> None:
    ended = similubot(folder, "convert", "clip.mp4", "--bitrate", "96", "--json")
    assert ended.returncode == 0, ended.stderr
    *progress, last = map(json.loads, ended.stdout.splitlines())
    assert {event["event"] for event in progress} == {"progress"}
    assert {event["operation"] for event in progress} == {"clip.mp4", "Audio Conversion"}
    assert {event["parent"] for event in progress} == {None, progress[0]["id"]}
    assert progress[0]["status"] == "starting"
    assert progress[-1]["status"] == "completed"
    assert progress[-1]["percentage"] == 100.0
    assert set(progress[0]) == {
        "event", "operation", "status", "percentage", "current_size", "total_size", "speed", "eta",
        "message", "details", "timestamp", "id", "parent", "unit",
    }  # fmt: skip
    assert last["event"] == "result"
    assert last["result"] == "clip.m4a"
    assert last["size"] == (folder / "clip.m4a").stat().st_size


def test_a_link_becomes_a_link(tmp_path: Path, video: Path, mega: LoopbackMega) -> None:
    with LoopbackCatbox(tmp_path / "catbox") as catbox:
        link = mega.add_file("Ein Lied 音.mp4", video)
        ended = similubot(
            tmp_path,
            *("convert", link, "--to", "catbox", "--json"),
            SIMILUBOT_MEGA_API_URL=mega.url,
            SIMILUBOT_MEGA_BACKEND="embedded",
            SIMILUBOT_CATBOX_API_URL=catbox.catbox_url,
        )
        assert ended.returncode == 0, ended.stderr
        events = [json.loads(line) for line in ended.stdout.splitlines()]
        stages = [event for event in events if event.get("parent")]
        operations = list(dict.fromkeys(event["operation"] for event in stages))
        assert operations == ["MEGA Download", "Audio Conversion", "Catbox Upload"]
        assert events[-1]["result"].startswith(catbox.files_url)
        assert events[-1]["name"] == "Ein Lied 音.m4a"
        assert_playable_aac(next((tmp_path / "catbox").rglob("*.m4a")))
        key = link.partition("#")[2]
        assert key not in ended.stdout + ended.stderr
        assert [path.name for path in tmp_path.iterdir()] == ["catbox"]


def test_a_link_becomes_a_file_in_a_folder(tmp_path: Path, video: Path, mega: LoopbackMega) -> None:
    served = tmp_path / "served"
    served.mkdir()
    link = mega.add_file("clip.mp4", video)
    environment = {"SIMILUBOT_MEGA_API_URL": mega.url, "SIMILUBOT_MEGA_BACKEND": "embedded"}
    for name in ("clip.m4a", "clip (2).m4a"):
        ended = similubot(tmp_path, "convert", link, "--to", f"folder={served}", **environment)
        assert (ended.returncode, ended.stdout) == (0, f"{served / name}\n"), ended.stderr
        assert_playable_aac(served / name)
    assert len(list(served.iterdir())) == 2


BAD = {
    "a missing file": (["nope.mp4"], 2, "no file nope.mp4"),
    "an empty folder": (["empty"], 2, "no file in the folder"),
    "a text file": (["notes.txt"], 1, "notes.txt"),
    "an empty file": (["empty.mp4"], 1, "empty.mp4"),
    "a link that no plugin takes": (
        ["gopher://example.org/x?token=s3cret"],
        2,
        "I can't download gopher://example.org/x…",
    ),
    "a name that is not UTF-8": (["a\udcffb"], 2, "no file"),
    "a bitrate of 0": (["clip.mp4", "--bitrate", "0"], 2, "bitrate"),
    "a bitrate of abc": (["clip.mp4", "--bitrate", "abc"], 2, "bitrate"),
    "an output that exists": (["clip.mp4", "--output", "notes.txt"], 2, "exists already"),
    "an unwritable folder": (["clip.mp4", "--output", "/proc/x.m4a"], 2, "/proc"),
    "a folder that is not there": (["clip.mp4", "--output", "no/x.m4a"], 2, "no folder no"),
    "an uploader that is not there": (["clip.mp4", "--to", "nowhere"], 2, "nowhere"),
    "a sink that is not there": (["clip.mp4", "--sink", "nowhere"], 2, "nowhere"),
    "two places": (["clip.mp4", "--to", "catbox", "--output", "x.m4a"], 2, "choose one"),
    "a settings file that is not there": (["clip.mp4", "--config", "no.toml"], 2, "no.toml"),
    "nothing at all": ([], 2, "SOURCE"),
}


@pytest.mark.parametrize(("arguments", "status", "told"), BAD.values(), ids=BAD)
def test_bad_input_is_one_sentence_and_costs_nothing(
    folder: Path, arguments: list[str], status: int, told: str
) -> None:
    (folder / "notes.txt").write_text("only words\n")
    (folder / "empty.mp4").touch()
    (folder / "empty").mkdir()
    ended = similubot(folder, "convert", *arguments)
    assert ended.returncode == status, ended.stderr
    assert ended.stdout == ""
    *progress, last = ended.stderr.splitlines()
    assert last.startswith("similubot: ")
    assert told in last
    assert "Traceback" not in ended.stderr
    assert "s3cret" not in ended.stderr
    assert all("Audio Conversion" in line for line in progress), ended.stderr
    names = sorted(path.name for path in folder.iterdir())
    assert names == ["clip.mp4", "empty", "empty.mp4", "notes.txt"]
    assert (folder / "notes.txt").read_text() == "only words\n"


def test_an_output_that_exists_under_the_default_name_is_refused_before_any_work(
    folder: Path,
) -> None:
    (folder / "clip.m4a").write_text("precious")
    ended = similubot(folder, "convert", "clip.mp4")
    assert ended.returncode == 2
    assert "clip.m4a exists already" in ended.stderr
    assert (folder / "clip.m4a").read_text() == "precious"


def test_json_says_errors_too(folder: Path) -> None:
    ended = similubot(folder, "convert", "nope.mp4", "--json")
    assert ended.returncode == 2
    (event,) = map(json.loads, ended.stdout.splitlines())
    assert event["event"] == "error"
    assert "nope.mp4" in event["message"]


def test_a_broken_plugin_stops_no_job(
    folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    site = tmp_path_factory.mktemp("site")
    (site / "broken_plugin.py").write_text("import a_module_that_is_not_there\n")
    info = site / "similubot_broken-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: similubot-broken\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[similubot]\nbroken = broken_plugin\n")
    ended = similubot(folder, "convert", "clip.mp4", PYTHONPATH=str(site))
    assert (ended.returncode, ended.stdout) == (0, "clip.m4a\n"), ended.stderr
    listed = similubot(folder, "plugins", "--json", PYTHONPATH=str(site))
    (record,) = [r for r in json.loads(listed.stdout) if r["name"] == "broken"]
    assert record["status"] == "broken"
    assert "a_module_that_is_not_there" in record["reason"]
    strict = similubot(
        folder, "convert", "clip.mp4", PYTHONPATH=str(site), SIMILUBOT_STRICT_PLUGINS="1"
    )
    assert strict.returncode == 1
    assert "similubot-broken" in strict.stderr
