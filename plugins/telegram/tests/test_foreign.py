"""The sink "telegram" on a Telegram server that others wrote: npm's telegram-test-api.

`npm install --prefix plugins/telegram/tests/node`.
"""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from similubot_core import Settings, SinkContext
from similubot_loopback.load import drive
from similubot_telegram import open_telegram_sink

pytestmark = pytest.mark.slow

NODE = Path(__file__).with_name("node")
TOKEN = "123456:token-of-a-foreign-server-for-tests"
PATIENCE = 60.0


class ForeignServer:
    def __init__(self) -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            port = taken.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        self._process = subprocess.Popen(
            ["node", NODE / "serve.cjs", str(port)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._line() == "ready"

    def messages(self) -> list[str]:
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return [message["text"] for message in json.loads(self._line())]

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()

    def close(self) -> None:
        self._process.communicate(timeout=PATIENCE)


@pytest.fixture
def foreign() -> Iterator[ForeignServer]:
    if shutil.which("node") is None or not (NODE / "node_modules/telegram-test-api").is_dir():
        pytest.skip(
            "telegram-test-api is not installed: npm install --prefix plugins/telegram/tests/node"
        )
    made = ForeignServer()
    yield made
    made.close()


@pytest.mark.parametrize("operations", [1, 10])
def test_operations_end_on_their_final_states(foreign: ForeignServer, operations: int) -> None:
    environ = {"SIMILUBOT_TELEGRAM_TOKEN": TOKEN, "SIMILUBOT_TELEGRAM_API_URL": foreign.url}
    sinks = [
        open_telegram_sink(SinkContext("4711", Settings(environ=environ)))
        for _ in range(operations)
    ]
    drive(sinks, 12.0)
    until = time.monotonic() + operations * 1.5 + PATIENCE
    while sum("✅" in text for text in foreign.messages()) < operations:
        assert time.monotonic() < until
        time.sleep(0.2)
    closing = [threading.Thread(target=sink.close) for sink in sinks]
    for thread in closing:
        thread.start()
    for thread in closing:
        thread.join(PATIENCE)
    texts = foreign.messages()
    assert len(texts) == operations
    assert {text.splitlines()[0] for text in texts} == {
        f"✅ <b>job {number}</b>" for number in range(operations)
    }
