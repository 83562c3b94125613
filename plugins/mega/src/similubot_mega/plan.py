"""Which chunks are still to be fetched, handed out to several connections."""

import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence

from similubot_mega.crypto import MIB, chunk_at, chunk_start

LARGEST_REQUEST = 16 * MIB
"""Official clients ask for no more in one request."""
LARGEST_WANTED_REQUEST = 4 * MIB
"""While somebody reads the file as it grows: several connections bring what is next."""
AHEAD_CHUNKS = 8
"""How far ahead of a reader chunks are fetched before the rest of the file."""


class Plan:
    """Hands out runs of neighbouring chunks; safe from several threads.

    Runs are large at first, for few requests, and small near the end, so that all connections end
    at about the same time. What somebody who reads the growing file waits for comes first.

    Args:
        runs: What is to be fetched, as (first chunk, chunk after the last).
        size: The file's size in bytes.
        connections: How many connections share the work.
        wanted: The offsets in bytes that readers wait for; None when nobody reads before the end.
    """

    def __init__(
        self,
        runs: Iterable[tuple[int, int]],
        size: int,
        connections: int,
        wanted: Callable[[], Sequence[int]] | None = None,
    ) -> None:
        self._runs = deque(runs)
        self._size = size
        self._connections = connections
        self._wanted = wanted
        self._left = sum(self._bytes(first, end) for first, end in self._runs)
        # A reader begins with what says where all else lies, such as an index at the file's end, so
        # each connection is soon free for it.
        self._short = connections if wanted is not None else 0
        self._lock = threading.Lock()

    def take(self) -> tuple[int, int] | None:
        """The next run as (first chunk, chunk after the last); None when all are handed out."""
        with self._lock:
            if not self._runs:
                return None
            self._short -= 1
            for offset in self._wanted() if self._wanted else ():
                if (chunk := self._ahead_of(chunk_at(offset))) is not None:
                    return self._take_out(*chunk)
            first, end = self._runs.popleft()
            share = min(LARGEST_REQUEST, self._left // (2 * self._connections))
            if self._wanted is not None:
                share = 0 if self._short >= 0 else min(share, LARGEST_WANTED_REQUEST)
            stop = first + 1
            while stop < end and self._bytes(first, stop + 1) <= share:
                stop += 1
            if stop < end:
                self._runs.appendleft((stop, end))
            self._left -= self._bytes(first, stop)
            return first, stop

    def _ahead_of(self, reader: int) -> tuple[int, int] | None:
        """The run with a reader's next chunk, and that chunk; None when enough is on its way."""
        for number, (first, end) in enumerate(self._runs):
            chunk = max(first, reader)
            if chunk < end:
                return (number, chunk) if chunk < reader + AHEAD_CHUNKS else None
        return None

    def _take_out(self, number: int, chunk: int) -> tuple[int, int]:
        """Hand out one chunk from the middle of a run."""
        first, end = self._runs[number]
        del self._runs[number]
        if chunk + 1 < end:
            self._runs.insert(number, (chunk + 1, end))
        if first < chunk:
            self._runs.insert(number, (first, chunk))
        self._left -= self._bytes(chunk, chunk + 1)
        return chunk, chunk + 1

    def _bytes(self, first: int, end: int) -> int:
        return min(chunk_start(end), self._size) - min(chunk_start(first), self._size)
