"""Rate limits and faults of the loopback Discord: buckets with the real headers, and what breaks.

Buckets work as Discord's: a window opens with its first request, lets `limit` requests through,
and closes `seconds` later. Sources: Discord's docs, "Rate Limits"; discord.py 2.7.1, which needs
the Via header on a 429.
"""

from __future__ import annotations

import hashlib
import re
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from similubot_loopback.discord_server.errors import MESSAGES, ApiError

GLOBAL_LIMIT = 50
OLD_MESSAGE_AGE = 3600.0

Clock = Callable[[], float]

DEFAULT_LIMITS: dict[str, tuple[int, float]] = {
    "POST /channels/{channel}/messages": (5, 5.0),
    "PATCH /channels/{channel}/messages/{message}": (5, 5.0),
    "GET /channels/{channel}/messages/{message}": (5, 5.0),
    "DELETE /channels/{channel}/messages/{message}": (5, 1.0),
    "POST /webhooks/{webhook}/{token}": (5, 2.0),
    "PATCH /webhooks/{webhook}/{token}/messages/{message}": (5, 2.0),
}
"""Requests and seconds of each route's bucket, one bucket a channel or webhook.

Discord does not publish them; these are what bots commonly see.
"""


@dataclass
class _Window:
    limit: int
    seconds: float
    opened: float
    used: int = 0


class Buckets:
    """Counts requests in windows, one for each route and channel (or webhook), and all in one."""

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self._limits = dict(DEFAULT_LIMITS)
        self._windows: dict[tuple[str, str], _Window] = {}
        self._all: deque[float] = deque()
        self.global_limit = GLOBAL_LIMIT

    def set_limit(self, route: str, limit: int, seconds: float) -> None:
        """Change a route's bucket; the route is written as in DEFAULT_LIMITS."""
        self._limits[route] = (limit, seconds)
        for key in [key for key in self._windows if key[0] == route]:
            del self._windows[key]

    def take(self, route: str, major: str) -> dict[str, str]:
        """Count one request; returns its headers, raises a 429 when there is no room."""
        now = self._clock()
        if not route.startswith("POST /interactions"):
            while self._all and self._all[0] <= now - 1.0:
                self._all.popleft()
            if len(self._all) >= self.global_limit:
                wait = round(self._all[0] + 1.0 - now, 3)
                raise ApiError(
                    429, 0, "You are being rate limited.", retry_after=wait, scope="global"
                )
            self._all.append(now)
        if route not in self._limits:
            return {}
        limit, seconds = self._limits[route]
        window = self._windows.get((route, major))
        if window is None or now >= window.opened + window.seconds:
            window = self._windows[route, major] = _Window(limit, seconds, now)
        left = window.opened + window.seconds - now
        headers = self._headers(route, window, left)
        if window.used >= window.limit:
            error = ApiError(
                429, 0, "You are being rate limited.", retry_after=round(left + 0.001, 3)
            )
            error.bucket_headers.update(headers)
            raise error
        window.used += 1
        return self._headers(route, window, left)

    @staticmethod
    def _headers(route: str, window: _Window, left: float) -> dict[str, str]:
        return {
            "X-RateLimit-Limit": str(window.limit),
            "X-RateLimit-Remaining": str(window.limit - window.used),
            "X-RateLimit-Reset": f"{time.time() + left:.3f}",
            "X-RateLimit-Reset-After": f"{left:.3f}",
            "X-RateLimit-Bucket": hashlib.sha256(route.encode()).hexdigest()[:32],
        }


class OldMessageEdits:
    """The limit behind error 30046: few edits for messages that are over an hour old."""

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self._edits: dict[int, deque[float]] = {}
        self.limit = 3
        self.seconds = 60.0

    def take(self, message_id: int, age: float) -> None:
        """Count one edit of a message of `age` seconds; raises 30046 when there were too many."""
        if age < OLD_MESSAGE_AGE:
            return
        now = self._clock()
        edits = self._edits.setdefault(message_id, deque())
        while edits and edits[0] <= now - self.seconds:
            edits.popleft()
        if len(edits) >= self.limit:
            status, words = MESSAGES[30046]
            wait = round(edits[0] + self.seconds - now + 0.001, 3)
            raise ApiError(status, 30046, words, retry_after=wait)
        edits.append(now)


@dataclass
class Fault:
    """A rule that makes matching requests go wrong; see `LoopbackDiscord.fail`."""

    method: str
    path: re.Pattern[str]
    status: int
    code: int
    words: str
    retry_after: float | None
    via: bool
    reset: bool
    applied: bool
    delay: float
    skip: int
    times: int | None
    hits: int = 0

    def matches(self, method: str, path: str) -> bool:
        """Whether this request is hit; counts down `skip` and `times`."""
        if self.method not in ("*", method) or not self.path.search(path):
            return False
        if self.skip > 0:
            self.skip -= 1
            return False
        if self.times is not None and self.hits >= self.times:
            return False
        self.hits += 1
        return True

    def error(self) -> ApiError | None:
        """The answer to give; None for a rule that only delays or cuts the connection."""
        if self.status == 0:
            return None
        return ApiError(
            self.status, self.code, self.words, retry_after=self.retry_after, via=self.via
        )


@dataclass
class Faults:
    """The rules in force, oldest first."""

    rules: list[Fault] = field(default_factory=list)

    def find(self, method: str, path: str) -> Fault | None:
        """The first rule that hits this request."""
        return next((rule for rule in self.rules if rule.matches(method, path)), None)
