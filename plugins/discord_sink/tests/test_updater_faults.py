"""What breaks while a message shows progress: the job goes on, and the log says it once."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable
from functools import partial

import aiohttp
import discord
import pytest
from discord import app_commands

from similubot_core import ProgressInfo, ProgressStatus
from similubot_discord_sink import DiscordProgressUpdater
from similubot_discord_sink.endpoint import pointed_at
from similubot_discord_sink.target import ErrorKind, classify_error, spaced
from similubot_loopback.discord_server import Fault, LoopbackDiscord

PATCH = "PATCH /channels/{channel}/messages/{message}"


def working(percentage: float) -> ProgressInfo:
    return ProgressInfo("Upload", ProgressStatus.IN_PROGRESS, percentage=percentage)


DONE = ProgressInfo("Upload", ProgressStatus.COMPLETED, percentage=100)


def title(server: LoopbackDiscord, message: discord.Message) -> str:
    embeds = server.message(message.id).embeds
    return str(embeds[0]["title"]) if embeds else ""


@pytest.fixture
def records(caplog: pytest.LogCaptureFixture) -> Callable[[], list[logging.LogRecord]]:
    caplog.set_level(logging.DEBUG, "similubot.discord")
    return lambda: [record for record in caplog.records if record.name == "similubot.discord"]


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waits after a failure in hundredths of a second."""
    monkeypatch.setattr("similubot_discord_sink.target.FIRST_DELAY", 0.02)
    monkeypatch.setattr("similubot_discord_sink.target.OLD_INTERVAL", 0.2)


Records = Callable[[], list[logging.LogRecord]]


@pytest.mark.parametrize("code", [10008, 10003, 50001, 50013])
@pytest.mark.parametrize("when", ["in the middle", "at the end"])
async def test_where_it_may_not_edit_it_stops_for_good_and_says_so_once(
    server: LoopbackDiscord, message: discord.Message, records: Records, code: int, when: str
) -> None:
    updater = DiscordProgressUpdater(message, update_interval=0.01)
    callback = updater.create_callback()
    rule = server.fail("PATCH", code=code, times=None)
    callback(working(10) if when == "in the middle" else DONE)
    await server.until(lambda: rule.hits == 1)
    await server.until(records)
    for percentage in range(20, 60):
        callback(working(percentage))
        await asyncio.sleep(0.001)
    callback(DONE)
    assert await updater.aclose() is False
    assert rule.hits == 1
    assert len(records()) == 1
    assert str(code) in records()[0].getMessage()


async def test_a_message_that_a_moderator_deletes_is_let_go(
    server: LoopbackDiscord, message: discord.Message, records: Records
) -> None:
    updater = DiscordProgressUpdater(message, update_interval=0.01)
    await updater.update_progress(working(10))
    await server.until(lambda: server.message(message.id).edits)
    server.delete_message(server.message(message.id))
    await updater.update_progress(DONE)
    assert [record.levelno for record in records()] == [logging.INFO]
    assert [request.code for request in server.requests("PATCH")] == [0, 10008]


@pytest.mark.parametrize("when", ["in the middle", "at the end"])
async def test_a_dead_interaction_token_moves_it_to_a_partial_message(
    server: LoopbackDiscord, client: discord.Client, records: Records, when: str
) -> None:
    tree = app_commands.CommandTree(client)
    answered: asyncio.Queue[discord.InteractionMessage] = asyncio.Queue()

    @tree.command(description="starts a job")
    async def work(interaction: discord.Interaction) -> None:
        await interaction.response.send_message("working")
        await answered.put(await interaction.original_response())

    await tree.sync()
    server.slash("work")
    async with asyncio.timeout(5):
        message = await answered.get()
    updater = DiscordProgressUpdater(message, update_interval=0.01)
    callback = updater.create_callback()
    callback(working(10))
    await server.until(lambda: server.message(message.id).edits)
    server.expire_interactions()
    if when == "in the middle":
        callback(working(20))
        await server.until(lambda: len(server.message(message.id).edits) == 2)
    callback(DONE)
    assert await updater.aclose()
    assert title(server, message) == "✅ Upload"
    assert records() == []
    refused = [r.code for r in server.requests("PATCH") if r.status == 401]
    assert refused == [50027]


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("via", [True, False], ids=["429 with Via", "429 without Via"])
@pytest.mark.parametrize("when", ["in the middle", "at the end"])
async def test_too_many_edits_of_an_old_message_only_delay(
    server: LoopbackDiscord, message: discord.Message, records: Records, when: str, via: bool
) -> None:
    updater = DiscordProgressUpdater(message, update_interval=0.01)
    callback = updater.create_callback()
    callback(working(10))
    await server.until(lambda: server.message(message.id).edits)
    rule = server.fail("PATCH", code=30046, times=2, retry_after=0.05, via=via)
    if when == "in the middle":
        callback(working(20))
        await server.until(lambda: rule.hits == 2)
    callback(DONE)
    assert await updater.aclose()
    assert title(server, message) == "✅ Upload"
    assert len(records()) == (0 if via else 1)


async def test_the_old_message_limit_of_a_server_is_lived_with(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("similubot_discord_sink.target.OLD_INTERVAL", 0.3)
    with LoopbackDiscord(age=4000) as server, pointed_at(server.api_url, server.gateway_url):
        server.set_old_message_limit(1, 0.2)
        client = discord.Client(intents=discord.Intents.none())
        await client.login(server.token)
        channel = client.get_partial_messageable(server.channel.id)
        message = await channel.send("…")
        updater = DiscordProgressUpdater(message, update_interval=0.01)
        callback = updater.create_callback()
        began = time.monotonic()
        for percentage in range(80):
            callback(working(percentage))
            await asyncio.sleep(0.01)
        callback(DONE)
        assert await updater.aclose()
        took = time.monotonic() - began
        await client.close()
        edits = [request.code for request in server.requests("PATCH")]
        assert title(server, message) == "✅ Upload"
    assert edits.count(30046) <= 1
    assert len(edits) <= 2 + took / 0.3


def test_a_message_over_an_hour_old_is_edited_once_a_minute() -> None:
    assert spaced(5.0, 3599) == 5.0
    assert spaced(5.0, 3601) == 60.0
    assert spaced(90.0, 3601) == 90.0


def begin_fault(
    server: LoopbackDiscord,
    *,
    status: int | None = None,
    retry_after: float | None = None,
    via: bool = True,
    reset: bool = False,
    applied: bool = False,
) -> Fault:
    """Three edits go wrong."""
    return server.fail(
        "PATCH",
        "messages",
        status=status,
        retry_after=retry_after,
        via=via,
        reset=reset,
        applied=applied,
        times=3,
    )


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(
    "begin",
    [
        partial(begin_fault, status=503),
        partial(begin_fault, status=503, applied=True),
        partial(begin_fault, status=429, retry_after=0.05),
        partial(begin_fault, status=429),
        partial(begin_fault, status=429, via=False),
        partial(begin_fault, reset=True),
        partial(begin_fault, reset=True, applied=True),
    ],
    ids=lambda begin: str(begin.keywords),
)
@pytest.mark.parametrize("when", ["in the middle", "at the end"])
async def test_what_passes_is_waited_out_and_the_final_state_arrives(
    server: LoopbackDiscord,
    message: discord.Message,
    records: Records,
    begin: Callable[[LoopbackDiscord], Fault],
    when: str,
) -> None:
    updater = DiscordProgressUpdater(message, update_interval=0.01)
    callback = updater.create_callback()
    rule = begin(server)
    if when == "in the middle":
        callback(working(20))
        await server.until(lambda: rule.hits >= 1)
    callback(DONE)
    assert await updater.aclose()
    assert title(server, message) == "✅ Upload"
    assert len(records()) <= 1


@pytest.mark.usefixtures("quick")
async def test_a_frame_that_is_refused_is_left_out_and_the_next_shown(
    server: LoopbackDiscord, message: discord.Message, records: Records
) -> None:
    updater = DiscordProgressUpdater(message, update_interval=0.01)
    callback = updater.create_callback()
    rule = server.fail("PATCH", code=50035)
    callback(working(20))
    await server.until(lambda: rule.hits == 1)
    callback(DONE)
    assert await updater.aclose()
    assert title(server, message) == "✅ Upload"
    assert len(records()) == 1


async def test_a_dropped_gateway_changes_nothing(
    server: LoopbackDiscord, message: discord.Message
) -> None:
    updater = DiscordProgressUpdater(message, update_interval=0.01)
    server.drop_gateway()
    await updater.update_progress(working(10))
    server.invalidate_sessions()
    await updater.update_progress(DONE)
    assert title(server, message) == "✅ Upload"


def test_a_callback_outlives_its_event_loop(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "similubot.discord")
    with LoopbackDiscord() as server, pointed_at(server.api_url, server.gateway_url):

        async def make() -> DiscordProgressUpdater:
            client = discord.Client(intents=discord.Intents.none())
            await client.login(server.token)
            message = await client.get_partial_messageable(server.channel.id).send("…")
            await client.close()
            return DiscordProgressUpdater(message)

        callback = asyncio.run(make()).create_callback()
        for percentage in range(50):
            callback(working(percentage))
        callback(DONE)
    said = [record for record in caplog.records if record.name == "similubot.discord"]
    assert len(said) == 1
    assert "loop is closed" in said[0].getMessage()


@pytest.mark.parametrize("sleep", ["in a successful edit", "in a 429"])
async def test_a_client_closed_during_a_rate_limit_sleep_ends_it_quietly(
    server: LoopbackDiscord,
    client: discord.Client,
    message: discord.Message,
    records: Records,
    sleep: str,
) -> None:
    if sleep == "in a 429":
        rule = server.fail("PATCH", "messages", status=429, retry_after=0.3)
    else:
        server.set_limit(PATCH, 1, 0.3)
    updater = DiscordProgressUpdater(message, update_interval=0.01)
    callback = updater.create_callback()
    callback(working(10))
    if sleep == "in a 429":
        await server.until(lambda: rule.hits == 1)
    else:
        await server.until(lambda: server.message(message.id).edits)
    callback(working(20))
    await client.close()
    callback(DONE)
    await server.until(records)
    assert await updater.aclose() is False
    assert len(records()) == 1
    assert "client is closed" in records()[0].getMessage()


async def test_aclose_waits_no_longer_than_it_is_told(
    server: LoopbackDiscord, message: discord.Message
) -> None:
    updater = DiscordProgressUpdater(message)
    server.fail("PATCH", "messages", delay=20.0, times=None)
    updater.create_callback()(DONE)
    async with asyncio.timeout(5):
        assert await updater.aclose(timeout=0.1) is False
    server.heal()


async def test_after_aclose_nothing_is_edited(
    server: LoopbackDiscord, message: discord.Message
) -> None:
    updater = DiscordProgressUpdater(message, update_interval=0.01)
    callback = updater.create_callback()
    callback(working(10))
    assert await updater.aclose()
    threading.Thread(target=callback, args=(DONE,)).start()
    updater.finish(None, content="late")
    assert await updater.aclose() is False
    assert len(server.message(message.id).edits) == 1


@pytest.mark.parametrize(
    ("error", "verdict"),
    [
        (discord.RateLimited(31.0), ErrorKind.RETRY),
        (aiohttp.ServerDisconnectedError(), ErrorKind.RETRY),
        (ConnectionResetError(), ErrorKind.RETRY),
        (TimeoutError(), ErrorKind.RETRY),
        (KeyError("retry_after"), ErrorKind.RETRY),
        (RuntimeError("Session is closed"), ErrorKind.STOP),
        (AttributeError("no http"), ErrorKind.STOP),
    ],
    ids=repr,
)
def test_errors_that_are_no_answer_are_judged(error: Exception, verdict: ErrorKind) -> None:
    assert classify_error(error) is verdict
