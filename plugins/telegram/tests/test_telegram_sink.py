"""The sink "telegram" on a loopback Telegram with the real limits and errors."""

from __future__ import annotations

import logging
import os
import subprocess
import sys

import pytest

from similubot_core import ProgressInfo, ProgressStatus, Settings, SinkContext, UsageError
from similubot_loopback.telegram_server import LoopbackTelegram
from similubot_telegram import open_telegram_sink, similubot_sinks
from similubot_telegram.sink import parse_target
from similubot_testkit.sink_rules import assert_sink_keeps_the_rules

DONE, UNDER_WAY = ProgressStatus.COMPLETED, ProgressStatus.IN_PROGRESS


def info(percentage: float, status: ProgressStatus = UNDER_WAY, **rest: object) -> ProgressInfo:
    return ProgressInfo("Backup", status, percentage, **rest)  # type: ignore[arg-type]


def test_it_sends_one_message_and_edits_it_to_the_final_state(
    server: LoopbackTelegram, settings: Settings
) -> None:
    chat = server.add_chat()
    sink = open_telegram_sink(SinkContext(str(chat.id), settings, "nightly"))
    sink.show(info(0, ProgressStatus.STARTING))
    server.wait(lambda: chat.messages)
    for percentage in range(100):
        sink.show(info(percentage))
    link = {"link": "https://files.example/a_b.m4a"}
    sink.show(info(100, DONE, details=link, message="5 files."))
    sink.close()
    sink.close()
    (message,) = chat.messages
    assert message.text.splitlines()[:2] == ["✅ nightly", "✅ Backup · 0s"]
    assert [e.url for e in message.entities if e.type == "text_link"] == [link["link"]]
    assert {r.status for r in server.requests()} == {200}


def test_a_message_in_a_topic_goes_there(server: LoopbackTelegram, settings: Settings) -> None:
    chat = server.add_chat(group=True, threads=frozenset({42}))
    sink = open_telegram_sink(SinkContext(f"{chat.id}/42", settings))
    sink.show(info(100, DONE))
    sink.close()
    assert chat.messages[0].thread == 42


def test_a_limit_that_others_have_used_up_is_waited_for(
    server: LoopbackTelegram, settings: Settings
) -> None:
    chat = server.add_chat()
    server.fail("sendMessage", 429, "Too Many Requests: retry after 1", 1)
    sink = open_telegram_sink(SinkContext(str(chat.id), settings))
    sink.show(info(100, DONE))
    sink.close()
    first, second = server.requests()
    assert (first.status, second.status) == (429, 200)
    assert second.at - first.at >= 1.0
    assert chat.messages[0].text.startswith("✅ Backup")


def test_an_edit_whose_answer_was_lost_counts_as_made(
    server: LoopbackTelegram, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    chat = server.add_chat()
    sink = open_telegram_sink(SinkContext(str(chat.id), settings))
    sink.show(info(0, ProgressStatus.STARTING))
    server.wait(lambda: chat.messages)
    server.fail("editMessageText", 400, "Bad Request: message is not modified: …")
    sink.show(info(100, DONE))
    sink.close()
    assert len(server.requests("edit")) == 1
    assert caplog.text == ""


def test_a_message_that_people_delete_is_not_sent_again(
    server: LoopbackTelegram, settings: Settings
) -> None:
    chat = server.add_chat()
    sink = open_telegram_sink(SinkContext(str(chat.id), settings))
    sink.show(info(0, ProgressStatus.STARTING))
    server.wait(lambda: chat.messages)
    server.delete(chat, chat.messages[0])
    for percentage in range(50):
        sink.show(info(percentage))
    sink.show(info(100, DONE))
    sink.close()
    assert chat.messages == []
    assert [r.status for r in server.requests()] == [200, 400]


@pytest.mark.parametrize("code", [401, 403])
def test_a_bot_that_may_not_write_is_said_once_and_the_work_goes_on(
    server: LoopbackTelegram, settings: Settings, caplog: pytest.LogCaptureFixture, code: int
) -> None:
    caplog.set_level(logging.DEBUG)
    chat = server.add_chat()
    server.fail("sendMessage", code, "Forbidden: bot was blocked by the user")
    sink = open_telegram_sink(SinkContext(str(chat.id), settings))
    for percentage in range(50):
        sink.show(info(percentage))
    sink.show(info(100, DONE))
    sink.close()
    said = [r.getMessage() for r in caplog.records if r.name == "similubot.telegram"]
    assert len(said) == 1
    assert "blocked by the user" in said[0]
    assert len(server.requests()) == 1
    assert server.token not in caplog.text


def test_no_log_holds_the_token_when_the_server_is_away(
    server: LoopbackTelegram, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    chat = server.add_chat()
    server.away = True
    sink = open_telegram_sink(SinkContext(str(chat.id), settings))
    sink.show(info(0, ProgressStatus.STARTING))
    server.wait(lambda: "cannot be reached" in caplog.text or None)
    server.away = False
    sink.show(info(100, DONE))
    sink.close()
    assert chat.messages[0].text.startswith("✅")
    assert server.token not in caplog.text
    assert server.token not in repr(sink)


@pytest.mark.parametrize("target", ["", "general", "12/x", "@a", "1 2", "-", "@chan/1/2", "1\n2"])
def test_what_is_no_chat_is_refused_in_a_sentence(target: str) -> None:
    with pytest.raises(UsageError, match="needs a chat"):
        open_telegram_sink(SinkContext(target, Settings(environ={})))


@pytest.mark.parametrize(
    ("target", "parsed"),
    [
        ("123456", (123456, None)),
        ("-1001234567890", (-1001234567890, None)),
        ("-1001234567890/42", (-1001234567890, 42)),
        ("@channel", ("@channel", None)),
    ],
)
def test_the_forms_of_a_chat(target: str, parsed: tuple[int | str, int | None]) -> None:
    assert parse_target(target) == parsed


def test_a_token_that_is_none_is_refused_without_repeating_it() -> None:
    environ = {"SIMILUBOT_TELEGRAM_TOKEN": "nonsense-of-mine"}
    with pytest.raises(UsageError) as refused:
        open_telegram_sink(SinkContext("1", Settings(environ=environ)))
    assert "nonsense" not in refused.value.message
    check = similubot_sinks()[0].check
    assert check is not None
    (found,) = check(Settings(environ=environ))
    assert not found.ok
    assert "nonsense" not in repr(found)


def test_watch_shows_a_real_command_in_a_chat(server: LoopbackTelegram, settings: Settings) -> None:
    chat = server.add_chat()
    done = subprocess.run(
        [sys.executable, "-m", "similubot_core", "watch", "--sink", f"telegram={chat.id}", "--",
         "sh", "-c", "exit 3"],
        env=os.environ
        | {
            "SIMILUBOT_TELEGRAM_TOKEN": server.token,
            "SIMILUBOT_TELEGRAM_API_URL": server.url,
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )  # fmt: skip
    assert done.returncode == 3, done.stderr
    (message,) = chat.messages
    assert message.text.startswith("❌ sh")
    assert "exit status 3" in message.text
    assert server.token not in done.stdout + done.stderr


@pytest.mark.slow
def test_it_keeps_the_rules_of_sinks(server: LoopbackTelegram, settings: Settings) -> None:
    server.limited = False
    chat = server.add_chat()
    assert_sink_keeps_the_rules(
        lambda: open_telegram_sink(SinkContext(str(chat.id), settings)),
        lambda: "\n".join(message.text for message in list(chat.messages)),
    )
