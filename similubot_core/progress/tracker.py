"""ProgressTracker: the state of one operation, and the rules that every operation keeps.

What holds for every operation (the rules that `similubot_testkit.rules` tests over any tracker):

1. STARTING comes first; exactly one of COMPLETED, FAILED, CANCELLED comes last, and nothing after.
2. The percentage is within 0 to 100 and never falls; 100 comes only with COMPLETED.
3. Speed and ETA are never negative, NaN or infinite; unknown is None.
4. A callback that raises is logged and the others still run; a slow one cannot slow the work.
5. Text from a file name, a tag or a server is never taken for a status.
6. A tracker is safe to update from any thread.
"""

import math
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType, TracebackType
from typing import Self, TypedDict, Unpack

from similubot_core.errors import Cancelled, SimilubotError
from similubot_core.progress import _ticker as ticker
from similubot_core.progress._delivery import Delivery
from similubot_core.progress.info import ProgressInfo, ProgressStatus, new_id
from similubot_core.progress.rate import RateMeter

HIGHEST_UNFINISHED = 99.99
"""The percentage shown at most while the result is not checked yet."""

STANDSTILL_SECONDS = 1.0
"""How long after the last news speed and ETA are measured again, for paced callbacks."""

_NOTHING: Mapping[str, object] = MappingProxyType({})


ProgressCallback = Callable[[ProgressInfo], None]
"""Called with each new state. It may be called from any thread, never twice at once."""


class Changes(TypedDict, total=False):
    """What `ProgressTracker.update` takes by name. What is left out stays as it is."""

    total_size: int | None
    """Bytes in all; None is unknown."""
    speed: float | None
    """Bytes per second; None is unknown. Left out, it is what the tool said last, or measured when
    it has said nothing."""
    eta: float | None
    """Seconds to the end; None is unknown. Left out, the same."""
    message: str | None
    """A sentence for people; None leaves it."""
    details: Mapping[str, object] | None
    """Replaces the details; None leaves them."""


class ProgressTracker(ABC):
    """The state of one operation; tells its callbacks what is new, and holds the rules.

    A subclass adds what a tool's output means (`parse_output`), or a method that counts a transfer.
    Every method may be called from any thread. What comes after the end is ignored.

    As a context manager it starts the operation, and ends it when the block did not: an exception
    fails it (with its sentence, where it carries one), `Cancelled` or an interrupt cancels it, and
    a block that just falls through fails too, since nothing was checked.

    Speed and ETA are measured (see `RateMeter`) unless `update` is told them: bytes per second and
    the seconds left from the sizes, or, where there are no sizes, the seconds left from the
    percentages. Paced callbacks are told once a second how both go when nothing moves any more.

    Args:
        operation: The operation's name for people, such as "MEGA Download".
        clock: Returns seconds that only grow, for speed and ETA; tests give one that they control.
        unit: What sizes and speeds count: "B" for bytes, else a word such as "files" or "frames".
    """

    def __init__(
        self, operation: str, clock: Callable[[], float] = time.monotonic, *, unit: str = "B"
    ) -> None:
        self._lock = threading.RLock()
        self._direct: tuple[Delivery[ProgressInfo], ...] = ()
        self._paced: tuple[Delivery[ProgressInfo], ...] = ()
        self._started = False
        self._info = ProgressInfo(
            operation, ProgressStatus.STARTING, details=_NOTHING, id=new_id(), unit=unit
        )
        # A size alone, the update of every block of a transfer, is only stored when nobody has to
        # be told of it at once; `_apply_pending_size` makes a state of it when one is wanted.
        self._fast_path = False
        self._pending_size: int | None = None
        self._applied_size: int | None = None
        self._tick_is_asked = False
        self._ticks_go_on = False  # else the one that is asked for is the last
        self._ticked: ProgressInfo | None = None
        self._clock = clock
        self._meter = RateMeter(clock)
        self._meters_sizes = False  # else percentages
        self._measured_at = 0.0
        self._reported_speed: float | None = None
        self._reported_eta: float | None = None

    @property
    def operation(self) -> str:
        """The operation's name for people."""
        return self._info.operation

    @property
    def id(self) -> str:
        """What tells this operation from every other."""
        return self._info.id

    def add_callback(self, callback: ProgressCallback, *, paced: bool = False) -> None:
        """Have `callback` told of every change of status and the newest state otherwise.

        It runs in the thread that updates the tracker. One that is seen to be slow (over 50 ms) is
        moved to a thread of its own, where it gets the newest state. One that raises is logged.
        Added twice, it is still told once.

        Args:
            callback: Gets the states.
            paced: Whether 20 states a second are enough while the operation is in progress. They
                come from a thread of the core's, and an update costs the work next to nothing. It
                is how a job tells its sinks.
        """
        with self._lock:
            if any(d.callback == callback for d in (*self._direct, *self._paced)):
                return
            if paced:
                self._paced = (*self._paced, Delivery(callback))
            else:
                self._direct = (*self._direct, Delivery(callback))
            self._choose_path()

    def remove_callback(self, callback: ProgressCallback) -> None:
        """Tell `callback` nothing more. One that was never added is no error."""
        with self._lock:
            for delivery in (*self._direct, *self._paced):
                if delivery.callback == callback:
                    delivery.stop()
            self._direct = tuple(d for d in self._direct if d.callback != callback)
            self._paced = tuple(d for d in self._paced if d.callback != callback)
            self._choose_path()

    def get_current_progress(self) -> ProgressInfo:
        """The newest state. Before `start` it is STARTING with nothing known."""
        if self._pending_size is not self._applied_size:
            with self._lock:
                self._apply_pending_size()
        return self._info

    def start(self, message: str = "") -> None:
        """Begin: tell the callbacks STARTING. Does nothing when called again or after the end."""
        with self._lock:
            if self._started:
                return
            self._started = True
            self._set(replace(self._info, message=message, timestamp=time.time()), keep=True)
        self._flush()

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
            current_size: Bytes done; None leaves it.
            **changes: `total_size`, `speed`, `eta`, `message` and `details`; see `Changes`.

        Raises:
            TypeError: There is no argument of that name.
        """
        if percentage is None and not changes and self._fast_path:
            self._pending_size = current_size
        else:
            self._tell(percentage, current_size, changes)

    def complete(self, message: str = "") -> None:
        """End well: 100 %. Call it only once the result was checked."""
        self._end(ProgressStatus.COMPLETED, message)

    def fail(self, message: str) -> None:
        """End badly; `message` is the sentence for people: what happened and what to do."""
        self._end(ProgressStatus.FAILED, message)

    def cancel(self, message: str = "Cancelled.") -> None:
        """End because someone asked for it."""
        self._end(ProgressStatus.CANCELLED, message)

    @abstractmethod
    def parse_output(self, text: str) -> bool:
        """Read what the tool printed: one whole line or more, with or without the line ends.

        Any text at all leaves it without an exception. A program's output in pieces that end
        anywhere is made into lines by `similubot_core.process.LineSplitter`.

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

    def _tell(self, percentage: float | None, current_size: int | None, changes: Changes) -> None:
        if not changes.keys() <= Changes.__annotations__.keys():
            unknown = ", ".join(sorted(changes.keys() - Changes.__annotations__.keys()))
            raise TypeError(f"update() has no argument {unknown}")
        self.start()
        with self._lock:
            self._apply_pending_size()
            last = self._info.status
            if last.is_final:
                return
            info = self._next(percentage, current_size, changes)
            self._set(info, keep=last is not ProgressStatus.IN_PROGRESS)
        self._flush()

    def _end(self, status: ProgressStatus, message: str) -> None:
        self.start()
        with self._lock:
            self._fast_path = False
            self._apply_pending_size()
            last = self._info
            if last.status.is_final:
                return
            completed = status is ProgressStatus.COMPLETED
            total = last.total_size if last.total_size is not None else last.current_size
            self._set(
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
                keep=True,
            )
        self._flush()

    def _set(self, info: ProgressInfo, *, keep: bool) -> None:
        """Store the state and queue it in order; called under the lock, so it calls nobody."""
        self._info = info
        for delivery in self._direct:
            delivery.put(info, keep=keep)
        if keep:
            for delivery in self._paced:
                delivery.put(info, keep=True)
        self._choose_path()

    def _flush(self) -> None:
        for delivery in self._direct:
            delivery.flush()
        for delivery in self._paced:
            delivery.flush()

    def _choose_path(self) -> None:
        """Decide, under the lock, what an update does; ask for ticks while somebody wants them."""
        in_progress = self._info.status is ProgressStatus.IN_PROGRESS
        self._ticks_go_on = in_progress and bool(self._paced)
        self._fast_path = in_progress and not self._direct
        if self._ticks_go_on:
            self._ask_for_tick()

    def _ask_for_tick(self) -> None:
        if not self._tick_is_asked:
            self._tick_is_asked = True
            ticker.shared.call_soon(self._tick)

    def _apply_pending_size(self) -> None:
        """Make a state of the size that was stored last; called under the lock."""
        size = self._pending_size
        if size is self._applied_size:
            return
        self._applied_size = size
        last = self._info
        if size is None or last.status is not ProgressStatus.IN_PROGRESS:
            return
        self._info = self._next(None, size, {})

    def _next(
        self, percentage: float | None, current_size: int | None, changes: Changes
    ) -> ProgressInfo:
        """The state in progress that comes now; called under the lock."""
        last = self._info
        current = last.current_size if current_size is None else _size(current_size)
        total = _size(changes["total_size"]) if "total_size" in changes else last.total_size
        if percentage is None and current is not None and total:
            percentage = 100.0 * current / total
        percentage = _percentage(percentage, last.percentage)
        speed, eta = self._speed_and_eta(percentage, current, total, changes)
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

    def _speed_and_eta(
        self, percentage: float, current: int | None, total: int | None, changes: Changes
    ) -> tuple[float | None, float | None]:
        """What the tool says now, else what it said before, else what is measured."""
        self._measure(percentage, current)
        if "speed" in changes:
            speed = self._reported_speed = _finite(changes["speed"])
        elif self._reported_speed is not None:
            speed = self._reported_speed
        else:
            speed = self._meter.speed if self._meters_sizes else None
        if "eta" in changes:
            eta = self._reported_eta = _finite(changes["eta"])
        elif self._reported_eta is not None:
            eta = self._reported_eta
        elif self._meters_sizes:
            eta = _seconds_left(current, total, speed)
        else:
            eta = self._meter.eta(100.0)
        return speed, eta

    def _measure(self, percentage: float, current: int | None) -> None:
        by_size = current is not None
        if by_size is not self._meters_sizes:
            self._meter = RateMeter(self._clock)
            self._meters_sizes = by_size
        self._meter.sample(percentage if current is None else current)
        self._measured_at = self._clock()

    def _tick(self) -> None:
        """Tell the paced callbacks the newest state; runs in the ticker's thread."""
        with self._lock:
            self._tick_is_asked = False
            self._apply_pending_size()
            if self._info.status is not ProgressStatus.IN_PROGRESS or not self._paced:
                return
            if self._info is self._ticked:
                self._look_at_standstill()
            if self._info is not self._ticked:
                self._ticked = self._info
                for delivery in self._paced:
                    delivery.put(self._info, keep=False)
            elif not self._meter.speed:
                # Nothing moves. The next update asks for ticks anew; one more, the last, is for a
                # thread that is about to store a size, since it found that it may.
                self._fast_path = False
                if not self._ticks_go_on:
                    return
                self._ticks_go_on = False
            self._ask_for_tick()
        self._flush()

    def _look_at_standstill(self) -> None:
        """Measure once more, a second after the last news; called under the lock."""
        if self._clock() - self._measured_at >= STANDSTILL_SECONDS:
            measured = self._next(None, None, {})
            if (measured.speed, measured.eta) != (self._info.speed, self._info.eta):
                self._info = measured


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
