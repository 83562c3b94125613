"""`similubot watch` on a terminal, and commands that it gives one: real pseudo-terminals."""

import contextlib
import fcntl
import os
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

import similubot_core.cli

LIMIT = 60.0
WATCH = [sys.executable, "-m", "similubot_core", "watch"]
CLAIM = Path(similubot_core.cli.__file__).with_name("_claim_terminal.py")


def python(code: str) -> list[str]:
    return [sys.executable, "-u", "-c", code]


class Terminal:
    """A terminal with a process in its foreground, as a person at a shell would have it."""

    def __init__(self, command: Sequence[str]) -> None:
        self._keyboard, its = os.openpty()
        fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", 33, 121, 0, 0))
        self.process = subprocess.Popen(
            [sys.executable, CLAIM, *command],
            stdin=its,
            stdout=its,
            stderr=its,
            start_new_session=True,
            env={**os.environ, "TERM": "xterm-256color", "COLUMNS": "121"},
        )
        os.close(its)
        self.screen = b""

    def type(self, keys: bytes) -> None:
        os.write(self._keyboard, keys)

    def read_until(self, text: bytes) -> None:
        """Read what is shown until `text` was."""
        deadline = time.monotonic() + LIMIT
        while text not in self.screen:
            assert time.monotonic() < deadline, f"{text!r} never came: {self.screen!r}"
            if select.select([self._keyboard], [], [], 0.1)[0]:
                with contextlib.suppress(OSError):
                    self.screen += os.read(self._keyboard, 65536)

    def wait(self) -> int:
        """Read until the process has ended; its exit status."""
        deadline = time.monotonic() + LIMIT
        while self.process.poll() is None:
            assert time.monotonic() < deadline, f"it does not end: {self.screen!r}"
            self._drain(0.05)
        self._drain(0)
        return self.process.returncode

    def _drain(self, seconds: float) -> None:
        with contextlib.suppress(OSError):
            while select.select([self._keyboard], [], [], seconds)[0]:
                data = os.read(self._keyboard, 65536)
                if not data:
                    return
                self.screen += data

    def close(self) -> None:
        if self.process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
        os.close(self._keyboard)
        self.process.wait(LIMIT)


@pytest.fixture
def terminal() -> Iterator[Callable[[Sequence[str]], Terminal]]:
    opened: list[Terminal] = []

    def start(command: Sequence[str]) -> Terminal:
        opened.append(Terminal(command))
        return opened[-1]

    yield start
    for each in opened:
        each.close()


TRAPS = (
    "import select, signal, sys\n"
    "def told(number, frame):\n"
    "    print('got', number)\n"
    "signal.signal(2, told)\n"
    "print('ready')\n"
    # A signal that comes just before a read blocks is handled only after it: so no read blocks.
    "while not select.select([0], [], [], 0.1)[0]: pass\n"
    "print('typed', input())\n"
)


def test_ctrl_c_reaches_the_command_once(terminal: Callable[[Sequence[str]], Terminal]) -> None:
    screen = terminal([*WATCH, "--sink", "json=stderr", "--", *python(TRAPS)])
    screen.read_until(b"ready")
    screen.type(b"\x03")
    screen.read_until(b"got 2")
    screen.type(b"word\n")
    screen.read_until(b"typed word")
    assert screen.wait() == 0
    assert screen.screen.count(b"got 2") == 1


def test_ctrl_z_stops_both_and_both_go_on(terminal: Callable[[Sequence[str]], Terminal]) -> None:
    # A shell of one command: it takes the terminal back when its job stops, as any shell does.
    shell = (
        "import os, signal, sys\n"
        "signal.signal(signal.SIGTTOU, signal.SIG_IGN)\n"
        "pid = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ, setpgroup=0)\n"
        "os.tcsetpgrp(0, pid)\n"
        "_, status = os.waitpid(pid, os.WUNTRACED)\n"
        "assert os.WIFSTOPPED(status), status\n"
        "os.tcsetpgrp(0, os.getpgrp())\n"
        "print('stopped', flush=True)\n"
        "input()\n"
        "os.tcsetpgrp(0, pid)\n"
        "os.killpg(pid, signal.SIGCONT)\n"
        "_, status = os.waitpid(pid, os.WUNTRACED)\n"
        "sys.exit(os.waitstatus_to_exitcode(status))\n"
    )
    screen = terminal(
        [sys.executable, "-c", shell, *WATCH, "--sink", "json=stderr", "--", *python(TRAPS)]
    )
    screen.read_until(b"ready")
    screen.type(b"\x1a")
    screen.read_until(b"stopped")
    screen.type(b"\n")
    screen.type(b"word\n")
    screen.read_until(b"typed word")
    assert screen.wait() == 0


def test_lines_of_the_command_stand_above_the_bars(
    terminal: Callable[[Sequence[str]], Terminal],
) -> None:
    pytest.importorskip("similubot_terminal_sink")
    code = (
        "import sys\n"
        "print('first line')\n"
        "for i in range(40): sys.stdout.write(f'\\r###  {i}.0%'); sys.stdout.flush()\n"
        "print()\n"
        "print('last words')\n"
        "sys.stdin.readline()\n"
    )
    screen = terminal([*WATCH, "--", *python(code)])
    screen.read_until(b"last words")
    screen.type(b"\n")
    assert screen.wait() == 0
    assert b"first line\r" in screen.screen
    assert b"last words\r" in screen.screen
    assert b"100.0%" in screen.screen


def test_a_question_is_shown_though_its_line_has_no_end(
    terminal: Callable[[Sequence[str]], Terminal],
) -> None:
    screen = terminal([*WATCH, "--", *python("print('answer', input('Overwrite? [y/N] '))")])
    screen.read_until(b"Overwrite? [y/N]")
    screen.type(b"y\n")
    screen.read_until(b"answer y")
    assert screen.wait() == 0


def test_a_terminal_of_its_own_is_one_for_the_command(
    terminal: Callable[[Sequence[str]], Terminal],
) -> None:
    code = "import os; print(os.isatty(0), os.isatty(1), os.isatty(2), os.get_terminal_size())"
    screen = terminal([*WATCH, "--pty", "--sink", "json=stderr", "--", *python(code)])
    assert screen.wait() == 0
    assert b"True True True os.terminal_size(columns=121, lines=33)" in screen.screen


def test_keys_go_to_the_terminal_of_its_own(
    terminal: Callable[[Sequence[str]], Terminal],
) -> None:
    screen = terminal([*WATCH, "--pty", "--sink", "json=stderr", "--", *python(TRAPS)])
    screen.read_until(b"ready")
    screen.type(b"\x03")
    screen.read_until(b"got 2")
    screen.type(b"word\r")
    screen.read_until(b"typed word")
    assert screen.wait() == 0


def test_a_change_of_size_reaches_the_terminal_of_its_own(
    terminal: Callable[[Sequence[str]], Terminal],
) -> None:
    code = (
        "import os, signal\n"
        # Blocked until it is waited for: a handler would wait for `input` if it came just before.
        "signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGWINCH])\n"
        "print('ready')\n"
        "signal.sigwait([signal.SIGWINCH])\n"
        "print(os.get_terminal_size())\n"
        "input()\n"
    )
    screen = terminal([*WATCH, "--pty", "--sink", "json=stderr", "--", *python(code)])
    screen.read_until(b"ready")
    fcntl.ioctl(screen._keyboard, termios.TIOCSWINSZ, struct.pack("HHHH", 20, 77, 0, 0))
    screen.read_until(b"columns=77, lines=20")
    screen.type(b"\r")
    assert screen.wait() == 0


def test_on_a_terminal_the_command_gets_one_of_its_own(
    terminal: Callable[[Sequence[str]], Terminal],
) -> None:
    screen = terminal([*WATCH, "--", *python("import os; print([os.isatty(n) for n in range(3)])")])
    assert screen.wait() == 0
    assert b"[True, True, True]" in screen.screen


def test_with_pipe_it_gets_pipes_on_a_terminal_too(
    terminal: Callable[[Sequence[str]], Terminal],
) -> None:
    code = "import os; print([os.isatty(n) for n in range(3)])"
    screen = terminal([*WATCH, "--pipe", "--", *python(code)])
    assert screen.wait() == 0
    assert b"[True, False, False]" in screen.screen


def test_what_goes_to_a_pipe_does_so_on_a_terminal_too(
    terminal: Callable[[Sequence[str]], Terminal], tmp_path: Path
) -> None:
    code = "import os; print([os.isatty(n) for n in range(3)])"
    script = 'out=$1; shift; exec "$@" > "$out"'
    command = ["sh", "-c", script, "sh", str(tmp_path / "out"), *WATCH, "--", *python(code)]
    assert terminal(command).wait() == 0
    assert (tmp_path / "out").read_bytes() == b"[True, False, True]\n"


def test_ctrl_c_that_a_command_catches_is_cancelled(
    terminal: Callable[[Sequence[str]], Terminal],
) -> None:
    code = (
        "import signal, sys, time\n"
        "signal.signal(2, lambda number, frame: sys.exit(255))\n"  # as FFmpeg does
        "print('ready')\n"
        "while True: time.sleep(0.1)\n"
    )
    for options in ([], ["--pipe"]):
        screen = terminal([*WATCH, *options, "--", *python(code)])
        screen.read_until(b"ready")
        screen.type(b"\x03")
        assert screen.wait() == 255
        assert b"cancelled" in screen.screen


def test_a_question_can_be_seen_and_answered(
    terminal: Callable[[Sequence[str]], Terminal],
) -> None:
    screen = terminal([*WATCH, "--", *python("print('Hello', input('Your name, please, '))")])
    screen.read_until(b"Your name, please,")
    screen.type(b"Bob\r")
    screen.read_until(b"Hello Bob")
    assert screen.wait() == 0


def test_with_a_terminal_of_its_own_the_output_is_the_same_bytes() -> None:
    code = "import os; os.write(1, b'a\\nb\\r\\xff\\x00\\tc\\n'); print(os.isatty(1))"
    ran = subprocess.run([*WATCH, "--pty", "--", *python(code)], capture_output=True, timeout=LIMIT)
    assert ran.stdout == b"a\nb\r\xff\x00\tc\nTrue\n"


def test_with_a_terminal_of_its_own_standard_input_and_status_pass() -> None:
    code = "import sys; print(sys.stdin.read()); sys.exit(9)"
    ran = subprocess.run(
        [*WATCH, "--pty", "--", *python(code)], input=b"word", capture_output=True, timeout=LIMIT
    )
    assert (ran.stdout, ran.returncode) == (b"word\n", 9)


def test_with_a_terminal_of_its_own_signals_pass() -> None:
    with subprocess.Popen(
        [*WATCH, "--pty", "--", *python(TRAPS)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        assert process.stdout.readline() == b"ready\n"
        process.send_signal(signal.SIGINT)
        assert process.stdout.readline() == b"got 2\n"
        process.stdin.write(b"word\n")
        process.stdin.close()
        assert process.stdout.readline() == b"typed word\n"
        assert process.wait(LIMIT) == 0
