"""Speed and ETA from samples, with a clock that the test moves."""

import math

import pytest
from hypothesis import given
from hypothesis import settings as settings_of_a_run
from hypothesis import strategies as st

from similubot_core import RateMeter

unhurried = settings_of_a_run(deadline=None, max_examples=60)  # a loaded machine is no failure


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def feed(
    meter: RateMeter, clock: Clock, *, rate: float, seconds: float, start: float = 0.0
) -> float:
    """Grow by `rate` a second in steps of a tenth; returns where it ended."""
    steps = round(seconds * 10)
    for step in range(steps + 1):
        meter.sample(start + rate * step / 10)
        if step < steps:
            clock.now += 0.1
    return start + rate * seconds


def test_nothing_is_known_at_first(clock: Clock) -> None:
    meter = RateMeter(clock)
    assert meter.speed is None
    assert meter.eta(100) is None
    meter.sample(0)
    assert meter.speed is None
    assert meter.eta(100) is None


def test_the_speed_is_unknown_until_a_quarter_of_a_second_of_samples(clock: Clock) -> None:
    meter = RateMeter(clock)
    meter.sample(0)
    clock.now += 0.2
    meter.sample(1_000_000)
    assert meter.speed is None
    clock.now += 0.05
    meter.sample(1_250_000)
    assert meter.speed == pytest.approx(5_000_000)


@pytest.mark.parametrize("rate", [1.0, 1000.0, 125_000_000.0])
def test_a_steady_rate_is_measured_exactly(clock: Clock, rate: float) -> None:
    meter = RateMeter(clock)
    done = feed(meter, clock, rate=rate, seconds=30)
    assert meter.speed == pytest.approx(rate)
    assert meter.eta(done + 60 * rate) == pytest.approx(60)


def test_it_follows_a_line_that_slows_down_within_ten_seconds(clock: Clock) -> None:
    meter = RateMeter(clock)
    done = feed(meter, clock, rate=10_000, seconds=60)
    feed(meter, clock, rate=1_000, seconds=10.2, start=done)
    assert meter.speed == pytest.approx(1_000, rel=0.02)


def test_the_speed_sinks_while_nothing_arrives(clock: Clock) -> None:
    meter = RateMeter(clock)
    feed(meter, clock, rate=1_000, seconds=10)
    seen = []
    for _ in range(5):
        clock.now += 10
        seen.append(meter.speed or 0.0)
    assert seen == sorted(seen, reverse=True)
    assert seen[-1] < 200


def test_the_eta_grows_while_nothing_arrives(clock: Clock) -> None:
    meter = RateMeter(clock)
    feed(meter, clock, rate=1_000, seconds=10)
    before = meter.eta(20_000)
    clock.now += 30
    after = meter.eta(20_000)
    assert before is not None
    assert after is not None
    assert after > before


def test_a_number_that_falls_starts_the_measurement_anew(clock: Clock) -> None:
    meter = RateMeter(clock)
    feed(meter, clock, rate=1_000_000, seconds=5)
    meter.sample(0)
    assert meter.speed is None
    clock.now += 1
    meter.sample(500)
    assert meter.speed == pytest.approx(500)


def test_nothing_left_takes_no_time(clock: Clock) -> None:
    meter = RateMeter(clock)
    done = feed(meter, clock, rate=1_000, seconds=5)
    assert meter.eta(done) == 0.0
    assert meter.eta(done - 1) == 0.0


def test_an_unknown_end_or_no_growth_has_no_eta(clock: Clock) -> None:
    meter = RateMeter(clock)
    feed(meter, clock, rate=0, seconds=5)
    assert meter.speed == 0.0
    assert meter.eta(None) is None
    assert meter.eta(100) is None


def test_memory_stays_bounded_however_many_samples_come(clock: Clock) -> None:
    meter = RateMeter(clock)
    for count in range(100_000):
        meter.sample(count)
        clock.now += 0.001
    assert len(meter._samples) < 250
    assert meter.speed == pytest.approx(1000, rel=0.01)


numbers = st.one_of(st.floats(), st.integers(), st.integers(min_value=10**308, max_value=10**400))


@unhurried
@given(st.lists(st.tuples(numbers, st.floats(-5, 100))), numbers | st.none())
def test_whatever_is_sampled_speed_and_eta_are_none_or_finite_and_not_negative(
    samples: list[tuple[float, float]], total: float | None
) -> None:
    clock = Clock()
    meter = RateMeter(clock)
    for value, pause in samples:
        meter.sample(value)
        clock.now += pause
        for answer in (meter.speed, meter.eta(total)):
            assert answer is None or (math.isfinite(answer) and answer >= 0)
