"""Child processes, with real children: read to the end, stopped when asked, always waited for."""

import os
import pty
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import settings as settings_of_a_run
from hypothesis import strategies as st

from similubot_core import Cancelled, CancelToken, StageError
from similubot_core.process import (
    GRACE_SECONDS,
    LONGEST_LINE,
    POLL_SECONDS,
    TAIL_CHARACTERS,
    LimitReached,
    Limits,
    LineSplitter,
    ProcessResult,
    ProcessStalled,
    ProgramMissing,
    _children,
    run_process,
    set_child_niceness,
)

unhurried = settings_of_a_run(deadline=None, max_examples=60)  # a loaded machine is no failure
pytestmark = pytest.mark.usefixtures("nothing_left")
Until = Callable[[Callable[[], bool]], None]


class Clock:
    """A clock that a test moves; each look at it takes a little time, as in life."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def child(source: str, *arguments: str) -> list[str]:
    return [sys.executable, "-c", source, *arguments]


def run(
    source: str, *arguments: str, on_line: Callable[[str], object] | None = None
) -> ProcessResult:
    return run_process(child(source, *arguments), cancel=CancelToken(), on_line=on_line)


def is_alive(pid: int) -> bool:
    """Whether the process runs; one that ended and that nobody waited for yet does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state not in "ZX"


# -- lines -------------------------------------------------------------------------------------


def split(data: bytes, cuts: list[int]) -> list[str]:
    lines: list[str] = []
    splitter = LineSplitter(lines.append)
    places = sorted({0, *(min(cut, len(data)) for cut in cuts), len(data)})
    for begin, end in pairwise(places):
        splitter.feed(data[begin:end])
    splitter.close()
    return lines


pieces_of_output = st.one_of(
    st.binary(max_size=20),
    st.text(max_size=10).map(lambda text: text.encode("utf-8", "surrogatepass")),
    st.sampled_from([b"\n", b"\r", b"\r\n", b"\n\n", b"\x00", "é█😀\u2028".encode(), b"\xf0\x9f"]),
    st.integers(LONGEST_LINE - 2, LONGEST_LINE * 2 + 2).map(lambda count: b"x" * count),
)


@unhurried
@given(
    st.lists(pieces_of_output, max_size=8).map(b"".join),
    st.lists(st.integers(0, 200_000), max_size=10) | st.lists(st.integers(0, 60), max_size=40),
)
@example(b"x" * (LONGEST_LINE * 2) + b"\n", [LONGEST_LINE])
@example(b"x" * (LONGEST_LINE + 1) + b"\n", [LONGEST_LINE, LONGEST_LINE + 1])
@example("é".encode() + b"\n", [1])
def test_output_cut_anywhere_gives_the_same_lines(data: bytes, cuts: list[int]) -> None:
    lines = split(data, cuts)
    assert lines == split(data, [])
    text = data.decode("utf-8", errors="replace")
    assert lines == [
        line if len(line) <= LONGEST_LINE else line[:LONGEST_LINE] + "…"
        for line in re.split(r"[\r\n]", text)
        if line
    ]


def test_a_line_ends_at_a_carriage_return_too_and_at_nothing_else() -> None:
    lines = split("1%\r2%\r\n\n3%\x0b\x0c\x85\u2028end".encode(), [])
    assert lines == ["1%", "2%", "3%\x0b\x0c\x85\u2028end"]


def test_what_is_too_long_for_a_line_never_becomes_a_line_of_its_own() -> None:
    forged = "size=1 time=00:00:09.00 bitrate=1 speed=1x"
    lines = split(
        ("title: " + forged.rjust(LONGEST_LINE) + forged * 4000 + "\nnext\n").encode(), []
    )
    assert [len(line) for line in lines] == [LONGEST_LINE + 1, 4]
    assert lines[0].startswith("title: ")
    assert lines[0].endswith("…")


def test_output_without_a_line_end_takes_bounded_memory() -> None:
    lengths: list[int] = []
    splitter = LineSplitter(lambda line: lengths.append(len(line)))
    for _ in range(100):
        splitter.feed(b"x" * 50_000)
        assert sum(map(len, splitter._pieces)) <= LONGEST_LINE + 1
    splitter.close()
    assert lengths == [LONGEST_LINE + 1]


# -- a child that ends by itself ---------------------------------------------------------------


def test_lines_of_both_outputs_come_and_the_exit_status_is_told() -> None:
    lines: list[str] = []
    result = run(
        "import sys; print('out'); print('err', file=sys.stderr); sys.exit(7)", on_line=lines.append
    )
    assert sorted(lines) == ["err", "out"]
    assert (result.returncode, result.stdout_tail, result.stderr_tail) == (7, "out\n", "err\n")


def test_a_last_line_without_an_end_is_still_a_line() -> None:
    lines: list[str] = []
    run("print('100%', end='')", on_line=lines.append)
    assert lines == ["100%"]


def test_a_signal_that_ends_the_child_is_a_negative_status() -> None:
    assert run("import os; os.kill(os.getpid(), 9)").returncode == -9


def test_everything_is_called_in_the_callers_thread() -> None:
    threads: set[int] = set()

    def note(_: object) -> None:
        threads.add(threading.get_ident())

    run_process(
        child("import sys; print(1); print(2, file=sys.stderr)"),
        cancel=CancelToken(), on_line=note, on_stdout=note, on_stderr=note,
    )  # fmt: skip
    assert threads == {threading.get_ident()}


def test_the_bytes_of_each_output_come_unchanged() -> None:
    data = bytes(range(256)) * 1000
    out, err = bytearray(), bytearray()
    run_process(
        child("import sys; d = bytes(range(256)) * 1000; sys.stdout.buffer.write(d);"
              "sys.stderr.buffer.write(d[::-1])"),
        cancel=CancelToken(), on_stdout=out.extend, on_stderr=err.extend,
    )  # fmt: skip
    assert (bytes(out), bytes(err)) == (data, data[::-1])


def test_huge_output_without_a_line_end_is_one_line_cut_short_and_only_its_tail_is_kept() -> None:
    lengths: list[int] = []
    result = run(
        "import sys\nfor _ in range(300): sys.stdout.write('x' * 100_000)",
        on_line=lambda line: lengths.append(len(line)),
    )
    assert lengths == [LONGEST_LINE + 1]
    assert result.stdout_tail == "x" * TAIL_CHARACTERS


def test_a_tail_cut_within_a_character_is_still_text() -> None:
    result = run("import sys; sys.stdout.buffer.write('é'.encode() * 10_000 + b'x')")
    assert result.stdout_tail.endswith("éx")
    assert len(result.stdout_tail) <= TAIL_CHARACTERS


def test_no_shell_reads_the_arguments_and_nothing_waits_for_typing() -> None:
    lines: list[str] = []
    run(
        "import sys; print(sys.argv[1:], repr(sys.stdin.read()))",
        "$HOME; `id` '\"", "--", "-x",
        on_line=lines.append,
    )  # fmt: skip
    assert lines == ["['$HOME; `id` \\'\"', '--', '-x'] ''"]


def test_the_folder_and_the_environment_are_the_given_ones(tmp_path: Path) -> None:
    lines: list[str] = []
    run_process(
        child("import os; print(os.getcwd(), os.environ.get('ONLY'), os.environ.get('HOME'))"),
        cancel=CancelToken(), on_line=lines.append, cwd=tmp_path, env={"ONLY": "this"},
    )  # fmt: skip
    assert lines == [f"{tmp_path} this None"]


def test_a_child_that_closes_its_outputs_is_still_waited_for(tmp_path: Path) -> None:
    done = tmp_path / "done"
    run(
        "import os, sys, time, pathlib; os.close(1); os.close(2); time.sleep(0.3);"
        "pathlib.Path(sys.argv[1]).touch()",
        str(done),
    )
    assert done.exists()


GRANDCHILD = """
import subprocess, sys
grandchild = subprocess.Popen([sys.executable, "-c", sys.argv[1]], start_new_session=True)
print(grandchild.pid, flush=True)
"""


@pytest.fixture
def grandchildren() -> Iterator[list[int]]:
    """Process ids that are ended after the test, for daemons that are left alone by design."""
    pids: list[int] = []
    yield pids
    for pid in pids:
        if is_alive(pid):
            os.kill(pid, signal.SIGKILL)


@pytest.mark.parametrize(
    "daemon",
    [
        "import time; time.sleep(600)",
        "import time\nwhile True: print('still here', flush=True); time.sleep(0.01)",
        "import os; os.execlp('yes', 'yes', 'still here' * 100)",
    ],
    ids=["silent", "talking", "flooding"],
)
def test_a_daemon_that_holds_the_pipes_open_is_not_waited_for(
    daemon: str, grandchildren: list[int]
) -> None:
    lines: list[str] = []
    result = run(GRANDCHILD, daemon, on_line=lines.append)
    grandchildren += [int(line) for line in lines if line.isdigit()]
    assert result.returncode == 0
    assert len(grandchildren) == 1


def test_a_daemon_that_writes_faster_than_it_is_read_is_not_waited_for(
    grandchildren: list[int],
) -> None:
    lines: list[str] = []

    received = 0

    def read_slowly(data: bytes) -> None:
        nonlocal received
        received += len(data)
        assert received < 40_000_000, "it is read for ever"
        threading.Event().wait(0.005)  # so that the pipe is full each time it is looked at

    result = run_process(
        child(
            # It ends when the daemon is at it.
            GRANDCHILD + "import time; time.sleep(0.5)",
            "import os; os.execlp('yes', 'yes', 'still here' * 100)",
        ),
        cancel=CancelToken(), on_line=lines.append, on_stdout=read_slowly,
    )  # fmt: skip
    grandchildren += [int(line) for line in lines if line.isdigit()]
    assert result.returncode == 0


# -- a child that cannot be started ------------------------------------------------------------


def start(program: str | Path, **more: Path) -> None:
    run_process([program, "s3cret"], cancel=CancelToken(), **more)  # type: ignore[arg-type]


def test_a_missing_program_is_told_in_a_sentence() -> None:
    with pytest.raises(
        ProgramMissing, match=r"^The program no-such-program was not found; install it\.$"
    ):
        start("/nowhere/no-such-program")


def test_a_program_that_may_not_be_run_is_told_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no program")
    with pytest.raises(ProgramMissing, match=r"text could not be started: Permission denied\.$"):
        start(tmp_path / "text")


def test_a_program_of_another_kind_of_machine_is_told_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "text").write_bytes(b"\x7fELF nothing")
    (tmp_path / "text").chmod(0o755)
    with pytest.raises(ProgramMissing, match=r"text could not be started: Exec format error\.$"):
        start(tmp_path / "text")


def test_a_missing_folder_is_not_taken_for_a_missing_program(tmp_path: Path) -> None:
    with pytest.raises(
        ProgramMissing, match=r"^The folder \S+gone that \S+ is to run in is gone\.$"
    ):
        start(sys.executable, cwd=tmp_path / "gone")


def test_an_argument_that_cannot_be_one_is_told_in_a_sentence() -> None:
    with pytest.raises(ProgramMissing, match="an argument of it cannot be one") as caught:
        run_process([sys.executable, "s3cret\0"], cancel=CancelToken())
    assert "s3cret" not in str(caught.value)


# -- a child that is stopped -------------------------------------------------------------------

SLEEPS = "import time; time.sleep(600)"
WAITS = "import time; print('ready', flush=True); time.sleep(600)"
IGNORES_SIGTERM = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + WAITS


def pids_until_cancelled(source: str, *arguments: str) -> list[int]:
    """Run a child that prints process ids and then "ready", and cancel it there."""
    token, lines = CancelToken(), list[str]()

    def on_line(line: str) -> None:
        lines.append(line)
        if line == "ready":
            token.cancel()

    with pytest.raises(Cancelled):
        run_process(child(source, *arguments), cancel=token, on_line=on_line)
    return [int(line) for line in lines if line.isdigit()]


def test_a_token_that_is_set_already_starts_nothing(tmp_path: Path) -> None:
    token = CancelToken()
    token.cancel()
    with pytest.raises(Cancelled):
        run_process(child("open('started', 'w')"), cancel=token, cwd=tmp_path)
    assert not (tmp_path / "started").exists()


def test_a_cancel_ends_the_child() -> None:
    [pid] = pids_until_cancelled("import os; print(os.getpid())\n" + WAITS)
    assert not is_alive(pid)


def test_a_cancel_from_another_thread_ends_a_silent_child() -> None:
    token = CancelToken()
    timer = threading.Timer(0.2, token.cancel)
    timer.start()
    with pytest.raises(Cancelled):
        run_process(child("import time; time.sleep(600)"), cancel=token)
    timer.join()


def test_the_waits_on_the_way_to_a_kill_add_up_to_less_than_two_seconds() -> None:
    assert POLL_SECONDS + GRACE_SECONDS < 2


def test_a_child_that_ignores_sigterm_is_killed() -> None:
    [pid] = pids_until_cancelled("import os; print(os.getpid())\n" + IGNORES_SIGTERM)
    assert not is_alive(pid)


def test_a_child_may_clean_up_after_sigterm(tmp_path: Path) -> None:
    pids_until_cancelled(
        "import pathlib, signal, sys\n"
        "def end(*_): pathlib.Path(sys.argv[1]).touch(); sys.exit()\n"
        "signal.signal(signal.SIGTERM, end)\n" + WAITS,
        str(tmp_path / "cleaned"),
    )
    assert (tmp_path / "cleaned").exists()


@pytest.mark.parametrize("grandchild", [WAITS, IGNORES_SIGTERM], ids=["plain", "ignores SIGTERM"])
def test_the_childs_children_end_with_it(grandchild: str, until: Until) -> None:
    parent = (
        "import subprocess, sys, time\n"
        "g = subprocess.Popen([sys.executable, '-c', sys.argv[1]])\n"
        "print(g.pid, flush=True); time.sleep(600)"
    )
    [pid] = pids_until_cancelled(parent, grandchild)
    until(lambda: not is_alive(pid))


def test_a_callback_that_raises_ends_the_child_and_goes_on() -> None:
    pids: list[int] = []

    def on_line(line: str) -> None:
        pids.append(int(line))
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run("import os; print(os.getpid(), flush=True)\n" + WAITS, on_line=on_line)
    assert not is_alive(pids[0])


# -- stalls, by a clock that the test moves ----------------------------------------------------


def test_a_child_that_says_nothing_for_too_long_is_stopped() -> None:
    clock = Clock()

    def later() -> float:
        clock.now += 40  # each look at the clock is 40 seconds on
        return clock.now

    with pytest.raises(ProcessStalled, match=r"said nothing for 60 s; try again\.$"):
        run_process(child(WAITS), cancel=CancelToken(), stall_timeout=60, clock=later)


def test_a_child_that_talks_is_not_stalled_however_long_it_takes() -> None:
    clock = Clock()

    def on_line(_: str) -> None:
        clock.now += 50  # under the limit between two lines, far over it in all

    result = run_process(
        child("import time\nfor _ in range(20): print('x', flush=True); time.sleep(0.02)"),
        cancel=CancelToken(), on_line=on_line, stall_timeout=60 * 20, clock=clock,
    )  # fmt: skip
    assert result.returncode == 0
    assert clock.now == 1000


def test_a_child_that_takes_longer_than_its_limit_is_stopped_even_if_it_talks() -> None:
    clock = Clock()

    def on_line(_: str) -> None:
        clock.now += 10

    with pytest.raises(ProcessStalled, match=r"took longer than the limit of 60 s\.$"):
        run_process(
            child("import time\nwhile True: print('x', flush=True); time.sleep(0.01)"),
            cancel=CancelToken(), on_line=on_line, stall_timeout=60, time_limit=60, clock=clock,
        )  # fmt: skip


PRIORITIES = """
import os, sys, threading
sys.stdin.read()
def tell():
    print(os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))
tell()
thread = threading.Thread(target=tell); thread.start(); thread.join()
"""


@pytest.fixture
def give_way() -> Iterator[None]:
    set_child_niceness(7)
    yield
    set_child_niceness(0)


@pytest.mark.usefixtures("give_way")
def test_children_give_way_where_the_program_wants_it() -> None:
    lines = run(PRIORITIES).stdout_tail.splitlines()
    mine = os.getpriority(os.PRIO_PROCESS, 0)
    assert lines == [str(min(19, mine + 7))] * 2, "its threads as well"


@pytest.mark.skipif(
    not Path("/proc/self/autogroup").exists(), reason="the kernel has no autogroups"
)
@pytest.mark.usefixtures("give_way")
def test_the_sessions_of_children_give_way_too_where_linux_schedules_sessions_apart(
    until: Until,
) -> None:
    token, groups = CancelToken(), list[Path]()

    def stop_once_it_gives_way() -> None:
        until(lambda: bool(groups))
        mine = os.getpriority(os.PRIO_PROCESS, 0)
        until(lambda: groups[0].read_text().endswith(f"nice {min(19, mine + 7)}\n"))
        token.cancel()

    watcher = threading.Thread(target=stop_once_it_gives_way)
    watcher.start()
    with pytest.raises(Cancelled):
        run_process(
            child("import os; print(os.getpid(), flush=True)\n" + SLEEPS),
            cancel=token, on_line=lambda line: groups.append(Path(f"/proc/{line}/autogroup")),
        )  # fmt: skip
    watcher.join()


def test_children_are_equals_otherwise() -> None:
    lines = run(PRIORITIES).stdout_tail.splitlines()
    assert lines == [str(os.getpriority(os.PRIO_PROCESS, 0))] * 2


@pytest.mark.parametrize("niceness", [-1, 20])
def test_children_cannot_be_preferred(niceness: int) -> None:
    with pytest.raises(ValueError, match="within 0 and 19"):
        set_child_niceness(niceness)


# -- what a child is given, and what it is not -------------------------------------------------


def test_a_child_has_a_session_of_its_own_and_no_terminal_to_ask_on() -> None:
    code = (
        "import os\n"
        "print(os.getsid(0) == os.getpgid(0) == os.getpid())\n"
        "try: os.open('/dev/tty', os.O_RDWR)\n"
        "except OSError: print('none')\n"
    )
    program = (
        "import sys\n"
        "from similubot_core import CancelToken\n"
        "from similubot_core.process import run_process\n"
        f"ended = run_process([sys.executable, '-c', {code!r}], cancel=CancelToken())\n"
        "print(ended.stdout_tail.split())"
    )
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(sys.executable, child(program))
    text = os.read(terminal, 1000)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    os.close(terminal)
    assert text.decode().strip() == "['True', 'none']"


def test_of_the_environment_a_child_gets_only_what_programs_need(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("SIMILUBOT_DISCORD_TOKEN", "AWS_SECRET_ACCESS_KEY", "FFREPORT", "PYTHONPATH"):
        monkeypatch.setenv(name, "s3cret")
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    result = run("import os; print(*sorted(os.environ.items()))")
    assert "s3cret" not in result.stdout_tail
    assert "('PATH', " in result.stdout_tail
    assert "('TZ', 'Asia/Tokyo')" in result.stdout_tail


def test_a_child_inherits_no_descriptor(tmp_path: Path) -> None:
    secret = (tmp_path / "secret").open("w")
    os.set_inheritable(secret.fileno(), True)
    with secret:
        result = run("import os; print(*os.listdir('/dev/fd'))")
    # 3 is the folder that is listed.
    assert result.stdout_tail.split() == ["0", "1", "2", "3"]


@pytest.mark.skipif(sys.platform != "linux", reason="it is Linux that has them")
def test_a_child_gains_no_privileges_and_leaves_no_core_dump() -> None:
    status = run("print(open('/proc/self/status').read())").stdout_tail
    assert "NoNewPrivs:\t1" in status
    if os.geteuid() == 0:
        assert "CapEff:\t0000000000000002" in status, "of root only CAP_DAC_OVERRIDE is left"
    assert run("import resource as r; print(r.getrlimit(r.RLIMIT_CORE))").stdout_tail == "(0, 0)\n"


def test_python_does_not_hide_a_broken_pipe_from_a_child() -> None:
    ended = run_process(["sh", "-c", "kill -PIPE $$"], cancel=CancelToken())
    assert ended.returncode == -signal.SIGPIPE


# -- limits ------------------------------------------------------------------------------------


def reached(limits: Limits, source: str, *arguments: str) -> str:
    """The sentence of the limit that ends a program."""
    with pytest.raises(LimitReached) as caught:
        run_process(child(source, *arguments), cancel=CancelToken(), limits=limits)
    return caught.value.message


NAME = Path(sys.executable).name


def test_a_child_that_takes_too_much_memory_is_ended_by_that_limit() -> None:
    limits = Limits(memory=256 * 1024 * 1024)
    assert reached(limits, "x = bytearray(1 << 30)") == (
        f"{NAME} was stopped: it needed more than its limit of 256.0 MB of memory."
    )


def test_a_child_that_computes_for_too_long_is_ended_by_that_limit() -> None:
    assert reached(Limits(cpu_seconds=1), "while True: pass") == (
        f"{NAME} was stopped: it needed more than its limit of 1s of processor time."
    )


def test_a_file_that_grows_too_large_is_ended_by_that_limit(tmp_path: Path) -> None:
    limits = Limits(file_size=1024 * 1024)
    with pytest.raises(LimitReached, match=r"^sh was stopped: .* 1\.0 MB for a file\.$"):
        run_process(
            ["sh", "-c", 'exec head -c 2000000 /dev/zero >"$1"', "sh", tmp_path / "big"],
            cancel=CancelToken(), limits=limits,
        )  # fmt: skip
    assert (tmp_path / "big").stat().st_size == 1024 * 1024


def test_too_many_open_files_are_told_as_that() -> None:
    code = "import os\nwhile True: os.dup(1)"
    assert reached(Limits(open_files=40), code).endswith("its limit of 40 open files.")


@pytest.mark.skipif(sys.platform != "linux", reason="it is Linux that can")
def test_a_child_that_is_to_work_alone_starts_threads_and_no_program() -> None:
    code = (
        "import os, threading\n"
        "thread = threading.Thread(target=print, args=('a thread',))\n"
        "thread.start(); thread.join()\n"
        "for start in (os.fork, lambda: os.posix_spawn('/bin/true', ['true'], {})):\n"
        "    try: start()\n"
        "    except OSError as error: print(error.strerror)\n"
    )
    ended = run_process(child(code), cancel=CancelToken(), limits=Limits(processes=0))
    assert ended.stdout_tail.splitlines() == ["a thread", *["Operation not permitted"] * 2]


def test_words_about_a_limit_that_are_not_the_last_are_not_why_it_failed() -> None:
    code = (
        "import sys\nprint('x: Cannot allocate memory', file=sys.stderr)\n"
        "print('1\\n2\\n3', file=sys.stderr); sys.exit(1)"
    )
    assert run(code).returncode == 1


# -- the end of this process -------------------------------------------------------------------

RUNS_A_CHILD = """
import sys
from similubot_core import CancelToken
from similubot_core.process import run_process
code = "import os, sys, time; print(os.getpid(), flush=True); pid = os.fork()\\n"
code += "if pid: print(pid, flush=True)\\n"
code += "time.sleep(600)"
run_process([sys.executable, "-c", code], cancel=CancelToken(),
            on_line=lambda line: print(line, flush=True))
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGSEGV])
def test_a_child_and_its_children_end_when_this_process_ends_however_it_ends(
    number: signal.Signals, until: Until
) -> None:
    with subprocess.Popen(child(RUNS_A_CHILD), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        pids = [int(process.stdout.readline()) for _ in range(2)]
        assert all(map(is_alive, pids))
        process.send_signal(number)
        process.wait()
        until(lambda: not any(map(is_alive, pids)))


def test_a_child_ends_with_the_helper_that_started_it_and_the_next_one_has_a_new_helper(
    until: Until,
) -> None:
    pids: list[int] = []

    def kill_the_helper(line: str) -> None:
        pids.append(int(line))
        helper = _children._supervisor._process
        assert helper is not None
        helper.kill()

    with pytest.raises(StageError, match="The process that runs programs was killed"):
        run("import os; print(os.getpid(), flush=True)\n" + SLEEPS, on_line=kill_the_helper)
    until(lambda: not is_alive(pids[0]))
    assert run("print(1)").stdout_tail == "1\n"


def test_a_process_that_forked_from_this_one_starts_programs_of_its_own() -> None:
    run("pass")
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            status = run("raise SystemExit(7)").returncode
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7
    assert run("print(1)").stdout_tail == "1\n"
