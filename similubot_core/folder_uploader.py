"""FolderUploader: puts the result into a folder, for people who serve files themselves."""

import errno
import os
import shutil
from pathlib import Path
from typing import BinaryIO

from similubot_core.counting_tracker import CountingTracker
from similubot_core.errors import StageError, UsageError
from similubot_core.render import one_line
from similubot_core.settings import Settings
from similubot_core.stages import StageContext

BLOCK_BYTES = 1024 * 1024
LONGEST_NAME_BYTES = 255
"""What ext4, APFS and most others allow."""


class FolderUploader:
    """Copies a file into a folder; a name that is taken gets a number.

    Args:
        folder: The folder; it must be there.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def run(self, file: Path, context: StageContext) -> str:
        """Copy `file` and return the path of the copy.

        The copy is written under a hidden name and then moved into place.

        Raises:
            StageError: The file cannot be read, the folder cannot be written, or the disk is full.
            Cancelled: The token was set; nothing is left.
        """
        partial = self._folder / f".{os.urandom(8).hex()}.part"
        try:
            size = file.stat().st_size
        except OSError as error:
            raise _read_error(file, error) from error
        with context.attach(CountingTracker("Copy to Folder")) as tracker:
            try:
                with _opened(file) as source, partial.open("xb") as target:
                    done = 0
                    while block := _read(source, file):
                        context.cancel.raise_if_cancelled()
                        target.write(block)
                        done += len(block)
                        tracker.update(current_size=done, total_size=size)
                if partial.stat().st_size != size:
                    raise StageError(
                        f"{one_line(file.name)} changed while it was copied; try again."
                    )
                result = move_into_place(partial, self._folder / file.name)
            except OSError as error:
                raise write_error(self._folder, error) from error
            finally:
                partial.unlink(missing_ok=True)
            tracker.complete(f"Saved as {result.name}.")
        return str(result)


def open_folder_uploader(settings: Settings, target: str | None) -> FolderUploader:
    """An uploader into the folder `target`.

    Raises:
        UsageError: No folder was named, or it is not there.
    """
    if not target:
        raise UsageError("Name the folder: --to folder=DIR.")
    folder = Path(target).expanduser()
    if not folder.is_dir():
        raise UsageError(f"There is no folder {one_line(target)}; make it first.")
    return FolderUploader(folder)


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
    shown = one_line(str(folder))
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return StageError(f"The disk of {shown} is full; make room and try again.")
    return StageError(
        f"Nothing can be written into {shown}: {error.strerror}; name another folder."
    )


def _opened(file: Path) -> BinaryIO:
    try:
        return file.open("rb")
    except OSError as error:
        raise _read_error(file, error) from error


def _read(source: BinaryIO, file: Path) -> bytes:
    try:
        return source.read(BLOCK_BYTES)
    except OSError as error:
        raise _read_error(file, error) from error


def _read_error(file: Path, error: OSError) -> StageError:
    return StageError(f"The file {one_line(file.name)} cannot be read: {error.strerror}.")
