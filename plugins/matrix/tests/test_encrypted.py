"""The sink "matrix" in an encrypted room, by the real Pantalaimon before the real Synapse.

`SIMILUBOT_TEST_PANTALAIMON` names its program (`pip install pantalaimon`, which wants libolm).
"""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from similubot_core import ProgressInfo, ProgressStatus, Settings, SinkContext
from similubot_matrix import open_matrix_sink

from .synapse import PATIENCE, Synapse

pytestmark = pytest.mark.slow

CONFIG = """\
[local]
Homeserver = {server}
ListenAddress = 127.0.0.1
ListenPort = {port}
SSL = False
IgnoreVerification = True
UseKeyring = False
"""


@pytest.fixture
def proxy(synapse: Synapse, tmp_path: Path) -> Iterator[str]:
    """The address of Pantalaimon."""
    program = os.environ.get("SIMILUBOT_TEST_PANTALAIMON", "")
    if not program:
        pytest.skip("SIMILUBOT_TEST_PANTALAIMON names no pantalaimon")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    (tmp_path / "pantalaimon.conf").write_text(CONFIG.format(server=synapse.url, port=port))
    process = subprocess.Popen(
        [program, "-c", tmp_path / "pantalaimon.conf", "--data-path", tmp_path],
        stderr=subprocess.DEVNULL,
    )
    try:
        until = time.monotonic() + PATIENCE
        while socket.socket().connect_ex(("127.0.0.1", port)) != 0:
            assert time.monotonic() < until
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(PATIENCE)


def log_in(synapse: Synapse, proxy: str, name: str) -> str:
    """The token of an account, whose keys the proxy has."""
    synapse.add_account(name)
    user = {"type": "m.id.user", "user": name}
    body = {"type": "m.login.password", "identifier": user, "password": "password"}
    return str(synapse.ask("POST", "/_matrix/client/v3/login", body, by=proxy)["access_token"])


def test_who_is_in_the_room_reads_one_message_and_its_end_and_the_server_reads_nothing(
    synapse: Synapse, proxy: str
) -> None:
    bot, reader = (log_in(synapse, proxy, name) for name in ("bot-of-proxy", "reader-of-proxy"))
    room = synapse.add_room(encrypted=True, token=bot)
    invitation = {"user_id": "@reader-of-proxy:localhost"}
    synapse.ask("POST", f"/_matrix/client/v3/rooms/{room}/invite", invitation, bot)
    synapse.ask("POST", f"/_matrix/client/v3/join/{room}", {}, reader)
    environ = {
        "SIMILUBOT_MATRIX_TOKEN": bot,
        "SIMILUBOT_MATRIX_ENCRYPTING_PROXY": "true",
    }
    sink = open_matrix_sink(SinkContext(f"{proxy}/{room}", Settings(environ=environ), "hidden.mp4"))
    sink.show(ProgressInfo("Backup", ProgressStatus.STARTING))
    until = time.monotonic() + PATIENCE
    while not synapse.messages(room, reader, by=proxy):
        assert time.monotonic() < until
        time.sleep(0.2)
    sink.show(ProgressInfo("Backup", ProgressStatus.COMPLETED, 100.0))
    sink.close()
    (message,) = synapse.messages(room, reader, by=proxy)
    assert str(message["content"]["body"]).startswith("✅ hidden.mp4")  # type: ignore[index]
    kept = synapse.ask("GET", f"/_matrix/client/v3/rooms/{room}/messages?dir=b", token=reader)
    assert "hidden.mp4" not in str(kept)
    types = [event["type"] for event in kept["chunk"]]  # type: ignore[attr-defined]
    assert types.count("m.room.encrypted") == 2
    assert "m.room.message" not in types
