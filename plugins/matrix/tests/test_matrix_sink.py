"""The sink "matrix" on a loopback Matrix with Synapse's limits and errors."""

from __future__ import annotations

import logging
import os
import subprocess
import sys

import pytest

from similubot_core import ProgressInfo, ProgressStatus, Settings, SinkContext, UsageError
from similubot_loopback.matrix_server import LoopbackMatrix, Room
from similubot_matrix import open_matrix_sink, similubot_sinks
from similubot_matrix.sink import parse_address
from similubot_testkit.sink_rules import assert_sink_keeps_the_rules

START, DONE = ProgressStatus.STARTING, ProgressStatus.COMPLETED
UNDER_WAY = ProgressStatus.IN_PROGRESS


def info(percentage: float, status: ProgressStatus = UNDER_WAY, **rest: object) -> ProgressInfo:
    return ProgressInfo("Backup", status, percentage, **rest)  # type: ignore[arg-type]


def address(server: LoopbackMatrix, room: Room) -> str:
    return f"{server.url}/{room.alias}"


def test_it_sends_one_message_and_edits_it_to_the_final_state(
    server: LoopbackMatrix, settings: Settings
) -> None:
    room = server.add_room("#builds")
    sink = open_matrix_sink(SinkContext(address(server, room), settings, "nightly"))
    sink.show(info(0, START))
    server.wait(lambda: room.messages)
    link = {"link": "https://files.example/a.m4a"}
    sink.show(info(100, DONE, details=link, message="5 files."))
    sink.close()
    sink.close()
    (message,) = room.messages
    assert message.body.splitlines()[:2] == ["✅ nightly", "✅ Backup · 0s"]
    assert "<b>nightly</b><br>" in message.html
    assert f'<a href="{link["link"]}">' in message.html
    assert message.edits == 1
    assert {r.status for r in server.requests("PUT")} == {200}


def test_a_message_is_a_notice_that_mentions_nobody(
    server: LoopbackMatrix, settings: Settings
) -> None:
    room = server.add_room("#builds")
    sink = open_matrix_sink(SinkContext(address(server, room), settings, "@room and bot"))
    sink.show(info(100, DONE))
    sink.close()
    content = room.messages[0].content
    assert content["msgtype"] == "m.notice"
    assert content["m.mentions"] == {}
    assert "@room" not in str(content)


def test_a_room_that_the_account_is_invited_to_is_joined(
    server: LoopbackMatrix, settings: Settings
) -> None:
    room = server.add_room("#builds", joined=False)
    sink = open_matrix_sink(SinkContext(f"{server.url}/{room.id}", settings))
    sink.show(info(100, DONE))
    sink.close()
    assert room.messages[0].body.startswith("✅ Backup")


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ({"encrypted": True}, "the room is encrypted, and this sink cannot encrypt"),
        ({"joined": False, "invited": False}, "403 M_FORBIDDEN"),
    ],
)
def test_a_room_that_is_not_for_it_is_refused_in_a_sentence_and_the_work_goes_on(
    server: LoopbackMatrix,
    settings: Settings,
    caplog: pytest.LogCaptureFixture,
    kind: dict[str, bool],
    said: str,
) -> None:
    room = server.add_room("#builds", **kind)
    sink = open_matrix_sink(SinkContext(address(server, room), settings))
    for percentage in range(50):
        sink.show(info(percentage))
    sink.show(info(100, DONE))
    sink.close()
    (told,) = [r.getMessage() for r in caplog.records if r.name == "similubot.matrix"]
    assert said in told
    assert "The work goes on" in told
    assert room.messages == []


def test_by_a_proxy_that_encrypts_an_encrypted_room_is_written_to(server: LoopbackMatrix) -> None:
    room = server.add_room("#builds", encrypted=True)
    environ = {
        "SIMILUBOT_MATRIX_TOKEN": server.token,
        "SIMILUBOT_MATRIX_ENCRYPTING_PROXY": "true",
    }
    sink = open_matrix_sink(SinkContext(address(server, room), Settings(environ=environ)))
    sink.show(info(100, DONE))
    sink.close()
    assert room.messages[0].body.startswith("✅ Backup")


def test_a_limit_that_others_have_used_up_is_waited_for(
    server: LoopbackMatrix, settings: Settings
) -> None:
    room = server.add_room("#builds")
    server.fail("send", 429, "M_LIMIT_EXCEEDED", 1.0)
    sink = open_matrix_sink(SinkContext(address(server, room), settings))
    sink.show(info(100, DONE))
    sink.close()
    first, second = server.requests("PUT")
    assert (first.status, second.status) == (429, 200)
    assert second.at - first.at >= 1.0
    assert room.messages[0].body.startswith("✅ Backup")


def test_a_first_message_whose_answer_was_lost_does_not_come_twice(
    server: LoopbackMatrix, settings: Settings
) -> None:
    room = server.add_room("#builds")
    server.lose_answer("send")
    sink = open_matrix_sink(SinkContext(address(server, room), settings))
    sink.show(info(0, START))
    server.wait(lambda: room.messages)
    sink.show(info(100, DONE))
    sink.close()
    (message,) = room.messages
    assert message.body.startswith("✅ Backup")


def test_a_message_that_people_delete_is_not_sent_again(
    server: LoopbackMatrix, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    room = server.add_room("#builds")
    sink = open_matrix_sink(SinkContext(address(server, room), settings))
    sink.show(info(0, START))
    server.wait(lambda: room.messages)
    server.delete(room.messages[0])
    for percentage in range(50):
        sink.show(info(percentage))
    sink.show(info(100, DONE))
    sink.close()
    assert len(server.requests("PUT")) == 1
    assert caplog.text == ""


def test_no_log_holds_the_token_whatever_goes_wrong(
    server: LoopbackMatrix, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    room = server.add_room("#builds")
    server.away = True
    sink = open_matrix_sink(SinkContext(address(server, room), settings))
    sink.show(info(0, START))
    server.wait(lambda: "cannot be reached" in caplog.text or None)
    server.away = False
    server.fail("send", 401, "M_UNKNOWN_TOKEN")
    sink.show(info(100, DONE))
    sink.close()
    assert "M_UNKNOWN_TOKEN" in caplog.text
    assert server.token not in caplog.text
    assert server.token not in repr(sink)


def test_a_final_state_that_cannot_be_sent_in_time_is_said(
    server: LoopbackMatrix,
    settings: Settings,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("similubot_core.live.sink.CLOSE_WITHIN", 0.2)
    room = server.add_room("#builds")
    server.away = True
    sink = open_matrix_sink(SinkContext(address(server, room), settings))
    sink.show(info(100, DONE))
    sink.close()
    assert "The last state is not in the message in #builds" in caplog.text


@pytest.mark.parametrize(
    "target",
    ["", "#room:x", "http://matrix.example/#r:x", "https://u:p@x/#r:x", "https://x/room",
     "https://x/#a b:x", "https://x/#a/b:x", "ftp://x/#r:x", "https://x/#r:x\n"[:-1] + " y"],
)  # fmt: skip
def test_what_is_no_room_is_refused_in_a_sentence(target: str) -> None:
    with pytest.raises(UsageError, match="needs a room's address"):
        open_matrix_sink(SinkContext(target, Settings(environ={})))


@pytest.mark.parametrize(
    ("target", "parsed"),
    [
        ("https://m.example/#builds:example.org", ("https://m.example", "#builds:example.org")),
        ("https://m.example:8448/!a1:m.example", ("https://m.example:8448", "!a1:m.example")),
        ("https://m.example/!of-version-12", ("https://m.example", "!of-version-12")),
        ("http://127.0.0.1:8008/#Bäu.me:localhost", ("http://127.0.0.1:8008", "#Bäu.me:localhost")),
    ],
)  # fmt: skip
def test_the_forms_of_a_rooms_address(target: str, parsed: tuple[str, str]) -> None:
    assert parse_address(target) == parsed


def test_doctor_says_whether_the_settings_fit() -> None:
    check = similubot_sinks()[0].check
    assert check is not None
    token = {"SIMILUBOT_MATRIX_TOKEN": "syt_secret_of_mine"}
    rooms = {"https://x/#r:x": True, "nonsense": False, "": True}
    for room, ok in rooms.items():
        (found,) = check(Settings(environ={**token, "SIMILUBOT_MATRIX_ROOM": room}))
        assert found.ok is ok
        assert "syt_secret" not in repr(found)


def test_watch_shows_a_real_command_in_a_room(server: LoopbackMatrix) -> None:
    room = server.add_room("#builds")
    command = [sys.executable, "-m", "similubot_core", "watch"]
    done = subprocess.run(
        [*command, "--sink", f"matrix={address(server, room)}", "--", "sh", "-c", "exit 3"],
        env=os.environ | {"SIMILUBOT_MATRIX_TOKEN": server.token},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 3, done.stderr
    assert "exit status 3" in room.messages[0].body
    assert server.token not in done.stdout + done.stderr


def test_it_keeps_the_rules_of_sinks(server: LoopbackMatrix) -> None:
    server.limited = False
    room = server.add_room("#builds")
    environ = {
        "SIMILUBOT_MATRIX_TOKEN": server.token,
        "SIMILUBOT_MATRIX_UPDATE_INTERVAL": "0.05",
        "SIMILUBOT_MATRIX_SECONDS_PER_EVENT": "0",
    }
    context = SinkContext(address(server, room), Settings(environ=environ))
    assert_sink_keeps_the_rules(
        lambda: open_matrix_sink(context),
        lambda: "\n".join(message.body for message in list(room.messages)),
    )
