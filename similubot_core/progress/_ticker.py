"""Ticker: one thread that calls what it was asked to, 20 times a second, while anything asks."""

import logging
import threading
import time
from collections.abc import Callable

logger = logging.getLogger(__name__)

INTERVAL = 0.05
"""Seconds between two ticks: faster than any eye, and nothing beside what a tracker counts."""


class Ticker:
    """Calls functions at its next tick, each time it is asked to.

    Its thread is a daemon and ends when a tick passes in which nothing was asked for, so that a
    program that tracks nothing has none. What it calls must neither block nor raise.

    Args:
        interval: Seconds between two ticks.
        sleep: Waits for that long; tests give one that they control.
    """

    def __init__(
        self, interval: float = INTERVAL, sleep: Callable[[float], object] = time.sleep
    ) -> None:
        self._interval = interval
        self._sleep = sleep
        self._lock = threading.Lock()
        self._asked: list[Callable[[], object]] = []
        self._thread: threading.Thread | None = None

    def call_soon(self, function: Callable[[], object]) -> None:
        """Have `function` called once, in the ticker's thread, at its next tick."""
        with self._lock:
            self._asked.append(function)
            # A thread that is not alive any more is one of a parent process, from before a fork.
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(
                    target=self._run, name="similubot-ticker", daemon=True
                )
                self._thread.start()

    def _run(self) -> None:
        while True:
            self._sleep(self._interval)
            with self._lock:
                asked, self._asked = self._asked, []
                if not asked:
                    self._thread = None
                    return
            for function in asked:
                try:
                    function()
                except Exception:
                    logger.exception("A tick failed")


shared = Ticker()
"""The one that trackers use."""
