"""PacedSink: shows the newest state of each operation at a pace of its own, from its own thread."""

import logging
import threading
import time
from collections.abc import Callable

from similubot_core.progress.info import ProgressInfo

logger = logging.getLogger(__name__)

CLOSE_SECONDS = 5.0
"""How long `PacedSink.close` waits for the last states to be shown."""


class Pace:
    """What is to be shown when: each status, the first and the last at once, and in between the
    newest state now and then.

    It has no thread and no clock of its own, so that it can be tested with any.

    Args:
        interval: Seconds between two states of one operation in progress.
    """

    def __init__(self, interval: float) -> None:
        self._interval = interval
        self._waiting: dict[str, list[ProgressInfo]] = {}
        self._shown_at: dict[str, float] = {}

    def put(self, info: ProgressInfo) -> None:
        """Take a state; one of the same operation and status that still waits gives way to it."""
        waiting = self._waiting.setdefault(info.id, [])
        if waiting and waiting[-1].status is info.status:
            waiting.pop()
        waiting.append(info)

    def take(self, now: float, *, everything: bool = False) -> list[ProgressInfo]:
        """The states to be shown now, in order; `everything` does not ask for the pace."""
        taken = []
        for key, waiting in self._waiting.items():
            while waiting and (everything or len(waiting) > 1 or self._due(key, now) <= now):
                taken.append(waiting.pop(0))
                self._shown_at[key] = now
        return taken

    def next_due(self, now: float) -> float | None:
        """When there will be something to take; None when nothing waits."""
        return min(
            (self._due(key, now) for key, waiting in self._waiting.items() if waiting), default=None
        )

    def _due(self, key: str, now: float) -> float:
        waiting = self._waiting[key]
        shown_at = self._shown_at.get(key)
        if shown_at is None or waiting[0].status.is_final:
            return now
        return shown_at + self._interval


class PacedSink:
    """A sink made of a function that shows one state, however slow that function is.

    `show` only stores the state. The function is called from one thread of the sink's own, with
    every change of status and the newest state otherwise. One that raises is logged, once, and
    called again with the next state.

    Args:
        write: Shows one state.
        interval: Seconds between two states of one operation in progress.
    """

    def __init__(self, write: Callable[[ProgressInfo], object], interval: float) -> None:
        self._write = write
        self._pace = Pace(interval)
        self._changed = threading.Condition()
        self._closed = False
        self._thread: threading.Thread | None = None
        self._told = False

    def show(self, info: ProgressInfo) -> None:
        """Take the newest state of an operation; any thread may call it, and it never waits."""
        with self._changed:
            if self._closed:
                return
            self._pace.put(info)
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._run, name="similubot-sink", daemon=True
                )
                self._thread.start()
            self._changed.notify()

    def close(self) -> None:
        """Show what still waits, for 5 seconds at most, and end the thread."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join(CLOSE_SECONDS)

    def _run(self) -> None:
        while True:
            with self._changed:
                taken = self._pace.take(time.monotonic(), everything=self._closed)
                if not taken:
                    if self._closed:
                        return
                    now = time.monotonic()
                    due = self._pace.next_due(now)
                    self._changed.wait(None if due is None else max(0.0, due - now))
                    continue
            for info in taken:
                try:
                    self._write(info)
                except Exception as error:
                    if not self._told:
                        self._told = True
                        logger.warning("Progress cannot be shown any more.", exc_info=error)
