"""The commands, each typed after the prefix or as a slash command.

Their ``type: ignore[arg-type]``: mypy cannot solve the generic types of `hybrid_command`.
"""

from __future__ import annotations

import os
import platform
import shutil
import time
from typing import TYPE_CHECKING, Any

import discord
from discord import app_commands
from discord.ext import commands

from similubot_bot.discord.embeds import BLUE
from similubot_bot.discord.permissions import may_see_status, refusal
from similubot_bot.errors import Refused
from similubot_bot.jobs.requests import AttachedFile
from similubot_core import DownloaderSpec, UploaderSpec, UsageError, render
from similubot_discord_sink.plain_text import plain

if TYPE_CHECKING:
    from similubot_bot.discord.bot import SimilubotBot

Context = commands.Context["SimilubotBot"]

SHOWN_WAITING = 10


def _cooldown(ctx: Context) -> commands.Cooldown | None:
    seconds = ctx.bot.settings.cooldown
    admin = ctx.author.id in ctx.bot.settings.admins
    return None if admin or not seconds else commands.Cooldown(1, seconds)


def _arguments(command: commands.Command[Any, ..., Any]) -> list[str]:
    """As people type them; a file is attached instead."""
    return [f"[{name}]" for name in command.clean_params if name != "file"]


class Commands(commands.Cog):
    """Everything that people can ask the bot for.

    Args:
        bot: The bot.
    """

    def __init__(self, bot: SimilubotBot) -> None:
        self.bot = bot

    async def cog_check(self, ctx: Context) -> bool:  # type: ignore[override]
        """Whether this person may use the bot here."""
        why_not = refusal(self.bot.settings, self.bot.person(ctx))
        if why_not is not None:
            raise Refused(why_not)
        return True

    @commands.hybrid_command(ignore_extra=False, aliases=["mega"])  # type: ignore[arg-type]
    @commands.dynamic_cooldown(_cooldown, commands.BucketType.user)
    @app_commands.describe(
        link="A link to a video or a sound file",
        bitrate="Kilobits per second, such as 128",
        to="Where the result goes",
        file="A file instead of a link",
    )
    async def convert(
        self,
        ctx: Context,
        link: str | None = None,
        bitrate: int | None = None,
        to: str | None = None,
        file: discord.Attachment | None = None,
    ) -> None:
        """Turn a link or a file into a link to its sound."""
        attached = None if file is None else AttachedFile(file.url, file.filename, file.size)

        async def send(embed: discord.Embed, view: discord.ui.View) -> discord.Message:
            return await ctx.send(embed=embed, view=view)

        try:
            await self.bot.take(
                self.bot.person(ctx),
                ctx.channel.id,
                send,
                link=link,
                file=attached,
                bitrate=bitrate,
                to=to,
            )
        except UsageError:
            ctx.command.reset_cooldown(ctx)  # type: ignore[union-attr]
            raise

    @convert.autocomplete("to")
    async def _places(
        self, interaction: discord.Interaction[SimilubotBot], typed: str
    ) -> list[app_commands.Choice[str]]:
        fitting = [name for name in self.bot.places if name.startswith(typed)]
        return [app_commands.Choice(name=name, value=name) for name in fitting[:25]]

    @commands.hybrid_command(ignore_extra=False)  # type: ignore[arg-type]
    async def queue(self, ctx: Context) -> None:
        """Show what runs and what waits."""
        work, here = self.bot.work, ctx.guild.id if ctx.guild else None
        lines = []
        for record, run in work.running:
            if record.asked.server == here:
                latest = run.watch.latest
                state = "begins" if latest is None else plain(latest.operation)
                share = "" if latest is None else f" {render.percent(latest.percentage)}"
                lines.append(f"▶️ job {record.id} · <@{record.asked.user}> · {state}{share}")
        waiting = work.waiting
        mine = [(n, r) for n, r in enumerate(waiting, start=1) if r.asked.server == here]
        for place, record in mine[:SHOWN_WAITING]:
            lines.append(f"{place}. job {record.id} · <@{record.asked.user}>")
        if len(mine) > SHOWN_WAITING:
            lines.append(f"… and {len(mine) - SHOWN_WAITING} more")
        text = "\n".join(lines) or "Nothing runs here, and nothing waits."
        embed = discord.Embed(title="Queue", description=text, colour=BLUE)
        embed.set_footer(text=f"{len(work.running)} running, {len(waiting)} waiting, everywhere")
        await ctx.send(embed=embed, ephemeral=True)

    @commands.hybrid_command(ignore_extra=False)  # type: ignore[arg-type]
    @app_commands.describe(job="The job's number; without it, your newest one")
    async def cancel(self, ctx: Context, job: int | None = None) -> None:
        """Cancel a job of yours."""
        person = self.bot.person(ctx)
        if job is None:
            mine = self.bot.work.open_of(person.user)
            if not mine:
                raise UsageError("You have no job here that could be cancelled.")
            job = mine[-1].id
        self.bot.cancel(person, job)
        await ctx.send(f"Job {job} is being cancelled.", ephemeral=True)

    @commands.hybrid_command(ignore_extra=False)  # type: ignore[arg-type]
    @app_commands.default_permissions(manage_guild=True)
    async def status(self, ctx: Context) -> None:
        """Show how the bot and its machine are."""
        bot = self.bot
        if not may_see_status(bot.settings, bot.person(ctx)):
            raise Refused("Only those who manage this server may see that.")
        embed = discord.Embed(title="Status", colour=BLUE)
        disk = shutil.disk_usage(bot.settings.folder)
        versions = [f"Python {platform.python_version()}", f"discord.py {discord.__version__}"]
        plugins = [
            f"{record.name} {record.version}" + ("" if record.status == "ok" else " ⚠️")
            for record in bot.plugins.records
        ]
        late = bot.loop_watch.latest_worst
        load = f"{os.getloadavg()[0]:.1f} on {os.cpu_count()} processors"
        embed.add_field(name="Up for", value=render.duration(time.time() - bot.began))
        embed.add_field(
            name="Jobs", value=f"{len(bot.work.running)} running, {len(bot.work.waiting)} waiting"
        )
        embed.add_field(name="Free disk", value=render.size(disk.free))
        embed.add_field(
            name="Load", value=f"{load}\nanswers held up by {late * 1000:.0f} ms at most"
        )
        embed.add_field(name="Plugins", value="\n".join(plugins)[:1000])
        embed.add_field(name="Versions", value="\n".join(versions))
        await ctx.send(embed=embed, ephemeral=True)

    @commands.hybrid_command(ignore_extra=False)  # type: ignore[arg-type]
    async def about(self, ctx: Context) -> None:
        """What this bot is."""
        version = next((r.version for r in self.bot.plugins.records if r.name == "bot"), "")
        text = (
            f"SimiluBot {version}: a link in, a link to its sound out, and the progress of all of "
            f"it in one message. `{self.bot.settings.shown_prefix}help` shows how to ask."
        )
        embed = discord.Embed(title="About", description=text, colour=BLUE)
        await ctx.send(embed=embed, ephemeral=True)

    @commands.hybrid_command(ignore_extra=False)  # type: ignore[arg-type]
    async def help(self, ctx: Context) -> None:
        """How to ask, and what is taken."""
        bot, prefix = self.bot, self.bot.settings.shown_prefix
        embed = discord.Embed(title="Help", colour=BLUE)
        lines = [
            f"`{' '.join([prefix + command.name, *_arguments(command)])}` — {command.short_doc}"
            for command in sorted(self.get_commands(), key=lambda command: command.name)
        ]
        embed.description = "\n".join(lines)
        taken = [spec.summary for spec in bot.plugins.all(DownloaderSpec)]
        embed.add_field(
            name="Taken", value="\n".join([*taken, "a file attached to the message"])[:1000]
        )
        summaries = {spec.name: spec.summary for spec in bot.plugins.all(UploaderSpec)}
        places = "\n".join(f"`{to}`: {summaries[to.partition('=')[0]]}" for to in bot.places)
        embed.add_field(name="Where to", value=(places or "nowhere yet")[:1000], inline=False)
        await ctx.send(embed=embed, ephemeral=True)

    @commands.hybrid_command(ignore_extra=False)  # type: ignore[arg-type]
    async def ping(self, ctx: Context) -> None:
        """Whether the bot is there."""
        latency = self.bot.latency
        told = f" Discord is {latency * 1000:.0f} ms away." if latency == latency else ""
        await ctx.send(f"Pong!{told}", ephemeral=True)

    async def cog_command_error(self, ctx: Context, error: Exception) -> None:  # type: ignore[override]
        """Say what went wrong, to this person alone where Discord can."""
        await self.bot.tell_error(ctx, error)
