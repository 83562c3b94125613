"""What the bot's own process gives up once it has started, so that others cannot take it."""

import contextlib
import ctypes
import os
import sys
from collections.abc import Collection
from pathlib import Path

PR_SET_DUMPABLE = 4
PRIVATE_FOLDER, PRIVATE_FILE = 0o700, 0o600


def forget_environment(secrets: Collection[str]) -> None:
    """Take the variables that hold a secret out of the environment, and out of the memory that
    /proc shows it from: a program of the same user could read it there.
    """
    held = [name for name, value in os.environ.items() if value and value in secrets]
    libc = ctypes.CDLL(None)
    libc.getenv.restype = ctypes.c_void_p
    for name in held:
        address = libc.getenv(os.fsencode(name))
        if address:
            ctypes.memset(address, 0, len(os.fsencode(os.environ[name])))
        del os.environ[name]


def close_to_others() -> None:
    """Let no other program of this user look into this process, and leave no core dump (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)


def make_private(folder: Path) -> None:
    """Let nobody else read a folder and what lies in it. What is not ours stays as it is."""
    for path in (folder, *folder.iterdir()):
        with contextlib.suppress(OSError):
            if not path.is_symlink():
                path.chmod(PRIVATE_FOLDER if path.is_dir() else PRIVATE_FILE)
