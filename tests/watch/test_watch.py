"""`similubot watch` with real commands: what goes through it, and what is told of it."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from similubot_core import ProgressTracker, Settings, TrackerSpec, UsageError
from similubot_core.cli.watch import choose_tracker
from similubot_core.plugins.specs import CommandContext, Plugins
from similubot_core.progress.percent_tracker import PercentTracker

LIMIT = 60.0
WATCH = [sys.executable, "-m", "similubot_core", "watch"]


def watch(
    command: Sequence[str | Path], *options: str, stdin: bytes = b""
) -> "subprocess.CompletedProcess[bytes]":
    return subprocess.run(
        [*WATCH, *options, "--", *command], input=stdin, capture_output=True, timeout=LIMIT
    )


def python(code: str) -> list[str]:
    """A command that runs this Python code."""
    return [sys.executable, "-u", "-c", code]


def events(stream: bytes) -> list[dict[str, object]]:
    """The JSON lines of the sink `json` among other output."""
    return [json.loads(line) for line in stream.splitlines() if line.startswith(b'{"event"')]


def test_output_passes_unchanged_each_stream_to_its_own(tmp_path: Path) -> None:
    data = bytes(range(256)) * 300 + b"no line end \xff"
    (tmp_path / "data").write_bytes(data)
    code = (
        "import sys; data = open(sys.argv[1], 'rb').read();"
        "sys.stdout.buffer.write(data); sys.stderr.buffer.write(data[::-1])"
    )
    command = [*python(code), str(tmp_path / "data")]
    assert watch(command, "--sink", "json=stderr").stdout == data
    assert watch(command, "--sink", "json=stdout").stderr == data[::-1]


def test_nothing_is_run_when_a_sink_cannot_be_opened(tmp_path: Path) -> None:
    ran = watch(["touch", tmp_path / "there"], "--sink", "nosuchsink")
    assert ran.returncode == 2
    assert not (tmp_path / "there").exists()


@pytest.mark.parametrize("status", [0, 1, 3, 130, 255])
def test_the_exit_status_is_the_commands(status: int) -> None:
    assert watch(python(f"raise SystemExit({status})")).returncode == status


def test_a_command_that_a_signal_ended_has_the_status_that_a_shell_gives() -> None:
    assert watch(python("import os; os.kill(os.getpid(), 9)")).returncode == 128 + 9


def test_standard_input_is_the_commands() -> None:
    ran = watch(python("import sys; print(sys.stdin.read()[::-1])"), stdin=b"drawer")
    assert ran.stdout == b"reward\n"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1])
def test_a_signal_goes_on_to_the_command_which_decides(number: signal.Signals) -> None:
    code = (
        "import signal, sys\n"
        "def told(number, frame):\n"
        "    print('got', number); sys.exit(7)\n"
        f"signal.signal({int(number)}, told)\n"
        "print('ready')\n"
        "while True: signal.pause()\n"
    )
    with subprocess.Popen([*WATCH, "--", *python(code)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        process.send_signal(number)
        assert process.stdout.readline() == f"got {int(number)}\n".encode()
        assert process.wait(LIMIT) == 7


def test_a_command_that_a_passed_on_signal_ended_is_told_as_cancelled() -> None:
    command = [*WATCH, "--sink", "json=stderr", "--", *python("print('ready'); input()")]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == b"ready\n"
        process.send_signal(signal.SIGTERM)
        assert process.wait(LIMIT) == 128 + signal.SIGTERM
        assert events(process.stderr.read())[-1]["status"] == "cancelled"


def test_a_command_that_ends_by_itself_after_a_signal_is_told_as_cancelled_too() -> None:
    code = (
        "import signal, sys\n"
        "signal.signal(signal.SIGINT, lambda number, frame: sys.exit(255))\n"
        "print('ready')\n"
        "while True: signal.pause()\n"
    )
    command = [*WATCH, "--sink", "json=stderr", "--", *python(code)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == b"ready\n"
        process.send_signal(signal.SIGINT)
        assert process.wait(LIMIT) == 255
        assert events(process.stderr.read())[-1]["status"] == "cancelled"


def test_the_children_of_the_command_get_the_signal_too(tmp_path: Path) -> None:
    code = (
        "import subprocess, sys\n"
        "child = subprocess.Popen([sys.executable, '-c', 'input()'], stdin=subprocess.PIPE)\n"
        "print(child.pid)\n"
        "child.wait()\n"
    )
    with subprocess.Popen([*WATCH, "--", *python(code)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        grandchild = int(process.stdout.readline())
        process.send_signal(signal.SIGTERM)
        process.wait(LIMIT)
    wait_until(lambda: not is_running(grandchild))


def test_a_reader_that_goes_away_is_told_to_the_command() -> None:
    code = "import sys\nwhile True: sys.stdout.write('y' * 4096)"
    with subprocess.Popen(
        [*WATCH, "--", *python(code)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        assert process.stdout is not None
        process.stdout.read(10)
        process.stdout.close()
        assert process.wait(LIMIT) != 0


def test_a_daemon_that_the_command_leaves_behind_holds_nothing_up() -> None:
    code = (
        "import subprocess, sys\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'],"
        " start_new_session=True)\n"
        "print(child.pid)\n"
    )
    ran = watch(python(code))
    assert ran.returncode == 0
    os.kill(int(ran.stdout), signal.SIGKILL)


def test_the_generic_tracker_reads_a_tool_that_no_other_one_knows() -> None:
    rows = b"".join(b"\r%d%% of it" % n for n in range(100))
    ran = watch(["cat"], "--sink", "json=stderr", stdin=rows)
    assert ran.stdout == rows
    told = events(ran.stderr)
    assert {event["operation"] for event in told} == {"cat"}
    assert told[-1]["status"] == "completed"


@pytest.mark.skipif(shutil.which("rsync") is None, reason="rsync is not installed")
def test_a_real_rsync_is_followed(tmp_path: Path) -> None:
    (tmp_path / "from").mkdir()
    (tmp_path / "from" / "file").write_bytes(os.urandom(4_000_000))
    ran = watch(
        ["rsync", "-a", "--info=progress2", "--bwlimit=2M", f"{tmp_path}/from/", tmp_path / "to"],
        "--sink",
        "json=stderr",
    )
    assert ran.returncode == 0
    assert (tmp_path / "to/file").stat().st_size == 4_000_000
    told = events(ran.stderr)
    assert [event["status"] for event in told if event["speed"]] != []
    assert (told[-1]["operation"], told[-1]["percentage"]) == ("rsync", 100)


def test_a_row_that_nothing_ends_yet_is_read_all_the_same() -> None:
    code = "print('\\rstep 2 of 4\\rstep 3 of 4', end='', flush=True); input()"
    with subprocess.Popen(
        [*WATCH, "--sink", "json=stderr", "--", *python(code)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stderr is not None
        while b"3 of 4: 75 %" not in process.stderr.readline():
            assert process.poll() is None
        process.communicate(b"\n", timeout=LIMIT)


def test_the_progress_goes_to_several_sinks_at_once() -> None:
    ran = watch(["cat"], "--sink", "json=stderr", "--sink", "lines=stderr")
    assert events(ran.stderr)[-1]["percentage"] == 100
    assert "✅ cat  100.0%".encode() in ran.stderr


def test_sinks_are_taken_from_the_settings_where_none_is_named(tmp_path: Path) -> None:
    (tmp_path / "similubot.toml").write_text('[watch]\nsink = ["json=stderr", "lines=stderr"]\n')
    ran = subprocess.run(
        [*WATCH, "--", "true"], cwd=tmp_path, capture_output=True, timeout=LIMIT, check=True
    )
    assert events(ran.stderr)[-1]["status"] == "completed"
    assert "✅ true  100.0%".encode() in ran.stderr


def test_a_title_names_the_operation() -> None:
    ran = watch(["true"], "--title", "My work", "--sink", "json=stderr")
    assert {event["operation"] for event in events(ran.stderr)} == {"My work"}


def test_the_end_of_a_flood_is_read(tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "for n in range(200): sys.stdout.write('a line that says nothing\\n' * 2000)\n"
        "print('step 3 of 4', flush=True)\n"
        "input()\n"
    )
    with (
        (tmp_path / "out").open("wb") as out,
        subprocess.Popen(
            [*WATCH, "--sink", "json=stderr", "--", *python(code)],
            stdin=subprocess.PIPE,
            stdout=out,
            stderr=subprocess.PIPE,
        ) as process,
    ):
        assert process.stderr is not None
        while b"3 of 4: 75 %" not in process.stderr.readline():
            assert process.poll() is None
        process.communicate(b"\n", timeout=LIMIT)
    assert (tmp_path / "out").read_bytes().count(b"\n") == 400_001


@pytest.mark.parametrize("mode", ["pipe", "wb", "ab"])
def test_a_flood_arrives_byte_for_byte(mode: str, tmp_path: Path) -> None:
    block = bytes(range(256)) * 256
    code = (
        "import os, sys\n"
        "block = bytes(range(256)) * 256\n"
        "for n in range(600): sys.stdout.buffer.write(b'%d ' % n + block)\n"
    )
    expected = b"".join(b"%d " % n + block for n in range(600))
    if mode == "pipe":
        assert watch(python(code), "--sink", "json=stderr").stdout == expected
        return
    with (tmp_path / "out").open(mode) as out:
        command = [*WATCH, "--sink", "json=stderr", "--", *python(code)]
        subprocess.run(command, stdout=out, stderr=subprocess.DEVNULL, timeout=LIMIT, check=True)
    assert (tmp_path / "out").read_bytes() == expected


def test_a_program_that_is_missing_is_one_sentence() -> None:
    ran = watch(["no-such-program"])
    assert ran.returncode == 2
    assert ran.stderr.decode() == (
        "similubot: The program no-such-program was not found; install it, or correct its name.\n"
    )


def test_without_a_command_it_says_how_to_name_one() -> None:
    ran = watch([])
    assert ran.returncode == 2
    assert b"similubot watch -- COMMAND" in ran.stderr


def test_a_failure_names_the_exit_status() -> None:
    ran = watch(python("raise SystemExit(4)"), "--sink", "json=stderr")
    last = events(ran.stderr)[-1]
    assert last["status"] == "failed"
    assert "ended with exit status 4" in str(last["message"])


def test_a_tracker_that_raises_does_not_hurt_the_command(tmp_path: Path) -> None:
    (tmp_path / "brittle.py").write_text(
        "from similubot_core import ProgressTracker, TrackerSpec, hookimpl\n"
        "class Brittle(ProgressTracker):\n"
        "    def parse_output(self, text):\n"
        "        raise ValueError(text)\n"
        "@hookimpl\n"
        "def similubot_trackers():\n"
        "    return [TrackerSpec('brittle', 'raises', lambda: Brittle('Work'), ('cat',))]\n"
    )
    info = tmp_path / "brittle-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: brittle\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[similubot]\nbrittle = brittle\n")
    ran = subprocess.run(
        [*WATCH, "--", "cat"],
        input=b"a line\n" * 3,
        capture_output=True,
        timeout=LIMIT,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
    )
    assert (ran.returncode, ran.stdout) == (0, b"a line\n" * 3)
    assert ran.stderr.count(b"cannot read the output any further") == 1


class Named(ProgressTracker):
    """A tracker that says which one it is."""

    def parse_output(self, text: str) -> bool:
        return False


def spec(name: str, *programs: str) -> TrackerSpec:
    return TrackerSpec(name, "a tracker", lambda: Named(name), programs)


def context(*specs: TrackerSpec) -> CommandContext:
    fallback = TrackerSpec("percent", "any", PercentTracker)
    return CommandContext(Plugins(specs=(*specs, fallback)), Settings())


def test_the_tracker_is_chosen_by_the_programs_name() -> None:
    tracker = choose_tracker(context(spec("a", "toola"), spec("b", "toolb")), None, ["toolb"])
    assert tracker.operation == "b"


def test_a_tracker_that_is_named_wins_over_the_programs_name() -> None:
    tracker = choose_tracker(context(spec("a", "toola"), spec("b", "toolb")), "a", ["toolb"])
    assert tracker.operation == "a"


def test_a_program_that_nobody_knows_gets_the_generic_tracker_under_its_name() -> None:
    tracker = choose_tracker(context(spec("a", "toola")), None, ["wget"])
    assert isinstance(tracker, PercentTracker)
    assert tracker.operation == "wget"


def test_two_trackers_for_one_program_are_both_named_and_neither_wins() -> None:
    with pytest.raises(UsageError, match="Several trackers read tool: a and b; choose"):
        choose_tracker(context(spec("a", "tool"), spec("b", "tool")), None, ["tool"])


def test_a_tracker_that_is_not_there_is_an_error_that_lists_those_that_are() -> None:
    with pytest.raises(UsageError, match="Installed: a, percent"):
        choose_tracker(context(spec("a", "tool")), "c", ["tool"])


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + LIMIT
    while not condition():
        assert time.monotonic() < deadline, "what was waited for did not come"
        time.sleep(0.005)


def is_running(pid: int) -> bool:
    """Whether a process is there and not a zombie."""
    stat = Path(f"/proc/{pid}/stat")
    try:
        return stat.read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return False
        return not Path("/proc").is_dir()
