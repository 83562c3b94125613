"""Programs that run, and the supervisor that starts them: one for each process of ours."""

import atexit
import contextlib
import marshal
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from similubot_core.errors import StageError

_RECORD = struct.Struct("=ci")
_SUPERVISOR = Path(__file__).with_name("_supervisor.py")


class LandlockRules(NamedTuple):
    """What Landlock is to allow, as the kernel takes it.

    Attributes:
        ruleset: The bytes of its ``struct landlock_ruleset_attr``.
        paths: Paths, each with the rights below it; one that is not there is left out.
        ports: TCP ports that may be connected to.
    """

    ruleset: bytes
    paths: Sequence[tuple[bytes, int]]
    ports: Sequence[int]


@dataclass(frozen=True, slots=True)
class Start:
    """A program as the supervisor is to start it.

    Attributes:
        argv: The program's path and its arguments.
        environ: Its whole environment.
        cwd: The folder it is started in.
        priority: Its niceness, not below this process's own.
        limits: Soft and hard limits, by the numbers of `resource`.
        landlock: Landlock's rules; None is none.
        filter: A seccomp filter as the kernel takes it; empty is none.
        wrapped: Whether `argv` is bubblewrap, which applies the filter by itself, inside.
    """

    argv: Sequence[str]
    environ: Mapping[str, str]
    cwd: str
    priority: int
    limits: Mapping[int, tuple[int, int]]
    landlock: LandlockRules | None = None
    filter: bytes = b""
    wrapped: bool = False


class Child:
    """A program that was started. Used by one thread; close it, and it is ended and waited for.

    Attributes:
        stdout: The descriptor that its output is read from.
        stderr: The same of its errors.
        status: The socket to wait on for `returncode`.
        returncode: Its exit status, negative for a signal; None while it runs.
        error: Why it could not be started; None when it was.
    """

    def __init__(self, stdout: int, stderr: int, status: socket.socket) -> None:
        self.stdout = stdout
        self.stderr = stderr
        self.status = status
        self.returncode: int | None = None
        self.error: OSError | None = None
        self._record = b""

    @property
    def ended(self) -> bool:
        """Whether it has ended, or never began."""
        return self.returncode is not None or self.error is not None

    def take_status(self) -> None:
        """Read what the supervisor says; blocks until it says something.

        Raises:
            StageError: The supervisor is gone, and the program with it.
        """
        data = self.status.recv(_RECORD.size - len(self._record))
        if not data:
            raise StageError("The process that runs programs was killed; try again.")
        self._record += data
        if len(self._record) == _RECORD.size:
            letter, value = _RECORD.unpack(self._record)
            self._record = b""
            if letter == b"X" and self.error is None:
                self.returncode = value
            elif letter == b"E":
                self.error = OSError(value, os.strerror(value))

    def send_signal(self, number: signal.Signals) -> None:
        """Signal it and its children."""
        with contextlib.suppress(OSError):  # the supervisor is gone, and what it started with it
            self.status.send(bytes([number]))

    def stop(self, grace: float) -> None:
        """End it with all its children: SIGTERM, after `grace` seconds SIGKILL for what is left."""
        if self.ended:
            return
        try:
            self.send_signal(signal.SIGTERM)
            self.status.settimeout(grace)
            try:
                while not self.ended:
                    self.take_status()
            except TimeoutError:
                pass
            self.send_signal(signal.SIGKILL)
            self.status.settimeout(None)
            while not self.ended:
                self.take_status()
        except (StageError, OSError):
            pass  # the supervisor is gone, and what it started with it

    def close(self) -> None:
        """Let go of it; one that still runs is killed."""
        os.close(self.stdout)
        os.close(self.stderr)
        self.status.close()


class _Supervisor:
    """Starts programs by way of a process that has no other threads. Any thread may use it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        os.register_at_fork(after_in_child=self._forget)
        atexit.register(self._end)

    def prepare(self) -> None:
        """Start it, if it does not run."""
        with self._lock:
            self._connection()

    def start(self, what: Start) -> Child:
        """Have a program started; whether that succeeds is said by the child's status.

        Raises:
            OSError: No pipe or process can be made.
        """
        body = marshal.dumps(
            {
                "argv": [os.fsencode(word) for word in what.argv],
                "environ": {os.fsencode(k): os.fsencode(v) for k, v in what.environ.items()},
                "cwd": os.fsencode(what.cwd),
                "priority": what.priority,
                "limits": dict(what.limits),
                "landlock": what.landlock and tuple(map(_plain, what.landlock)),
                "filter": what.filter,
                "wrapped": what.wrapped,
            }
        )
        opened: list[int] = []
        try:
            opened += os.pipe()
            opened += os.pipe()
            ours, theirs = socket.socketpair()
            with theirs:
                self._send(body, [theirs.fileno(), opened[1], opened[3]])
        except BaseException:
            for descriptor in opened:
                os.close(descriptor)
            raise
        os.close(opened[1])
        os.close(opened[3])
        return Child(opened[0], opened[2], ours)

    def _send(self, body: bytes, descriptors: Sequence[int]) -> None:
        with self._lock:
            for last in (False, True):
                control = self._connection()
                try:
                    socket.send_fds(control, [struct.pack("=I", len(body))], descriptors)
                    control.sendall(body)
                    return
                except (BrokenPipeError, ConnectionResetError):
                    self._drop()  # it was killed: a new one takes its place
                    if last:
                        raise

    def _connection(self) -> socket.socket:
        if self._process is not None and self._process.poll() is not None:
            self._drop()
        if self._control is None:
            ours, theirs = socket.socketpair()
            with theirs:
                self._process = subprocess.Popen(
                    [sys.executable, "-I", "-S", str(_SUPERVISOR), str(theirs.fileno())],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    env={},
                    cwd="/",
                    pass_fds=[theirs.fileno()],
                    start_new_session=True,
                )
            self._control = ours
        return self._control

    def _drop(self) -> None:
        if self._control is not None:
            self._control.close()
            self._control = None
        if self._process is not None:
            self._process.wait()
            self._process = None

    def _end(self) -> None:
        """At exit: it ends what still runs, and its processor time is counted as ours."""
        with self._lock:
            self._drop()

    def _forget(self) -> None:
        """After a fork the supervisor is the parent's: let go of it, without a word to it."""
        self._lock = threading.Lock()
        self._process = None
        if self._control is not None:
            self._control.close()
            self._control = None


def _plain(value: object) -> object:
    return value if isinstance(value, bytes) else list(value)  # type: ignore[call-overload]


_supervisor = _Supervisor()
prepare = _supervisor.prepare
start = _supervisor.start
