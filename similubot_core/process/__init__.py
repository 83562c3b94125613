"""Programs: the one place that starts them, within limits and, where the system can, locked in.

It needs POSIX (Linux, macOS). One helper process without threads starts what we run and ends it
when we end; pipes are watched with `selectors` in the calling thread, so no thread is left behind.
"""

from similubot_core.process._children import prepare
from similubot_core.process._limits import LimitReached, Limits
from similubot_core.process._lines import LONGEST_LINE, LineSplitter
from similubot_core.process._run import (
    GRACE_SECONDS,
    PIPE_BYTES,
    POLL_SECONDS,
    TAIL_CHARACTERS,
    ProcessResult,
    ProcessStalled,
    ProgramMissing,
    run_process,
    set_child_niceness,
)
from similubot_core.process._sandbox import (
    Access,
    SandboxMode,
    SandboxUnavailable,
    mechanism,
    sandbox_mode,
    set_sandbox,
    stage_access,
)
from similubot_core.process._stop import stop_process

__all__ = [
    "GRACE_SECONDS",
    "LONGEST_LINE",
    "PIPE_BYTES",
    "POLL_SECONDS",
    "TAIL_CHARACTERS",
    "Access",
    "LimitReached",
    "Limits",
    "LineSplitter",
    "ProcessResult",
    "ProcessStalled",
    "ProgramMissing",
    "SandboxMode",
    "SandboxUnavailable",
    "mechanism",
    "prepare",
    "run_process",
    "sandbox_mode",
    "set_child_niceness",
    "set_sandbox",
    "stage_access",
    "stop_process",
]
