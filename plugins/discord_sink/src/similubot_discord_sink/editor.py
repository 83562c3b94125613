"""The one editor of a message: the newest state wins, the last one always arrives."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable

import discord

from similubot_discord_sink.lane import lane_of
from similubot_discord_sink.target import (
    GONE,
    Frame,
    Target,
    Verdict,
    classify_error,
    describe_error,
)

log = logging.getLogger("similubot.discord")

OLD_AGE = 3600.0
OLD_INTERVAL = 60.0
URGENT_GAP = 0.3
LATE = 0.1
FIRST_DELAY = 1.0
LONGEST_DELAY = 60.0

_running: set[asyncio.Task[None]] = set()
"""The event loop holds tasks weakly; this holds them while they work."""


def interval_at(age: float, interval: float) -> float:
    """Seconds between edits of a message `age` seconds old.

    Discord limits edits of messages over an hour old (30046); how much it does not say.
    """
    return interval if age < OLD_AGE else max(interval, OLD_INTERVAL)


class MessageEditor:
    """Edits one target with what `render` says, at most once an interval.

    `wake` and `urge` may be called from any thread; they never block or raise. There is one task
    at a time, and only while an edit is under way; between edits there is a timer. It stops for
    good when the message is gone, the bot may not edit it or the client is closed, and says so
    once in the log.

    Args:
        target: What is edited.
        render: Makes the newest frame; called in the event loop, just before an edit.
        interval: Seconds from the end of one edit to the next.
        loop: The event loop of the client.
        refused: Told of a frame that Discord will not have (400); called in the event loop.
    """

    def __init__(
        self,
        target: Target,
        render: Callable[[], Frame],
        interval: float,
        loop: asyncio.AbstractEventLoop,
        refused: Callable[[Frame], None] = lambda frame: None,
    ) -> None:
        self.woken = False
        self._refused = refused
        self._target = target
        self._render = render
        self._interval = interval
        self._loop = loop
        self._lane = lane_of(loop, target.channel_id)
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None
        self._urgent = False
        self._urged_at = 0.0
        self._idle = asyncio.Event()
        self._idle.set()
        self._next_at = 0.0
        self._next_urgent_at = 0.0
        self._shown: Frame | None = None
        self._failures = 0
        self._warned = False
        self._closed = False
        self.stopped = ""

    # -- from any thread --------------------------------------------------------------------

    def wake(self) -> None:
        """There is something new to show."""
        if not self.woken:
            self.woken = True
            self._post(self._schedule)

    def urge(self) -> None:
        """There is something new that should not wait for the interval."""
        self.woken = True
        self._post(self._schedule_urgently)

    def _post(self, work: Callable[[], None]) -> None:
        if self.stopped or self._closed:
            return
        try:
            self._loop.call_soon_threadsafe(work)
        except RuntimeError:
            self._stop("the event loop is closed", logging.INFO)

    # -- in the event loop ------------------------------------------------------------------

    def _schedule_urgently(self) -> None:
        if not self.woken:
            return  # it is in the frame that was made meanwhile
        if not self._urgent:
            self._urgent = True
            self._urged_at = self._loop.time()
        self._schedule()

    def _schedule(self) -> None:
        """Have the next edit begin when the interval is over, or earlier when urged."""
        if not self.woken or self.stopped or self._closed or self._task is not None:
            return
        self._idle.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        left = (self._next_urgent_at if self._urgent else self._next_at) - self._loop.time()
        if left > 0:
            self._timer = self._loop.call_later(left, self._begin)
        else:
            self._begin()

    def _begin(self) -> None:
        self._timer = None
        self._task = self._loop.create_task(self._run(), name=f"edit {self._target.name}")
        self._task.add_done_callback(self._ended)
        _running.add(self._task)

    def _ended(self, task: asyncio.Task[None]) -> None:
        _running.discard(task)
        self._task = None
        self._schedule()
        if not self._has_work():
            self._idle.set()

    def _has_work(self) -> bool:
        return self._task is not None or self._timer is not None

    async def _run(self) -> None:
        try:
            async with self._lane.turn(lambda: self._urgent):
                if not self._closed:
                    await self._show_newest()
        except Exception as error:  # noqa: BLE001  (a fault of ours is no fault of the job)
            self._stop(type(error).__name__, logging.ERROR, error=error)

    async def _show_newest(self) -> None:
        urgent, self._urgent = self._urgent, False
        self.woken = False
        frame = self._render()
        if not frame.same_as(self._shown):
            await self._show(frame, urgent=urgent)

    async def _show(self, frame: Frame, *, urgent: bool) -> None:
        late = urgent and self._loop.time() - self._urged_at > LATE
        if (
            frame.gives_way
            and late
            and self._shown is not None
            and await self._target.is_taken_over()
        ):
            # The program has put its own last word there while ours had to wait.
            self._shown = frame
            return
        try:
            await self._target.show(frame)
        except Exception as error:  # noqa: BLE001  (whatever happens, the job goes on)
            self._failed(error, frame, urgent=urgent)
        else:
            self._shown = frame
            self._failures = 0
            self._warned = False
            now = self._loop.time()
            self._next_at = now + interval_at(self._target.age(), self._interval)
            self._next_urgent_at = now + min(URGENT_GAP, self._interval)

    def _failed(self, error: Exception, frame: Frame, *, urgent: bool) -> None:
        verdict = classify_error(error)
        if verdict is Verdict.MOVE:
            verdict = Verdict.RETRY if self._target.move() else Verdict.STOP
            if verdict is Verdict.RETRY:
                self._again(0.0, urgent=True)
                return
        if verdict is Verdict.STOP:
            gone = isinstance(error, discord.HTTPException) and error.code in GONE
            known = isinstance(error, (discord.HTTPException, RuntimeError))
            level = logging.INFO if gone else logging.WARNING if known else logging.ERROR
            self._stop(describe_error(error), level, error=None if known else error)
        elif verdict is Verdict.SKIP:
            log.error("Discord refused a frame for %s: %s", self._target.name, error)
            self._shown = frame
            self._wait(0.0)
            self._refused(frame)
        else:
            slow = OLD_INTERVAL / 4 if verdict is Verdict.SLOWER else FIRST_DELAY
            delay = min(LONGEST_DELAY, slow * 2**self._failures)
            if isinstance(error, discord.RateLimited):
                delay = error.retry_after
            self._failures += 1
            if not self._warned:
                self._warned = True
                log.warning(
                    "The progress in %s waits: %s. It goes on by itself.",
                    self._target.name,
                    describe_error(error),
                )
            self._again(delay, urgent=urgent)

    def _again(self, delay: float, *, urgent: bool) -> None:
        """Try again in `delay` seconds, with what is newest then."""
        self._wait(delay)
        self.woken = True
        self._urgent = self._urgent or urgent

    def _wait(self, delay: float) -> None:
        now = self._loop.time()
        self._next_urgent_at = now + delay
        self._next_at = now + max(delay, self._interval)

    def _stop(self, why: str, level: int, *, error: Exception | None = None) -> None:
        if self.stopped:
            return
        self.stopped = why
        log.log(
            level,
            "The progress in %s is shown no more: %s. The work goes on.",
            self._target.name,
            why,
            exc_info=error,
        )

    async def settled(self) -> None:
        """Wait until all that is known is shown, or nothing can be shown any more."""
        while self.woken and not self.stopped and not self._closed:
            self._schedule()
            await self._idle.wait()

    async def aclose(self, timeout: float = 10.0) -> bool:
        """Show what is newest, then edit no more. Call it before the client is closed.

        Args:
            timeout: Seconds to wait at most.

        Returns:
            Whether the newest state is on the message.
        """
        if not self.stopped and not self._closed:
            self._schedule_urgently()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                await self._idle.wait()
        shown = self._idle.is_set() and not self.woken and not self.stopped
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        # An edit that is under way is left to end by itself: cancelled while it waits for Discord's
        # global limit, it would leave discord.py (2.7.1) with that limit set for ever.
        return shown
