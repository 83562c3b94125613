"""The ticker: calls what was asked for at its next tick, and has a thread only then."""

import threading
from collections.abc import Callable

from similubot_core.progress._ticker import Ticker

PATIENCE = 10.0


class Steps:
    """A sleep that lasts until the test says so."""

    def __init__(self) -> None:
        self._go = threading.Semaphore(0)
        self.asked: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.asked.append(seconds)
        assert self._go.acquire(timeout=PATIENCE)

    def tick(self) -> None:
        self._go.release()


def ticker_threads() -> list[threading.Thread]:
    return [t for t in threading.enumerate() if t.name == "similubot-ticker"]


def test_what_is_asked_for_is_called_once_at_the_next_tick() -> None:
    steps, called = Steps(), threading.Event()
    calls: list[int] = []

    def function() -> None:
        calls.append(1)
        called.set()

    ticker = Ticker(0.25, steps.sleep)
    ticker.call_soon(function)
    assert not calls
    steps.tick()
    assert called.wait(PATIENCE)
    steps.tick()
    for thread in ticker_threads():
        thread.join(PATIENCE)
    assert calls == [1]
    assert set(steps.asked) == {0.25}


def test_the_thread_ends_with_a_tick_that_nothing_was_asked_for_and_comes_back_when_needed() -> (
    None
):
    steps, called = Steps(), threading.Event()
    ticker = Ticker(0.25, steps.sleep)
    for _ in range(2):
        called.clear()
        ticker.call_soon(called.set)
        steps.tick()
        assert called.wait(PATIENCE)
        steps.tick()
        for thread in ticker_threads():
            thread.join(PATIENCE)
            assert not thread.is_alive()


def test_a_function_that_raises_hinders_no_other() -> None:
    steps, called = Steps(), threading.Event()
    ticker = Ticker(0.25, steps.sleep)
    ticker.call_soon(_raises)
    ticker.call_soon(called.set)
    steps.tick()
    assert called.wait(PATIENCE)
    steps.tick()


def test_what_is_asked_for_during_a_tick_is_called_at_the_next() -> None:
    steps, second = Steps(), threading.Event()
    ticker = Ticker(0.25, steps.sleep)
    ask: Callable[[], None] = lambda: ticker.call_soon(second.set)  # noqa: E731
    ticker.call_soon(ask)
    steps.tick()
    steps.tick()
    assert second.wait(PATIENCE)
    steps.tick()


def _raises() -> None:
    raise RuntimeError("a tick of the test")
