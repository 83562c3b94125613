"""Progress in two lines, for a program that has a loop or a transfer and no wish to know more."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Sized
from typing import TypeVar

from similubot_core.progress.counting_tracker import CountingTracker
from similubot_core.sinks import default_sink

T = TypeVar("T")


def track(
    items: Iterable[T],
    operation: str = "Working",
    *,
    total: int | None = None,
    unit: str = "items",
    sink: str | None = None,
) -> Iterator[T]:
    """Go through `items`, and show how far the loop is.

    Leaving the loop early ends the operation as cancelled.

    Args:
        items: What to go through.
        operation: What is being done, for people.
        total: How many there are; None asks `items` for its length, and is unknown where it has
            none.
        unit: What they are, such as "files".
        sink: Where to show it, as `default_sink` takes it.
    """
    if total is None and isinstance(items, Sized):
        total = len(items)
    with tracked(operation, total=total, unit=unit, sink=sink) as tracker:
        done = 0
        tracker._count_by(lambda: done)  # so that an item costs no more than this loop itself
        for item in items:
            yield item
            done += 1


@contextlib.contextmanager
def tracked(
    operation: str, *, total: int | None = None, unit: str = "B", sink: str | None = None
) -> Iterator[CountingTracker]:
    """An operation that is shown in the program's default sink while the block runs.

    The block calls ``tracker.advance(n)`` or ``tracker.update(…)``. When it ends, the operation is
    completed, where the block did not end it; an exception fails it, an interrupt cancels it.

    Args:
        operation: What is being done, for people.
        total: How many units there are; None is unknown.
        unit: What is counted: "B" for bytes, else a word such as "files".
        sink: Where to show it, as `default_sink` takes it.
    """
    with default_sink(sink) as shown:
        tracker = CountingTracker(operation, unit=unit)
        tracker.add_callback(shown.show)
        with tracker:
            tracker.update(current_size=0, total_size=total)
            try:
                yield tracker
            except GeneratorExit:  # `track` was left early
                tracker.cancel("Stopped early.")
                raise
            tracker.complete()
