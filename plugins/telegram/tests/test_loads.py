"""What 1, 10 and 50 operations at 20 states a second show in a group, by a clock of the test's."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import pytest

from similubot_core import Settings, Sink, SinkContext
from similubot_core.live.loop import going_by, join_loop, leave_loop, turn_over
from similubot_loopback.load import drive
from similubot_loopback.telegram_server import Chat, LoopbackTelegram
from similubot_telegram import open_telegram_sink
from similubot_testkit.fake_clock import FakeClock

pytestmark = pytest.mark.slow

PERIOD = 3.0
"""Seconds a message, in the long run: 20 a minute in a group."""
SECONDS = 60.0


class Load:
    def __init__(self) -> None:
        self.clock = FakeClock(1000.0)
        self.server = LoopbackTelegram(clock=self.clock)
        self.group: Chat
        self.sinks: list[Sink] = []

    def open(self, operations: int) -> None:
        self.group = self.server.add_chat(group=True)
        environ = {
            "SIMILUBOT_TELEGRAM_TOKEN": self.server.token,
            "SIMILUBOT_TELEGRAM_API_URL": self.server.url,
        }
        context = SinkContext(str(self.group.id), Settings(environ=environ))
        self.sinks = [open_telegram_sink(context) for _ in range(operations)]

    def sleep(self, seconds: float) -> None:
        self.clock.advance(seconds)
        turn_over()
        self.server.requests()
        time.sleep(0.005)
        turn_over()

    def wait(self, condition: Callable[[], bool], seconds: float) -> None:
        until = self.clock() + seconds
        while not condition():
            assert self.clock() < until
            self.sleep(0.25)

    def finals(self) -> list[float]:
        """When each final state came."""
        return [m.history[-1][0] for m in self.group.messages if m.text.startswith("✅")]

    def refused(self) -> int:
        return sum(request.status == 429 for request in self.server.requests())

    def close(self) -> float:
        """Close all of them at once; how long that takes, by the clock."""
        began = self.clock()
        closing = [threading.Thread(target=sink.close) for sink in self.sinks]
        for thread in closing:
            thread.start()
        self.wait(lambda: not any(thread.is_alive() for thread in closing), 60.0)
        self.sinks = []
        return self.clock() - began


@pytest.fixture
def load() -> Iterator[Load]:
    made = Load()
    with made.server, going_by(made.clock):
        loop = join_loop()
        yield made
        made.close()
        leave_loop(loop)


@pytest.mark.parametrize("operations", [1, 10, 50])
def test_a_minute_of_states_keeps_the_limit_and_ends_on_the_final_states(
    load: Load, operations: int
) -> None:
    load.open(operations)
    drive(load.sinks, SECONDS, load.sleep)
    ended = load.clock()
    before = len(load.server.requests())
    allowed = PERIOD * (2 if operations == 1 else operations + 1)
    load.wait(lambda: len(load.finals()) == operations, allowed)
    took = [at - ended for at in load.finals()]
    print(f"{operations} operations: finals after {min(took):.1f} to {max(took):.1f} s, "
          f"{load.refused()} refused")  # fmt: skip
    assert load.refused() <= 1
    assert len(load.group.messages) == operations
    # In fair order: until all ended, nobody had a second edit.
    assert len(load.server.requests()) - before <= operations + 1


def test_a_server_that_is_away_for_half_a_minute_shows_every_final_state(load: Load) -> None:
    load.open(10)
    back_at = [0.0]

    def outage() -> None:
        load.server.away = True
        back_at[0] = load.clock() + 30.0

    def sleep(seconds: float) -> None:
        load.sleep(seconds)
        if load.server.away and load.clock() >= back_at[0]:
            load.server.away = False

    drive(load.sinks, SECONDS + 5.0, sleep, in_the_middle=outage)
    ended = load.clock()
    load.wait(lambda: len(load.finals()) == 10, 60.0 + PERIOD * 11)
    print(f"all final states {max(load.finals()) - ended:.1f} s after the end")
    assert len(load.group.messages) == 10


def test_a_server_that_is_gone_at_the_end_holds_nobody_up(
    load: Load, caplog: pytest.LogCaptureFixture
) -> None:
    load.open(10)

    def kill() -> None:
        load.server.away = True

    drive(load.sinks, 10.0, load.sleep, in_the_middle=kill)
    took = load.close()
    print(f"closed within {took:.1f} s")
    assert took <= 16.0
    assert "Telegram cannot be reached" in caplog.text
