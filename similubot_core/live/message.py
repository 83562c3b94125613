"""LiveMessage: keeps one message of a service true. The newest state wins, the last one arrives."""

from __future__ import annotations

import asyncio
import contextlib
import enum
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from similubot_core.live._queue import SharedLimit, queue_of

URGENT_GAP = 0.3
LATE = 0.1
FIRST_DELAY = 1.0
LONGEST_DELAY = 60.0

_running: set[asyncio.Task[None]] = set()
"""The event loop holds tasks weakly; this holds them while they work."""


class Action(enum.Enum):
    """What to do after an edit that failed."""

    STOP = "show nothing more"
    SKIP = "the service will not have this frame; go on with the next"
    RETRY = "try again, with what is newest then"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an error of the service means.

    Attributes:
        action: What to do.
        reason: Why, for the log: holds no address and no token.
        delay: Seconds to wait before the next try; None is 1, doubled with each failure up to 60.
        shared: Whether all messages that share the limit must wait so long.
        quiet: Whether nobody need be warned: people deleted something, or it goes on at once.
        slower: Seconds that a first failure waits where `delay` is None.
    """

    action: Action
    reason: str = ""
    delay: float | None = None
    shared: bool = False
    quiet: bool = False
    slower: float = FIRST_DELAY


class Frame(Protocol):
    """What a message is to show."""

    @property
    def gives_way(self) -> bool:
        """Whether it is left out when someone else has edited the message since."""

    def same_as(self, other: object) -> bool:
        """Whether people would see no difference."""


FrameT = TypeVar("FrameT", bound=Frame)
FrameT_contra = TypeVar("FrameT_contra", bound=Frame, contravariant=True)


class Target(Protocol[FrameT_contra]):
    """A message of a service, or what becomes one with the first frame.

    A class with it as its base gets `interval` and `is_taken_over` as most services want them.
    """

    name: str
    """For the log."""

    log: logging.Logger
    """Where it is said that something is not shown."""

    limit: SharedLimit
    """What the service allows, and with whom it is shared."""

    def interval(self, wanted: float) -> float:
        """Seconds from the end of one edit to the next, now: `wanted` or more."""
        return wanted

    async def show(self, frame: FrameT_contra) -> None:
        """Send the message, or edit it; raises what the service's client raises."""

    async def is_taken_over(self) -> bool:
        """Whether someone else has edited it since our last frame."""
        return False

    def judge(self, error: Exception) -> Verdict:
        """What an exception of `show` means."""


class LiveMessage(Generic[FrameT]):
    """Edits one target with what `render` makes, at most once an interval.

    `wake` and `request_urgent` may be called from any thread; they never block or raise. There is
    one task at a time, and only while an edit is under way; between edits there is a timer. It
    stops for good when a `Verdict` says so, or the loop is closed, and says that once in the log.

    Args:
        target: What is edited.
        render: Makes the newest frame; called in the event loop, just before an edit.
        interval: Seconds from the end of one edit to the next.
        loop: The event loop of the target.
        refused: Gets a frame that the service will not have; called in the event loop.

    Attributes:
        woken: Whether there is something new that no edit has taken up yet.
        stopped: Why nothing is shown any more; "" while it is.
    """

    def __init__(
        self,
        target: Target[FrameT],
        render: Callable[[], FrameT],
        interval: float,
        loop: asyncio.AbstractEventLoop,
        refused: Callable[[FrameT], None] = lambda frame: None,
    ) -> None:
        self.woken = False
        self._refused = refused
        self._target = target
        self._render = render
        self._interval = interval
        self._loop = loop
        self._queue = queue_of(loop, target.limit)
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None
        self._urgent = False
        self._urgent_since = 0.0
        self._idle = asyncio.Event()
        self._idle.set()
        self._next_at = 0.0
        self._next_urgent_at = 0.0
        self._shown: FrameT | None = None
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

    def request_urgent(self) -> None:
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
            self._urgent_since = self._loop.time()
        self._schedule()

    def _schedule(self) -> None:
        """Have the next edit begin when the interval is over, or earlier when it is urgent."""
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
            async with self._queue.turn(lambda: self._urgent):
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

    async def _show(self, frame: FrameT, *, urgent: bool) -> None:
        late = urgent and self._loop.time() - self._urgent_since > LATE
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
            self._next_at = now + self._target.interval(self._interval)
            self._next_urgent_at = now + min(URGENT_GAP, self._interval)

    def _failed(self, error: Exception, frame: FrameT, *, urgent: bool) -> None:
        verdict = self._target.judge(error)
        if verdict.action is Action.STOP:
            level = logging.INFO if verdict.quiet else logging.WARNING
            self._stop(
                verdict.reason or type(error).__name__,
                level if verdict.reason else logging.ERROR,
                error=None if verdict.reason else error,
            )
        elif verdict.action is Action.SKIP:
            self._target.log.error("A frame for %s was refused: %s", self._target.name, error)
            self._shown = frame
            self._wait(0.0)
            self._refused(frame)
        else:
            delay = verdict.delay
            if delay is None:
                delay = min(LONGEST_DELAY, verdict.slower * 2**self._failures)
            if verdict.shared:
                self._queue.pause(delay)
            if not verdict.quiet:
                self._failures += 1
                self._warn(verdict.reason)
            self._again(delay, urgent=urgent or verdict.quiet)

    def _warn(self, reason: str) -> None:
        if not self._warned:
            self._warned = True
            self._target.log.warning(
                "The progress in %s waits: %s. It goes on by itself.", self._target.name, reason
            )

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
        self._target.log.log(
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
        """Show what is newest, then edit no more. Call it before the service's client is closed.

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
