"""How values reach one callback: in order, never twice at once, and never slowing the sender."""

import logging
import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

logger = logging.getLogger(__name__)

T = TypeVar("T")

SLOW_SECONDS = 0.05
"""A callback that once takes longer than this is called from a thread of its own afterwards."""


class Delivery(Generic[T]):
    """Hands values to a callback; what the callback has no time for is left out, the older first.

    A value posted with ``keep=True`` is always delivered; others give way to a newer one when the
    callback is still busy. The callback runs in the posting thread, so that simple programs stay
    simple, until it is seen to be slow: from then on it runs in a thread that lives only while
    there is something to deliver, and `post` costs no more than a lock.

    A callback that raises is logged, once for each kind of exception, and called again next time.
    """

    def __init__(self, callback: Callable[[T], object]) -> None:
        self.callback = callback
        self._lock = threading.Lock()
        self._waiting: list[tuple[T, bool]] = []
        self._busy = False
        self._slow = False
        self._told: set[type[BaseException]] = set()

    def put(self, value: T, *, keep: bool) -> None:
        """Take `value` without calling anything; `flush` delivers it."""
        with self._lock:
            if self._waiting and not self._waiting[-1][1]:
                self._waiting.pop()
            self._waiting.append((value, keep))

    def flush(self) -> None:
        """Deliver what waits, unless another thread is at it already: then that one does."""
        with self._lock:
            if self._busy or not self._waiting:
                return
            self._busy = True
        if self._slow:
            self._start_thread()
        else:
            self._deliver()

    def _start_thread(self) -> None:
        threading.Thread(target=self._deliver, name="similubot-slow-callback", daemon=True).start()

    def _deliver(self) -> None:
        while True:
            with self._lock:
                if not self._waiting:
                    self._busy = False
                    return
                value, _ = self._waiting.pop(0)
            began = time.perf_counter()
            try:
                self.callback(value)
            except Exception as error:  # noqa: BLE001  (a stranger's callback: rule 4 of the design)
                self._log(error)
            took = time.perf_counter() - began
            if took > SLOW_SECONDS and not self._slow:
                self._slow = True
                logger.info(
                    "Callback %r took %.2f s; it now gets its own thread.", self.callback, took
                )
                self._start_thread()  # which also clears `_busy` when nothing waits
                return

    def _log(self, error: Exception) -> None:
        if type(error) not in self._told:
            self._told.add(type(error))
            logger.error("Progress callback %r raised", self.callback, exc_info=error)
