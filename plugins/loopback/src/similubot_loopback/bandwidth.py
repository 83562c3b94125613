"""Bandwidth that all connections of a server share, as a line to the internet is shared."""

import threading
import time
from collections.abc import Callable

_LATENESS = 0.05
_STEPS_PER_SECOND = 200


class Bandwidth:
    """Gives out the time on one line, in the order of asking. Any thread may use it.

    Args:
        bytes_per_second: What the line carries in all, 1 or more.
        clock: Returns seconds that only grow.
    """

    def __init__(self, bytes_per_second: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.step = max(1024, bytes_per_second // _STEPS_PER_SECOND)
        """Bytes to ask for at once, so that others get their turn."""
        self._bytes_per_second = bytes_per_second
        self._clock = clock
        self._lock = threading.Lock()
        self._free_at = clock()

    def take(self, count: int) -> float:
        """Take the line for `count` bytes; returns the seconds until they have gone over it.

        One that wakes up late from its wait makes up for it, by up to 0.05 s: else a client with
        one connection would get less of the line than one with several, that wait in turn.
        """
        with self._lock:
            now = self._clock()
            begins = max(self._free_at, now - _LATENESS)
            self._free_at = begins + count / self._bytes_per_second
            return max(0.0, self._free_at - now)
