"""Proof of what the sandbox keeps out: a program that tries, in a folder made for it."""

import os
import socket
import sys
import tempfile
from pathlib import Path

from similubot_core.cancel import CancelToken
from similubot_core.errors import StageError
from similubot_core.process._limits import Limits
from similubot_core.process._run import run_process
from similubot_core.process._sandbox import Access

_SECONDS = 20.0
# Each line is printed for what succeeds; the last one is to.
_TRIES = """
import os, socket, sys
outside, inside, port, pid = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])

def attempt(what, function):
    try: function()
    except BaseException: return
    print(what)

attempt("read a file outside", lambda: open(outside + "/secret").read())
attempt("write beside its folder", lambda: open(outside + "/new", "w"))
home = lambda: next(entry for entry in os.scandir(sys.argv[5]) if entry.is_file())
attempt("see the home folder's files", home)
attempt("read our environment", lambda: open(f"/proc/{pid}/environ").read(1))
attempt("signal us", lambda: os.kill(pid, 0))
attempt("connect to this machine", lambda: socket.create_connection(("127.0.0.1", port), 2))
attempt("start a program", lambda: os.posix_spawn(sys.executable, [sys.executable, "-V"], {}))
attempt("write its folder", lambda: open(inside + "/new", "w"))
"""
_MEANT_TO = "write its folder"


def what_gets_out() -> list[str]:
    """What a program achieves from inside the sandbox that it is not meant to; empty is right.

    Raises:
        StageError: It cannot be run, or not even do what it is meant to.
    """
    with (
        tempfile.TemporaryDirectory(prefix="similubot-") as outside,
        socket.create_server(("127.0.0.1", 0)) as server,
    ):
        (Path(outside) / "secret").touch()
        inside = Path(outside) / "inside"
        inside.mkdir()
        port = server.getsockname()[1]
        arguments = [outside, str(inside), str(port), str(os.getpid()), str(Path.home())]
        ended = run_process(
            [sys.executable, "-I", "-S", "-c", _TRIES, *arguments],
            cancel=CancelToken(),
            time_limit=_SECONDS,
            limits=Limits(processes=0),
            access=Access(writes=(inside,)),
        )
    done = ended.stdout_tail.splitlines()
    if _MEANT_TO not in done:
        raise StageError("The trial of the sandbox failed.", detail=ended.stderr_tail)
    return [line for line in done if line != _MEANT_TO]
