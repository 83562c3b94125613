"""ProgressTracker: the state of one operation, and the rules that every operation keeps.

What holds for every operation (`similubot_testkit.rules` tests it over any tracker):

1. STARTING comes first; exactly one of COMPLETED, FAILED, CANCELLED comes last, and nothing after.
2. The percentage is within 0 to 100 and never falls; 100 comes only with COMPLETED.
3. Speed and ETA are never negative, NaN or infinite; unknown is None.
4. A callback, however it behaves, slows neither the work nor another callback, and gets the end.
5. Text from a file name, a tag or a server is never taken for a status; `parse_output` cannot end
   an operation.
6. A tracker is safe to update from any thread.
"""

import functools
import inspect
import logging
import math
import os
import threading
import time
import weakref
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from types import MappingProxyType, TracebackType
from typing import TYPE_CHECKING, Self, TypedDict, TypeGuard, TypeVar, Unpack

from similubot_core.errors import Cancelled, SimilubotError
from similubot_core.progress import _callback_threads as callback_threads
from similubot_core.progress._feed import Feed
from similubot_core.progress._parts import Parts
from similubot_core.progress.info import ProgressInfo, ProgressStatus, new_id
from similubot_core.progress.rate import RateMeter

if TYPE_CHECKING:
    from similubot_core.progress.counting_tracker import CountingTracker

logger = logging.getLogger(__name__)

HIGHEST_UNFINISHED = 99.99
"""The percentage shown at most while the result is not checked yet."""

STANDSTILL_SECONDS = 1.0
"""How long after the last news speed and ETA are measured again."""

MOST_ADVANCES = 1000
"""So many calls of `advance` are kept before they are summed, where nobody asks for a state."""

BEGIN_SECONDS = 0.1
END_SECONDS = 1.0
"""How long a change of status waits for quick callbacks to have taken it, at most. One that hangs
is found out in a tenth of a second, and is not waited for again."""

_NOTHING: Mapping[str, object] = MappingProxyType({})

TrackerT = TypeVar("TrackerT", bound="ProgressTracker")

ProgressCallback = Callable[[ProgressInfo], None]
"""Gets the states of an operation and of its parts. It is called in a thread of the core's, never
twice at once."""

AsyncProgressCallback = Callable[[ProgressInfo], Awaitable[None]]
"""The same, awaited on the event loop in which it was added."""


class Changes(TypedDict, total=False):
    """What `ProgressTracker.update` takes by name. What is left out stays as it is."""

    total_size: int | None
    """How much there is in all, in the tracker's unit; None is unknown."""
    speed: float | None
    """Units per second; None is unknown. Left out, it is what the tool said last, or measured when
    it has said nothing."""
    eta: float | None
    """Seconds to the end; None is unknown. Left out, the same."""
    message: str | None
    """A sentence for people; None leaves it."""
    details: Mapping[str, object] | None
    """Replaces the details; None leaves them."""


class ProgressTracker(ABC):
    """The state of one operation; tells its callbacks what is new, and keeps the rules.

    A subclass adds what a tool's output means (`parse_output`), or a method that counts a transfer.
    Every method may be called from any thread. What comes after the end is ignored.

    As a context manager it starts the operation, and ends it when the block did not: an exception
    fails it (with its sentence, where it carries one), `Cancelled` or an interrupt cancels it, and
    a block that just falls through fails too, since nothing was checked.

    Speed and ETA are measured (see `RateMeter`) unless `update` gives them: units per second and
    the seconds left from the sizes, or, where there are no sizes, the seconds left from the
    percentages. They are measured again once a second while nothing moves.

    An operation can have parts (`child`); its figures then follow from theirs.

    Its own attributes begin with two underscores, so that those of a subclass are never the same.

    Args:
        operation: The operation's name for people, such as "MEGA Download".
        clock: Returns seconds that only grow, for speed and ETA; tests give one that they control.
        unit: What sizes and speeds count: "B" for bytes, else a word such as "files" or "frames".
    """

    def __init__(
        self, operation: str, clock: Callable[[], float] = time.monotonic, *, unit: str = "B"
    ) -> None:
        self.__lock = threading.RLock()
        self.__feeds: tuple[tuple[object, Feed], ...] = ()
        self.__parent: ProgressTracker | None = None
        self.__parts: Parts | None = None
        self.__started = False
        self.__ending: tuple[ProgressStatus, str] | None = None
        self.__info = ProgressInfo(
            operation, ProgressStatus.STARTING, details=_NOTHING, id=new_id(), unit=unit
        )
        # The update of every block of a transfer is only stored; `__apply_pending` makes a state of
        # it when one is wanted.
        self.__fast_path = False
        self.__pending_size: int | None = None
        self.__advances: list[int] = []
        self.__counter: Callable[[], int] | None = None
        self.__applied_size: int | None = None
        self.__pending_percentage = self.__applied_percentage = -1.0
        self.__clock = clock
        self.__meter = RateMeter(clock)
        self.__meters_sizes = False  # else percentages
        self.__measured_at = 0.0
        self.__reported_speed: float | None = None
        self.__reported_eta: float | None = None
        self.__reported_total = False
        self.__sums_parts = False
        self.__end_was_refused = False
        _trackers.add(self)

    def __init_subclass__(cls, **arguments: object) -> None:
        super().__init_subclass__(**arguments)
        if "parse_output" in cls.__dict__:
            cls.parse_output = _guarded(cls.parse_output)  # type: ignore[method-assign]

    @property
    def operation(self) -> str:
        """The operation's name for people."""
        return self.__info.operation

    @property
    def id(self) -> str:
        """What tells this operation from every other."""
        return self.__info.id

    def add_callback(self, callback: ProgressCallback | AsyncProgressCallback) -> None:
        """Call `callback` with every change of status, and with the newest state otherwise, of this
        operation and of all its parts.

        It is called in a thread of the core's, up to 20 times a second for each operation, and may
        take its time: an update costs the work next to nothing whatever it does. A coroutine
        function is awaited on the event loop that runs where it is added. A callback that raises
        is logged. One that was added already is not called twice.

        Raises:
            RuntimeError: A coroutine function was added where no event loop is running.
        """
        self.__share(callback, _feed_of(callback))

    def remove_callback(self, callback: ProgressCallback | AsyncProgressCallback) -> None:
        """Call `callback` no more. One that was never added is no error."""
        with self.__lock:
            for known, feed in self.__feeds:
                if known == callback:
                    feed.drop(self.id)
            self.__feeds = tuple(pair for pair in self.__feeds if pair[0] != callback)
            parts = self.__unfinished_parts()
        for part in parts:
            part.remove_callback(callback)

    def get_current_progress(self) -> ProgressInfo:
        """The newest state. Before `start` it is STARTING with nothing known."""
        with self.__lock:
            self.__apply_pending()
            last = self.__info
            if last.status is not ProgressStatus.IN_PROGRESS:
                return last
            if self.__parts is not None:
                self.__apply_parts(self.__parts)
            elif self.__clock() - self.__measured_at >= STANDSTILL_SECONDS:
                measured = self.__next(None, None, {})
                if (measured.speed, measured.eta) != (last.speed, last.eta):
                    self.__info = measured
            return self.__info

    def start(self, message: str = "") -> None:
        """Begin: STARTING. Does nothing when called again or after the end."""
        if not self.__started:
            self.__begin(message)

    def __begin(self, message: str) -> None:
        parent = self.__parent
        if parent is not None:
            parent.update()  # it is under way with its first part
        with self.__lock:
            if self.__started:
                return
            self.__started = True
            self.__set(replace(self.__info, message=message, timestamp=time.time()), changed=True)
        self.__let_it_be_shown(BEGIN_SECONDS)
        if parent is not None and (ending := parent.__ending) is not None:
            self.__end(*ending)

    def update(
        self,
        percentage: float | None = None,
        current_size: int | None = None,
        **changes: Unpack[Changes],
    ) -> None:
        """Say how far the operation is. Starts it where `start` was not called.

        What is left out stays as it is. A number that cannot be (NaN, infinite, negative) counts as
        unknown.

        Args:
            percentage: 0 to 100; None computes it from the sizes when both are known, else leaves
                it. It is held below 100 until `complete`, and never falls.
            current_size: Units done; None leaves it.
            **changes: `total_size`, `speed`, `eta`, `message` and `details`; see `Changes`.

        Raises:
            TypeError: There is no argument of that name.
        """
        if changes or not self.__fast_path:
            self.__apply(percentage, current_size, changes)
            return
        if current_size is not None:
            if self.__advances:
                self.__advances.clear()  # they were before what is said now
            self.__pending_size = current_size
        if percentage is not None and self.__pending_percentage < percentage < math.inf:
            self.__pending_percentage = percentage

    def advance(self, amount: int = 1) -> None:
        """Say that so many more units are done. Starts the operation where `start` was not called.

        Threads that share a tracker may all advance it; none is lost.
        """
        if self.__fast_path:
            # To append takes no lock, and none is lost; they are summed when a state is wanted.
            self.__advances.append(amount)
            if len(self.__advances) >= MOST_ADVANCES:
                with self.__lock:
                    self.__sum_advances()
            return
        self.start()
        with self.__lock:
            self.__apply_pending()
            changed = self.__store(None, self.__done() + amount, {})
        self.__announce(changed=changed)

    def _count_by(self, counter: Callable[[], int]) -> None:
        """Ask for the units that are done when a state is wanted, rather than be told of each.

        Args:
            counter: Any thread may call it, and it returns at once.
        """
        self.__counter = counter

    def __sum_advances(self) -> None:
        """Count what `advance` was told; called under the lock."""
        count = len(self.__advances)
        if count:
            amounts = self.__advances[:count]
            del self.__advances[:count]
            self.__pending_size = self.__done() + sum(amounts)

    def __done(self) -> int:
        """The units that are done, also those that are only stored; called under the lock."""
        pending = self.__pending_size
        done = self.__info.current_size if pending == self.__applied_size else pending
        return done or 0

    def complete(self, message: str = "") -> None:
        """End well: 100 %. Call it only once the result was checked. Parts that have not ended are
        completed too.
        """
        self.__end(ProgressStatus.COMPLETED, message)

    def fail(self, message: str) -> None:
        """End badly, with all parts that have not ended; `message` is the sentence for people: what
        happened and what to do.
        """
        self.__end(ProgressStatus.FAILED, message)

    def cancel(self, message: str = "Cancelled.") -> None:
        """End because someone asked for it, with all parts that have not ended."""
        self.__end(ProgressStatus.CANCELLED, message)

    def child(
        self, operation: str, weight: float | None = None, *, unit: str = "B"
    ) -> "CountingTracker":
        """A new operation that is a part of this one; it counts from now on, begun or not.

        Args:
            operation: The part's name for people.
            weight: The part's share of the whole, in any measure that all parts have in common,
                such as bytes or seconds; None is unknown. Where every part has a weight, the
                percentage of the whole follows from them. Without weights it follows from the
                sizes, where every part knows its total and has the unit of the whole; else it is
                unknown.
            unit: What the part's sizes count.
        """
        from similubot_core.progress.counting_tracker import CountingTracker

        return self.adopt(CountingTracker(operation, self.__clock, unit=unit), weight)

    def adopt(self, tracker: TrackerT, weight: float | None = None) -> TrackerT:
        """Make a tracker that has not begun, of any kind, a part of this one, as `child` does.

        Raises:
            ValueError: It has begun, or is a part of something already, or the weight is negative
                or not finite.
        """
        if weight is not None and not (weight >= 0 and math.isfinite(weight)):
            raise ValueError(f"the weight of a part is 0 or more, not {weight!r}")
        with tracker.__lock:
            if tracker.__started or tracker.__parent is not None or tracker is self:
                raise ValueError(f"{tracker.operation} has begun, or is a part already")
            tracker.__parent = self
            tracker.__info = replace(tracker.__info, parent=self.id)
        with self.__lock:
            if self.__parts is None:
                self.__parts = Parts(self.__info.unit)
            self.__parts.add(tracker.id, tracker, weight)
            feeds = self.__feeds
        for callback, feed in feeds:
            tracker.__share(callback, feed)
        return tracker

    def plan_weight(self, weight: float | None) -> None:
        """Say how much all parts weigh together, those still to come too; None is unknown."""
        with self.__lock:
            if self.__parts is None:
                self.__parts = Parts(self.__info.unit)
            self.__parts.planned_weight = weight

    @abstractmethod
    def parse_output(self, text: str) -> bool:
        """Read what the tool printed: one whole line or more, with or without the line ends.

        Any text at all leaves it without an exception. It cannot end the operation: that the tool
        printed "done" is no checked result. A program's output in pieces that end anywhere is made
        into lines by `similubot_core.process.LineSplitter`.

        Returns:
            Whether the text said something about progress.
        """

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if isinstance(error, (Cancelled, KeyboardInterrupt)):
            self.cancel()
        elif isinstance(error, SimilubotError):
            self.fail(error.message)
        elif error is not None:
            self.fail(f"{self.operation} stopped on an unexpected error ({type(error).__name__}).")
        else:
            self.fail(f"{self.operation} ended without a result that could be checked.")

    # -- the tree -------------------------------------------------------------------------------

    def __share(self, callback: object, feed: Feed) -> None:
        """Call a callback here and in all parts."""
        with self.__lock:
            if any(known == callback for known, _ in self.__feeds):
                return
            self.__feeds = (*self.__feeds, (callback, feed))
            if self.__started and not self.__info.status.is_final:
                feed.change(self.get_current_progress(), self)
            parts = self.__unfinished_parts()
        for part in parts:
            part.__share(callback, feed)

    def __unfinished_parts(self) -> "list[ProgressTracker]":
        parts = [] if self.__parts is None else self.__parts.unfinished()
        return [part for part in parts if isinstance(part, ProgressTracker)]

    def _part_ended(self, info: ProgressInfo) -> None:
        with self.__lock:
            if self.__parts is not None:
                self.__parts.end(info)
        self.__announce(changed=False)

    def __apply_parts(self, parts: Parts) -> None:
        """Make a state of what the parts say now; called under the lock."""
        figures = parts.figures()
        changes: Changes = {}
        if figures.current_size is not None or figures.total_size is not None:
            self.__sums_parts = True
        if self.__sums_parts and not self.__reported_total:
            changes["total_size"] = figures.total_size
        last = self.__info
        total = changes.get("total_size", last.total_size)
        percentage = figures.percentage
        current = figures.current_size
        if percentage is None and current is not None and total:
            percentage = 100.0 * current / total
        percentage = _percentage(percentage, last.percentage)
        is_old = (percentage, total) == (last.percentage, last.total_size)
        is_old = is_old and (current is None or current == last.current_size)
        if is_old and self.__clock() - self.__measured_at < STANDSTILL_SECONDS:
            return
        made = self.__next(percentage, current, changes)
        if figures.speed is not None and self.__reported_speed is None:
            eta = _seconds_left(made.current_size, made.total_size, figures.speed)
            made = replace(made, speed=figures.speed, eta=made.eta if eta is None else eta)
        if not is_old or (made.speed, made.eta) != (last.speed, last.eta):
            self.__info = made

    # -- states ---------------------------------------------------------------------------------

    def __apply(self, percentage: float | None, current_size: int | None, changes: Changes) -> None:
        if not changes.keys() <= Changes.__annotations__.keys():
            unknown = ", ".join(sorted(changes.keys() - Changes.__annotations__.keys()))
            raise TypeError(f"update() has no argument {unknown}")
        self.start()
        with self.__lock:
            changed = self.__store(percentage, current_size, changes)
        self.__announce(changed=changed)

    def __store(self, percentage: float | None, current_size: int | None, changes: Changes) -> bool:
        """Make a state of an update, under the lock; returns whether it changed the status."""
        self.__apply_pending()
        last = self.__info.status
        if last.is_final:
            return False
        if "total_size" in changes:
            self.__reported_total = changes["total_size"] is not None
        changed = last is not ProgressStatus.IN_PROGRESS
        self.__set(self.__next(percentage, current_size, changes), changed=changed)
        return changed

    def __announce(self, *, changed: bool) -> None:
        """Let the callbacks know that there is something new, outside the lock."""
        if changed:
            self.__let_it_be_shown(BEGIN_SECONDS)
            return
        for _, feed in self.__feeds:
            feed.hurry()  # it may look rarely by now; the parts' feeds are the whole's too

    def __end(self, status: ProgressStatus, message: str) -> None:
        if getattr(_reading, "tracker", None) is self:
            self.__refuse_end(status)
            return
        self.start()
        with self.__lock:
            if self.__ending is not None:
                return
            self.__ending = (status, message)
            parts = self.__unfinished_parts()
        for part in parts:
            part.__end(status, message)
        with self.__lock:
            self.get_current_progress()
            self.__fast_path = False
            last = self.__info
            completed = status is ProgressStatus.COMPLETED
            total = last.total_size if last.total_size is not None else last.current_size
            self.__set(
                replace(
                    last,
                    status=status,
                    percentage=100.0 if completed else last.percentage,
                    current_size=total if completed else last.current_size,
                    total_size=total if completed else last.total_size,
                    speed=None,
                    eta=0.0 if completed else None,
                    message=message,
                    timestamp=time.time(),
                ),
                changed=True,
            )
            info = self.__info
        if self.__parent is not None:
            self.__parent._part_ended(info)
        self.__let_it_be_shown(END_SECONDS)

    def __refuse_end(self, status: ProgressStatus) -> None:
        if not self.__end_was_refused:
            self.__end_was_refused = True
            logger.warning(
                "%s: its parse_output tried to end it (%s), which text from a tool cannot do; "
                "that was ignored.",
                self.operation,
                status.value,
            )

    def __let_it_be_shown(self, seconds: float) -> None:
        """Wait until quick callbacks have a change of status, so that what a simple program prints
        next comes after what they print.
        """
        if not self.__feeds or callback_threads.is_callback_thread():
            return
        deadline = time.monotonic() + seconds
        for _, feed in self.__feeds:
            feed.wait(max(0.0, deadline - time.monotonic()))

    def __set(self, info: ProgressInfo, *, changed: bool) -> None:
        """Store the state; a change of status is queued in order, under the lock."""
        self.__info = info
        if changed:
            for _, feed in self.__feeds:
                feed.change(info, self)
            self.__fast_path = info.status is ProgressStatus.IN_PROGRESS

    def __apply_pending(self) -> None:
        """Make a state of what was stored last; called under the lock."""
        self.__sum_advances()
        if self.__counter is not None:
            self.__pending_size = self.__counter()
        size, percentage = self.__pending_size, self.__pending_percentage
        new_size = None if size == self.__applied_size else size
        new_percentage = None if percentage == self.__applied_percentage else percentage
        if new_size is None and new_percentage is None:
            return
        self.__applied_size, self.__applied_percentage = size, percentage
        if self.__info.status is ProgressStatus.IN_PROGRESS:
            self.__info = self.__next(new_percentage, new_size, {})

    def __next(
        self, percentage: float | None, current_size: int | None, changes: Changes
    ) -> ProgressInfo:
        """The state in progress that comes now; called under the lock."""
        last = self.__info
        current = last.current_size if current_size is None else _size(current_size)
        total = _size(changes["total_size"]) if "total_size" in changes else last.total_size
        if percentage is None and current is not None and total:
            percentage = 100.0 * current / total
        percentage = _percentage(percentage, last.percentage)
        speed, eta = self.__speed_and_eta(percentage, current, total, changes)
        message, details = changes.get("message"), changes.get("details")
        return replace(
            last,
            status=ProgressStatus.IN_PROGRESS,
            percentage=percentage,
            current_size=current,
            total_size=total,
            speed=speed,
            eta=eta,
            message=last.message if message is None else message,
            details=last.details if details is None else MappingProxyType(dict(details)),
            timestamp=time.time(),
        )

    def __speed_and_eta(
        self, percentage: float, current: int | None, total: int | None, changes: Changes
    ) -> tuple[float | None, float | None]:
        """What the tool says now, else what it said before, else what is measured."""
        self.__measure(percentage, current)
        if "speed" in changes:
            speed = self.__reported_speed = _finite(changes["speed"])
        elif self.__reported_speed is not None:
            speed = self.__reported_speed
        else:
            speed = self.__meter.speed if self.__meters_sizes else None
        if "eta" in changes:
            eta = self.__reported_eta = _finite(changes["eta"])
        elif self.__reported_eta is not None:
            eta = self.__reported_eta
        elif self.__meters_sizes:
            # What is measured is steadier than what a tool says of the last moment.
            measured = self.__meter.speed
            if total is None and current is not None and percentage > 0:
                total = _size(100.0 * current / percentage)
            eta = _seconds_left(current, total, speed if measured is None else measured)
        else:
            eta = self.__meter.eta(100.0)
        return speed, eta

    def __measure(self, percentage: float, current: int | None) -> None:
        by_size = current is not None
        if by_size is not self.__meters_sizes:
            self.__meter = RateMeter(self.__clock)
            self.__meters_sizes = by_size
        self.__meter.sample(percentage if current is None else current)
        self.__measured_at = self.__clock()


def _guarded(parse: Callable[..., bool]) -> Callable[..., bool]:
    """A `parse_output` during which the tracker cannot be ended (rule 5)."""

    @functools.wraps(parse)
    def parse_output(self: ProgressTracker, text: str) -> bool:
        before = getattr(_reading, "tracker", None)
        _reading.tracker = self
        try:
            return parse(self, text)
        finally:
            _reading.tracker = before

    return parse_output


_reading = threading.local()
"""`tracker` is the one whose `parse_output` runs in this thread."""


def _feed_of(callback: ProgressCallback | AsyncProgressCallback) -> Feed:
    """The feed that a callback is called by; a sink's own where it is a paced sink's `show`."""
    owner = getattr(callback, "__self__", None)
    feed = getattr(owner, "feed", None)
    if isinstance(feed, Feed) and callback == getattr(owner, "show", None):
        return feed
    if _is_async(callback):
        from similubot_core.progress._loop_feed import LoopFeed

        return LoopFeed(callback)
    return Feed(callback, callback_threads.shared)


def _is_async(
    callback: ProgressCallback | AsyncProgressCallback,
) -> TypeGuard[AsyncProgressCallback]:
    """Whether it is a coroutine function, or an object whose call is one."""
    return inspect.iscoroutinefunction(callback) or inspect.iscoroutinefunction(
        getattr(type(callback), "__call__", None)  # noqa: B004  (what a call of it would be)
    )


def _finite(value: float | None) -> float | None:
    try:
        if value is None or not math.isfinite(value) or value < 0:
            return None
        return float(value)
    except OverflowError:  # an int of hundreds of digits, such as a hostile tool may print
        return None


def _seconds_left(current: int | None, total: int | None, speed: float | None) -> float | None:
    if current is None or total is None or speed is None:
        return None
    if current >= total:
        return 0.0
    return _finite((total - current) / speed) if speed > 0 else None


def _size(value: float | None) -> int | None:
    # Not by way of float, which holds no more than 53 bits of a whole number.
    return None if value is None or _finite(value) is None else int(value)


def _percentage(value: float | None, last: float) -> float:
    value = _finite(value)
    return last if value is None else max(last, min(value, HIGHEST_UNFINISHED))


_trackers: "weakref.WeakSet[ProgressTracker]" = weakref.WeakSet()


def _begin_anew() -> None:
    """In a forked child: locks may be held by threads that are gone."""
    for tracker in list(_trackers):
        tracker._ProgressTracker__lock = threading.RLock()  # type: ignore[attr-defined]


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_anew)
