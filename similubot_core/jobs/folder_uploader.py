"""FolderUploader: puts the result into a folder, for people who serve files themselves."""

import os
import stat
from pathlib import Path
from typing import BinaryIO

from similubot_core.errors import StageError, UsageError
from similubot_core.files import move_into_place, write_error
from similubot_core.jobs.stages import StageContext
from similubot_core.progress.counting_tracker import CountingTracker
from similubot_core.render import sanitize_line
from similubot_core.settings import Settings

BLOCK_BYTES = 1024 * 1024


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
                        f"{sanitize_line(file.name)} changed while it was copied; try again."
                    )
                # Who may read the folder may read what is put there, whatever our umask.
                partial.chmod(stat.S_IMODE(self._folder.stat().st_mode) & 0o644 | 0o600)
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
        raise UsageError(f"There is no folder {sanitize_line(target)}; make it first.")
    return FolderUploader(folder)


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
    return StageError(f"The file {sanitize_line(file.name)} cannot be read: {error.strerror}.")
