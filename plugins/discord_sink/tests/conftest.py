"""The real discord.py client on the testkit's loopback Discord, for every test of the sink."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import discord
import pytest

from similubot_discord_sink.endpoint import pointed_at
from similubot_loopback.discord_server import LoopbackDiscord


@pytest.fixture
def server() -> Iterator[LoopbackDiscord]:
    with LoopbackDiscord() as made, pointed_at(made.api_url, made.gateway_url):
        yield made
        assert made.unknown_routes == []


@pytest.fixture
async def client(server: LoopbackDiscord) -> AsyncIterator[discord.Client]:
    made = discord.Client(intents=discord.Intents.default(), guild_ready_timeout=0.05)
    await made.login(server.token)
    task = asyncio.create_task(made.connect())
    async with asyncio.timeout(10):
        await made.wait_until_ready()
    yield made
    await made.close()
    await asyncio.gather(task, return_exceptions=True)


@pytest.fixture
def channel(server: LoopbackDiscord, client: discord.Client) -> discord.TextChannel:
    found = client.get_channel(server.channel.id)
    assert isinstance(found, discord.TextChannel)
    return found


@pytest.fixture
async def message(channel: discord.TextChannel) -> discord.Message:
    return await channel.send("…")
