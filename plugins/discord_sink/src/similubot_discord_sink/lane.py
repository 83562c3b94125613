"""The order of edits: one at a time in a channel, final states first, and not all in one second.

All messages of a channel share one bucket, and all requests of a bot share 50 a second. discord.py
queues first come, first served; it does not count the 50, and lets requests race into 429s while it
does not know a bucket yet (2.7.1). In a lane a final state need not wait behind the others'
progress, and many jobs that began together do not stay in step.
"""

from __future__ import annotations

import asyncio
import contextlib
import weakref
from collections.abc import AsyncIterator, Callable

HOLD = 10.0
"""Seconds after which the next may go although an edit is still under way (an outage, a 30046)."""

EDITS_A_SECOND = 40.0
"""Edits begun in a second, over all lanes; leaves room for the bot's other requests."""

_lanes: weakref.WeakValueDictionary[tuple[int, int], Lane] = weakref.WeakValueDictionary()
_paces: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Pace] = weakref.WeakKeyDictionary()


def lane_of(loop: asyncio.AbstractEventLoop, channel_id: int) -> Lane:
    """The lane of a channel, for all editors in one event loop."""
    lane = _lanes.get((id(loop), channel_id))
    if lane is None:
        lane = _lanes[id(loop), channel_id] = Lane(_paces.setdefault(loop, Pace()))
    return lane


class Pace:
    """Spreads the edits of one event loop over time."""

    def __init__(self) -> None:
        self._free_at = 0.0

    async def step(self, *, urgent: bool) -> None:
        """Wait for one's moment; who is urgent does not wait, but makes the others."""
        now = asyncio.get_running_loop().time()
        moment = max(self._free_at, now)
        self._free_at = moment + 1.0 / EDITS_A_SECOND
        if not urgent and moment > now:
            await asyncio.sleep(moment - now)


class Lane:
    """Lets one through at a time; of those who wait, the first that is urgent, else the first."""

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self._busy = False
        self._waiting: list[tuple[Callable[[], bool], asyncio.Future[None]]] = []

    @contextlib.asynccontextmanager
    async def turn(self, is_urgent: Callable[[], bool]) -> AsyncIterator[None]:
        """Wait for one's turn, and have it in the block, for HOLD seconds at most."""
        loop = asyncio.get_running_loop()
        if self._busy:
            await self._wait(is_urgent, loop)
        self._busy = True
        ended = False

        def end() -> None:
            nonlocal ended
            if not ended:
                ended = True
                self._next()

        timer = loop.call_later(HOLD, end)
        try:
            await self._pace.step(urgent=is_urgent())
            yield
        finally:
            timer.cancel()
            end()

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
        """Give the turn on; it is nobody's when nobody waits."""
        if not self._waiting:
            self._busy = False
            return
        place = next((p for p in self._waiting if p[0]()), self._waiting[0])
        self._waiting.remove(place)
        if place[1].cancelled():
            self._next()
        else:
            place[1].set_result(None)
