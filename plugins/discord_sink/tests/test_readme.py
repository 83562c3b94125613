"""The README's examples run as they are written, against the loopback Discord."""

from __future__ import annotations

import asyncio
import re
import textwrap
from pathlib import Path
from typing import Any

import discord
from discord.ext import commands

from similubot_core import CancelToken, ProgressCallback, ProgressInfo, ProgressStatus
from similubot_discord_sink import CancelView, DiscordProgressUpdater, ProgressBoard
from similubot_loopback.discord_server import LoopbackDiscord

README = (Path(__file__).parent.parent / "README.md").read_text("utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


def long_work(callback: ProgressCallback) -> None:
    callback(ProgressInfo("Work", ProgressStatus.COMPLETED, 100.0))


async def test_the_command_of_ones_own_bot(server: LoopbackDiscord) -> None:
    intents = discord.Intents.default()
    intents.message_content = True
    bot = commands.Bot("!", intents=intents, guild_ready_timeout=0.05)
    exec(compile(BLOCKS[0], "README.md", "exec"), {"bot": bot, "long_work": long_work})
    await bot.login(server.token)
    task = asyncio.create_task(bot.connect())
    await bot.wait_until_ready()
    server.type_message("!work")
    await server.until(
        lambda: "✅ Work" in str([message.embeds for message in server.messages(author=server.bot)])
    )
    await bot.close()
    await asyncio.gather(task, return_exceptions=True)


async def run_in_a_function(code: str, names: dict[str, Any]) -> None:
    """Run an example whose lines await."""
    source = "async def example():\n" + textwrap.indent(code, "    ")
    exec(compile(source, "README.md", "exec"), names)
    await names["example"]()


async def test_what_else_it_can_do(server: LoopbackDiscord, client: discord.Client) -> None:
    class Context:
        author = server.owner
        send = client.get_partial_messageable(server.channel.id).send

    names = {
        "CancelToken": CancelToken,
        "CancelView": CancelView,
        "DiscordProgressUpdater": DiscordProgressUpdater,
        "context": Context,
        "link": "https://files.example/a.m4a",
    }
    await run_in_a_function(BLOCKS[1], names)
    (message,) = server.messages()
    assert message.embeds[0]["fields"][0]["value"] == "https://files.example/a.m4a"
    assert message.buttons == ()


async def test_many_jobs_in_one_message(message: discord.Message) -> None:
    await run_in_a_function(BLOCKS[2], {"ProgressBoard": ProgressBoard, "message": message})


def test_a_script_reports_by_a_webhook(
    server: LoopbackDiscord, monkeypatch: Any, tmp_path: Path
) -> None:
    from similubot_core import ProgressTracker

    class Loop(ProgressTracker):
        def parse_output(self, text: str) -> bool:
            return False

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SIMILUBOT_DISCORD_API_URL", server.api_url)
    tracker = Loop("Copying")
    before, after = BLOCKS[3].split("...\n")
    names: dict[str, Any] = {"url": server.add_webhook().url, "tracker": tracker}
    exec(before, names)
    with tracker:
        tracker.complete()
    exec(after, names)
    assert server.messages()[0].embeds[0]["title"] == "✅ Nightly backup"
