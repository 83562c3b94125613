"""Stream: what all viewers of a page see. Each state is made once, and sent to all.

By server-sent events, written by hand: libraries for them encode an event for each viewer anew.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeAlias

import msgspec
from aiohttp import web

logger = logging.getLogger(__name__)

INTERVAL = 0.25
"""Seconds between two states, for all viewers."""
KEEP_ALIVE = 15.0
"""Seconds after which viewers are sent something although nothing is new."""
MOST_VIEWERS = 1000
RETRY_MS = 1000
STALLED = 60.0
"""Seconds after which a viewer that takes nothing is let go."""
AT_ONCE = 20
"""How many viewers are woken before the event loop's other work has its turn."""
END_SECONDS = 2.0

Value: TypeAlias = str | int | float | bool | None
Row: TypeAlias = Mapping[str, Value]
State: TypeAlias = Mapping[str, Row]
"""Rows by their keys. Rows are never changed: a row that changed is another object."""

_encoder = msgspec.json.Encoder()


def event(name: str, data: object) -> bytes:
    """One server-sent event, as bytes."""
    return b"event: %s\ndata: %s\n\n" % (name.encode(), _encoder.encode(data))


def difference(before: State, now: State) -> dict[str, dict[str, Value] | None]:
    """What turns one state into another: new and changed fields of rows; None for a row that went.

    A field that a row has no more is None.
    """
    changed: dict[str, dict[str, Value] | None] = {key: None for key in before if key not in now}
    for key, row in now.items():
        old = before.get(key)
        if old is row:
            continue
        if old is None:
            changed[key] = dict(row)
            continue
        fields = {name: value for name, value in row.items() if old.get(name) != value}
        fields.update({name: None for name in old if name not in row and old[name] is not None})
        if fields:
            changed[key] = fields
    return changed


class MadeRows:
    """Keeps the rows of a state while what they are made of stays the same object."""

    def __init__(self) -> None:
        self._before: dict[str, tuple[object, Row]] = {}
        self._now: dict[str, tuple[object, Row]] = {}

    def row(self, key: str, source: object, make: Callable[[], Row]) -> Row:
        """The row of a key; made only where its source is another object than last time."""
        known = self._before.get(key)
        if known is None or known[0] is not source:
            known = (source, make())
        self._now[key] = known
        return known[1]

    def next_state(self) -> None:
        """Forget the rows that were not asked for since the last call."""
        self._before, self._now = self._now, {}


class Stream:
    """Sends a state to any number of viewers. It is used in one event loop.

    A viewer gets the whole state first, then what changed, at most four times a second. One that
    is slow misses states instead of letting them pile up, and is then sent the whole state again:
    no more than one event waits for anybody. While nobody looks, nothing is done.

    Args:
        look: The state as it is now. One that fails is logged, and the viewers keep what they had.
        hello: What one viewer is told first.
    """

    def __init__(
        self, look: Callable[[], Awaitable[State]], hello: Callable[[web.Request], Row]
    ) -> None:
        self._look = look
        self._hello = hello
        self._state: State = {}
        self._revision = 0
        self._whole: bytes | None = None
        self._change = b""
        self._viewers = 0
        self._sleeping: list[asyncio.Future[None]] = []
        self._ticking: asyncio.Task[None] | None = None
        self._looking = asyncio.Lock()
        self._failed = False
        self._end: bytes | None = None

    @property
    def viewers(self) -> int:
        """How many look now."""
        return self._viewers

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Answer one viewer, for as long as they look.

        Raises:
            web.HTTPServiceUnavailable: A thousand look already.
        """
        if self._viewers >= MOST_VIEWERS:
            raise web.HTTPServiceUnavailable(
                text="Too many people look at this page; try again later.",
                headers={"Retry-After": "30"},
            )
        answer = web.StreamResponse(
            headers={
                "Content-Type": "text/event-stream",
                "Cache-Control": "no-store",
                "X-Accel-Buffering": "no",  # nginx passes it on at once
            }
        )
        self._viewers += 1
        try:
            if self._ticking is None:
                await self._refresh()
            await answer.prepare(request)
            await answer.write(b"retry: %d\n" % RETRY_MS + event("you", self._hello(request)))
            if self._ticking is None and self._end is None:
                self._ticking = asyncio.create_task(self._tick(), name="web page")
            await self._send(request, answer)
        except ConnectionError:
            pass  # the viewer is gone
        finally:
            self._viewers -= 1
        return answer

    async def end(self, *, for_good: bool) -> None:
        """Send the last state to all, waiting 2 s at most, and let them go.

        Args:
            for_good: Whether nothing comes after it: viewers are told so, and do not come back.
        """
        if self._end is not None:
            return
        await self._refresh()
        self._end = event("end", {}) if for_good else b""
        if self._ticking is not None:
            self._ticking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._ticking
        until = asyncio.get_running_loop().time() + END_SECONDS
        while self._viewers and asyncio.get_running_loop().time() < until:
            await self._wake()
            await asyncio.sleep(0.01)

    async def _send(self, request: web.Request, answer: web.StreamResponse) -> None:
        """Send states until the viewer is gone, or the stream ends."""
        loop = asyncio.get_running_loop()
        seen, sent_at = -1, loop.time()
        while (transport := request.transport) is not None and not transport.is_closing():
            if transport.get_write_buffer_size() > 0:
                if loop.time() - sent_at > STALLED:
                    transport.abort()
                    return
            else:
                seen, news = self._revision, self._news_since(seen)
                if news or loop.time() - sent_at >= KEEP_ALIVE:
                    sent_at = loop.time()
                    await self._write(transport, answer, news or b": still here\n\n")
                if seen != self._revision:
                    continue
                if self._end is not None:
                    if self._end:
                        await self._write(transport, answer, self._end)
                    return
            future = loop.create_future()
            self._sleeping.append(future)
            await future

    async def _write(
        self, transport: asyncio.Transport, answer: web.StreamResponse, data: bytes
    ) -> None:
        """Send an event; a viewer that takes none of a large one is let go."""
        try:
            async with asyncio.timeout(STALLED):
                await answer.write(data)
        except TimeoutError:
            transport.abort()

    def _news_since(self, seen: int) -> bytes:
        if seen == self._revision:
            return b""
        if seen == self._revision - 1 and self._change:
            return self._change
        if self._whole is None:
            self._whole = event("all", self._state)
        return self._whole

    async def _refresh(self) -> None:
        """Look, and make the event of what changed."""
        async with self._looking:
            try:
                state = dict(await self._look())
            except Exception:
                if not self._failed:
                    logger.exception("The page's state cannot be told")
                self._failed = True
                return
            self._failed = False
            changed = difference(self._state, state)
            if changed:
                self._state = state
                self._revision += 1
                self._whole = None
                self._change = event("some", changed)

    async def _tick(self) -> None:
        loop = asyncio.get_running_loop()
        woken_at = loop.time()
        try:
            while self._viewers:
                await asyncio.sleep(INTERVAL)
                before = self._revision
                await self._refresh()
                # Who is behind looks again each time; without news, all look now and then.
                if self._revision != before or loop.time() - woken_at >= 1.0:
                    woken_at = loop.time()
                    await self._wake()
        finally:
            self._ticking = None

    async def _wake(self) -> None:
        sleeping, self._sleeping = self._sleeping, []
        for number, future in enumerate(sleeping):
            if not future.done():
                future.set_result(None)
            if number % AT_ONCE == AT_ONCE - 1:
                await asyncio.sleep(0)
