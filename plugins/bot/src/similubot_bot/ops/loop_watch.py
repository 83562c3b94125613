"""LoopWatch: how late the event loop is, which shows whether anything blocks it."""

import asyncio
import time
from collections import deque
from collections.abc import Callable

STEP_SECONDS = 0.05
LATE_SECONDS = 0.05
KEPT = 1200


class LoopWatch:
    """Wakes up 20 times a second and measures by how much it is late.

    Args:
        on_sample: Called with each lateness, in seconds.

    Attributes:
        worst: The longest lateness since the start, in seconds.
        busiest: The most processor seconds that the loop's thread itself took from one waking to
            the next: a lateness beyond it is others' doing (other threads, or a busy machine).
        late: How often it was late by over `LATE_SECONDS`.
    """

    def __init__(self, on_sample: Callable[[float], None] | None = None) -> None:
        self._on_sample = on_sample
        self._recent: deque[float] = deque(maxlen=KEPT)
        self.worst = 0.0
        self.busiest = 0.0
        self.late = 0

    @property
    def latest_worst(self) -> float:
        """The worst lateness of the last minute, in seconds."""
        return max(self._recent, default=0.0)

    async def run(self) -> None:
        """Measure until cancelled."""
        while True:
            due, computed = time.perf_counter() + STEP_SECONDS, time.thread_time()
            await asyncio.sleep(STEP_SECONDS)
            late = max(0.0, time.perf_counter() - due)
            self._recent.append(late)
            self.worst = max(self.worst, late)
            self.busiest = max(self.busiest, time.thread_time() - computed)
            self.late += late > LATE_SECONDS
            if self._on_sample is not None:
                self._on_sample(late)
