"""Moves files into place without overwriting anything, and explains what a disk refuses."""

import errno
import os
import shutil
from pathlib import Path

from similubot_core.errors import StageError, StorageError
from similubot_core.render import sanitize_line

LONGEST_NAME_BYTES = 255
"""The longest file name that ext4, APFS and most others allow."""


def move_into_place(file: Path, wanted: Path, *, number: bool = True) -> Path:
    """Give `file` the name `wanted`, and never overwrite: a taken name gets " (2)" and so on.

    Args:
        file: What to move.
        wanted: Its name to be.
        number: Whether a number may be added; without it a taken name is an error.

    Returns:
        Where it is now.

    Raises:
        FileExistsError: The name is taken, and `number` is False.
        OSError: The folder cannot be written.
    """
    target, count = wanted, 1
    while True:
        try:
            _take_name(file, target)
        except FileExistsError:
            if not number:
                raise
            count += 1
            target = _numbered(wanted, count)
        else:
            return target


def _numbered(wanted: Path, count: int) -> Path:
    """The name with a number, its stem cut where it would be too long for a file system."""
    ending = f" ({count}){wanted.suffix}"
    stem = os.fsencode(wanted.stem)[: LONGEST_NAME_BYTES - len(os.fsencode(ending))]
    return wanted.with_name(stem.decode("utf-8", errors="ignore") + ending)


def _take_name(file: Path, target: Path) -> None:
    """Move, or raise FileExistsError; a link is the move that cannot overwrite."""
    try:
        os.link(file, target)
    except FileExistsError:
        raise
    except OSError:  # another file system, or one without hard links: claim the name, then fill it
        with target.open("xb"):
            pass
        try:
            shutil.move(file, target)
        except BaseException:
            target.unlink(missing_ok=True)
            raise
    else:
        file.unlink()


def write_error(folder: Path, error: OSError) -> StageError:
    """The sentence for a file that could not be written into `folder`."""
    shown = sanitize_line(str(folder))
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return StorageError(f"The disk of {shown} is full; make room and try again.", full=True)
    return StorageError(
        f"Nothing can be written into {shown}: {error.strerror}; name another folder."
    )
