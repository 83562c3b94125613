"""RecordingSink: keeps every state it is shown, for tests."""

import threading

from similubot_core import ProgressInfo


class RecordingSink:
    """A sink for tests; safe from any thread.

    Attributes:
        seen: Every state, in the order it was shown.
        closed: How often `close` was called.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.seen: list[ProgressInfo] = []
        self.closed = 0

    def show(self, info: ProgressInfo) -> None:
        """Keep the state."""
        with self._lock:
            self.seen.append(info)

    def close(self) -> None:
        """Count the call."""
        with self._lock:
            self.closed += 1

    def of(self, operation: str) -> list[ProgressInfo]:
        """The states of one operation, in order."""
        with self._lock:
            return [info for info in self.seen if info.operation == operation]
