"""How values reach one callback: in order, never twice at once, and never slowing the sender."""

import atexit
import logging
import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

logger = logging.getLogger(__name__)

T = TypeVar("T")

SLOW_SECONDS = 0.05
"""A callback that once takes longer than this is called from a thread of its own afterwards."""
EXIT_SECONDS = 5.0
"""How long the end of the program waits for slow callbacks to be told of the last states."""

_threads: set[threading.Thread] = set()


class Delivery(Generic[T]):
    """Hands values to a callback; what the callback has no time for is left out, the older first.

    A value put with ``keep=True`` is always delivered; others give way to a newer one when the
    callback is still busy. The callback runs in the sending thread, so that simple programs stay
    simple, until it is seen to be slow: from then on it runs in a thread that lives only while
    there is something to deliver, and `flush` costs no more than a lock.

    A callback that raises is logged, once for each kind of exception, and called again next time.
    """

    def __init__(self, callback: Callable[[T], object]) -> None:
        self.callback = callback
        self._lock = threading.Lock()
        self._waiting: list[tuple[T, bool]] = []
        self._busy = False
        self._slow = False
        self._stopped = False
        self._told: set[type[BaseException]] = set()

    def put(self, value: T, *, keep: bool) -> None:
        """Take `value` without calling anything; `flush` delivers it."""
        with self._lock:
            if self._stopped:
                return
            if self._waiting and not self._waiting[-1][1]:
                self._waiting.pop()
            self._waiting.append((value, keep))

    def stop(self) -> None:
        """Deliver nothing more; a call that is under way in another thread still ends."""
        with self._lock:
            self._stopped = True
            self._waiting.clear()

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
        thread = threading.Thread(
            target=self._deliver_all, name="similubot-slow-callback", daemon=True
        )
        _threads.add(thread)
        try:
            thread.start()
        except RuntimeError:  # no thread is to be had: late is better than never
            _threads.discard(thread)
            self._deliver()

    def _deliver_all(self) -> None:
        try:
            self._deliver()
        finally:
            _threads.discard(threading.current_thread())

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
            except BaseException:  # Ctrl-C, say: it goes on, and the end can still be told
                with self._lock:
                    self._busy = False
                raise
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


@atexit.register
def _finish() -> None:
    """Give slow callbacks their time for the last states; the threads are daemons, so bounded."""
    deadline = time.monotonic() + EXIT_SECONDS
    for thread in list(_threads):
        thread.join(max(0.0, deadline - time.monotonic()))
