"""The command line as people and programs meet it: `python -m similubot_core` in real processes."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

import pytest

KEY = "S3CRET-key"
LIMIT = 30.0
Until = Callable[[Callable[[], bool]], None]


class Completed(Protocol):
    returncode: int
    stdout: str
    stderr: str


class Place(Protocol):
    """The `Place` of conftest.py, as far as it is used here."""

    folder: Path
    work: Path

    def distribution(
        self, name: str, source: str | None, *, points: str | None = None
    ) -> None: ...  # fmt: skip
    def command(self, *arguments: str) -> list[str]: ...
    def environment(self, **more: str) -> dict[str, str]: ...
    def start(
        self, *arguments: str, env: Mapping[str, str] | None = None
    ) -> "subprocess.Popen[bytes]": ...
    def run(self, *arguments: str, env: Mapping[str, str] | None = None) -> Completed: ...


CAPITALS = '''
"""A small real plugin: capitals of a text, memory-less uploads, a slow one, and a broken one."""
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar
from similubot_core import (
    Check, CommandSpec, ConverterSpec, DownloaderSpec, ProgressTracker, SinkSpec, StageError,
    TrackerSpec, UploaderSpec, UsageError, hookimpl,
)

class Lines(ProgressTracker):
    def __init__(self):
        super().__init__("Capitals")

    def parse_output(self, text):
        number = text.strip().rstrip("%")
        if not number.isdigit():
            return False
        self.update(percentage=float(number))
        return True

@dataclass(frozen=True)
class CapitalsSettings:
    table_name: ClassVar[str] = "capitals"
    suffix: str = ".up"

class Capitals:
    def __init__(self, settings):
        self.settings = settings

    def run(self, file, request, context):
        with context.attach(Lines()) as tracker:
            text = file.read_bytes()
            if text.startswith(b"slow"):
                Path("started").touch()
                while True:
                    if context.cancel.wait(0.05):
                        Path("stopped").touch()
                    context.cancel.raise_if_cancelled()
            if text.startswith(b"bug"):
                raise ValueError("S3CRET-key")
            if text.startswith(b"pipe"):
                raise BrokenPipeError("a socket's")
            if b"\\0" in text:
                raise StageError("clip.bin is no text.", detail="the tool said: NUL")
            tracker.update(percentage=50, message=file.name)
            result = context.folder / (file.stem + self.settings.suffix)
            result.write_bytes(text.upper())
            tracker.complete("Converted.")
            return result

class Link:
    def run(self, file, context):
        return "https://host.example/" + file.name

class Broken:
    def show(self, info): raise RuntimeError("show")
    def close(self): raise RuntimeError("close")

class Silent:
    def show(self, info): pass
    def close(self): pass

def refuse(context):
    raise UsageError("The sink picky takes no targets.")

def check(settings):
    return [Check("capitals", True, "there"), Check("moon", False, "not there", "Go and look.")]

@hookimpl
def similubot_stages():
    return [
        ConverterSpec("capitals", "capitals", lambda s: Capitals(s.table(CapitalsSettings)), "",
                      settings=CapitalsSettings, check=check),
        UploaderSpec("link", "a link", lambda s, target: Link()),
    ]

@hookimpl
def similubot_sinks():
    return [SinkSpec("broken", "raises", lambda context: Broken()),
            SinkSpec("silent", "shows nothing", lambda context: Silent()),
            SinkSpec("picky", "refuses", refuse)]

@hookimpl
def similubot_trackers():
    return [TrackerSpec("numbers", "a number a line", Lines, ("numberer",))]

@hookimpl
def similubot_commands():
    return [CommandSpec("shout", "prints a lot", lambda parser: None, shout),
            CommandSpec("bug", "raises", lambda parser: None, bug)]

def shout(arguments, context):
    for _ in range(100_000):
        print("A" * 100)
    return 0

def bug(arguments, context):
    raise RuntimeError("S3CRET-key")
'''


@pytest.fixture
def here(place: Place) -> Place:
    """A place with the plugin above and a text to convert."""
    place.distribution("capitals", CAPITALS)
    (place.work / "clip.txt").write_text("hello")
    return place


def sentence(done: Completed) -> str:
    """The one sentence on stderr; no traceback, no key, and nothing on stdout."""
    assert done.stdout == ""
    lines = [line for line in done.stderr.splitlines() if line]
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("similubot: ")
    assert KEY not in done.stderr
    return lines[0].removeprefix("similubot: ")


def events(stdout: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in stdout.splitlines()]


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


# -- what works --------------------------------------------------------------------------------


def test_the_result_goes_to_stdout_and_progress_to_stderr(here: Place) -> None:
    done = here.run("convert", "clip.txt")
    assert (done.returncode, done.stdout) == (0, "clip.up\n")
    assert (here.work / "clip.up").read_text() == "HELLO"
    assert done.stderr.splitlines()[-1] == "✅ Capitals  100.0%  Converted."
    assert names(here.work) == ["clip.txt", "clip.up"]


def test_with_an_uploader_the_result_is_a_link(here: Place) -> None:
    done = here.run("convert", "clip.txt", "--to", "link")
    assert (done.returncode, done.stdout) == (0, "https://host.example/clip.up\n")
    assert names(here.work) == ["clip.txt"]


def test_json_is_one_object_a_line_and_the_last_is_the_result(here: Place) -> None:
    done = here.run("convert", "clip.txt", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    *progress, last = events(done.stdout)
    assert [e["event"] for e in progress] == ["progress"] * len(progress)
    assert [progress[0]["status"], progress[-1]["status"]] == ["starting", "completed"]
    assert {k: last[k] for k in ("event", "result", "name", "size")} == {
        "event": "result", "result": "clip.up", "name": "clip.up", "size": 5,
    }  # fmt: skip


def test_several_sinks_show_the_same_job(here: Place) -> None:
    done = here.run("convert", "clip.txt", "--json", "--sink", "lines", "--sink", "json=stderr")
    assert events(done.stdout)[-1]["event"] == "result"
    assert "✅ Capitals" in done.stderr
    assert '"status": "completed"' in done.stderr


def test_a_sink_that_raises_costs_nobody_the_result(here: Place) -> None:
    done = here.run("convert", "clip.txt", "--sink", "broken", "--sink", "lines")
    assert (done.returncode, done.stdout) == (0, "clip.up\n")
    assert "Traceback" not in done.stderr
    assert "The sink broken of " in done.stderr


@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_a_name_of_any_bytes_is_printed_as_it_is(here: Place, encoding: str) -> None:
    (here.work / os.fsdecode(b"caf\xe9\n.txt")).write_text("x")
    done = here.run("convert", os.fsdecode(b"caf\xe9\n.txt"), env={"PYTHONIOENCODING": encoding})
    assert done.returncode == 0
    assert os.fsencode(done.stdout) == b"caf\xe9\n.up\n"


def test_settings_come_from_the_file_the_folder_and_the_environment(here: Place) -> None:
    (here.work / "similubot.toml").write_text("[capitals]\nsuffix='.here'\n")
    (here.work / "other.toml").write_text("[capitals]\nsuffix='.config'\n")
    environ = {"SIMILUBOT_CAPITALS_SUFFIX": ".environ"}
    assert here.run("convert", "clip.txt").stdout == "clip.here\n"
    assert here.run("convert", "clip.txt", "--config", "other.toml").stdout == "clip.config\n"
    assert here.run("--config=other.toml", "convert", "clip.txt", env=environ).stdout == (
        "clip.environ\n"
    )


# -- bad input: one sentence, exit 1 or 2, nothing left ----------------------------------------

BAD_INPUT: dict[str, tuple[list[str], int, str]] = {
    "a missing file": (["convert", "gone.mp4"], 2, "There is no file gone.mp4."),
    "a folder": (["convert", "folder"], 2, "There is no file in the folder folder."),
    "no text": (["convert", "clip.bin", "--sink", "json=stderr"], 1, "clip.bin is no text."),
    "a link that nobody takes": (
        ["convert", f"https://host.example/x#{KEY}"], 2,
        "I can't download https://host.example/x…. No downloader is installed; install one, such "
        "as similubot-mega.",
    ),
    "a bitrate of 0": (
        ["convert", "clip.txt", "--bitrate", "0"], 2,
        "0 is not a bitrate; give 1 kb/s or more.",
    ),
    "a bitrate below 0": (
        ["convert", "clip.txt", "--bitrate=-5"], 2,
        "-5 is not a bitrate; give 1 kb/s or more.",
    ),
    "a bitrate of abc": (
        ["convert", "clip.txt", "--bitrate", "abc"], 2,
        "Argument --bitrate: 'abc' is not a whole number of kilobits per second; similubot convert "
        "--help says more.",
    ),
    "an output that exists": (
        ["convert", "clip.txt", "--output", "there.up"], 2,
        "there.up exists already; name another file with --output.",
    ),
    "an output in no folder": (
        ["convert", "clip.txt", "--output", "gone/x"], 2,
        "There is no folder gone; make it first.",
    ),
    "an output and an uploader": (
        ["convert", "clip.txt", "--output", "x", "--to", "link"], 2,
        "--output names a file of this machine and --to a place to upload to; choose one.",
    ),
    "an unknown uploader": (
        ["convert", "clip.txt", "--to", "nowhere"], 2,
        "There is no uploader 'nowhere'. Installed: folder, link.",
    ),
    "an unknown sink": (
        ["convert", "clip.txt", "--sink", "nowhere"], 2,
        "There is no sink 'nowhere'. Installed: broken, json, lines, picky, silent.",
    ),
    "a sink's bad target": (
        ["convert", "clip.txt", "--sink", "lines=/dev/x"], 2,
        "The sink lines takes the targets stdout and stderr, not '/dev/x'.",
    ),
    "a sink that refuses": (
        ["convert", "clip.txt", "--sink", "picky=x"], 2, "The sink picky takes no targets.",
    ),
    "no source": (
        ["convert"], 2,
        "The following arguments are required: SOURCE; similubot convert --help says more.",
    ),
    "an unknown option": (
        ["convert", "clip.txt", "--bitrat", "5"], 2,
        "Unrecognized arguments: --bitrat 5; did you mean '--bitrate'? similubot convert ",
    ),
    "an unknown command": (
        ["conevrt"], 2,
        "There is no command 'conevrt'; did you mean 'convert'? Installed: bug, completion, ",
    ),
    "an option without its value": (
        ["convert", "clip.txt", "--config"], 2,
        "Argument --config: expected one argument; similubot --help says more.",
    ),
    "a settings file that is not there": (
        ["--config", "gone.toml", "convert", "clip.txt"], 2,
        "The settings file gone.toml is not there.",
    ),
    "an unknown key": (
        ["--config", "bad.toml", "convert", "clip.txt"], 2,
        "bad.toml, table [capitals]: unknown key sufix; allowed are suffix.",
    ),
    "nothing to watch": (
        ["watch"], 2, "Name the command to run: similubot watch -- COMMAND …",
    ),
    "a program that is not there": (
        ["watch", "--tracker", "numbers", "--", "no-such-program"], 2,
        "The program no-such-program was not found; install it, or correct its name.",
    ),
    "an unknown tracker": (
        ["watch", "--tracker", "nowhere", "--", "true"], 2,
        "There is no tracker 'nowhere'. Installed: numbers, percent.",
    ),
    "a stage's bug": (
        ["convert", "bug.txt", "--sink", "json=stderr"], 1,
        "The converter Capitals of capitals 1.0 stopped on an error that it does not ",
    ),
    "a command's bug": (
        ["bug"], 1, "Something unexpected happened (RuntimeError); --debug shows where.",
    ),
    "a stage's own broken pipe": (
        ["convert", "pipe.txt", "--sink", "json=stderr"], 1,
        "The converter Capitals of capitals 1.0 stopped on an error that it does not ",
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def bad(new_place: Callable[[], Place]) -> Place:
    place = new_place()
    place.distribution("capitals", CAPITALS)
    work = place.work
    (work / "folder").mkdir()
    (work / "clip.txt").write_text("hello")
    (work / "clip.bin").write_bytes(b"\0")
    (work / "bug.txt").write_text("bug")
    (work / "pipe.txt").write_text("pipe")
    (work / "there.up").write_text("older")
    (work / "bad.toml").write_text(f"[capitals]\nsufix='{KEY}'\n")
    return place


@pytest.mark.parametrize("case", BAD_INPUT)
def test_bad_input_is_one_sentence_and_leaves_nothing(bad: Place, case: str) -> None:
    arguments, status, wanted = BAD_INPUT[case]
    before = names(bad.work)
    done = bad.run(*arguments)
    done.stderr = "\n".join(x for x in done.stderr.splitlines() if not x.startswith("{"))
    assert sentence(done).startswith(wanted)
    assert done.returncode == status
    assert names(bad.work) == before
    assert (bad.work / "there.up").read_text() == "older"


@pytest.mark.parametrize(
    "case",
    ["a missing file", "no text", "a link that nobody takes", "a bitrate of abc", "a stage's bug",
     "a sink that refuses", "an output that exists"],
)  # fmt: skip
def test_bad_input_ends_in_an_error_event_with_json(bad: Place, case: str) -> None:
    arguments, status, wanted = BAD_INPUT[case]
    done = bad.run(*arguments, "--json")
    assert done.returncode == status
    assert "Traceback" not in done.stderr
    if "--help says more" in wanted:  # the arguments were not read: nobody can know of --json
        assert done.stdout == ""
        return
    last = events(done.stdout)[-1]
    assert (last["event"], last["cancelled"]) == ("error", False)
    assert str(last["message"]).startswith(wanted)


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs a folder that root cannot write")
def test_an_unwritable_folder_is_one_sentence(bad: Place) -> None:
    done = bad.run("convert", "clip.txt", "--output", "/proc/x.up")
    assert done.returncode == 2
    assert sentence(done).startswith("Nothing can be written into /proc: ")


def test_without_a_converter_it_says_what_to_install(place: Place) -> None:
    (place.work / "clip.txt").write_text("hello")
    done = place.run("convert", "clip.txt")
    assert done.returncode == 2
    assert sentence(done) == "No installed plugin brings a converter; install similubot-ffmpeg."


def test_a_broken_plugin_is_named_once_and_the_job_goes_on(here: Place) -> None:
    here.distribution("broken-plugin", "import gone_for_good")
    done = here.run("convert", "clip.txt", "--to", "link")
    assert (done.returncode, done.stdout) == (0, "https://host.example/clip.up\n")
    told = [line for line in done.stderr.splitlines() if line.startswith("similubot: ")]
    assert told == [
        "similubot: The plugin broken-plugin is broken: It needs the module gone_for_good, which "
        "is not installed; install it with pip."
    ]
    assert "Traceback" not in done.stderr


def test_a_message_from_outside_cannot_move_the_cursor(here: Place) -> None:
    done = here.run("convert", "a\x1b[2J\r\nb")
    assert sentence(done) == "There is no file a [2J b."


# -- --debug -----------------------------------------------------------------------------------


def test_debug_shows_the_traceback_and_the_detail_and_still_the_sentence(bad: Place) -> None:
    done = bad.run("convert", "clip.bin", "--debug")
    assert done.returncode == 1
    assert "Traceback (most recent call last)" in done.stderr
    assert "the tool said: NUL" in done.stderr
    assert done.stderr.splitlines()[-1] == "similubot: clip.bin is no text."
    assert "the tool said" not in bad.run("convert", "clip.bin").stderr


def test_debug_does_not_log_what_other_libraries_have_to_say(here: Place) -> None:
    here.distribution(
        "chatty",
        "import logging\nfrom similubot_core import CommandSpec, hookimpl\n"
        "def run(a, c):\n"
        f"    logging.getLogger('http.client').debug('POST token={KEY}')\n"
        "    logging.getLogger('similubot_chatty').debug('our own')\n    return 0\n"
        "@hookimpl\ndef similubot_commands():\n"
        "    return [CommandSpec('chat', 'x', lambda p: None, run)]\n",
    )
    done = here.run("chat", "--debug")
    assert "our own" in done.stderr
    assert KEY not in done.stderr


def test_debug_after_two_dashes_belongs_to_the_watched_command(here: Place) -> None:
    done = here.run("watch", "--sink", "json=stderr", "--", "echo", "--debug", "--config", "--")
    assert (done.returncode, done.stdout) == (0, "--debug --config --\n")


# -- signals -----------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_cancels_the_job_and_leaves_nothing(
    here: Place, until: Until, number: signal.Signals
) -> None:
    (here.work / "slow.txt").write_text("slow")
    process = here.start("convert", "slow.txt", "--json")
    until(lambda: (here.work / "started").exists())
    process.send_signal(number)
    out, err = process.communicate(timeout=LIMIT)
    assert process.returncode == 130
    assert err.decode() == "similubot: Cancelled.\n"
    last = events(out.decode())[-1]
    assert last == {"event": "error", "message": "Cancelled.", "cancelled": True}
    assert names(here.work) == ["clip.txt", "slow.txt", "started", "stopped"]


def test_a_second_ctrl_c_changes_nothing(here: Place, until: Until) -> None:
    (here.work / "slow.txt").write_text("slow")
    process = here.start("convert", "slow.txt")
    until(lambda: (here.work / "started").exists())
    for _ in range(20):
        process.send_signal(signal.SIGINT)
        time.sleep(0.001)
    out, err = process.communicate(timeout=LIMIT)
    assert (process.returncode, out) == (130, b"")
    assert b"Traceback" not in err


def test_under_nohup_a_closed_terminal_does_not_end_the_job(here: Place, until: Until) -> None:
    (here.work / "slow.txt").write_text("slow")
    process = subprocess.Popen(
        ["nohup", *here.command("convert", "slow.txt")],
        cwd=here.work, env=here.environment(), stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    until(lambda: (here.work / "started").exists())
    process.send_signal(signal.SIGHUP)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.3)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=LIMIT)
    assert process.returncode == 130


# -- pipes and closed streams ------------------------------------------------------------------


@pytest.mark.parametrize("arguments", [["shout"], ["plugins"], ["--help"], ["convert", "clip.txt"]])
def test_a_reader_that_goes_away_is_no_error_to_tell(here: Place, arguments: list[str]) -> None:
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "wb") as gone:
        process = subprocess.Popen(
            here.command(*arguments), cwd=here.work, env=here.environment(),
            stdin=subprocess.DEVNULL, stdout=gone, stderr=subprocess.PIPE,
        )  # fmt: skip
    _, err = process.communicate(timeout=LIMIT)
    assert process.returncode == 1
    assert b"Traceback" not in err
    assert b"BrokenPipe" not in err
    assert b"similubot:" not in err


def closed(place: Place, redirection: str, *arguments: str) -> "subprocess.CompletedProcess[bytes]":
    script = f'exec "$@" {redirection}'
    return subprocess.run(
        ["sh", "-c", script, "sh", *place.command(*arguments)], cwd=place.work,
        env=place.environment(), capture_output=True, timeout=LIMIT, check=False,
    )  # fmt: skip


def test_a_closed_stdout_takes_the_result_and_the_job_is_done(here: Place) -> None:
    done = closed(here, ">&-", "convert", "clip.txt")
    assert done.returncode == 0
    assert (here.work / "clip.up").read_text() == "HELLO"
    assert b"Traceback" not in done.stderr


def test_a_closed_stderr_sends_no_progress_to_stdout(here: Place) -> None:
    done = closed(here, "2>&-", "convert", "clip.txt")
    assert (done.returncode, done.stdout) == (0, b"clip.up\n")


# -- help and version --------------------------------------------------------------------------


def test_help_lists_the_commands_of_the_core_and_of_plugins(here: Place) -> None:
    done = here.run("--help")
    assert done.returncode == 0
    for command in ("convert", "watch", "plugins", "doctor", "shout"):
        assert f"\n  {command} " in done.stdout
    assert done.stderr == ""


def test_without_a_command_the_help_is_shown_as_wrong_usage(here: Place) -> None:
    done = here.run()
    assert done.returncode == 2
    assert "COMMAND" in done.stdout + done.stderr


def test_a_commands_help_shows_its_arguments_and_the_common_ones(here: Place) -> None:
    done = here.run("convert", "--help")
    assert done.returncode == 0
    for option in ("--bitrate", "--to", "--output", "--sink", "--json", "--config", "--debug"):
        assert option in done.stdout


def test_the_version_is_told(here: Place) -> None:
    done = here.run("--version")
    assert done.returncode == 0
    assert done.stdout.startswith("similubot 0.")


# -- watch -------------------------------------------------------------------------------------

CHATTER = """
import sys
out = bytes(range(256)) * 50 + b"\\r10%\\r20%\\nno end"
sys.stdout.buffer.write(out); sys.stdout.flush()
sys.stderr.buffer.write(out[::-1]); sys.stderr.flush()
sys.exit(int(sys.argv[1]))
"""


@pytest.mark.parametrize("status", [0, 1, 2, 77, 130])
def test_watch_returns_the_commands_status_and_its_output_unchanged(
    here: Place, status: int
) -> None:
    out = bytes(range(256)) * 50 + b"\r10%\r20%\nno end"
    process = here.start(
        "watch", "--tracker", "numbers", "--sink", "silent", "--", sys.executable, "-c", CHATTER,
        str(status),
    )  # fmt: skip
    got_out, got_err = process.communicate(timeout=LIMIT)
    assert process.returncode == status
    assert got_out == out
    assert got_err == out[::-1]


def test_watch_returns_128_and_the_signal_that_ended_the_command(here: Place) -> None:
    done = here.run("watch", "--", "sh", "-c", "kill -9 $$")
    assert done.returncode == 137


def test_watch_shows_the_progress_that_its_tracker_reads(here: Place) -> None:
    done = here.run(
        "watch", "--tracker", "numbers", "--sink", "json=stderr",
        "--", "sh", "-c", "printf '10%%\\n90%%\\n'; exit 3",
    )  # fmt: skip
    shown = events(done.stderr)
    assert done.stdout == "10%\n90%\n"
    assert shown[0]["status"] == "starting"
    # What comes within one tick is told as the newest state; the last one stays with the end.
    assert shown[-1]["status"] == "failed"
    assert shown[-1]["percentage"] == 90.0


def test_watch_tells_a_failure_of_the_command_as_one(here: Place) -> None:
    done = here.run("watch", "--sink", "json=stderr", "--", "sh", "-c", "exit 3")
    assert events(done.stderr)[-1]["status"] == "failed"


def test_watch_chooses_the_tracker_by_the_programs_name(here: Place) -> None:
    program = here.work / "numberer"
    program.write_text("#!/bin/sh\necho 42%\n")
    program.chmod(0o755)
    done = here.run("watch", "--sink", "json=stderr", "--", str(program))
    assert {event["operation"] for event in events(done.stderr)} == {"Capitals"}


# -- doctor ------------------------------------------------------------------------------------


def test_doctor_tells_what_is_there_and_what_is_lacking_with_its_cure(here: Place) -> None:
    here.distribution("broken-plugin", "import gone_for_good")
    done = here.run("doctor")
    lines = done.stdout.splitlines()
    assert done.returncode == 1
    assert lines[0].startswith("ok    Python: 3.")
    assert "ok    capitals: there" in lines
    assert lines[lines.index("LACK  moon: not there") + 1] == "      Go and look."
    assert "LACK  plugin broken-plugin: broken" in lines
    assert done.stderr == ""


def test_doctor_is_content_where_nothing_is_lacking(place: Place) -> None:
    done = place.run("doctor")
    assert done.returncode == 0
    assert "LACK" not in done.stdout


def test_doctor_names_bad_settings_without_their_values(here: Place) -> None:
    (here.work / "similubot.toml").write_text(f"[capitals]\nsuffix=5\n[capitels]\nx='{KEY}'\n")
    done = here.run("doctor")
    assert done.returncode == 1
    assert "no installed plugin reads the table [capitels]; known are [capitals]" in done.stdout
    assert "table [capitals], key suffix: Expected `str`, got `int`" in done.stdout
    assert KEY not in done.stdout + done.stderr


def test_doctor_survives_a_check_that_raises(here: Place) -> None:
    here.distribution(
        "bad-check",
        "from similubot_core import SinkSpec, hookimpl\n"
        f"def check(settings): raise ValueError('{KEY}')\n"
        "@hookimpl\ndef similubot_sinks():\n"
        "    return [SinkSpec('checked', 'x', print, check=check)]\n",
    )
    done = here.run("doctor")
    assert "LACK  checked: its check raised ValueError" in done.stdout
    assert "LACK  moon" in done.stdout
    assert KEY not in done.stdout + done.stderr
