"""What 1, 10 and 50 operations at 20 states a second show in a room of the real Synapse."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

from similubot_core import Settings, Sink, SinkContext
from similubot_loopback.load import drive
from similubot_matrix import open_matrix_sink

from .synapse import Synapse

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

PERIOD = 5.0
"""Seconds an event, in the long run: Synapse's default limit."""
PATIENCE = 30.0
"""Seconds more than the rules allow, for a machine that does something else."""
SECONDS = 60.0


class Load:
    """So many sinks of one account in one room."""

    def __init__(self, synapse: Synapse, operations: int, name: str) -> None:
        self._synapse = synapse
        self._token = synapse.add_account(name)
        self.room = synapse.add_room(token=self._token)
        self.settings = Settings(environ={"SIMILUBOT_MATRIX_TOKEN": self._token})
        self.sinks: list[Sink] = [
            open_matrix_sink(SinkContext(f"{synapse.url}/{self.room}", self.settings))
            for _ in range(operations)
        ]

    def finals(self) -> list[float]:
        """When each final state came, in seconds since the epoch."""
        return [
            float(str(message["origin_server_ts"])) / 1000
            for message in self._synapse.messages(self.room, self._token)
            if "✅ job" in str(message["content"])
        ]

    def count(self) -> int:
        return len(self._synapse.messages(self.room, self._token))

    def close(self) -> None:
        closing = [threading.Thread(target=sink.close) for sink in self.sinks]
        for thread in closing:
            thread.start()
        for thread in closing:
            thread.join(60)
            assert not thread.is_alive()


def wait(condition: Callable[[], object], seconds: float) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.5)


@pytest.mark.parametrize("operations", [1, 10, 50])
def test_a_minute_of_states_keeps_the_limit_and_ends_on_the_final_states(
    synapse: Synapse, operations: int
) -> None:
    before = synapse.too_soon()
    load = Load(synapse, operations, f"load{operations}")
    drive(load.sinks, SECONDS)
    ended = time.time()
    allowed = PERIOD * (2 if operations == 1 else operations + 1)
    wait(lambda: len(load.finals()) == operations, allowed + PATIENCE)
    load.close()
    took = [at - ended for at in load.finals()]
    time.sleep(6)  # its log is written every five seconds
    refused = synapse.too_soon() - before
    print(f"{operations} operations: finals after {min(took):.1f} to {max(took):.1f} s, "
          f"{refused} refused")  # fmt: skip
    assert load.count() == operations
    assert refused <= 1 + (SECONDS + allowed) / 60
    assert max(took) <= allowed + PATIENCE


def test_a_server_that_is_away_for_half_a_minute_shows_every_final_state(synapse: Synapse) -> None:
    load = Load(synapse, 10, "outage")

    def outage() -> None:
        synapse.stop()
        threading.Timer(30.0, synapse.start).start()

    drive(load.sinks, SECONDS, in_the_middle=outage)
    ended = time.monotonic()
    wait(lambda: _is_there(load) and len(load.finals()) == 10, 240.0)
    print(f"all final states {time.monotonic() - ended:.0f} s after the end")
    load.close()
    assert load.count() == 10


def test_a_server_that_is_killed_at_the_end_holds_nobody_up(
    synapse: Synapse, caplog: pytest.LogCaptureFixture
) -> None:
    load = Load(synapse, 10, "killed")
    try:
        drive(load.sinks, 10.0, in_the_middle=synapse.stop)
        began = time.monotonic()
        load.close()
        took = time.monotonic() - began
    finally:
        synapse.start()
    print(f"closed within {took:.1f} s")
    assert took < 15.0 + PATIENCE
    assert "the server cannot be reached" in caplog.text


def _is_there(load: Load) -> bool:
    try:
        return load.count() > 0
    except OSError:
        return False
