"""A child process: run, read to the end, stopped when asked, and always waited for.

It needs POSIX (Linux, macOS): pipes are watched with `selectors` in the calling thread, so that no
thread is left behind, and the child has a process group of its own, so that its children end too.
"""

import codecs
import contextlib
import os
import re
import selectors
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from similubot_core.cancel import CancelToken
from similubot_core.errors import StageError
from similubot_core.render import sanitize_line

GRACE_SECONDS = 1.0
"""How long a child may take to end by itself after SIGTERM before it is killed. Together with the
poll it keeps the promise that a cancel is obeyed within 2 seconds."""
POLL_SECONDS = 0.1
PIPE_BYTES = 2 * 1024 * 1024
"""More than the two pipes of a child that has ended can still hold (Linux: 64 KiB each; 1 MiB is
the most that a program without privileges can ask for)."""
TAIL_CHARACTERS = 16_384
LONGEST_LINE = 65_536
LOWEST_PRIORITY = 19

_gives_way_by = 0


class ProgramMissing(StageError):  # noqa: N818
    """The program is not installed, or may not be run."""


class ProcessStalled(StageError):  # noqa: N818
    """The child printed nothing for longer than `stall_timeout`, or ran over `time_limit`."""


@dataclass(frozen=True, slots=True)
class ProcessResult:
    """How a child process ended.

    Attributes:
        returncode: Its exit status; negative for the signal that ended it.
        stdout_tail: The last 16,384 characters or fewer of what it printed on stdout.
        stderr_tail: The same of stderr.
    """

    returncode: int
    stdout_tail: str
    stderr_tail: str


class LineSplitter:
    r"""Makes lines out of output that is cut anywhere.

    A line ends at ``\n`` or ``\r`` (progress lines are redrawn with it) and is handed on without
    it. Bytes that are not UTF-8 become U+FFFD. Of a line over 65,536 characters the first 65,536
    and "…" are handed on, and the rest is dropped: a tag or a file's name that a tool prints must
    not become lines of its own. Empty lines are left out. Memory and time are bounded by the bytes.

    Args:
        on_line: Gets each line.
    """

    def __init__(self, on_line: Callable[[str], object]) -> None:
        self._on_line = on_line
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._pieces: list[str] = []
        self._length = 0

    def feed(self, data: bytes) -> None:
        """Take the next bytes, and hand on the lines that they end."""
        self._take(self._decoder.decode(data))

    def close(self) -> None:
        """Hand on what is left, as the last line."""
        self._take(self._decoder.decode(b"", final=True))
        self._end_line()

    def _take(self, text: str) -> None:
        # Only the new text is searched for line ends, however long the line that it goes on with.
        first, *others = re.split(r"[\r\n]", text)
        self._add(first)
        for piece in others:
            self._end_line()
            self._add(piece)

    def _add(self, piece: str) -> None:
        # One character more than is handed on is kept: it tells that the line was longer.
        if piece and self._length <= LONGEST_LINE:
            kept = piece[: LONGEST_LINE + 1 - self._length]
            self._pieces.append(kept)
            self._length += len(kept)

    def _end_line(self) -> None:
        if not self._pieces:
            return
        line = "".join(self._pieces)
        self._pieces.clear()
        self._length = 0
        self._on_line(line if len(line) <= LONGEST_LINE else line[:LONGEST_LINE] + "…")


class _Stream:
    """One of the child's two outputs: to lines, to the one who wants its bytes, and its tail."""

    def __init__(
        self, on_line: Callable[[str], object] | None, on_bytes: Callable[[bytes], object] | None
    ) -> None:
        self._lines = LineSplitter(on_line) if on_line else None
        self._on_bytes = on_bytes
        self._tail = bytearray()

    def feed(self, data: bytes) -> None:
        self._tail += data
        del self._tail[:-TAIL_CHARACTERS]
        if self._on_bytes:
            self._on_bytes(data)
        if self._lines:
            self._lines.feed(data)

    def close(self) -> str:
        if self._lines:
            self._lines.close()
        return self._tail.decode("utf-8", errors="replace")


def set_child_niceness(niceness: int) -> None:
    """Have the children that `run_process` starts from now on leave the processors to this process
    and to others, as far as those want them. For a program with an event loop in it that has to
    answer while children keep all processors busy; any thread.

    Args:
        niceness: 0 (they compete as equals, as they do without this call) to 19, added to this
            process's own.

    Raises:
        ValueError: It is not within 0 and 19.
    """
    if not 0 <= niceness <= LOWEST_PRIORITY:
        raise ValueError(f"niceness must be within 0 and {LOWEST_PRIORITY}")
    global _gives_way_by
    _gives_way_by = niceness


def run_process(
    argv: Sequence[str | Path],
    *,
    cancel: CancelToken,
    on_line: Callable[[str], object] | None = None,
    on_stdout: Callable[[bytes], object] | None = None,
    on_stderr: Callable[[bytes], object] | None = None,
    stall_timeout: float | None = None,
    time_limit: float | None = None,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> ProcessResult:
    """Run a program to its end, its output read as it comes. No shell is involved.

    Everything given is called in this thread: `on_line` with each line of both outputs (a tracker's
    `parse_output`), `on_stdout` and `on_stderr` with the bytes as they come. When one of them
    raises, the child is stopped and the exception goes on.

    Args:
        argv: The program and its arguments.
        cancel: When set, the child's process group gets SIGTERM, and SIGKILL a second later.
        on_line: Called with each line of stdout and of stderr.
        on_stdout: Called with the bytes of stdout as they come.
        on_stderr: Called with the bytes of stderr as they come.
        stall_timeout: Seconds without any output after which it is stopped; None never does.
        time_limit: Seconds after which it is stopped in any case; None never does.
        cwd: The folder it runs in; None is this process's.
        env: Its environment; None is this process's without SIMILUBOT_ variables, which may hold
            a token that is none of a child's business.
        clock: Returns seconds that only grow.

    Raises:
        ProgramMissing: It, or `cwd`, is not there or may not be used.
        Cancelled: `cancel` was set.
        ProcessStalled: `stall_timeout` or `time_limit` was reached.
    """
    cancel.raise_if_cancelled()
    program = Path(argv[0]).name
    on_terminal = _has_terminal()
    try:
        child = subprocess.Popen(
            [os.fspath(part) for part in argv],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=cwd,
            env=_without_secrets(os.environ) if env is None else dict(env),
            # A session of its own keeps a child from asking questions on a terminal. Where there is
            # none, it stays in ours: Linux schedules each session apart (autogroups), so in another
            # one it would get as much as all of us, however low its priority.
            start_new_session=on_terminal,
            process_group=None if on_terminal else 0,
            bufsize=0,
        )
    except (OSError, ValueError) as error:
        raise _not_started(program, cwd, error) from error
    stdout, stderr = _Stream(on_line, on_stdout), _Stream(on_line, on_stderr)
    try:
        _lower_priority(child)
        _read(child, stdout, stderr, cancel, stall_timeout, time_limit, clock)
    except BaseException:
        stop_process(child)
        raise
    finally:
        for pipe in (child.stdout, child.stderr):
            if pipe:
                pipe.close()
    return ProcessResult(child.wait(), stdout.close(), stderr.close())


def _has_terminal() -> bool:
    try:
        os.close(os.open(os.ctermid(), os.O_RDONLY | os.O_NOCTTY))
    except OSError:
        return False
    return True


def _lower_priority(child: "subprocess.Popen[bytes]") -> None:
    if _gives_way_by:
        priority = min(LOWEST_PRIORITY, os.getpriority(os.PRIO_PROCESS, 0) + _gives_way_by)
        with contextlib.suppress(OSError):  # it has ended
            os.setpriority(os.PRIO_PGRP, child.pid, priority)


def _not_started(program: str, cwd: Path | None, error: OSError | ValueError) -> ProgramMissing:
    shown = sanitize_line(program)
    if cwd is not None and isinstance(error, OSError) and not cwd.is_dir():
        return ProgramMissing(
            f"The folder {sanitize_line(str(cwd))} that {shown} is to run in is gone."
        )
    if isinstance(error, FileNotFoundError):
        return ProgramMissing(f"The program {shown} was not found; install it.")
    reason = getattr(error, "strerror", None) or "an argument of it cannot be one"
    return ProgramMissing(f"The program {shown} could not be started: {reason}.")


def _without_secrets(environ: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environ.items() if not name.startswith("SIMILUBOT_")}


def _read(
    child: "subprocess.Popen[bytes]",
    stdout: _Stream,
    stderr: _Stream,
    cancel: CancelToken,
    stall_timeout: float | None,
    time_limit: float | None,
    clock: Callable[[], float],
) -> None:
    """Feed both outputs until both end, or the child has ended and says nothing more.

    The second is for a child that leaves a daemon behind which holds the pipes open, as mega-get
    does with MEGAcmd's server. What such a daemon goes on to say is not waited for.
    """
    name = os.fsdecode(child.args[0]) if isinstance(child.args, list) else ""
    program = sanitize_line(Path(name).name)
    after_end = 0
    began = last_output = clock()
    with selectors.DefaultSelector() as selector:
        for pipe, stream in ((child.stdout, stdout), (child.stderr, stderr)):
            if pipe:
                selector.register(pipe, selectors.EVENT_READ, stream)
        while True:
            ended = child.poll() is not None
            if not selector.get_map():
                if ended:
                    return
                cancel.wait(POLL_SECONDS / 10)
                ready = []
            else:
                ready = selector.select(0 if ended else POLL_SECONDS)
            for key, _ in ready:
                data = os.read(key.fd, 65_536)
                if data:
                    last_output = clock()
                    after_end += len(data) if ended else 0
                    key.data.feed(data)
                else:
                    selector.unregister(key.fileobj)
            if ended and (not ready or after_end > PIPE_BYTES):
                return
            cancel.raise_if_cancelled()
            now = clock()
            if stall_timeout is not None and now - last_output > stall_timeout:
                raise ProcessStalled(f"{program} said nothing for {stall_timeout:g} s; try again.")
            if time_limit is not None and now - began > time_limit:
                raise ProcessStalled(f"{program} took longer than the limit of {time_limit:g} s.")


def stop_process(child: "subprocess.Popen[bytes]", grace: float = GRACE_SECONDS) -> int:
    """End a child that leads a process group of its own, with all its children, and wait for it.

    SIGTERM first; after `grace` seconds, or once the child itself has ended, SIGKILL for what is
    left of its group. A child that had ended before is left alone, and so is a daemon that it
    started. Returns its exit status.
    """
    if child.poll() is not None:
        return child.wait()
    _signal_group(child, signal.SIGTERM)
    try:
        child.wait(grace)
    except subprocess.TimeoutExpired:
        pass
    finally:
        _signal_group(child, signal.SIGKILL)
    return child.wait()


def _signal_group(child: "subprocess.Popen[bytes]", number: signal.Signals) -> None:
    # Where the child has ended, its number still is its group's as long as the group has a member.
    try:
        os.killpg(child.pid, number)
    except (ProcessLookupError, PermissionError):  # macOS says the latter of one that has ended
        child.send_signal(number)
