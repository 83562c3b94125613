"""JobWatch: the limits of a running job, and what its progress says about the result."""

import math
import threading
from collections.abc import Callable
from pathlib import Path

from similubot_bot.i18n import _
from similubot_bot.i18n import size as size_text
from similubot_core import CancelToken, ProgressInfo
from similubot_core.jobs.stages import STAGES


class JobWatch:
    """A progress callback for one attempt that cancels it when it grows too large. Any thread.

    Args:
        max_size: Bytes that the source may have at most: the first operation is the one that
            fetches it.
        cancel: The attempt's token.

    Attributes:
        duration: Seconds that the media plays; None until an operation says so.
        refusal: Why the attempt was cancelled, in a sentence; "" when it was not.
    """

    def __init__(self, max_size: int, cancel: CancelToken) -> None:
        self._max_size = max_size
        self._cancel = cancel
        self._fetching: str | None = None
        self.duration: float | None = None
        self.refusal = ""

    def __call__(self, info: ProgressInfo) -> None:
        """Look at a state."""
        duration = info.details.get("duration")
        if isinstance(duration, int | float) and math.isfinite(duration) and duration > 0:
            self.duration = float(duration)
        if info.unit != STAGES:
            self._fetching = self._fetching or info.id
            if info.id == self._fetching:
                self._check(max(info.total_size or 0, info.current_size or 0))

    def check_folder(self, folder: Path) -> None:
        """Cancel the attempt when its folder holds more than a job may need: twice the largest
        source, and 256 MB.
        """
        limit = 2 * self._max_size + 256 * 1024 * 1024
        if folder_size(folder) > limit:
            self._refuse(
                _(
                    "The job needed more than {limit} of disk, so I stopped it.",
                    limit=size_text(limit),
                )
            )

    def _check(self, size: int) -> None:
        if size > self._max_size:
            self._refuse(
                _(
                    "The file has {size}, more than the {limit} that are allowed here; choose a "
                    "smaller one.",
                    size=size_text(size),
                    limit=size_text(self._max_size),
                )
            )

    def _refuse(self, sentence: str) -> None:
        if not self.refusal:
            self.refusal = sentence
            self._cancel.cancel()


class Repeater:
    """Calls a function every few seconds, in a thread, for the time of a with block."""

    def __init__(self, seconds: float, function: Callable[[], None]) -> None:
        self._seconds = seconds
        self._function = function
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._repeat, daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _repeat(self) -> None:
        while not self._ended.wait(self._seconds):
            self._function()


def folder_size(folder: Path) -> int:
    """Bytes of disk that a folder's files take; one that goes meanwhile counts nothing."""
    total = 0
    for path in folder.rglob("*"):
        try:
            status = path.lstat()
        except OSError:
            continue
        total += status.st_blocks * 512
    return total
