"""A child process: run, read to the end, stopped when asked, and always waited for."""

import os
import selectors
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from similubot_core.cancel import CancelToken
from similubot_core.errors import StageError
from similubot_core.process import _sandbox, _seccomp
from similubot_core.process._children import Child, Start, start
from similubot_core.process._limits import (
    DiskWatch,
    Limits,
    as_resources,
    limit_error,
    limit_that_ended,
    within_our_own,
)
from similubot_core.process._lines import LineSplitter
from similubot_core.process._sandbox import Access, SandboxUnavailable
from similubot_core.render import sanitize_line

GRACE_SECONDS = 1.0
"""How long a child may take to end by itself after SIGTERM before it is killed. Together with the
poll it keeps the promise that a cancel is obeyed within 2 seconds."""
POLL_SECONDS = 0.1
PIPE_BYTES = 2 * 1024 * 1024
"""More than the two pipes of a child that has ended can still hold (Linux: 64 KiB each; 1 MiB is
the most that a program without privileges can ask for)."""
TAIL_CHARACTERS = 16_384
LOWEST_PRIORITY = 19
_BUBBLEWRAP_FAILED = "bwrap: "

PASSED_ON = frozenset(
    {
        *("PATH", "LANG", "LANGUAGE", "TZ", "HOME", "USER", "LOGNAME", "TMPDIR", "SSL_CERT_FILE"),
        *("SSL_CERT_DIR", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SYSTEMROOT"),
    }
)
"""The environment variables that a child gets, with those that begin with LC_."""
PASSED_ON_WITH_NETWORK = frozenset(
    {
        *("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"),
        *("http_proxy", "https_proxy", "all_proxy", "no_proxy"),
    }
)

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

    def close(self) -> None:
        if self._lines:
            self._lines.close()

    @property
    def tail(self) -> str:
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
    limits: Limits | None = None,
    access: Access | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> ProcessResult:
    """Run a program to its end, its output read as it comes. No shell is involved.

    The program has a session of its own, no descriptor but its three streams, no way to gain
    privileges, and no longer life than this process, however that ends. Its stdin is empty. In a
    stage of a job it is locked in: it reads the stage's file and the system's programs, writes
    the stage's folder, and has a network only in a downloader or an uploader.

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
        env: Its whole environment; None is a clean one: of this process's variables only those
            that say where programs, libraries, certificates and the home folder are, the language
            and the time zone; with a network also the proxies. Where it is locked in, HOME and
            TMPDIR are its folder.
        limits: What it may use of the machine; None is `Limits()`.
        access: What it may reach; None is what its stage may, and outside of a stage it is not
            locked in.
        clock: Returns seconds that only grow.

    Raises:
        ProgramMissing: It, or `cwd`, is not there or may not be used.
        SandboxUnavailable: It has to be locked in (``[core] sandbox = "require"``), and cannot be.
        LimitReached: A limit ended it; says which.
        Cancelled: `cancel` was set.
        ProcessStalled: `stall_timeout` or `time_limit` was reached.
    """
    cancel.raise_if_cancelled()
    limits = within_our_own(limits or Limits())
    name = sanitize_line(Path(argv[0]).name)
    words = [os.fspath(part) for part in argv]
    words[0] = _find(words[0], name, cwd)
    access = access or _sandbox.current_access()
    what = _prepared(words, name, cwd, env, limits, access)
    disk = None
    if access is not None and access.writes and limits.disk is not None:
        disk = DiskWatch(access.writes, limits.disk, clock)

    def on_poll() -> None:
        cancel.raise_if_cancelled()
        if disk is not None and disk.is_over():
            raise limit_error(name, "disk", limits)

    try:
        child = start(what)
    except (OSError, ValueError) as error:
        raise _not_started(name, cwd, error) from error
    stdout, stderr = _Stream(on_line, on_stdout), _Stream(on_line, on_stderr)
    try:
        _read(child, name, stdout, stderr, on_poll, stall_timeout, time_limit, clock)
        if child.error is not None:
            raise _not_started(name, cwd, child.error) from child.error
        stdout.close()
        stderr.close()
    except BaseException:
        child.stop(GRACE_SECONDS)
        raise
    finally:
        child.close()
    assert child.returncode is not None
    if what.wrapped and child.returncode == 1 and stderr.tail.startswith(_BUBBLEWRAP_FAILED):
        raise ProgramMissing(
            f"{name} could not be started in its sandbox; `similubot doctor` says more.",
            detail=stderr.tail,
        )
    reached = limit_that_ended(name, child.returncode, stderr.tail, limits)
    if reached is not None:
        raise reached
    return ProcessResult(child.returncode, stdout.tail, stderr.tail)


def _find(program: str, name: str, cwd: Path | None) -> str:
    """The path of a program, found on PATH where it is a bare name."""
    if os.sep in program:
        path = os.path.join(cwd or "", program)  # noqa: PTH118
        if not os.path.exists(path):  # noqa: PTH110
            raise _not_started(name, cwd, FileNotFoundError())
        if os.path.isdir(path) or not os.access(path, os.X_OK):  # noqa: PTH112
            raise _not_started(name, cwd, PermissionError(13, os.strerror(13)))
        return os.path.abspath(path)  # noqa: PTH100
    found = shutil.which(program)
    if found is None:
        raise _not_started(name, cwd, FileNotFoundError())
    return os.path.abspath(found)  # noqa: PTH100


def _prepared(
    argv: list[str],
    name: str,
    cwd: Path | None,
    env: Mapping[str, str] | None,
    limits: Limits,
    access: Access | None,
) -> Start:
    folder = os.path.abspath(cwd or os.getcwd())  # noqa: PTH100, PTH109
    if any("\0" in word for word in argv):
        raise _not_started(name, cwd, ValueError())
    how = _lock(name, access)
    locked_in = access if how is not None else None
    network = access is None or access.network is not False
    environ = _clean(locked_in, network=network) if env is None else dict(env)
    alone = limits.processes == 0
    program = b""
    if alone or locked_in:
        program = (
            _seccomp.filter_program(
                alone=alone,
                network=locked_in.network if locked_in else True,
                own_pid=how != "bubblewrap",
            )
            or b""
        )
    landlock = None
    if locked_in and how == "bubblewrap":
        argv = _sandbox.wrapped(argv, locked_in, folder, filtered=bool(program))
        if not isinstance(locked_in.network, bool):
            landlock = _sandbox.port_rule(locked_in.network)
    elif locked_in and how == "landlock":
        landlock = _sandbox.landlock_rules(argv[0], locked_in)
    priority = os.getpriority(os.PRIO_PROCESS, 0) + _gives_way_by
    return Start(
        argv=argv,
        environ=environ,
        cwd=folder,
        priority=min(LOWEST_PRIORITY, priority),
        limits=as_resources(limits),
        landlock=landlock,
        filter=program,
        wrapped=how == "bubblewrap",
    )


def _lock(name: str, access: Access | None) -> _sandbox.Mechanism | None:
    """What is to lock a program in; None is nothing."""
    mode = _sandbox.sandbox_mode()
    if access is None or mode == "off":
        return None
    if not access.locked_in:
        if mode == "require":
            raise SandboxUnavailable(
                f'{name} cannot be locked in, and [core] sandbox is "require"; use another program.'
            )
        return None
    how = _sandbox.mechanism()
    if how is None and mode == "require":
        raise SandboxUnavailable(
            f"{name} cannot be locked in on this machine: install bubblewrap, or set "
            '[core] sandbox = "auto" to run it within limits alone.'
        )
    return how


def _clean(locked_in: Access | None, *, network: bool) -> dict[str, str]:
    """Our environment without what is none of a child's business, such as tokens."""
    wanted = PASSED_ON | PASSED_ON_WITH_NETWORK if network else PASSED_ON
    found = {
        name: value
        for name, value in os.environ.items()
        if name in wanted or name.startswith("LC_")
    }
    if locked_in is not None:
        own = os.path.abspath(locked_in.writes[0]) if locked_in.writes else "/"  # noqa: PTH100
        found |= {"HOME": own, "TMPDIR": own}
    return found


def _not_started(program: str, cwd: Path | None, error: OSError | ValueError) -> ProgramMissing:
    if cwd is not None and isinstance(error, OSError) and not cwd.is_dir():
        return ProgramMissing(
            f"The folder {sanitize_line(str(cwd))} that {program} is to run in is gone."
        )
    if isinstance(error, FileNotFoundError):
        return ProgramMissing(f"The program {program} was not found; install it.")
    reason = getattr(error, "strerror", None) or "an argument of it cannot be one"
    return ProgramMissing(f"The program {program} could not be started: {reason}.")


def _read(
    child: Child,
    program: str,
    stdout: _Stream,
    stderr: _Stream,
    on_poll: Callable[[], object],
    stall_timeout: float | None,
    time_limit: float | None,
    clock: Callable[[], float],
) -> None:
    """Feed both outputs until both end, or the child has ended and says nothing more.

    The second is for a child that leaves a daemon behind which holds the pipes open, as mega-get
    does with MEGAcmd's server. What such a daemon goes on to say is not waited for.
    """
    after_end = 0
    began = last_output = clock()
    with selectors.DefaultSelector() as selector:
        selector.register(child.stdout, selectors.EVENT_READ, stdout)
        selector.register(child.stderr, selectors.EVENT_READ, stderr)
        selector.register(child.status, selectors.EVENT_READ, None)
        open_pipes = 2
        while open_pipes or not child.ended:
            ended = child.ended
            ready = selector.select(0 if ended else POLL_SECONDS)
            for key, _ in ready:
                if key.data is None:
                    child.take_status()
                    if child.ended:
                        selector.unregister(child.status)
                    continue
                data = os.read(key.fd, 65_536)
                if data:
                    last_output = clock()
                    after_end += len(data) if ended else 0
                    key.data.feed(data)
                else:
                    selector.unregister(key.fd)
                    open_pipes -= 1
            if ended and (not ready or after_end > PIPE_BYTES):
                return
            on_poll()
            now = clock()
            if stall_timeout is not None and now - last_output > stall_timeout:
                raise ProcessStalled(f"{program} said nothing for {stall_timeout:g} s; try again.")
            if time_limit is not None and now - began > time_limit:
                raise ProcessStalled(f"{program} took longer than the limit of {time_limit:g} s.")
