"""The command that `similubot watch` runs: as it would run without us, but that we read along.

Its standard input is ours. Its output goes on as it comes, byte for byte. Signals that we get go on
to it, and on pipes it is the foreground job of our terminal, so that Ctrl-C and Ctrl-Z reach it
directly. Else it has a terminal of its own, to which we type what is typed on ours. POSIX only.
"""

import contextlib
import fcntl
import os
import selectors
import shutil
import signal
import subprocess
import sys
import termios
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import FrameType
from typing import IO, Any, Protocol

from similubot_core.errors import UsageError
from similubot_core.render import sanitize_line

FORWARDED = (
    signal.SIGINT,
    signal.SIGTERM,
    signal.SIGHUP,
    signal.SIGQUIT,
    signal.SIGUSR1,
    signal.SIGUSR2,
)
POLL_SECONDS = 0.1
BLOCK_BYTES = 1_048_576
"""How much is read at once, and, where the system allows it, how much the command's pipe holds."""
END_SECONDS = 1.0
_KEYS = 0
_FEWEST_ROWS = 5
_SAW_INTERRUPT = 42


def check_program(name: str) -> None:
    """Raise `UsageError` when there is no program of that name that may be run."""
    if shutil.which(name) is None:
        shown = sanitize_line(name, 80)
        raise UsageError(f"The program {shown} was not found; install it, or correct its name.")


class OwnTerminal:
    """The terminal that a command has of its own.

    Args:
        stack: Closes it.
        rows_kept: How many rows of ours it does not get, since bars are drawn there.
    """

    def __init__(self, stack: contextlib.ExitStack, rows_kept: int) -> None:
        self._rows_kept = rows_kept
        self.fileno, self.its = os.openpty()
        stack.callback(os.close, self.fileno)
        self._has_all = False
        self._set_size()
        before = signal.signal(signal.SIGWINCH, lambda number, frame: self._set_size())
        stack.callback(signal.signal, signal.SIGWINCH, before)

    @property
    def size(self) -> tuple[int, int]:
        """Its columns and rows."""
        return self._size

    def type(self, keys: bytes) -> None:
        """Type to the command."""
        with contextlib.suppress(OSError):  # it has closed its terminal
            os.write(self.fileno, keys)

    def give_all(self, wanted: bool) -> None:
        """Whether it gets all rows of ours, for a program that takes the whole screen."""
        self._has_all = wanted
        self._set_size()

    def _set_size(self) -> None:
        """Give it the size of ours; 80 by 24 where we have none."""
        columns, rows = 80, 24
        for stream in (1, 2, 0):
            with contextlib.suppress(OSError):
                columns, rows = os.get_terminal_size(stream)
                break
        if columns < 1 or rows < 1:  # such as of a serial line
            columns, rows = 80, 24
        if not self._has_all and rows - self._rows_kept >= _FEWEST_ROWS:
            rows -= self._rows_kept
        self._size = (columns, rows)
        termios.tcsetwinsize(self.fileno, (rows, columns))


class Output(Protocol):
    """What takes the command's output."""

    def opened(self, own: OwnTerminal) -> None:
        """The command, which is started next, has this terminal of its own."""

    def skip(self, stream: int, fileno: int) -> None:
        """Take what need not be read from the other end of a stream, before the rest is read."""

    def take(self, stream: int, data: memoryview) -> bool:
        """Take what came on stream 1 or 2, 1 being that of its own terminal where both are.

        The data is good until it returns. When it returns False the stream is closed, as when the
        reader of a pipe goes away.
        """

    def quiet(self) -> None:
        """A tenth of a second brought no output."""

    def key(self) -> None:
        """Keys were typed to the command's own terminal."""

    def stopped(self, is_stopped: bool) -> None:
        """The command was stopped by Ctrl-Z and we are about to be, or it goes on."""


def run_watched(
    command: Sequence[str],
    output: Output,
    *,
    on_terminal: frozenset[int] = frozenset(),
    rows_kept: int = 0,
) -> tuple[int, set[int]]:
    """Run the command to its end, in the main thread.

    Args:
        command: The program and its arguments.
        output: Takes what it writes.
        on_terminal: Which of its streams 1 and 2 are a terminal of its own.
        rows_kept: How many rows fewer than ours that terminal has.

    Returns:
        The exit status, negative for the signal that ended it; and the signals that we passed on,
        or that were typed on the terminal.

    Raises:
        UsageError: The program could not be started.
    """
    passed_on: set[int] = set()
    with contextlib.ExitStack() as stack:
        own = OwnTerminal(stack, rows_kept) if on_terminal else None
        if own is not None:
            output.opened(own)
            child = _start_on_terminal(command, own, on_terminal)
        else:
            child = _start_on_pipes(command)
        outputs = {}
        for pipe, stream in ((child.stdout, 1), (child.stderr, 2)):
            if pipe:
                outputs[pipe.fileno()] = stream
                widen(pipe)
        keys = None
        if own is not None:
            outputs[own.fileno] = min(on_terminal)
            keys = stack.enter_context(_Keyboard(own))
        stack.callback(_end, child)
        stack.enter_context(_signals_go_to(child, passed_on))
        if own is None:
            stack.enter_context(_foreground(child, passed_on))
        try:
            _read(child, outputs, keys, passed_on, output)
        finally:
            for pipe in (child.stdout, child.stderr):
                if pipe:
                    pipe.close()
        while _status(child, keys, output) is None:  # its output ended before it did
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(POLL_SECONDS)
    return child.wait(), passed_on


def _start_on_pipes(command: Sequence[str]) -> "subprocess.Popen[bytes]":
    try:
        return subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0, process_group=0
        )
    except OSError as error:
        raise _not_started(command, error) from error


def _start_on_terminal(
    command: Sequence[str], own: OwnTerminal, on_terminal: frozenset[int]
) -> "subprocess.Popen[bytes]":
    """Start it with a terminal for the streams named, and for stdin where ours is one."""
    try:
        if not (sys.stdout is not None and sys.stdout.isatty()):
            # A line end goes on as the command wrote it.
            modes = termios.tcgetattr(own.its)
            modes[1] &= ~termios.OPOST
            termios.tcsetattr(own.its, termios.TCSANOW, modes)
        typed = sys.stdin is not None and sys.stdin.isatty()
        claim = Path(__file__).with_name("_claim_terminal.py")
        return subprocess.Popen(
            [sys.executable, "-I", "-S", claim, *command],
            stdin=own.its if typed else None,
            stdout=own.its if 1 in on_terminal else subprocess.PIPE,
            stderr=own.its if 2 in on_terminal else subprocess.PIPE,
            bufsize=0,
            start_new_session=True,
        )
    except OSError as error:
        raise _not_started(command, error) from error
    finally:
        os.close(own.its)


def _not_started(command: Sequence[str], error: OSError) -> UsageError:
    return UsageError(f"The program {sanitize_line(command[0], 80)} could not be started: {error}.")


class _Keyboard:
    """Our terminal, whose keys go to the command's own while we are in its foreground.

    It hands every key on as it comes, since it is the command's terminal that reads them.

    Args:
        own: The command's terminal.
    """

    def __init__(self, own: OwnTerminal) -> None:
        self._own = own
        self.fileno = -1
        self._before: list[Any] = []  # as termios has it
        self.is_open = True

    def __enter__(self) -> "_Keyboard | None":
        try:
            self.fileno = os.open("/dev/tty", os.O_RDWR | os.O_CLOEXEC)
        except OSError:  # nobody sits there
            return None
        return self

    def __exit__(self, *error: object) -> None:
        if self.fileno >= 0:
            self.give_back()
            os.close(self.fileno)

    def take(self) -> bool:
        """Whether the keys are ours now."""
        try:
            if os.tcgetpgrp(self.fileno) != os.getpgrp():
                self._before = []  # a shell has put its own modes there
                return False
            if not self._before:
                before = termios.tcgetattr(self.fileno)
                modes = termios.tcgetattr(self.fileno)
                modes[0] &= ~(
                    termios.ICRNL | termios.IXON | termios.INLCR | termios.IGNCR | termios.ISTRIP
                )
                modes[3] &= ~(termios.ECHO | termios.ICANON | termios.ISIG | termios.IEXTEN)
                termios.tcsetattr(self.fileno, termios.TCSADRAIN, modes)
                self._before = before
        except (OSError, termios.error):  # it was hung up
            return False
        return self.is_open

    def give_back(self) -> None:
        """Put its modes back."""
        if self._before:
            with contextlib.suppress(OSError, termios.error):
                termios.tcsetattr(self.fileno, termios.TCSADRAIN, self._before)
            self._before = []

    def pass_on(self) -> bool:
        """Type to the command what was typed here; whether that interrupts it."""
        try:
            keys = os.read(self.fileno, 4096)
        except OSError:  # it was hung up
            keys = b""
        if not keys:
            self.is_open = False
            self._own.type(b"\x04")
            return False
        interrupts = _interrupts(self._own.fileno, keys)
        self._own.type(keys)
        return interrupts


@contextlib.contextmanager
def _signals_go_to(child: "subprocess.Popen[bytes]", passed_on: set[int]) -> Iterator[None]:
    """What is sent to us goes on to the command and its children; what it makes of it is its own.

    One that was ignored when we were started, as SIGHUP under nohup, stays ignored.
    """

    def forward(number: int, frame: FrameType | None) -> None:
        passed_on.add(number)
        _signal(child, number)

    before = {}
    for number in FORWARDED:
        if signal.getsignal(number) is not signal.SIG_IGN:
            before[number] = signal.signal(number, forward)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def _foreground(child: "subprocess.Popen[bytes]", typed: set[int]) -> Iterator[None]:
    """Where we are a terminal's foreground job, the command is that now, as a shell would do it."""
    witness = None
    try:
        terminal = os.open("/dev/tty", os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        yield
        return
    before = signal.signal(signal.SIGTTOU, signal.SIG_IGN)  # we go on writing from the background
    try:
        if os.tcgetpgrp(terminal) == os.getpgrp():
            witness = _start_witness(child)
            _hand_over(terminal, child.pid)
            # It may have asked for the terminal before it had it, and wait since then.
            _signal(child, signal.SIGCONT)
        yield
    finally:
        if os.tcgetpgrp(terminal) == child.pid:
            _hand_over(terminal, os.getpgrp())
        if witness is not None and _saw_interrupt(witness):
            typed.add(signal.SIGINT)
        signal.signal(signal.SIGTTOU, before)
        os.close(terminal)


def _start_witness(child: "subprocess.Popen[bytes]") -> "subprocess.Popen[bytes] | None":
    """Start a process in the command's group that tells us whether Ctrl-C was typed.

    The terminal sends SIGINT to that group alone, and many tools end with a status of their own.
    """
    with contextlib.suppress(OSError):  # the command has ended already
        return subprocess.Popen(
            ["/bin/sh", "-c", f"trap 'exit {_SAW_INTERRUPT}' INT; read -r line"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            process_group=child.pid,
        )
    return None


def _saw_interrupt(witness: "subprocess.Popen[bytes]") -> bool:
    """End the witness; whether it saw SIGINT."""
    if witness.stdin:
        witness.stdin.close()
    with contextlib.suppress(ProcessLookupError):
        os.kill(witness.pid, signal.SIGCONT)  # where Ctrl-Z has stopped it
    try:
        return witness.wait(END_SECONDS) == _SAW_INTERRUPT
    except subprocess.TimeoutExpired:
        witness.kill()
        witness.wait()
        return False


def _hand_over(terminal: int, group: int) -> None:
    with contextlib.suppress(OSError):  # it has ended already
        os.tcsetpgrp(terminal, group)


def _read(
    child: "subprocess.Popen[bytes]",
    outputs: dict[int, int],
    keys: _Keyboard | None,
    typed: set[int],
    output: Output,
) -> None:
    """Hand its output on until that ends, or the command has ended and says nothing more.

    The second is for a command that leaves a daemon behind which holds the pipes open.
    """
    with selectors.DefaultSelector() as selector:
        for fileno, stream in outputs.items():
            selector.register(fileno, selectors.EVENT_READ, stream)
        open_outputs = set(outputs)
        block = memoryview(bytearray(BLOCK_BYTES))
        while open_outputs:
            ended = _status(child, keys, output) is not None
            if keys is not None:
                _listen(selector, keys)
            ready = selector.select(POLL_SECONDS)
            if not ready:
                output.quiet()
            for key, _ in ready:
                if key.data == _KEYS and keys is not None:
                    output.key()
                    if keys.pass_on():
                        typed.add(signal.SIGINT)
                    continue
                output.skip(key.data, key.fd)
                data = _read_some(key.fd, block)
                if not data or not output.take(key.data, data):
                    selector.unregister(key.fd)
                    open_outputs.discard(key.fd)
                    if data:
                        _hang_up(child, key.fd)
            if ended and not any(key.data != _KEYS for key, _ in ready):
                return


def _listen(selector: selectors.BaseSelector, keys: _Keyboard) -> None:
    """Wait for keys too, while they are ours."""
    listens = keys.fileno in selector.get_map()
    if keys.take() is not listens:
        if listens:
            selector.unregister(keys.fileno)
        else:
            selector.register(keys.fileno, selectors.EVENT_READ, _KEYS)


def widen(stream: IO[Any]) -> None:
    """Let a pipe hold more, so that a flood needs few turns; what is no pipe stays as it is."""
    with contextlib.suppress(AttributeError, OSError):  # not Linux; more than the user may have
        fcntl.fcntl(stream.fileno(), fcntl.F_SETPIPE_SZ, BLOCK_BYTES)


def _interrupts(terminal: int, keys: bytes) -> bool:
    """Whether these keys hold the one that interrupts, and the command's terminal heeds it."""
    try:
        modes = termios.tcgetattr(terminal)
    except termios.error:  # it is closed
        return False
    return bool(modes[3] & termios.ISIG) and modes[6][termios.VINTR] in keys


def _read_some(fileno: int, block: memoryview) -> memoryview:
    """What is there, in the same block each time: a new one costs more than the reading."""
    try:
        return block[: os.readv(fileno, [block])]
    except OSError:  # EIO: nobody has the other end of the terminal open any more
        return block[:0]


def _hang_up(child: "subprocess.Popen[bytes]", fileno: int) -> None:
    """Tell a command that goes on writing that nobody reads it: SIGPIPE, on a terminal SIGHUP.

    A command that has closed its own end is not told: it may have work left.
    """
    is_pipe = False
    for pipe in (child.stdout, child.stderr):
        if pipe and not pipe.closed and pipe.fileno() == fileno:
            pipe.close()
            is_pipe = True
    if not is_pipe:
        _signal(child, signal.SIGHUP)


def _status(child: "subprocess.Popen[bytes]", keys: _Keyboard | None, output: Output) -> int | None:
    """Its exit status, None while it runs; when Ctrl-Z has stopped it, we stop too.

    The shell that started us then sees a stopped job, and wakes us with SIGCONT.
    """
    if child.returncode is not None:
        return child.returncode
    pid, status = os.waitpid(child.pid, os.WNOHANG | os.WUNTRACED)
    if pid == 0:
        return None
    if os.WIFSTOPPED(status):
        output.stopped(True)
        if keys is not None:
            keys.give_back()
        _stop_too(child)
        output.stopped(False)
        return None
    child.returncode = os.waitstatus_to_exitcode(status)
    return child.returncode


def _stop_too(child: "subprocess.Popen[bytes]") -> None:
    with contextlib.ExitStack() as stack:
        terminal = -1
        with contextlib.suppress(OSError):
            terminal = os.open("/dev/tty", os.O_RDWR | os.O_CLOEXEC)
            stack.callback(os.close, terminal)
        had_it = terminal >= 0 and os.tcgetpgrp(terminal) == child.pid
        if had_it:
            _hand_over(terminal, os.getpgrp())
        os.kill(os.getpid(), signal.SIGSTOP)
        # Here we are again: in the foreground after `fg`, elsewhere after `bg`.
        if terminal >= 0 and os.tcgetpgrp(terminal) == os.getpgrp():
            _hand_over(terminal, child.pid)
        _signal(child, signal.SIGCONT)


def _signal(child: "subprocess.Popen[bytes]", number: int) -> None:
    if child.returncode is None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(child.pid, number)


def _end(child: "subprocess.Popen[bytes]") -> None:
    """Wait for it; where we end on an error of our own, stop it first."""
    if child.poll() is None:
        from similubot_core.process import stop_process

        stop_process(child)
