"""Make a terminal this session's own, and run the command that was named in its foreground.

`similubot watch` starts it as a script of its own, as a shell of one command: only a session's
leader can claim a terminal, and only a command whose parent is in its session can be stopped by
Ctrl-Z. It passes signals on to the command, stops and goes on with it, and ends as it ends.
"""

import contextlib
import fcntl
import os
import resource
import signal
import sys
import termios
from types import FrameType

_PASSED_ON = (
    signal.SIGINT,
    signal.SIGTERM,
    signal.SIGHUP,
    signal.SIGQUIT,
    signal.SIGUSR1,
    signal.SIGUSR2,
)
_OURS = (signal.SIGTTOU, signal.SIGPIPE, signal.SIGXFSZ)  # Python or we change these for ourselves


def main(command: list[str]) -> int:
    """Run the command; returns its exit status, or ends by the signal that ended it."""
    terminal = os.dup(next(stream for stream in (2, 1, 0) if os.isatty(stream)))
    fcntl.ioctl(terminal, termios.TIOCSCTTY, 0)
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    heeded = [n for n in _PASSED_ON if signal.getsignal(n) is not signal.SIG_IGN]
    # Those that come before there is a command wait for it.
    signal.pthread_sigmask(signal.SIG_BLOCK, heeded)
    try:
        child = os.posix_spawnp(
            command[0],
            command,
            os.environ,
            setpgroup=0,
            setsigmask=[],
            setsigdef=[*heeded, *_OURS],
        )
    except OSError as error:
        sys.stderr.write(f"similubot: {command[0]} could not be started: {error.strerror}.\n")
        return 126

    def pass_on(number: int, frame: FrameType | None) -> None:
        _signal(child, number)

    for number in heeded:
        signal.signal(number, pass_on)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, heeded)
    return _follow(child, terminal)


def _follow(child: int, terminal: int) -> int:
    _hand_over(terminal, child)
    while True:
        _, status = os.waitpid(child, os.WUNTRACED)
        if not os.WIFSTOPPED(status):
            break
        if os.WSTOPSIG(status) not in (signal.SIGTTIN, signal.SIGTTOU):
            _hand_over(terminal, os.getpgrp())
            os.kill(os.getpid(), signal.SIGSTOP)  # until whoever started us wakes us
        _hand_over(terminal, child)
        _signal(child, signal.SIGCONT)
    # What it leaves behind in the background is not hung up with us.
    _hand_over(terminal, os.getpgrp())
    ended_by = -os.waitstatus_to_exitcode(status)
    if ended_by <= 0:
        return -ended_by
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if ended_by not in (signal.SIGKILL, signal.SIGSTOP):
        signal.signal(ended_by, signal.SIG_DFL)
    os.kill(os.getpid(), ended_by)
    return 128 + ended_by


def _hand_over(terminal: int, group: int) -> None:
    with contextlib.suppress(OSError):  # it has ended, or the terminal is gone
        os.tcsetpgrp(terminal, group)


def _signal(child: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child, number)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
