"""simcord, a Discord simulation that nobody here wrote, agrees with what the sink does."""

from __future__ import annotations

import discord
import pytest
import simcord
from discord.ext import commands

from similubot_core import CancelToken, ProgressInfo, ProgressStatus
from similubot_discord_sink import CancelView, DiscordProgressUpdater, ProgressBoard

HOSTILE = "@everyone <@1> **x** `y` [z](https://evil.example) " + "😀" * 500


INTERVAL = 20.0  # longer than simcord waits for timers in real time


class JobBot(commands.Bot):
    """Starts a job on !work and /work, whose callback the test calls."""

    def __init__(self) -> None:
        intents = discord.Intents.default()
        intents.message_content = True
        super().__init__("!", intents=intents)
        self.cancel = CancelToken()
        self.updater: DiscordProgressUpdater | None = None
        self.board: ProgressBoard | None = None

    async def setup_hook(self) -> None:
        @self.hybrid_command(description="start a job")
        async def work(context: commands.Context[JobBot]) -> None:
            view = CancelView(self.cancel, owners=[context.author.id])
            message = await context.send("…", view=view)
            self.updater = DiscordProgressUpdater(message, INTERVAL, title=HOSTILE, view=view)

        @self.hybrid_command(description="start many jobs")
        async def many(context: commands.Context[JobBot]) -> None:
            message = await context.send("…")
            self.board = ProgressBoard(message, per_page=2)
            for number in range(5):
                self.board.add(f"job {number}")

        @self.command()
        async def tell(
            context: commands.Context[JobBot], percentage: float, status: str = "in_progress"
        ) -> None:
            self.tell(ProgressStatus(status), percentage)

        await self.tree.sync()

    def tell(self, status: ProgressStatus, percentage: float) -> None:
        assert self.updater is not None
        self.updater.create_callback()(ProgressInfo("Upload", status, percentage, message=HOSTILE))


@pytest.fixture
async def bot() -> JobBot:
    return JobBot()


@pytest.fixture
def simcord_bot(bot: JobBot) -> JobBot:
    return bot


@pytest.fixture
def env(simcord_env: simcord.Env) -> simcord.Env:
    return simcord_env


@pytest.fixture
def channel(env: simcord.Env) -> simcord.ChannelHandle:
    return env.create_guild().create_text_channel("general")


@pytest.fixture
def ann(env: simcord.Env, channel: simcord.ChannelHandle) -> simcord.MemberActor:
    return env.guild.add_member(env.create_user("ann"))


def answer(channel: simcord.ChannelHandle) -> discord.Message:
    """The bot's newest message."""
    return next(message for message in reversed(channel.history()) if message.author.bot)


def shown(channel: simcord.ChannelHandle) -> discord.Embed:
    return answer(channel).embeds[0]


async def test_a_job_with_a_hostile_name_is_shown_to_its_end(
    env: simcord.Env, bot: JobBot, channel: simcord.ChannelHandle, ann: simcord.MemberActor
) -> None:
    await ann.send(channel, "!work")
    await ann.send(channel, "!tell 40.0")
    await env.settle()
    assert "40.0%" in str(shown(channel).description)
    await ann.send(channel, "!tell 50.0")
    await env.advance_time(INTERVAL + 1)
    assert "50.0%" in str(shown(channel).description)
    await ann.send(channel, "!tell 100 completed")
    await env.advance_time(1)
    assert str(shown(channel).title).startswith("✅")


async def test_edits_keep_the_interval_by_a_clock_that_the_test_moves(
    env: simcord.Env, bot: JobBot, channel: simcord.ChannelHandle, ann: simcord.MemberActor
) -> None:
    await ann.send(channel, "!work")
    for second in range(24):
        await ann.send(channel, f"!tell {second}")
        await env.advance_time(INTERVAL / 4)
    edits = [entry for entry in env.http_requests if entry.method == "PATCH"]
    assert 5 <= len(edits) <= 8


async def test_after_fifteen_minutes_an_interactions_message_is_still_edited(
    env: simcord.Env, bot: JobBot, channel: simcord.ChannelHandle, ann: simcord.MemberActor
) -> None:
    await ann.slash(channel, "work")
    await ann.send(channel, "!tell 10.0")
    await env.settle()
    await env.advance_time(16 * 60)
    await ann.send(channel, "!tell 100 completed")
    await env.advance_time(1)
    assert str(shown(channel).title).startswith("✅")


async def test_without_permission_it_stops_and_the_bot_lives(
    env: simcord.Env, bot: JobBot, channel: simcord.ChannelHandle, ann: simcord.MemberActor
) -> None:
    await ann.send(channel, "!work")
    env.inject_error("PATCH", "/channels/*/messages/*", status=403, code=50013, times=None)
    for percentage in (10.0, 20.0, 30.0):
        await ann.send(channel, f"!tell {percentage}")
        await env.advance_time(INTERVAL + 1)
    edits = [entry for entry in env.http_requests if entry.method == "PATCH"]
    assert len(edits) == 1
    await ann.send(channel, "!many")
    assert channel.last_message is not None


async def test_the_cancel_button_knows_its_owner(
    env: simcord.Env, bot: JobBot, channel: simcord.ChannelHandle, ann: simcord.MemberActor
) -> None:
    await ann.send(channel, "!work")
    message = answer(channel)
    bob = env.guild.add_member(env.create_user("bob"))
    refused = await bob.click(message, label="Cancel")
    assert refused.ephemeral
    assert not bot.cancel.cancelled
    await ann.click(message, label="Cancel")
    assert bot.cancel.cancelled


async def test_a_boards_pages_are_turned(
    env: simcord.Env, bot: JobBot, channel: simcord.ChannelHandle, ann: simcord.MemberActor
) -> None:
    await ann.send(channel, "!many")
    await env.settle()
    assert "job 0" in str(shown(channel).description)
    message = answer(channel)
    await ann.click(message, label="Next")
    assert "job 2" in str(shown(channel).description)
