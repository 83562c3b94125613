"""Many operations that tell sinks their states at a steady rate, for tests of loads."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from similubot_core import ProgressInfo, ProgressStatus, Sink

STATES_A_SECOND = 20.0


def drive(
    sinks: Sequence[Sink],
    seconds: float,
    sleep: Callable[[float], object] = time.sleep,
    in_the_middle: Callable[[], object] = lambda: None,
) -> None:
    """Run one operation in each sink: it starts, tells 20 states a second, and completes.

    Args:
        sinks: The sinks; operation N is called "job N".
        seconds: How long it takes.
        sleep: Lets that much time pass.
        in_the_middle: Called after half of it.
    """
    for number, sink in enumerate(sinks):
        sink.show(_state(number, ProgressStatus.STARTING, 0.0))
    steps = int(seconds * STATES_A_SECOND)
    for step in range(steps):
        if step == steps // 2:
            in_the_middle()
        for number, sink in enumerate(sinks):
            sink.show(_state(number, ProgressStatus.IN_PROGRESS, 99.0 * step / steps))
        sleep(1.0 / STATES_A_SECOND)
    for number, sink in enumerate(sinks):
        sink.show(_state(number, ProgressStatus.COMPLETED, 100.0))


def _state(number: int, status: ProgressStatus, percentage: float) -> ProgressInfo:
    return ProgressInfo(f"job {number}", status, percentage, id=f"load-{number}")
