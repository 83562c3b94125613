"""The sink "discord" by a webhook: any script and `similubot watch` can report without a bot."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from similubot_core import ProgressInfo, ProgressStatus, Settings, SinkContext, UsageError
from similubot_core.plugins.manager import load_plugins
from similubot_discord_sink import similubot_sinks
from similubot_discord_sink.settings import DiscordSettings
from similubot_discord_sink.webhook_sink import WebhookAddress, open_webhook_sink
from similubot_loopback.discord_server import LoopbackDiscord, Webhook
from similubot_testkit.sink_rules import assert_sink_keeps_the_rules

TOKEN = "x" * 68


@pytest.fixture
def hook(server: LoopbackDiscord) -> Webhook:
    return server.add_webhook()


@pytest.fixture
def settings(server: LoopbackDiscord) -> Settings:
    environ = {"SIMILUBOT_DISCORD_API_URL": server.api_url}
    return Settings(environ=environ | {"SIMILUBOT_DISCORD_UPDATE_INTERVAL": "0.05"})


@pytest.fixture
def no_threads_left() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    assert not [t for t in set(threading.enumerate()) - before if t.name == "discord-sink"]


def info(percentage: float, status: ProgressStatus = ProgressStatus.IN_PROGRESS) -> ProgressInfo:
    return ProgressInfo("Backup", status, percentage=percentage)


@pytest.mark.usefixtures("no_threads_left")
def test_it_posts_one_message_and_edits_it_to_the_final_state(
    server: LoopbackDiscord, hook: Webhook, settings: Settings
) -> None:
    sink = open_webhook_sink(SinkContext(hook.url, settings, "nightly"))
    sink.show(info(0, ProgressStatus.STARTING))
    server.wait(server.last_message)
    for percentage in range(100):
        sink.show(info(percentage))
    server.wait(lambda: server.messages()[0].edits)
    sink.show(info(100, ProgressStatus.COMPLETED))
    sink.close()
    sink.close()
    message = server.messages()[0]
    assert len(server.messages()) == 1
    assert message.embeds[0]["title"] == "✅ nightly"
    assert message.author_id == hook.id


def test_a_sink_that_was_told_nothing_posts_nothing(
    server: LoopbackDiscord, hook: Webhook, settings: Settings
) -> None:
    open_webhook_sink(SinkContext(hook.url, settings)).close()
    assert server.messages() == []


def test_what_was_told_just_before_closing_is_shown(
    server: LoopbackDiscord, hook: Webhook, settings: Settings
) -> None:
    sink = open_webhook_sink(SinkContext(hook.url, settings))
    sink.show(info(100, ProgressStatus.COMPLETED))
    sink.close()
    assert server.messages()[0].embeds[0]["title"] == "✅ Backup"


def test_showing_never_waits_for_a_server_that_does_not_answer(
    server: LoopbackDiscord, hook: Webhook, settings: Settings
) -> None:
    server.fail("POST", "webhooks", delay=2.0)
    sink = open_webhook_sink(SinkContext(hook.url, settings))
    for percentage in range(1000):
        sink.show(info(percentage / 10))
    assert server.messages() == []  # the first post is still under way
    sink.show(info(100, ProgressStatus.COMPLETED))
    sink.close()
    assert server.messages()[0].embeds[0]["title"] == "✅ Backup"


@pytest.mark.parametrize("code", [10015, 50027, 10008])
def test_a_webhook_that_is_gone_is_said_once_and_the_work_goes_on(
    server: LoopbackDiscord,
    hook: Webhook,
    settings: Settings,
    caplog: pytest.LogCaptureFixture,
    code: int,
) -> None:
    caplog.set_level(logging.DEBUG)
    rule = server.fail(path="webhooks", code=code, times=None)
    sink = open_webhook_sink(SinkContext(hook.url, settings))
    for percentage in range(50):
        sink.show(info(percentage))
        threading.Event().wait(0.005)
    sink.show(info(100, ProgressStatus.COMPLETED))
    sink.close()
    said = [r.getMessage() for r in caplog.records if r.name == "similubot.discord"]
    assert len(said) == 1
    assert rule.hits == 1
    assert hook.token not in caplog.text


def test_nothing_logged_at_debug_holds_the_webhooks_token(
    server: LoopbackDiscord,
    hook: Webhook,
    settings: Settings,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    sink = open_webhook_sink(SinkContext(hook.url, settings))
    sink.show(info(100, ProgressStatus.COMPLETED))
    sink.close()
    assert server.messages()
    assert hook.token not in caplog.text
    assert hook.token not in repr(sink)


def test_the_address_in_the_settings_is_the_default_target(
    server: LoopbackDiscord, hook: Webhook
) -> None:
    environ = {
        "SIMILUBOT_DISCORD_API_URL": server.api_url,
        "SIMILUBOT_DISCORD_WEBHOOK_URL": hook.url,
    }
    sink = similubot_sinks()[0].factory(SinkContext(None, Settings(environ=environ)))
    sink.show(info(100, ProgressStatus.COMPLETED))
    sink.close()
    assert len(server.messages()) == 1


@pytest.mark.parametrize(
    "target",
    [
        "",
        "general",
        "http://discord.com/api/webhooks/123456789012345678/" + TOKEN,
        "https://discord.com.evil.example/api/webhooks/123456789012345678/" + TOKEN,
        "https://evil.example/api/webhooks/123456789012345678/" + TOKEN,
        "https://discord.com/api/webhooks/123456789012345678/",
        "https://discord.com/api/webhooks/123456789012345678/" + TOKEN + "/slack",
        "https://discord.com/api/webhooks/123456789012345678/" + TOKEN + "\nX: y",
    ],
)
def test_what_is_no_webhook_is_refused_in_a_sentence_that_does_not_repeat_it(target: str) -> None:
    with pytest.raises(UsageError) as refused:
        open_webhook_sink(SinkContext(target, Settings(environ={})))
    assert "webhook" in refused.value.message
    assert TOKEN not in refused.value.message
    assert "evil" not in refused.value.message


@pytest.mark.parametrize(
    ("url", "thread"),
    [
        (f"https://discord.com/api/webhooks/123456789012345678/{TOKEN}", None),
        (f"https://canary.discord.com/api/v10/webhooks/123456789012345678/{TOKEN}", None),
        (f"https://discordapp.com/api/webhooks/123456789012345678/{TOKEN}/", None),
        (
            f"https://discord.com/api/webhooks/123456789012345678/{TOKEN}"
            "?thread_id=223456789012345678",
            223456789012345678,
        ),
    ],
)
def test_the_forms_that_discord_gives_are_taken(url: str, thread: int | None) -> None:
    address = WebhookAddress.parse(url, DiscordSettings())
    assert (address.id, address.token, address.thread_id) == (123456789012345678, TOKEN, thread)
    assert TOKEN not in repr(address)


def test_doctor_says_whether_the_settings_hold_a_webhook() -> None:
    check = similubot_sinks()[0].check
    assert check is not None
    good = f"https://discord.com/api/webhooks/123456789012345678/{TOKEN}"
    for url, ok in ((None, True), (good, True), ("nonsense" + TOKEN, False)):
        environ = {} if url is None else {"SIMILUBOT_DISCORD_WEBHOOK_URL": url}
        (found,) = check(Settings(environ=environ))
        assert found.ok is ok
        assert TOKEN not in repr(found)


def test_the_installed_plugin_offers_the_sink() -> None:
    assert "discord" in {spec.name for spec in similubot_sinks()}
    records = {record.name: record.status for record in load_plugins().records}
    assert records["discord_sink"] == "ok"


def test_watch_reports_a_real_ffmpeg_to_a_webhook(
    server: LoopbackDiscord, hook: Webhook, tmp_path: Path
) -> None:
    from imageio_ffmpeg import get_ffmpeg_exe

    program = tmp_path / "ffmpeg"
    program.symlink_to(get_ffmpeg_exe())
    made = tmp_path / "out.m4a"
    tone = ["-f", "lavfi", "-i", "sine=frequency=440:duration=20", "-c:a", "aac", str(made)]
    environ = os.environ | {
        "SIMILUBOT_DISCORD_API_URL": server.api_url,
        "SIMILUBOT_DISCORD_UPDATE_INTERVAL": "0.1",
    }
    command = [sys.executable, "-m", "similubot_core", "watch", "--tracker", "ffmpeg"]
    done = subprocess.run(
        [*command, "--sink", f"discord={hook.url}", "--", str(program), "-y", *tone],
        env=environ,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert made.stat().st_size > 0
    (message,) = server.messages()
    assert str(message.embeds[0]["title"]).startswith("✅")
    assert hook.token not in done.stdout + done.stderr


@pytest.mark.slow
def test_it_keeps_the_rules_of_sinks(server: LoopbackDiscord, settings: Settings) -> None:
    hanging = server.add_webhook()
    server.fail(path=str(hanging.id), delay=60, times=None)

    def shown() -> str:
        return "\n".join(f"{message.content} {message.embeds}" for message in server.messages())

    assert_sink_keeps_the_rules(
        lambda: open_webhook_sink(SinkContext(server.add_webhook().url, settings)),
        shown,
        stalled=lambda: open_webhook_sink(SinkContext(hanging.url, settings)),
    )
