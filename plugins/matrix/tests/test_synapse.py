"""The sink "matrix" on the real Synapse with its default limits."""

from __future__ import annotations

import logging
import time

import pytest

from similubot_core import ProgressInfo, ProgressStatus, Settings, SinkContext
from similubot_matrix import open_matrix_sink

from .synapse import Synapse

pytestmark = pytest.mark.slow


def settings(synapse: Synapse) -> Settings:
    return Settings(environ={"SIMILUBOT_MATRIX_TOKEN": synapse.token})


def bodies(synapse: Synapse, room: str) -> list[str]:
    return [str(m["content"]["body"]) for m in synapse.messages(room)]  # type: ignore[index]


def wait(seconds: float) -> None:
    time.sleep(seconds)


def test_a_message_is_sent_edited_and_ends_on_the_final_state(synapse: Synapse) -> None:
    room = synapse.add_room()
    sink = open_matrix_sink(SinkContext(f"{synapse.url}/{room}", settings(synapse), "clip.mp4"))
    sink.show(ProgressInfo("Backup", ProgressStatus.STARTING))
    until = time.monotonic() + 60
    while not bodies(synapse, room):
        assert time.monotonic() < until
        wait(0.2)
    sink.show(ProgressInfo("Backup", ProgressStatus.COMPLETED, 100.0))
    sink.close()
    (body,) = bodies(synapse, room)
    assert body.startswith("✅ clip.mp4")


def test_an_encrypted_room_is_refused(synapse: Synapse, caplog: pytest.LogCaptureFixture) -> None:
    room = synapse.add_room(encrypted=True)
    sink = open_matrix_sink(SinkContext(f"{synapse.url}/{room}", settings(synapse)))
    sink.show(ProgressInfo("Backup", ProgressStatus.COMPLETED, 100.0))
    sink.close()
    assert "the room is encrypted" in caplog.text
    assert bodies(synapse, room) == []


def test_a_deleted_message_is_not_sent_again(
    synapse: Synapse, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "similubot.matrix")
    room = synapse.add_room()
    sink = open_matrix_sink(SinkContext(f"{synapse.url}/{room}", settings(synapse)))
    sink.show(ProgressInfo("Backup", ProgressStatus.STARTING))
    until = time.monotonic() + 60
    while not (shown := synapse.messages(room)):
        assert time.monotonic() < until
        wait(0.2)
    path = f"/_matrix/client/v3/rooms/{room}/redact/{shown[0]['event_id']}/1"
    synapse.ask("PUT", path, {})
    sink.show(ProgressInfo("Backup", ProgressStatus.COMPLETED, 100.0))
    sink.close()
    assert "the message was deleted" in caplog.text
    assert bodies(synapse, room) == []
