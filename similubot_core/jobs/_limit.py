"""Ends a download that writes more than it may, whether or not its downloader knows the limit."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from similubot_core.cancel import CancelToken
from similubot_core.errors import Cancelled, StageError
from similubot_core.render import size

LOOK_SECONDS = 0.5
_OVERHEAD = 1024 * 1024
"""Bytes of state that a downloader may keep beside the file."""


@contextmanager
def limit_download(
    folder: Path, max_size: int | None, cancel: CancelToken
) -> Iterator[CancelToken]:
    """A token for the downloader, set by `cancel` and once `folder` holds more than `max_size`.

    Raises:
        StageError: At the end of the block, when more was written than is allowed.
    """
    if max_size is None:
        yield cancel
        return
    token, over, done = CancelToken(), threading.Event(), threading.Event()

    def watch() -> None:
        while not done.wait(LOOK_SECONDS):
            if _bytes_in(folder) > max_size + _OVERHEAD:
                over.set()
                token.cancel()
                return

    watcher = threading.Thread(target=watch, name="similubot-limit", daemon=True)
    too_large = StageError(
        f"The file has more than the {size(max_size)} that are allowed; choose a smaller one."
    )
    with cancel.on_cancel(token.cancel):
        watcher.start()
        try:
            yield token
        except Cancelled:
            if over.is_set() and not cancel.cancelled:
                raise too_large from None
            raise
        finally:
            done.set()
            watcher.join()
    if over.is_set() or _bytes_in(folder) > max_size + _OVERHEAD:
        raise too_large


def _bytes_in(folder: Path) -> int:
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):  # it went away meanwhile
                status = os.lstat(os.path.join(parent, name))  # noqa: PTH118
                # What is only reserved, as by a sparse file of its final size, is not written yet.
                total += min(status.st_size, status.st_blocks * 512)
    return total
