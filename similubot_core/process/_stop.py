"""Ending a child that was started with `subprocess`, as `watch` starts the user's own command."""

import os
import signal
import subprocess

from similubot_core.process._run import GRACE_SECONDS


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
