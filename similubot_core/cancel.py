"""CancelToken: one per job, obeyed by every wait, read and child process of it."""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from similubot_core.errors import Cancelled

logger = logging.getLogger(__name__)


class CancelToken:
    """Says, once and for good, that a job is to end. Safe from any thread."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self._lock = threading.Lock()
        self._callbacks: list[Callable[[], object]] = []

    def cancel(self) -> None:
        """Set the token and run what `on_cancel` registered, in this thread.

        A second call is harmless. A callback that raises is logged and the others still run.
        """
        with self._lock:
            if self._event.is_set():
                return
            self._event.set()
            callbacks, self._callbacks = self._callbacks, []
        for callback in callbacks:
            _call(callback)

    @property
    def cancelled(self) -> bool:
        """Whether `cancel` was called."""
        return self._event.is_set()

    def raise_if_cancelled(self) -> None:
        """Raise `Cancelled` if `cancel` was called."""
        if self._event.is_set():
            raise Cancelled

    def wait(self, seconds: float) -> bool:
        """Sleep for `seconds`, or until cancelled; True when cancelled."""
        return self._event.wait(max(0.0, seconds))

    @contextmanager
    def on_cancel(self, callback: Callable[[], object]) -> Iterator[None]:
        """Have `callback` called once if the token is set while the block runs.

        It is for what cannot watch the token itself, such as a blocking read: the callback shuts
        the socket down. It runs in the cancelling thread (at once, in this one, when the token is
        set already) and must neither block nor raise.
        """
        with self._lock:
            late = self._event.is_set()
            if not late:
                self._callbacks.append(callback)
        if late:
            _call(callback)
        try:
            yield
        finally:
            with self._lock:
                if callback in self._callbacks:
                    self._callbacks.remove(callback)


def _call(callback: Callable[[], object]) -> None:
    try:
        callback()
    except Exception as error:
        # One that fails must not keep the others from ending their reads.
        logger.error("What was to end on a cancel raised", exc_info=error)
