"""The folder of a worker's jobs: its own while it lives, and emptied by whoever comes next."""

import contextlib
import fcntl
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from similubot_core import UsageError

MOST_WORKERS = 1000


@contextlib.contextmanager
def own_folder(base: Path) -> Iterator[Path]:
    """A folder below `base` that no other process works in, empty. What workers that were killed
    have left in theirs is removed.

    Raises:
        UsageError: There can be none; says why.
    """
    try:
        base.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = _free_folders(base)
        if not found:
            raise UsageError(f"Too many workers use {base}; name another [workers] folder.")
        for folder, _lock in found:
            shutil.rmtree(folder, ignore_errors=True)
        for _folder, lock in found[1:]:
            lock.close()
        folder, held = found[0]
        folder.mkdir(mode=0o700)
    except OSError as error:
        raise UsageError(
            f"The folder {base} cannot be used: {error.strerror}; name another [workers] folder."
        ) from error
    with held:
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _free_folders(base: Path) -> list[tuple[Path, IO[str]]]:
    """The folders that nobody works in, the first one that was never used among them; locked."""
    found: list[tuple[Path, IO[str]]] = []
    for number in range(1, MOST_WORKERS):
        path = base / f"{number}.lock"
        if found and not path.exists():
            break
        lock = path.open("a")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
        else:
            found.append((base / str(number), lock))
    return found
