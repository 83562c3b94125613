"""FakeClock: time that passes only when a test says so."""

import threading


class FakeClock:
    """Stands in for `time.monotonic`: calling it gives the seconds, `advance` lets them pass.

    It fits wherever the core takes a clock, as in ``RateMeter(clock=clock)``, and the speed and ETA
    that come out are then exact. Safe from any thread.

    Args:
        now: The seconds to begin with.
    """

    def __init__(self, now: float = 0.0) -> None:
        self._lock = threading.Lock()
        self._now = now

    def __call__(self) -> float:
        """The seconds now."""
        with self._lock:
            return self._now

    def advance(self, seconds: float) -> None:
        """Let time pass.

        Raises:
            ValueError: `seconds` is negative: such a clock never goes back.
        """
        if seconds < 0:
            raise ValueError("this clock never goes back")
        with self._lock:
            self._now += seconds
