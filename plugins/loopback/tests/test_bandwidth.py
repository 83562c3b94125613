"""A line that several share: each waits its turn, and nobody loses by waking up late."""

import pytest

from similubot_loopback.bandwidth import Bandwidth
from similubot_testkit.fake_clock import FakeClock


def test_whoever_asks_waits_for_those_before() -> None:
    line = Bandwidth(1000, FakeClock(5))
    waits = [line.take(100) for _ in range(3)]
    assert waits == pytest.approx([0.1, 0.2, 0.3])


def test_time_in_which_nobody_asked_is_lost() -> None:
    clock = FakeClock()
    line = Bandwidth(1000, clock)
    clock.advance(10)
    assert line.take(1000) == pytest.approx(0.95)  # but for the lateness that is made up for


def test_one_connection_that_wakes_up_late_gets_the_whole_line_all_the_same() -> None:
    clock = FakeClock()
    line = Bandwidth(1000, clock)
    for _ in range(100):
        clock.advance(line.take(100) + 0.03)
    assert clock() == pytest.approx(100 * 100 / 1000, abs=0.1)
