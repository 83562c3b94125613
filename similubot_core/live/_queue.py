"""The order of edits that share a service's limit: one at a time, final states first, none starved.

A service limits a channel, a chat or an account, and all messages there share that. First come,
first served would let a final state wait behind the others' progress; and many messages that began
together would stay in step.
"""

from __future__ import annotations

import asyncio
import contextlib
import weakref
from collections.abc import AsyncIterator, Callable, Hashable
from dataclasses import dataclass

HOLD = 10.0
"""Seconds after which the next may go although an edit is still under way (an outage, say)."""


@dataclass(frozen=True, slots=True)
class SharedLimit:
    """What a service allows, and which messages share it.

    Attributes:
        key: Messages with an equal one share a queue: one edit at a time.
        gap: Seconds from the end of one edit to the next in that queue, in the long run.
        burst: How many edits may go without that gap, after a rest of so many gaps.
        a_second: Edits begun in a second over all queues of one event loop.
    """

    key: Hashable
    gap: float = 0.0
    a_second: float = 40.0
    burst: int = 1


_queues: weakref.WeakValueDictionary[tuple[int, Hashable], EditQueue] = (
    weakref.WeakValueDictionary()
)
_throttles: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Throttle] = (
    weakref.WeakKeyDictionary()
)


def queue_of(loop: asyncio.AbstractEventLoop, limit: SharedLimit) -> EditQueue:
    """The queue for all messages of one event loop that share this limit."""
    queue = _queues.get((id(loop), limit.key))
    if queue is None:
        throttle = _throttles.setdefault(loop, Throttle())
        queue = _queues[id(loop), limit.key] = EditQueue(throttle, limit)
    return queue


class Throttle:
    """Spreads the edits of one event loop over time."""

    def __init__(self) -> None:
        self._free_at = 0.0

    async def step(self, a_second: float, *, urgent: bool) -> None:
        """Wait for one's moment; who is urgent does not wait, but makes the others."""
        now = asyncio.get_running_loop().time()
        moment = max(self._free_at, now)
        self._free_at = moment + 1.0 / a_second
        if not urgent and moment > now:
            await asyncio.sleep(moment - now)


class EditQueue:
    """Lets one through at a time; of those who wait, the first that is urgent, else the first."""

    def __init__(self, throttle: Throttle, limit: SharedLimit) -> None:
        self._throttle = throttle
        self._limit = limit
        self._busy = False
        self._free_at = 0.0
        self._spent_until = 0.0
        self._waiting: list[tuple[Callable[[], bool], asyncio.Future[None]]] = []

    def pause(self, seconds: float) -> None:
        """Let nobody through for so long: the service said so."""
        self._free_at = max(self._free_at, asyncio.get_running_loop().time() + seconds)

    @contextlib.asynccontextmanager
    async def turn(self, is_urgent: Callable[[], bool]) -> AsyncIterator[None]:
        """Wait for one's turn, and have it in the block, for HOLD seconds at most."""
        loop = asyncio.get_running_loop()
        if self._busy:
            await self._wait(is_urgent, loop)
        self._busy = True
        ended = False
        timer: asyncio.TimerHandle | None = None

        def end() -> None:
            nonlocal ended
            if not ended:
                ended = True
                self._next()

        try:
            while (left := self._free_at - loop.time()) > 0:
                await asyncio.sleep(left)
            timer = loop.call_later(HOLD, end)
            await self._throttle.step(self._limit.a_second, urgent=is_urgent())
            yield
        finally:
            if timer is not None:
                timer.cancel()
            if self._limit.gap:
                self._spend(loop)
            end()

    def _spend(self, loop: asyncio.AbstractEventLoop) -> None:
        """Count an edit; the burst is there again when all that was spent has passed."""
        now, gap = loop.time(), self._limit.gap
        self._spent_until = max(self._spent_until, now) + gap
        self.pause(self._spent_until - (self._limit.burst - 1) * gap - now)
        loop.call_at(self._spent_until, self._pay)

    def _pay(self) -> None:
        """Nothing; until then the loop keeps this queue, which messages to come shall share."""

    async def _wait(self, is_urgent: Callable[[], bool], loop: asyncio.AbstractEventLoop) -> None:
        future: asyncio.Future[None] = loop.create_future()
        place = (is_urgent, future)
        self._waiting.append(place)
        try:
            await future
        except asyncio.CancelledError:
            if place in self._waiting:
                self._waiting.remove(place)
            elif not future.cancelled():
                self._next()  # it was given the turn, and does not want it any more
            raise

    def _next(self) -> None:
        """Give the turn on, when the service allows one; it is nobody's when nobody waits."""
        loop = asyncio.get_running_loop()
        if (left := self._free_at - loop.time()) > 0:
            loop.call_later(left, self._next)  # who is urgent may come meanwhile, and goes first
            return
        if not self._waiting:
            self._busy = False
            return
        place = next((p for p in self._waiting if p[0]()), self._waiting[0])
        self._waiting.remove(place)
        if place[1].cancelled():
            self._next()
        else:
            place[1].set_result(None)
