"""HourlyLimit: so many an hour, and how many were left out."""

import threading
import time
from collections import deque
from collections.abc import Callable

HOUR = 3600.0


class HourlyLimit:
    """Counts the notices of an hour; any thread.

    Args:
        most: How many an hour may have; None is no limit.
        clock: Seconds that only grow.
    """

    def __init__(self, most: int | None, clock: Callable[[], float] = time.monotonic) -> None:
        self._most = most
        self._clock = clock
        self._lock = threading.Lock()
        self._told: deque[float] = deque(maxlen=most or 1)
        self._left_out = 0

    def take(self) -> int | None:
        """Take a place: how many were left out since the last one, or None where there is none."""
        with self._lock:
            now = self._clock()
            if len(self._told) == self._most and now - self._told[0] < HOUR:
                self._left_out += 1
                return None
            self._told.append(now)  # the oldest falls out
            left_out, self._left_out = self._left_out, 0
            return left_out
