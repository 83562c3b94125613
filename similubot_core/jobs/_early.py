"""A conversion that begins while its source is still being downloaded."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from similubot_core.cancel import CancelToken
from similubot_core.jobs.growing import GrowingFile

ABANDON_SECONDS = 10.0
"""How long a converter may take to obey its cancel token; a thread that does not is left behind."""


class EarlyConversion:
    """Converts what a downloader offers, in a thread of its own.

    Used by the job's thread, but for `offer`, which any thread may call.

    Args:
        convert: Does it; raises like a converter.
        cancel: The job's token.
    """

    def __init__(
        self, convert: Callable[[GrowingFile, CancelToken], Path], cancel: CancelToken
    ) -> None:
        self._convert = convert
        self._job_cancel = cancel
        self._own_cancel = CancelToken()
        self._lock = threading.Lock()
        self._file: GrowingFile | None = None
        self._thread: threading.Thread | None = None
        self._made: Path | None = None
        self._error: BaseException | None = None

    def offer(self, file: GrowingFile) -> None:
        """Begin, at the first call; a later one, or anything but a growing file, is ignored."""
        with self._lock:
            if self._thread is not None or not isinstance(file, GrowingFile):
                return
            thread = threading.Thread(target=self._run, args=(file,), name="early", daemon=True)
            try:
                thread.start()
            except RuntimeError:  # no more threads: it is converted once it is here
                return
            self._file, self._thread = file, thread

    def finish(self, whole: Path) -> Path | None:
        """What was made of the file, which lies at `whole` now; None where it has to be converted
        from there: nothing was offered, or what was offered is not what has come in the end.

        Raises:
            StageError: The converter's, of the whole file.
            Cancelled: The job was cancelled.
        """
        if self._file is None or self._thread is None:
            return None
        if not self._file.is_finished:
            self.abandon()
            return None
        self._file.hand_over(whole)
        self._thread.join()  # a cancel of the job reaches it by its own token
        self._job_cancel.raise_if_cancelled()
        if self._error is not None:
            raise self._error
        return self._made

    def abandon(self) -> None:
        """End it; what it made is not used."""
        if self._file is not None and self._thread is not None:
            self._own_cancel.cancel()
            self._file.fail("The download ended otherwise.")
            self._thread.join(ABANDON_SECONDS)

    def _run(self, file: GrowingFile) -> None:
        try:
            with self._job_cancel.on_cancel(self._own_cancel.cancel):
                self._made = self._convert(file, self._own_cancel)
        except BaseException as error:  # noqa: BLE001  (the job's thread raises it)
            self._error = error
