"""RateMeter: speed and ETA from samples of a growing number, as honest as the samples allow."""

import math
import time
from collections import deque
from collections.abc import Callable

WINDOW_SECONDS = 10.0
"""Speed is measured over this much of the recent past: long enough to be steady, short enough to
follow a line that slows down."""
_SHORTEST_SECONDS = 0.25
_SPACING_SECONDS = 0.1


class RateMeter:
    """Measures how fast a number (bytes, or seconds of media) grows.

    The speed is the growth over the last 10 seconds divided by the time it took *until now*, so it
    sinks when nothing arrives. Where samples come in a rhythm, such as once a second, it sinks only
    once the next one is late. It is unknown until a quarter of a second of samples exists.

    Not safe from several threads at once: a tracker uses it under its own lock or from one thread.

    Args:
        clock: Returns seconds that only grow; tests give one that they control.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._samples: deque[tuple[float, float]] = deque()

    def sample(self, current: float) -> None:
        """Take the number as it is now. One that fell (the work began anew) starts over.

        NaN, infinite and what no float can hold are passed over.
        """
        if not _is_finite(current):
            return
        now = self._clock()
        if self._samples and current < self._samples[-1][1]:
            self._samples.clear()
        # A newer value within a tenth of a second replaces the last one, so memory is bounded.
        if len(self._samples) > 1 and now - self._samples[-2][0] < _SPACING_SECONDS:
            self._samples[-1] = (now, current)
        else:
            self._samples.append((now, current))
        while len(self._samples) > 2 and now - self._samples[1][0] > WINDOW_SECONDS:
            self._samples.popleft()

    @property
    def speed(self) -> float | None:
        """Growth per second, 0 or more; None when it is not known yet."""
        if len(self._samples) < 2:
            return None
        begin, first = self._samples[0]
        took = self._samples[-1][0] - begin
        rhythm = took / (len(self._samples) - 1)
        elapsed = max(took, self._clock() - begin - rhythm)
        if elapsed < _SHORTEST_SECONDS:
            return None
        speed = (self._samples[-1][1] - first) / elapsed
        return speed if _is_finite(speed) else None

    def eta(self, total: float | None) -> float | None:
        """Seconds until the number is `total` at the present speed; None when that is unknown.

        `total` None means that the end is unknown.
        """
        speed = self.speed
        if total is None or speed is None or not _is_finite(total):
            return None
        left = total - self._samples[-1][1]
        if left <= 0:
            return 0.0
        seconds = left / speed if speed > 0 else math.inf
        return seconds if math.isfinite(seconds) else None


def _is_finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # an int that no float can hold
        return False
