"""The loopback Discord against the real discord.py: REST, the gateway, commands and buttons."""

from __future__ import annotations

import asyncio
import contextlib
import io
from collections.abc import AsyncIterator, Callable
from typing import Any

import aiohttp
import discord
import pytest
from discord import app_commands
from discord.ext import commands

from similubot_discord_sink.endpoint import pointed_at
from similubot_loopback.discord_server import LoopbackDiscord, OptionValue

INTENTS = discord.Intents.default()
INTENTS.message_content = True


@contextlib.asynccontextmanager
async def running(client: discord.Client, token: str = "loopback-token") -> AsyncIterator[None]:
    """The client logged in and ready, closed at the end."""
    task = asyncio.create_task(client.start(token))
    ready = asyncio.create_task(client.wait_until_ready())
    try:
        async with asyncio.timeout(10):
            await asyncio.wait((task, ready), return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            task.result()
        yield
    finally:
        ready.cancel()
        await client.close()
        await asyncio.gather(task, ready, return_exceptions=True)


def make_bot() -> commands.Bot:
    bot = commands.Bot("!", intents=INTENTS, guild_ready_timeout=0.05)

    @bot.command()
    async def echo(context: commands.Context[commands.Bot], *, text: str) -> None:
        await context.send(text)

    @bot.hybrid_command(description="waits, then answers")  # type: ignore[arg-type]
    async def later(context: commands.Context[Any], text: str) -> None:
        await context.defer()
        await context.send(f"later {text}")

    @bot.tree.command(description="takes everything")
    async def everything(
        interaction: discord.Interaction,
        number: app_commands.Range[int, 1, 9],
        who: discord.Member,
        file: discord.Attachment,
    ) -> None:
        content = await file.read()
        await interaction.response.send_message(f"{number} {who.name} {len(content)}")

    return bot


@pytest.fixture
async def server() -> AsyncIterator[LoopbackDiscord]:
    async with LoopbackDiscord() as made:
        with pointed_at(made.api_url, made.gateway_url):
            yield made
        assert made.unknown_routes == []


@pytest.fixture
async def bot(server: LoopbackDiscord) -> AsyncIterator[commands.Bot]:
    made = make_bot()
    async with running(made):
        yield made


async def channel_of(bot: commands.Bot, server: LoopbackDiscord) -> discord.TextChannel:
    channel = bot.get_channel(server.channel.id)
    assert isinstance(channel, discord.TextChannel)
    return channel


def answered(server: LoopbackDiscord) -> bool:
    found = server.last_message(author=server.bot)
    return found is not None and not found.loading


async def test_a_prefix_command_is_answered(server: LoopbackDiscord, bot: commands.Bot) -> None:
    ann = server.add_user("ann")
    server.type_message("!echo hello", author=ann)
    answer = await server.until(lambda: server.last_message(author=server.bot))
    assert answer.content == "hello"


async def test_a_message_keeps_the_history_of_its_edits(
    server: LoopbackDiscord, bot: commands.Bot
) -> None:
    message = await (await channel_of(bot, server)).send("one")
    await message.edit(content="two")
    await message.edit(embed=discord.Embed(title="three"))
    kept = server.message(message.id)
    assert [edit.payload["content"] for edit in kept.history] == ["one", "two", "two"]
    assert [edit.sent.get("content") for edit in kept.edits] == ["two", None]
    assert kept.embeds[0]["title"] == "three"
    assert kept.history[0].at <= kept.history[1].at <= kept.history[2].at


async def test_without_the_message_content_intent_a_typed_command_arrives_empty(
    server: LoopbackDiscord,
) -> None:
    client = discord.Client(intents=discord.Intents.default(), guild_ready_timeout=0.05)
    seen: asyncio.Queue[discord.Message] = asyncio.Queue()
    client.on_message = seen.put  # type: ignore[attr-defined]
    async with running(client):
        server.type_message("!echo hello")
        assert (await asyncio.wait_for(seen.get(), 5)).content == ""
        server.type_message(f"<@{server.bot.id}> hello")
        assert (await asyncio.wait_for(seen.get(), 5)).content.endswith("hello")


async def test_a_wrong_token_is_refused(server: LoopbackDiscord) -> None:
    with pytest.raises(discord.LoginFailure):
        async with running(make_bot(), "wrong"):
            pass


async def test_an_intent_that_is_not_allowed_closes_with_4014(server: LoopbackDiscord) -> None:
    server.set_gateway(privileged_intents=0)
    with pytest.raises(discord.PrivilegedIntentsRequired):
        async with running(make_bot()):
            pass


async def test_a_slash_command_must_be_registered_first(
    server: LoopbackDiscord, bot: commands.Bot
) -> None:
    with pytest.raises(LookupError):
        server.slash("later", {"text": "x"})
    await bot.tree.sync()
    asked = server.slash("later", {"text": "x"})
    await server.until(lambda: answered(server))
    assert server.messages(author=server.bot)[-1].content == "later x"
    assert server.interaction(asked.id).response_type == 5


async def test_slash_options_carry_people_and_files(
    server: LoopbackDiscord, bot: commands.Bot
) -> None:
    await bot.tree.sync()
    ann = server.add_user("ann")
    options: dict[str, OptionValue] = {"number": 3, "who": ann, "file": ("a.mp4", b"12345")}
    server.slash("everything", options)
    answer = await server.until(lambda: server.last_message(author=server.bot))
    assert answer.content == "3 ann 5"
    with pytest.raises(ValueError, match="outside"):
        server.slash("everything", options | {"number": 10})


async def test_a_button_is_clicked_and_its_message_updated(
    server: LoopbackDiscord, bot: commands.Bot
) -> None:
    class View(discord.ui.View):
        @discord.ui.button(label="Stop")
        async def stop_it(
            self, interaction: discord.Interaction, button: discord.ui.Button[View]
        ) -> None:
            button.disabled = True
            await interaction.response.edit_message(content="stopped", view=self)
            await interaction.followup.send("only you", ephemeral=True)

    sent = await (await channel_of(bot, server)).send("going", view=View())
    clicked = server.click(server.message(sent.id), "Stop", user=server.add_user("ann"))
    await server.until(lambda: len(server.interaction(clicked.id).message_ids) == 2)
    assert server.message(sent.id).content == "stopped"
    assert server.message(server.interaction(clicked.id).message_ids[1]).ephemeral
    with pytest.raises(PermissionError):
        server.click(server.message(sent.id), "Stop")


async def test_a_bucket_empties_and_the_real_headers_make_the_client_wait(
    server: LoopbackDiscord, bot: commands.Bot
) -> None:
    server.set_limit("PATCH /channels/{channel}/messages/{message}", 2, 0.3)
    message = await (await channel_of(bot, server)).send("0")
    for number in range(5):
        await message.edit(content=str(number))
    patches = server.requests("PATCH")
    assert [request.status for request in patches] == [200] * 5
    assert patches[2].at - patches[0].at >= 0.25


async def test_over_the_bucket_is_a_429_with_via(server: LoopbackDiscord) -> None:
    server.set_limit("GET /channels/{channel}/messages/{message}", 1, 30)
    typed = server.type_message("x")
    url = f"{server.api_url}/channels/{server.channel.id}/messages/{typed.id}"
    headers = {"Authorization": "Bot loopback-token"}
    async with aiohttp.ClientSession(headers=headers) as session:
        async with session.get(url) as first:
            assert first.headers["X-RateLimit-Remaining"] == "0"
            assert first.headers["Content-Type"] == "application/json"
        async with session.get(url) as second:
            assert second.status == 429
            assert second.headers["Via"]
            assert 0 < (await second.json())["retry_after"] <= 30.01


async def test_more_than_fifty_requests_a_second_are_a_global_429(server: LoopbackDiscord) -> None:
    server.set_global_limit(5)
    headers = {"Authorization": "Bot loopback-token"}
    async with aiohttp.ClientSession(headers=headers) as session:
        answers = []
        for _ in range(7):
            async with session.get(f"{server.api_url}/users/@me") as answer:
                answers.append((answer.status, answer.headers.get("X-RateLimit-Scope")))
    assert (429, "global") in answers
    assert answers[0] == (200, None)


@pytest.mark.parametrize(
    ("code", "error"),
    [(10008, discord.NotFound), (50013, discord.Forbidden), (50027, discord.HTTPException)],
)
async def test_a_fault_answers_with_its_code(
    server: LoopbackDiscord, bot: commands.Bot, code: int, error: type[discord.HTTPException]
) -> None:
    message = await (await channel_of(bot, server)).send("x")
    server.fail("PATCH", code=code, message=server.message(message.id))
    with pytest.raises(error) as raised:
        await message.edit(content="y")
    assert raised.value.code == code
    await message.edit(content="z")
    assert server.message(message.id).content == "z"


async def test_a_message_over_an_hour_old_takes_few_edits() -> None:
    async with LoopbackDiscord(age=4000) as server:
        with pointed_at(server.api_url, server.gateway_url):
            server.set_old_message_limit(1, 0.2)
            async with running(bot := make_bot()):
                message = await (await channel_of(bot, server)).send("x")
                await message.edit(content="y")
                await message.edit(content="z")
        codes = [(request.status, request.code) for request in server.requests("PATCH")]
    assert codes == [(200, 0), (429, 30046), (200, 0)]


async def test_a_cut_connection_can_come_before_or_after_the_edit(
    server: LoopbackDiscord, bot: commands.Bot
) -> None:
    message = await (await channel_of(bot, server)).send("x")
    server.fail("PATCH", "messages", reset=True)
    with pytest.raises(aiohttp.ClientError):
        await message.edit(content="before")
    assert server.message(message.id).content == "x"
    server.fail("PATCH", "messages", reset=True, applied=True)
    with pytest.raises(aiohttp.ClientError):
        await message.edit(content="after")
    assert server.message(message.id).content == "after"


async def test_too_long_an_embed_is_named_by_its_path(
    server: LoopbackDiscord, bot: commands.Bot
) -> None:
    channel = await channel_of(bot, server)
    with pytest.raises(discord.HTTPException, match=r"embeds.0.title"):
        await channel.send(embed=discord.Embed(title="x" * 257))
    long = discord.Embed(description="x" * 4000)
    with pytest.raises(discord.HTTPException, match="6000"):
        await channel.send(embeds=[long, long])
    with pytest.raises(discord.HTTPException) as empty:
        await channel.send("  ")
    assert empty.value.code == 50006


async def test_the_gateway_is_dropped_and_resumed_without_losing_an_event(
    server: LoopbackDiscord, bot: commands.Bot
) -> None:
    server.drop_gateway()
    server.type_message("!echo missed")
    answer = await server.until(lambda: server.last_message(author=server.bot))
    assert answer.content == "missed"
    assert (server.identified, server.resumed) == (1, 1)


async def test_an_invalid_session_makes_the_client_identify_anew(
    server: LoopbackDiscord, bot: commands.Bot
) -> None:
    server.invalidate_sessions()
    await server.until(lambda: server.identified == 2 and server.sessions == 1)


async def test_a_client_that_is_asked_to_reconnect_resumes(
    server: LoopbackDiscord, bot: commands.Bot
) -> None:
    server.ask_reconnect()
    await server.until(lambda: server.resumed == 1 and server.sessions == 1)


async def test_heartbeats_come_at_the_interval_the_server_asks_for(server: LoopbackDiscord) -> None:
    server.set_gateway(heartbeat_interval=0.05)
    async with running(make_bot()):
        await server.until(lambda: server.heartbeats >= 3)


async def test_a_message_between_two_people_is_a_direct_one(
    server: LoopbackDiscord, bot: commands.Bot
) -> None:
    ann = server.add_user("ann", guilds=[])
    server.type_message("!echo quietly", author=ann, channel=server.dm(ann))
    answer = await server.until(lambda: server.last_message(author=server.bot))
    assert (answer.content, answer.channel_id) == ("quietly", server.dm(ann).id)


async def test_a_slash_command_is_not_shown_to_who_may_not_use_it(
    server: LoopbackDiscord, bot: commands.Bot
) -> None:
    @bot.tree.command(description="for admins")
    @app_commands.default_permissions(administrator=True)
    async def secret(interaction: discord.Interaction) -> None:
        await interaction.response.send_message("hello, admin")

    await bot.tree.sync()
    with pytest.raises(PermissionError):
        server.slash("secret", user=server.add_user("ann"))
    server.slash("secret", user=server.add_user("root", admin=True))
    answer = await server.until(lambda: server.last_message(author=server.bot))
    assert answer.content == "hello, admin"


async def test_an_interaction_that_is_not_answered_in_time_is_unknown(
    server: LoopbackDiscord, bot: commands.Bot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("similubot_loopback.discord_server.interactions.ANSWER_WITHIN", 0.0)
    failed: asyncio.Queue[app_commands.AppCommandError] = asyncio.Queue()

    @bot.tree.error
    async def on_error(
        interaction: discord.Interaction, error: app_commands.AppCommandError
    ) -> None:
        await failed.put(error)

    @bot.tree.command(description="too late")
    async def late(interaction: discord.Interaction) -> None:
        await interaction.response.send_message("x")

    await bot.tree.sync()
    server.slash("late")
    error = await asyncio.wait_for(failed.get(), 5)
    assert "10062" in str(error)


async def test_another_servers_channel_and_roles_reach_the_client(
    server: LoopbackDiscord, bot: commands.Bot
) -> None:
    other = server.add_guild("Other")
    channel = server.add_channel("talk", guild=other)
    role = server.add_role("mods", guild=other)
    server.type_message("!echo here", author=server.owner, channel=channel)
    answer = await server.until(lambda: server.last_message(channel=channel, author=server.bot))
    assert answer.content == "here"
    seen = bot.get_guild(other.id)
    assert seen is not None
    assert seen.get_role(role.id) is not None


async def test_a_reply_names_what_it_replies_to_and_pings_its_author_unless_told_not_to(
    server: LoopbackDiscord, bot: commands.Bot
) -> None:
    ann = server.add_user("ann")
    typed = server.type_message("hello", author=ann)
    channel = await channel_of(bot, server)
    there = channel.get_partial_message(typed.id)
    loud = await there.reply("hi")
    quiet = await there.reply("hi", mention_author=False)
    assert server.message(loud.id).reply_to == typed.id
    assert server.message(loud.id).pinged == {ann.id}
    assert server.message(quiet.id).pinged == frozenset()


async def test_what_the_server_has_no_route_for_is_told() -> None:
    async with LoopbackDiscord() as server, aiohttp.ClientSession() as session:
        async with session.get(f"{server.api_url}/stage-instances") as answer:
            assert answer.status == 404
        assert server.unknown_routes == ["GET /api/v10/stage-instances"]


async def test_uploads_are_kept_and_too_large_ones_refused(
    server: LoopbackDiscord, bot: commands.Bot
) -> None:
    channel = await channel_of(bot, server)
    sent = await channel.send(file=discord.File(io.BytesIO(b"abc"), "a.txt"))
    assert await sent.attachments[0].read() == b"abc"
    with pytest.raises(discord.HTTPException) as refused:
        await channel.send(file=discord.File(io.BytesIO(bytes(10 * 1024 * 1024 + 1)), "b"))
    assert refused.value.code == 40005


async def test_a_webhook_sends_and_edits_without_a_bot(server: LoopbackDiscord) -> None:
    hook = server.add_webhook()
    async with aiohttp.ClientSession() as session:
        webhook = discord.Webhook.partial(hook.id, hook.token, session=session)
        sent = await webhook.send("one", wait=True)
        await sent.edit(content="two")
        server.delete_message(server.message(sent.id))
        with pytest.raises(discord.NotFound) as gone:
            await sent.edit(content="three")
    assert gone.value.code == 10008
    assert [edit.payload["content"] for edit in server.message(sent.id).history] == ["one", "two"]


async def test_a_dead_interaction_token_answers_50027(
    server: LoopbackDiscord, bot: commands.Bot
) -> None:
    seen: asyncio.Queue[discord.Interaction] = asyncio.Queue()

    @bot.tree.command(description="x")
    async def kept(interaction: discord.Interaction) -> None:
        await interaction.response.send_message("working")
        await seen.put(interaction)

    await bot.tree.sync()
    server.slash("kept")
    interaction = await asyncio.wait_for(seen.get(), 5)
    message = await interaction.original_response()
    await message.edit(content="still")
    server.expire_interactions()
    with pytest.raises(discord.HTTPException) as dead:
        await message.edit(content="dead")
    assert (dead.value.status, dead.value.code) == (401, 50027)
    channel = message.channel
    assert isinstance(channel, discord.TextChannel)
    await channel.get_partial_message(message.id).edit(content="alive")
    assert server.message(message.id).content == "alive"


async def test_who_is_pinged_follows_allowed_mentions(
    server: LoopbackDiscord, bot: commands.Bot
) -> None:
    ann = server.add_user("ann")
    channel = await channel_of(bot, server)
    text = f"<@{ann.id}> @everyone"
    loud = await channel.send(text)
    quiet = await channel.send(text, allowed_mentions=discord.AllowedMentions.none())
    only = await channel.send(
        text, allowed_mentions=discord.AllowedMentions(users=[discord.Object(ann.id)])
    )
    assert server.message(loud.id).pinged == {ann.id, "everyone"}
    assert server.message(quiet.id).pinged == frozenset()
    assert ann.id in server.message(only.id).pinged


async def test_channels_can_be_hidden_read_only_and_deleted(
    server: LoopbackDiscord, bot: commands.Bot
) -> None:
    channel = await channel_of(bot, server)
    changes: list[tuple[Callable[[], None], int]] = [
        (lambda: server.set_access(server.channel, read_only=True), 50013),
        (lambda: server.set_access(server.channel, hidden=True), 50001),
        (lambda: server.delete_channel(server.channel), 10003),
    ]
    for change, code in changes:
        change()
        with pytest.raises(discord.HTTPException) as refused:
            await channel.send("x")
        assert refused.value.code == code


async def test_in_an_outage_nothing_answers_and_afterwards_the_bot_is_back(
    server: LoopbackDiscord, bot: commands.Bot
) -> None:
    channel = await channel_of(bot, server)
    with server.outage(), pytest.raises(discord.DiscordServerError):
        await channel.send("x")
    server.type_message("!echo back")
    answer = await server.until(lambda: server.last_message(author=server.bot), timeout=30)
    assert answer.content == "back"


def test_a_plain_test_can_use_it_without_an_event_loop() -> None:
    with LoopbackDiscord() as server:
        server.type_message("hello")
        found = server.wait(lambda: server.last_message())
        assert found.content == "hello"
        with pytest.raises(TimeoutError):
            server.wait(lambda: None, timeout=0.1)


def test_stopping_twice_does_nothing_the_second_time() -> None:
    server = LoopbackDiscord().start()
    server.stop()
    server.stop()
