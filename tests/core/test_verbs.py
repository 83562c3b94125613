"""`download`, `convert` and `upload`: several sources, folders, stdin, resume after a kill."""

import json
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from similubot_core.cli import _resume

PLUGIN = textwrap.dedent(
    '''
    """A plugin of a stranger: capitals, links to memory, and a place."""

    import time
    from pathlib import Path

    from similubot_core import (
        ConverterSpec, DownloaderSpec, OutputFormat, StageError, UploaderSpec, hookimpl,
    )


    class Fetch:
        def run(self, source, context):
            name = source.removeprefix("fetch://")
            part = context.folder / "part"
            have = part.stat().st_size if part.exists() else 0
            with part.open("ab") as file:
                for index in range(have, 8):
                    if name == "slow" and index == 4:
                        print("half", flush=True)
                        context.cancel.wait(30)
                        context.cancel.raise_if_cancelled()
                    file.write(b"x")
                    file.flush()
            Path("asked").open("a").write(f"{name} from {have}\\\\n")
            return part.rename(context.folder / f"{name}.txt")


    class Capitals:
        def run(self, file, request, context):
            text = file.read_text()
            if "bad" in text:
                raise StageError("It holds a bad word.")
            result = context.folder / f"{file.stem}.{'up' if request.format == 'up' else 'loud'}"
            result.write_text(text.upper())
            return result


    class Place:
        def run(self, file, context):
            return f"place://{file.name}"


    @hookimpl
    def similubot_stages():
        formats = (OutputFormat("up", ".up", (8, 320)), OutputFormat("loud", ".loud"))
        return [
            DownloaderSpec("fetch", "fetch://NAME", lambda s: Fetch(),
                           lambda s: s.startswith(("fetch://", "twice://"))),
            DownloaderSpec("other", "twice://NAME", lambda s: Fetch(),
                           lambda s: s.startswith("twice://")),
            ConverterSpec("capitals", "capitals", lambda s: Capitals(), formats=formats),
            UploaderSpec("place", "a place", lambda s, target: Place()),
        ]
    '''
).replace("\\\\n", "\\n")

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    site = tmp_path / "site"
    info = site / "verbs-1.0.dist-info"
    info.mkdir(parents=True)
    (site / "verbs_plugin.py").write_text(PLUGIN)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: verbs\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[similubot]\nverbs = verbs_plugin\n")
    others = (
        "bot,catbox,discord_sink,ffmpeg,http,loopback,matrix,mega,notify,telegram,terminal_sink,"
        "workers,yt_dlp"
    )
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith("SIMILUBOT_")},
        "PYTHONPATH": str(site),
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
        "XDG_CONFIG_HOME": str(tmp_path / "config"),
        "SIMILUBOT_DISABLE_PLUGINS": others,
    }


@pytest.fixture
def work(tmp_path: Path) -> Path:
    folder = tmp_path / "work"
    folder.mkdir()
    for name in "abc":
        (folder / f"{name}.txt").write_text(name)
    return folder


@pytest.fixture
def run(environment: dict[str, str], work: Path) -> Run:
    def start(*words: str, stdin: str = "", **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "similubot_core", *words], cwd=work, env={**environment, **more},
            input=stdin, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip

    return start


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_results_come_in_the_order_given_and_one_failure_stops_no_other(
    run: Run, work: Path
) -> None:
    (work / "b.txt").write_text("bad")
    ended = run("convert", "c.txt", "b.txt", "gone.txt", "a.txt", "-q", "--jobs", "3")
    assert ended.stdout.splitlines() == ["c.up", "a.up"]
    assert "b.txt: It holds a bad word." in ended.stderr
    assert "gone.txt: There is no file gone.txt." in ended.stderr
    assert ended.returncode == 1


def test_a_folder_stands_for_its_files_and_a_slash_makes_one(run: Run, work: Path) -> None:
    ended = run("convert", ".", "-o", "new/deep/", "--format", "loud", "-q")
    assert ended.stdout.splitlines() == ["new/deep/a.loud", "new/deep/b.loud", "new/deep/c.loud"]
    assert ended.returncode == 0
    assert "as --output x/" in run("convert", "a.txt", "b.txt", "-o", "x", "-q").stderr


def test_what_exists_is_refused_skipped_or_replaced(run: Run, work: Path) -> None:
    (work / "a.up").write_text("older")
    assert run("convert", "a.txt", "-q").returncode == 2
    skipped = run("convert", "a.txt", "b.txt", "-q", "--skip-existing")
    assert (skipped.returncode, skipped.stdout) == (0, "a.up\nb.up\n")
    assert (work / "a.up").read_text() == "older"
    assert run("convert", "a.txt", "-q", "-o", "a.up", "--overwrite").stdout == "a.up\n"
    assert (work / "a.up").read_text() == "A"
    own = run("convert", "a.up", "-o", "a.up", "--overwrite", "-q")
    assert "a.up is the source itself" in own.stderr
    assert files(work) == ["a.txt", "a.up", "b.txt", "b.up", "c.txt"]


def test_stdin_is_a_file_for_convert_and_a_list_of_links_for_download(run: Run, work: Path) -> None:
    assert run("convert", "-", "-q", "-o", "x.up", stdin="hello").stdout == "x.up\n"
    assert (work / "x.up").read_text() == "HELLO"
    ended = run("download", "-", "-q", "-o", "got/", stdin="fetch://one\n\nfetch://two\n")
    assert ended.stdout.splitlines() == ["got/one.txt", "got/two.txt"]


def test_one_verb_for_each_stage(run: Run, work: Path) -> None:
    assert run("download", "fetch://one", "-q").stdout == "one.txt\n"
    assert run("upload", "a.txt", "--to", "place", "-q").stdout == "place://a.txt\n"
    assert "Say where to upload" in run("upload", "a.txt").stderr
    assert run("upload", "a.txt", "-q", SIMILUBOT_CONVERT_TO="place").stdout == "place://a.txt\n"


def test_a_dry_run_does_nothing(run: Run, work: Path) -> None:
    ended = run("convert", "a.txt", "fetch://one", "-n", "--bitrate", "64", "-o", "new/")
    assert ended.stdout.splitlines() == [
        "a.txt: 1 B → convert to up at 64 kb/s (capitals) → into new",
        "fetch://one: download (fetch), size unknown → convert to up at 64 kb/s (capitals) "
        "→ into new",
    ]
    assert files(work) == ["a.txt", "b.txt", "c.txt"]


def test_a_dry_run_names_the_stages_that_were_chosen(run: Run) -> None:
    words = ("convert", "twice://one", "-n", "--format", "up", "--to", "place")
    assert "Several downloaders accept this link: fetch and other." in run(*words).stderr
    assert run(*words, "--from", "other").stdout == (
        "twice://one: download (other), size unknown → convert to up (capitals) → upload (place)\n"
    )


def test_defaults_of_the_settings_yield_to_what_is_typed(run: Run, work: Path) -> None:
    (work / "similubot.toml").write_text('[convert]\nformat = "loud"\nto = "place"\nbitrate = 64\n')
    assert run("convert", "a.txt", "-q").stdout == "place://a.loud\n"
    assert run("convert", "a.txt", "-q", "-o", "x.up").stdout == "x.up\n"


def test_json_has_a_result_or_an_error_for_each_source(run: Run, work: Path) -> None:
    events = [
        json.loads(line) for line in run("convert", "a.txt", "gone", "--json").stdout.splitlines()
    ]
    ends = [event for event in events if event["event"] in ("result", "error")]
    assert [event["event"] for event in ends] == ["result", "error"]
    assert ends[0]["source"] == "a.txt"


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_the_same_command_goes_on_from_the_bytes_that_are_there(
    run: Run, environment: dict[str, str], work: Path, tmp_path: Path, number: signal.Signals
) -> None:
    command = [sys.executable, "-m", "similubot_core", "download", "fetch://slow", "-q"]
    with subprocess.Popen(
        command, cwd=work, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"half\n"
        child.send_signal(number)
    assert files(work) == ["a.txt", "b.txt", "c.txt"]
    (part,) = (tmp_path / "cache").rglob("part")
    part.write_bytes(b"xxxxx")  # the slow place is behind it
    assert run("download", "fetch://slow", "-q").stdout == "slow.txt\n"
    assert (work / "asked").read_text() == "slow from 5\n"
    assert list((tmp_path / "cache").rglob("*.txt")) == []


def test_what_interrupted_jobs_left_is_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_resume, "cache_folder", lambda: tmp_path / "jobs")
    monkeypatch.setattr(_resume, "MOST_BYTES", 100_000)

    def interrupted(name: str) -> None:
        with _resume.job_folder(name) as folder:
            assert folder is not None
            folder.mkdir()
            (folder / "part").write_bytes(b"x" * 40_000)
            raise KeyboardInterrupt

    for name in "abcd":
        with pytest.raises(KeyboardInterrupt):
            interrupted(name)
    with _resume.job_folder("5") as folder:
        assert folder is not None
        with _resume.job_folder("5") as taken:
            assert taken is None
    assert 1 <= len(list((tmp_path / "jobs").iterdir())) <= 2


def test_completion_knows_commands_options_and_names(run: Run) -> None:
    def words(*typed: str) -> list[str]:
        return run("completion", "words", "--", *typed).stdout.split()

    assert words("con") == ["config", "convert"]
    assert words("convert", "--over") == ["--overwrite"]
    assert words("convert", "--format", "") == ["loud", "none", "up"]
    assert words("upload", "a.txt", "--to", "p") == ["place"]
    assert words("convert", "a") == []
    for shell in ("bash", "zsh", "fish"):
        assert "similubot completion words" in run("completion", shell).stdout


def test_config_shows_where_each_setting_comes_from(run: Run, work: Path) -> None:
    (work / "similubot.toml").write_text('[core]\nprefer = ["fetch"]\n')
    shown = run("config", SIMILUBOT_CONVERT_FORMAT="up").stdout.splitlines()
    assert 'prefer = ["fetch"]  # similubot.toml' in shown
    assert 'format = "up"  # SIMILUBOT_CONVERT_FORMAT' in shown
    assert "bitrate = (not set)  # default" in shown
    assert run("config", "--set").stdout.splitlines() == [
        "[core]", 'prefer = ["fetch"]  # similubot.toml', "",
    ]  # fmt: skip


def test_mistyped_options_get_the_nearest(run: Run) -> None:
    assert "did you mean '--bitrate'?" in run("convert", "a.txt", "--bitrat", "5").stderr
