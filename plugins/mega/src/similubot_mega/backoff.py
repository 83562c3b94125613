"""How long to wait before a further try."""

import random
from dataclasses import dataclass


@dataclass(frozen=True)
class Waits:
    """Waiting times in seconds; the defaults are what MEGA's official clients do, about.

    Attributes:
        first: The first wait after a failure; it doubles with each further one.
        longest: No wait is longer.
        busy: The shortest wait after HTTP 503, as MEGA's SDK waits.
        silence: A data connection that brings nothing for this long is replaced.
        reported: After this long without a byte, the progress says so.
    """

    first: float = 0.5
    longest: float = 30.0
    busy: float = 5.0
    silence: float = 30.0
    reported: float = 5.0

    def after(self, failures: int) -> float:
        """The wait after so many failures in a row (from 1): doubling, jittered by half."""
        whole = min(self.longest, self.first * 2.0 ** min(failures - 1, 16))
        return whole * random.uniform(0.5, 1.0)  # noqa: S311  (it spreads clients, no secret)


def retry_after(header: str | None, longest: float) -> float:
    """Seconds that a `Retry-After` header asks for, 0 when it says nothing; `longest` at most."""
    try:
        seconds = float(header or 0)
    except ValueError:
        return 0.0
    return min(max(seconds, 0.0), longest) if seconds == seconds else 0.0
