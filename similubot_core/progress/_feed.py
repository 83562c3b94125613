"""Feed: what one receiver is still to be shown, at its own pace."""

import logging
import math
import os
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Protocol

from similubot_core.origin import name_of
from similubot_core.progress.info import ProgressInfo

logger = logging.getLogger(__name__)

INTERVAL = 0.05
"""Seconds between two states of one operation for a plain callback: faster than any eye."""

SHORTEST_INTERVAL = 0.01

IDLE_SECONDS = 1.0
"""How often a feed looks at its operations while none of them moves."""

MANY = 1000
"""A feed of more operations than this looks at them less often, in proportion."""


class Source(Protocol):
    """Where a feed pulls the newest state of an operation from; trackers are."""

    def get_current_progress(self) -> ProgressInfo:
        """The newest state."""


class Runner(Protocol):
    """What calls a feed's receiver: the callback threads, or an event loop."""

    def wake(self, feed: "Feed", at: float) -> None:
        """Serve the feed at that time of its clock (0.0 is now), or earlier. Never blocks."""


class _Live:
    """An operation that has not ended, as far as the receiver knows."""

    __slots__ = ("pushed", "shown", "shown_at", "source")

    def __init__(self, info: ProgressInfo, source: Source | None) -> None:
        # Weak, so that a tracker that is thrown away without an end is not followed for ever.
        self.source = None if source is None else weakref.ref(source)
        self.pushed = info
        self.shown: ProgressInfo | None = None
        self.shown_at = 0.0

    def newest(self) -> ProgressInfo | None:
        """The newest state; None when the tracker is gone."""
        if self.source is None:
            return self.pushed
        tracker = self.source()
        return None if tracker is None else tracker.get_current_progress()


class Feed:
    """Takes news of any number of operations from any thread, and hands one receiver its share.

    Changes of status are queued, in order, and none is lost. Everything else is pulled when the
    receiver has time for it: the newest state of each operation, at most once in `interval`.
    Putting something in never waits for the receiver.

    It has no thread of its own: a `Runner` calls `take` until there is nothing more, and then again
    at `due`. One runner serves it, so the receiver is never called twice at once.

    Args:
        write: The receiver; gets one state.
        runner: Calls the receiver.
        interval: Seconds between two states of one operation in progress; infinite is never.
        clock: Seconds that only grow; tests give one that they control.
    """

    def __init__(
        self,
        write: Callable[[ProgressInfo], object],
        runner: Runner,
        interval: float = INTERVAL,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.write = write
        self.clock = clock
        self.slow = False
        """Whether the receiver was seen to take long; set by the runner."""
        self._runner = runner
        self._interval = interval = max(interval, SHORTEST_INTERVAL)
        self._settled = threading.Condition(threading.Lock())
        self._changes: deque[tuple[ProgressInfo, Source | None]] = deque()
        self._live: dict[str, _Live] = {}
        self._round: deque[str] = deque()
        self._round_at = 0.0
        self._pause = interval
        self._round_has_news = False
        self._only_pushed = False
        self._writing = False
        self._closing = False
        self._last_round = False
        self._logged: set[type[BaseException]] = set()
        _feeds.add(self)

    # -- what is put in: any thread, never waits ------------------------------------------------

    def change(self, info: ProgressInfo, source: Source | None = None) -> None:
        """Queue a change of status; `source` is where later states are pulled from."""
        with self._settled:
            if self._closing:
                return
            self._changes.append((info, source))
            self._only_pushed = False
            if info.status.is_final:
                self._live.pop(info.id, None)
            else:
                self._live[info.id] = _Live(info, source)
        self._runner.wake(self, 0.0)

    def push(self, info: ProgressInfo) -> None:
        """Take a state that nothing can be pulled from, such as one of another process."""
        with self._settled:
            live = self._live.get(info.id)
            if live is not None and live.pushed.status is info.status:
                live.pushed = info
                source_is_known = True
            else:
                source_is_known = False
        if source_is_known:
            self.hurry()
        else:
            self.change(info)

    def hurry(self) -> None:
        """Look again within `interval`: something moves."""
        if self._pause <= self._interval and self._round_at and not self._only_pushed:
            return
        with self._settled:
            self._only_pushed = False
            self._pause = self._interval
            soon = self.clock() + self._interval
            self._round_at = min(self._round_at or soon, soon)
        if math.isfinite(soon):
            self._runner.wake(self, soon)

    # -- what is taken out: the runner ----------------------------------------------------------

    def take(self, now: float) -> ProgressInfo | None:
        """The state to hand to the receiver now; None when there is none. The call before this one
        has returned.
        """
        while True:
            with self._settled:
                if self._changes:
                    self._writing = True
                    return self._next_change(now)
                key = self._next_of_round(now)
                live = None if key is None else self._live.get(key)
                if key is None:
                    return None
            newest = None if live is None else live.newest()  # may take the tracker's lock
            with self._settled:
                if live is None or self._live.get(key) is not live:
                    continue
                if newest is None:
                    del self._live[key]
                    continue
                # Of another status: then that change is in the queue by now.
                if newest is live.shown or live.shown is None:
                    continue
                if newest.status is not live.shown.status:
                    continue
                live.shown, live.shown_at = newest, now
                self._round_has_news = True
                self._writing = True
                return newest

    def _next_change(self, now: float) -> ProgressInfo:
        info, _ = self._changes.popleft()
        live = self._live.get(info.id)
        if live is not None:
            live.shown, live.shown_at = info, now
        if not self._round_at:
            self._round_at = now + self._interval
        elif self._pause > self._interval:
            self._pause = self._interval
            self._round_at = min(self._round_at, now + self._interval)
        return info

    def _next_of_round(self, now: float) -> str | None:
        """The operation to look at next; a round looks once at each that was not shown just now."""
        if self._closing:
            if not self._last_round:
                self._last_round = True
                self._round = deque(self._live)
        elif not self._round and self._live and now >= self._round_at:
            pause = self._interval if self._round_has_news else 2 * self._pause
            self._pause = min(pause, max(self._interval, IDLE_SECONDS))
            self._round_at = now + self._pause * max(1.0, len(self._live) / MANY)
            latest = now - self._interval / 2
            self._round.extend(k for k, live in self._live.items() if live.shown_at <= latest)
            self._round_has_news = len(self._round) < len(self._live)
            # What is pushed comes by itself: no need to look for it.
            self._only_pushed = not self._round_has_news and all(
                live.source is None for live in self._live.values()
            )
        if self._round:
            return self._round.popleft()
        if self._closing:
            self._live.clear()
            self._settled.notify_all()  # nothing more will be written: who closes it need not wait
        return None

    def due(self) -> float | None:
        """When `take` will have something, by the clock; None when nothing is known to come."""
        with self._settled:
            if self._changes or self._round or (self._closing and not self._last_round):
                return 0.0
            if not self._live or self._only_pushed or not math.isfinite(self._round_at):
                return None
            return self._round_at

    def call(self, info: ProgressInfo) -> None:
        """Hand a state to the receiver; what it raises is logged, once a kind."""
        try:
            answer = self.write(info)
            if isinstance(answer, Coroutine):
                answer.close()
                raise TypeError(
                    "it returned a coroutine, which nothing awaits here; add the coroutine "
                    "function itself, from within its event loop"
                )
        except BaseException as error:  # noqa: BLE001  (rule 4: whatever a receiver does)
            self.log(error)
        finally:
            self.written()

    def written(self) -> None:
        """The receiver has returned."""
        with self._settled:
            self._writing = False
            self._settled.notify_all()

    def log(self, error: BaseException) -> None:
        """Say once for each kind of exception that the receiver raised it."""
        if type(error) not in self._logged:
            self._logged.add(type(error))
            logger.error(
                "The progress callback %s raised; the work goes on. Report it to its authors.",
                name_of(self.write),
                exc_info=error,
            )

    # -- the end --------------------------------------------------------------------------------

    def close(self) -> None:
        """Take nothing more; the newest state of each operation is still shown, once."""
        with self._settled:
            self._closing = True
        self._runner.wake(self, 0.0)

    def put_back(self, info: ProgressInfo) -> None:
        """Take back a state that the receiver could not be shown; it comes first again."""
        with self._settled:
            self._writing = False
            self._changes.appendleft((info, None))

    def drop(self, key: str | None = None) -> None:
        """Forget what was not shown yet of an operation, or (None) everything."""
        with self._settled:
            if key is None:
                self._changes.clear()
                self._live.clear()
                return
            self._changes = deque(c for c in self._changes if c[0].id != key)
            self._live.pop(key, None)

    def wait(self, timeout: float, *, even_if_slow: bool = False) -> bool:
        """Wait until everything that was put in has been shown.

        Args:
            timeout: Seconds to wait at most.
            even_if_slow: Whether to wait for a receiver that is known to take long.

        Returns:
            Whether it has been shown.
        """
        with self._settled:
            self._settled.wait_for(
                lambda: self._is_settled() or (self.slow and not even_if_slow), timeout
            )
            return self._is_settled()

    def _is_settled(self) -> bool:
        unclosed = self._closing and (self._live or not self._last_round)
        return not (self._changes or self._writing or unclosed)

    def mark_slow(self) -> None:
        """Let nobody wait for this receiver any more."""
        with self._settled:
            self.slow = True
            self._settled.notify_all()

    def begin_anew(self) -> None:
        """In a forked child: the lock may be held by a thread that is gone, and what waits is the
        parent's to show.
        """
        self._settled = threading.Condition(threading.Lock())
        self._changes.clear()
        self._round.clear()
        self._writing = False
        self.slow = False


_feeds: "weakref.WeakSet[Feed]" = weakref.WeakSet()


def all_feeds() -> list[Feed]:
    """Those that exist in this program."""
    return list(_feeds)


def _begin_anew() -> None:
    for feed in all_feeds():
        feed.begin_anew()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_anew)
