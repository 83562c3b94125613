"""Which chunks are still to be fetched, handed out to several connections."""

import threading
from collections import deque
from collections.abc import Iterable

from similubot_mega.crypto import MIB, chunk_start

LARGEST_REQUEST = 16 * MIB
"""Official clients ask for no more in one request."""


class Plan:
    """Hands out runs of neighbouring chunks; safe from several threads.

    Runs are large at first, for few requests, and small near the end, so that all connections end
    at about the same time.

    Args:
        runs: What is to be fetched, as (first chunk, chunk after the last).
        size: The file's size in bytes.
        connections: How many connections share the work.
    """

    def __init__(self, runs: Iterable[tuple[int, int]], size: int, connections: int) -> None:
        self._runs = deque(runs)
        self._size = size
        self._connections = connections
        self._left = sum(self._bytes(first, end) for first, end in self._runs)
        self._lock = threading.Lock()

    def take(self) -> tuple[int, int] | None:
        """The next run as (first chunk, chunk after the last); None when all are handed out."""
        with self._lock:
            if not self._runs:
                return None
            first, end = self._runs.popleft()
            share = min(LARGEST_REQUEST, self._left // (2 * self._connections))
            stop = first + 1
            while stop < end and self._bytes(first, stop + 1) <= share:
                stop += 1
            if stop < end:
                self._runs.appendleft((stop, end))
            self._left -= self._bytes(first, stop)
            return first, stop

    def _bytes(self, first: int, end: int) -> int:
        return min(chunk_start(end), self._size) - min(chunk_start(first), self._size)
