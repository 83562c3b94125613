"""Where the command line keeps what a job has, so that the same command goes on from it.

Each link has a folder in the user's cache, which is removed when its job is done. What interrupted
jobs left is bounded by age and by size.
"""

import contextlib
import fcntl
import hashlib
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

MOST_BYTES = 20 * 1024**3
LONGEST_SECONDS = 7 * 24 * 3600
LOCK = "lock"


def cache_folder() -> Path:
    """The folder of all jobs, such as ~/.cache/similubot/jobs; it may be missing."""
    import platformdirs

    return Path(platformdirs.user_cache_dir("similubot", appauthor=False)) / "jobs"


@contextmanager
def job_folder(*identity: str | None) -> Iterator[Path | None]:
    """The folder of the job with that identity, this process's alone while the block runs.

    It is removed at the end of the block, but for an exception: then it stays for the next time.

    Yields:
        The folder; None where another process is at the same job, or the cache cannot be written.
    """
    name = hashlib.sha256("\0".join(part or "" for part in identity).encode()).hexdigest()[:32]
    root = cache_folder()
    try:
        root.mkdir(parents=True, exist_ok=True, mode=0o700)
        _prune(root)
        folder = root / name
        folder.mkdir(exist_ok=True, mode=0o700)
        lock = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError:
        yield None
        return
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            yield None
            return
        os.utime(folder)
        yield folder / "job"
        shutil.rmtree(folder, ignore_errors=True)
    finally:
        os.close(lock)


def _prune(root: Path) -> None:
    """Remove what is too old, and the oldest while all together is too large."""
    found = []
    for folder in root.iterdir():
        with contextlib.suppress(OSError):
            found.append((folder.stat().st_mtime, folder))
    total, now = 0, time.time()
    for changed, folder in sorted(found, reverse=True):
        total += _bytes_in(folder)
        if now - changed > LONGEST_SECONDS or total > MOST_BYTES:
            _remove_unless_locked(folder)


def _remove_unless_locked(folder: Path) -> None:
    try:
        lock = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError:
        shutil.rmtree(folder, ignore_errors=True)
        return
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(folder, ignore_errors=True)
    except OSError:
        pass  # a process is at work in it
    finally:
        os.close(lock)


def _bytes_in(folder: Path) -> int:
    total = 0
    for path in folder.rglob("*"):
        with contextlib.suppress(OSError):
            total += path.lstat().st_blocks * 512
    return total
