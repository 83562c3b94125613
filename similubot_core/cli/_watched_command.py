"""The command that `similubot watch` runs: as it would run without us, but that we read along.

Its standard input is ours. Its output goes on as it comes, byte for byte. Signals that we get go on
to it, and on a terminal it is the foreground job, so that Ctrl-C and Ctrl-Z reach it directly. With
`pty` it has a terminal of its own, for tools that show progress only there. POSIX only.
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
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import FrameType

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
BLOCK_BYTES = 65_536
END_SECONDS = 1.0
_SAW_INTERRUPT = 42

OnBytes = Callable[[int, bytes], bool]
"""Gets the bytes of stream 1 or 2; returns whether it wants more of them."""


def check_program(name: str) -> None:
    """Raise `UsageError` when there is no program of that name that may be run."""
    if shutil.which(name) is None:
        shown = sanitize_line(name, 80)
        raise UsageError(f"The program {shown} was not found; install it, or correct its name.")


def run_watched(
    command: Sequence[str], *, pty: bool, on_bytes: OnBytes, on_quiet: Callable[[], object]
) -> tuple[int, set[int]]:
    """Run the command to its end, in the main thread.

    Args:
        command: The program and its arguments.
        pty: Whether it gets a terminal of its own; its stderr then comes as stream 1 too.
        on_bytes: Called with its output as it comes. When it returns False the stream is closed,
            as when the reader of a pipe goes away.
        on_quiet: Called when a tenth of a second brought no output.

    Returns:
        The exit status, negative for the signal that ended it; and the signals that we passed on,
        or that were typed on the terminal.

    Raises:
        UsageError: The program could not be started.
    """
    passed_on: set[int] = set()
    with contextlib.ExitStack() as stack:
        if pty:
            child, outputs, stdin = _start_on_terminal(command, stack)
        else:
            child, stdin = _start_on_pipes(command), None
            outputs = {_fileno(child.stdout): 1, _fileno(child.stderr): 2}
        stack.callback(_end, child)
        stack.enter_context(_signals_go_to(child, passed_on))
        if not pty:
            stack.enter_context(_foreground(child, passed_on))
        try:
            _read(child, outputs, stdin, passed_on, on_bytes, on_quiet)
        finally:
            for pipe in (child.stdout, child.stderr):
                if pipe:
                    pipe.close()
        while _status(child) is None:  # its output ended before it did
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
    command: Sequence[str], stack: contextlib.ExitStack
) -> tuple["subprocess.Popen[bytes]", dict[int, int], int | None]:
    """Start it with a terminal for stdout and stderr, and for stdin where ours is one."""
    ours, its = os.openpty()
    stack.callback(os.close, ours)
    try:
        _set_size(ours)
        # A line end goes on as the command wrote it; our own terminal adds the carriage return.
        modes = termios.tcgetattr(its)
        modes[1] &= ~termios.OPOST
        termios.tcsetattr(its, termios.TCSANOW, modes)
        typed = sys.stdin is not None and sys.stdin.isatty()
        claim = Path(__file__).with_name("_claim_terminal.py")
        try:
            child = subprocess.Popen(
                [sys.executable, "-I", "-S", claim, *command],
                stdin=its if typed else None,
                stdout=its,
                stderr=its,
                start_new_session=True,
            )
        except OSError as error:
            raise _not_started(command, error) from error
    finally:
        os.close(its)
    before = signal.signal(signal.SIGWINCH, lambda number, frame: _set_size(ours))
    stack.callback(signal.signal, signal.SIGWINCH, before)
    if typed:
        stack.enter_context(_keys_as_they_come(sys.stdin.fileno()))
    return child, {ours: 1}, ours if typed else None


def _not_started(command: Sequence[str], error: OSError) -> UsageError:
    return UsageError(f"The program {sanitize_line(command[0], 80)} could not be started: {error}.")


def _set_size(terminal: int) -> None:
    """Give the command's terminal the size of ours; 80 by 24 where we have none."""
    size = b"\x18\x00\x50\x00\0\0\0\0" if sys.byteorder == "little" else b"\x00\x18\x00\x50\0\0\0\0"
    for stream in (1, 2, 0):
        with contextlib.suppress(OSError):
            size = fcntl.ioctl(stream, termios.TIOCGWINSZ, size)
            break
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, size)


@contextlib.contextmanager
def _keys_as_they_come(terminal: int) -> Iterator[None]:
    """Our terminal hands every key on, since it is the command's terminal that reads them."""
    before = termios.tcgetattr(terminal)
    modes = termios.tcgetattr(terminal)
    modes[0] &= ~(termios.ICRNL | termios.IXON | termios.INLCR | termios.IGNCR | termios.ISTRIP)
    modes[3] &= ~(termios.ECHO | termios.ICANON | termios.ISIG | termios.IEXTEN)
    termios.tcsetattr(terminal, termios.TCSADRAIN, modes)
    try:
        yield
    finally:
        termios.tcsetattr(terminal, termios.TCSADRAIN, before)


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
    keys_to: int | None,
    typed: set[int],
    on_bytes: OnBytes,
    on_quiet: Callable[[], object],
) -> None:
    """Hand its output on until that ends, or the command has ended and says nothing more.

    The second is for a command that leaves a daemon behind which holds the pipes open.
    """
    with selectors.DefaultSelector() as selector:
        for fileno, stream in outputs.items():
            selector.register(fileno, selectors.EVENT_READ, stream)
        if keys_to is not None:
            selector.register(sys.stdin.fileno(), selectors.EVENT_READ, 0)
        open_outputs = set(outputs)
        while open_outputs:
            ended = _status(child) is not None
            ready = selector.select(POLL_SECONDS)
            if not ready:
                on_quiet()
            for key, _ in ready:
                data = _read_some(key.fd)
                if key.data == 0 and keys_to is not None:
                    if _interrupts(keys_to, data):
                        typed.add(signal.SIGINT)
                    _send_keys(keys_to, data, selector, key.fd)
                elif not data or not on_bytes(key.data, data):
                    selector.unregister(key.fd)
                    open_outputs.discard(key.fd)
                    if data:
                        _hang_up(child, key.fd)
            if ended and not any(key.data for key, _ in ready):
                return


def _interrupts(terminal: int, keys: bytes) -> bool:
    """Whether these keys hold the one that interrupts, and the command's terminal heeds it."""
    try:
        modes = termios.tcgetattr(terminal)
    except termios.error:  # it is closed
        return False
    return bool(modes[3] & termios.ISIG) and modes[6][termios.VINTR] in keys


def _send_keys(terminal: int, data: bytes, selector: selectors.BaseSelector, keyboard: int) -> None:
    """Pass typed keys on; our keyboard's end is told as Ctrl-D."""
    with contextlib.suppress(OSError):  # the command has closed its terminal
        os.write(terminal, data or b"\x04")
    if not data:
        selector.unregister(keyboard)


def _read_some(fileno: int) -> bytes:
    try:
        return os.read(fileno, BLOCK_BYTES)
    except OSError:  # EIO: nobody has the other end of the terminal open any more
        return b""


def _hang_up(child: "subprocess.Popen[bytes]", fileno: int) -> None:
    """Tell a command that goes on writing that nobody reads it: SIGPIPE, on a terminal SIGHUP.

    A command that has closed its own end is not told: it may have work left.
    """
    if child.stdout is None:
        _signal(child, signal.SIGHUP)
    for pipe in (child.stdout, child.stderr):
        if pipe and not pipe.closed and pipe.fileno() == fileno:
            pipe.close()


def _status(child: "subprocess.Popen[bytes]") -> int | None:
    """Its exit status, None while it runs; when Ctrl-Z has stopped it, we stop too.

    The shell that started us then sees a stopped job, and wakes us with SIGCONT.
    """
    if child.returncode is not None:
        return child.returncode
    pid, status = os.waitpid(child.pid, os.WNOHANG | os.WUNTRACED)
    if pid == 0:
        return None
    if os.WIFSTOPPED(status):
        _stop_too(child)
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


def _fileno(pipe: object) -> int:
    fileno: int = pipe.fileno()  # type: ignore[attr-defined]
    return fileno
