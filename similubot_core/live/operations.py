"""The newest state of each operation that one message shows, written by any thread."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from similubot_core.jobs.stages import STAGES
from similubot_core.progress.info import ProgressInfo, ProgressStatus
from similubot_core.progress.tracker import ProgressCallback


@dataclass(frozen=True, slots=True)
class OperationState:
    """One operation as it is to be shown.

    `info` is None for one that is planned and has not begun. `seconds` is the time it took, None
    until it ended.
    """

    name: str
    info: ProgressInfo | None
    seconds: float | None


class Waker(Protocol):
    """What is told that there is something new; `LiveMessage` is one."""

    woken: bool
    """Whether it was told and has not looked yet; then it need not be told again."""

    def wake(self) -> None:
        """There is something new."""

    def request_urgent(self) -> None:
        """There is something that should not wait for the interval."""


class Operations:
    """Takes states from any thread, never blocking; gives them in the order they began.

    Operations are told apart by their id. An end is sticky: what comes later of the same operation
    is dropped, unless it begins anew.

    Args:
        planned: The names of operations known to come, in their order; the first operation of a
            name that begins takes its place.
    """

    def __init__(self, planned: Sequence[str] = ()) -> None:
        self._planned = tuple(planned)
        self._lock = threading.Lock()
        self._live: dict[str, ProgressInfo] = {}
        self._ended: dict[str, ProgressInfo] = {}
        self._began: dict[str, ProgressInfo] = {}

    def callback(
        self, waker: Waker, is_the_end: Callable[[], bool] | None = None
    ) -> ProgressCallback:
        """The function for `ProgressTracker.add_callback`: it stores, wakes and is gone.

        Args:
            waker: Told that there is something new.
            is_the_end: Whether an operation's end is one that should be shown at once; None is
                when all of these operations have ended.
        """
        is_the_end = is_the_end or self.all_ended
        in_progress = ProgressStatus.IN_PROGRESS
        live = self._live

        def take(info: ProgressInfo) -> None:
            if info.unit == STAGES:
                return  # a whole job: its stages are what is shown here
            if info.status is in_progress:
                live[info.id] = info  # one step for all threads: no lock needed
            else:
                self._status_changed(info)
                if info.status.is_final and is_the_end():
                    waker.request_urgent()
            if not waker.woken:
                waker.wake()

        return take

    def _status_changed(self, info: ProgressInfo) -> None:
        with self._lock:
            if info.status is ProgressStatus.STARTING:
                self._live[info.id] = info
                self._ended.pop(info.id, None)
                self._began[info.id] = info
            elif info.id not in self._ended:
                self._began.setdefault(info.id, info)
                self._ended[info.id] = info

    def all_ended(self) -> bool:
        """Whether nothing is left to be done, as far as is known now."""
        with self._lock:
            if not self._ended or not {*self._began, *self._live.copy()} <= self._ended.keys():
                return False
            if any(i.status is not ProgressStatus.COMPLETED for i in self._ended.values()):
                return True
            return {info.operation for info in self._ended.values()}.issuperset(self._planned)

    def states(self) -> list[OperationState]:
        """All operations: those begun in their order, then those planned."""
        with self._lock:
            for key, info in self._live.copy().items():
                self._began.setdefault(key, info)
            begun = list(self._began.values())
            names = {info.operation for info in begun}
            states = [self._state(info) for info in begun]
            states += [OperationState(n, None, None) for n in self._planned if n not in names]
            if names <= set(self._planned):
                states.sort(key=lambda state: self._planned.index(state.name))
            return states

    def _state(self, began: ProgressInfo) -> OperationState:
        ended = self._ended.get(began.id)
        if ended is None:
            return OperationState(began.operation, self._live.get(began.id), None)
        seconds = max(0.0, ended.timestamp - began.timestamp)
        return OperationState(began.operation, ended, seconds)
