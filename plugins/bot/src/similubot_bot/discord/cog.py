"""The commands, each typed after the prefix or as a slash command, and the presses of buttons.

Their ``type: ignore[arg-type]``: mypy cannot solve the generic types of `hybrid_command`.
"""

from __future__ import annotations

import logging
import os
import platform
import shutil
import time
from typing import Any

import discord
from discord import app_commands
from discord.ext import commands

from similubot_bot.access import is_admin, may_see_status
from similubot_bot.discord.buttons import EVENT, convert_view
from similubot_bot.discord.embeds import NEUTRAL
from similubot_bot.discord.errors import Refused, user_sentence
from similubot_bot.discord.job_messages import reply_by
from similubot_bot.discord.requester import requester_of
from similubot_bot.jobs.requests import AttachedFile
from similubot_bot.service import BotService
from similubot_core import DownloaderSpec, SimilubotError, UploaderSpec, UsageError, render
from similubot_discord_sink import escape

logger = logging.getLogger(__name__)

Context = commands.Context[commands.Bot]
Interaction = discord.Interaction[commands.Bot]

SHOWN_WAITING = 10


def _cooldown(ctx: Context) -> commands.Cooldown | None:
    assert isinstance(ctx.cog, Commands)
    settings = ctx.cog.service.settings
    if not settings.cooldown or is_admin(settings, requester_of(ctx)):
        return None
    return commands.Cooldown(1, settings.cooldown)


def _arguments(command: commands.Command[Any, ..., Any]) -> list[str]:
    """As people type them; a file is attached instead."""
    return [f"[{name}]" for name in command.clean_params if name != "file"]


class Commands(commands.Cog):
    """Everything that people can ask the bot for.

    Args:
        bot: The client that the commands belong to.
        service: Does what they ask for.
    """

    def __init__(self, bot: commands.Bot, service: BotService) -> None:
        self.bot = bot
        self.service = service

    async def cog_check(self, ctx: Context) -> bool:  # type: ignore[override]
        """Whether this person may use the bot here."""
        try:
            self.service.check_access(requester_of(ctx))
        except UsageError as error:
            raise Refused(error.message) from None
        return True

    # -- commands ---------------------------------------------------------------------------

    @commands.hybrid_command(ignore_extra=False, aliases=["mega"])  # type: ignore[arg-type]
    @commands.dynamic_cooldown(_cooldown, commands.BucketType.user)
    @app_commands.describe(
        link="A link to a video or an audio file",
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
        """Convert a link or a file to audio, and get a link to it."""
        attached = None if file is None else AttachedFile(file.url, file.filename, file.size)

        async def send(embed: discord.Embed, view: discord.ui.View) -> discord.Message:
            return await ctx.send(embed=embed, view=view)

        try:
            await self.service.submit(
                requester_of(ctx),
                ctx.channel.id,
                reply_by(send),
                link=link,
                file=attached,
                bitrate=bitrate,
                to=to,
            )
        except UsageError:
            ctx.command.reset_cooldown(ctx)  # type: ignore[union-attr]
            raise

    @convert.autocomplete("to")
    async def _complete_to(
        self, interaction: Interaction, typed: str
    ) -> list[app_commands.Choice[str]]:
        fitting = [name for name in self.service.targets if name.startswith(typed)]
        return [app_commands.Choice(name=name, value=name) for name in fitting[:25]]

    @commands.hybrid_command(ignore_extra=False)  # type: ignore[arg-type]
    async def queue(self, ctx: Context) -> None:
        """Show running and waiting jobs."""
        lines, hidden = [], 0
        for entry in self.service.queue(requester_of(ctx)):
            who = f"job {entry.record.id} · <@{entry.record.request.user}>"
            if entry.position is None:
                latest = entry.latest
                state = "starting" if latest is None else escape(latest.operation)
                share = "" if latest is None else f" {render.percent(latest.percentage)}"
                lines.append(f"▶️ {who} · {state}{share}")
            elif sum(line[0].isdigit() for line in lines) < SHOWN_WAITING:
                lines.append(f"{entry.position}. {who}")
            else:
                hidden += 1
        if hidden:
            lines.append(f"… and {hidden} more")
        text = "\n".join(lines) or "No jobs are running or waiting here."
        embed = discord.Embed(title="Queue", description=text, colour=NEUTRAL)
        manager = self.service.manager
        embed.set_footer(
            text=f"{len(manager.running)} running, {len(manager.waiting)} waiting in all servers"
        )
        await ctx.send(embed=embed, ephemeral=True)

    @commands.hybrid_command(ignore_extra=False)  # type: ignore[arg-type]
    @app_commands.describe(job="The job's number; without it, your newest one")
    async def cancel(self, ctx: Context, job: int | None = None) -> None:
        """Cancel one of your jobs."""
        job = self.service.cancel(requester_of(ctx), job)
        await ctx.send(f"Cancelling job {job}.", ephemeral=True)

    @commands.hybrid_command(ignore_extra=False)  # type: ignore[arg-type]
    @app_commands.default_permissions(manage_guild=True)
    async def status(self, ctx: Context) -> None:
        """Show the state of the bot and its machine."""
        service = self.service
        if not may_see_status(service.settings, requester_of(ctx)):
            raise Refused("Only people who manage this server can see that.")
        embed = discord.Embed(title="Status", colour=NEUTRAL)
        disk = shutil.disk_usage(service.settings.folder)
        versions = [f"Python {platform.python_version()}", f"discord.py {discord.__version__}"]
        plugins = [
            f"{record.name} {record.version}" + ("" if record.status == "ok" else " ⚠️")
            for record in service.plugins.records
        ]
        late = service.loop_watch.latest_worst
        load = f"{os.getloadavg()[0]:.1f} on {os.cpu_count()} processors"
        running, waiting = len(service.manager.running), len(service.manager.waiting)
        embed.add_field(name="Up for", value=render.duration(time.time() - service.began))
        embed.add_field(name="Jobs", value=f"{running} running, {waiting} waiting")
        embed.add_field(name="Free disk", value=render.size(disk.free))
        embed.add_field(name="Load", value=f"{load}\nreplies late by {late * 1000:.0f} ms at most")
        embed.add_field(name="Plugins", value="\n".join(plugins)[:1000])
        embed.add_field(name="Versions", value="\n".join(versions))
        await ctx.send(embed=embed, ephemeral=True)

    @commands.hybrid_command(ignore_extra=False)  # type: ignore[arg-type]
    async def about(self, ctx: Context) -> None:
        """Show what this bot is."""
        version = next((r.version for r in self.service.plugins.records if r.name == "bot"), "")
        text = (
            f"SimiluBot {version} converts what a link points to into audio, and sends back a link "
            "to it, with the progress of every step in one message. "
            f"`{self.service.settings.shown_prefix}help` shows how to ask."
        )
        embed = discord.Embed(title="About", description=text, colour=NEUTRAL)
        await ctx.send(embed=embed, ephemeral=True)

    @commands.hybrid_command(ignore_extra=False)  # type: ignore[arg-type]
    async def help(self, ctx: Context) -> None:
        """Show the commands, and what is supported."""
        service, prefix = self.service, self.service.settings.shown_prefix
        embed = discord.Embed(title="Help", colour=NEUTRAL)
        lines = [
            f"`{' '.join([prefix + command.name, *_arguments(command)])}` — {command.short_doc}"
            for command in sorted(self.bot.commands, key=lambda command: command.name)
        ]
        embed.description = "\n".join(lines)
        supported = [spec.summary for spec in service.plugins.all(DownloaderSpec)]
        embed.add_field(
            name="Supported", value="\n".join([*supported, "a file attached to the message"])[:1000]
        )
        summaries = {spec.name: spec.summary for spec in service.plugins.all(UploaderSpec)}
        targets = [f"`{to}`: {summaries[to.partition('=')[0]]}" for to in service.targets]
        embed.add_field(
            name="Uploads to", value=("\n".join(targets) or "nowhere yet")[:1000], inline=False
        )
        await ctx.send(embed=embed, ephemeral=True)

    @commands.hybrid_command(ignore_extra=False)  # type: ignore[arg-type]
    async def ping(self, ctx: Context) -> None:
        """Check that the bot is there."""
        latency = self.bot.latency
        known = f" Discord is {latency * 1000:.0f} ms away." if latency == latency else ""
        await ctx.send(f"Pong!{known}", ephemeral=True)

    async def cog_command_error(self, ctx: Context, error: Exception) -> None:  # type: ignore[override]
        """Tell the requester what went wrong, alone where Discord can."""
        await send_error(ctx, error, self.service.settings.shown_prefix)

    # -- offers and buttons -----------------------------------------------------------------

    async def offer(self, ctx: Context) -> None:
        """Offer to convert the link in a plain message, if there is one."""
        message = ctx.message
        try:
            self.service.check_access(requester_of(ctx))
        except UsageError:
            return
        if self.service.manager.stopping or self.service.first_link(message.content) is None:
            return
        view = convert_view(message.id)
        try:
            await message.channel.send("Convert this link to audio?", view=view)
        except discord.HTTPException as error:
            logger.info("An offer could not be made: %s", error)
        view.stop()

    @commands.Cog.listener(f"on_{EVENT}")
    async def _pressed(self, interaction: Interaction, action: str, number: int) -> None:
        """Somebody pressed one of the bot's buttons."""
        try:
            self.service.check_access(requester_of(interaction))
            if action == "cancel":
                self.service.cancel(requester_of(interaction), number)
                await interaction.response.defer()
            elif action == "convert":
                await self._accept_offer(interaction, number)
        except SimilubotError as error:
            await _reply_ephemeral(interaction, error.message)

    async def _accept_offer(self, interaction: Interaction, message: int) -> None:
        """Somebody pressed "Convert" on an offer, which becomes the job's message."""
        channel = interaction.channel
        assert isinstance(channel, discord.abc.Messageable)
        try:
            original = await channel.fetch_message(message)
        except discord.HTTPException:
            raise UsageError("The message with the link is gone; post it again.") from None
        link = self.service.first_link(original.content)
        if link is None:
            raise UsageError("The link is not in that message any more.")

        async def send(embed: discord.Embed, view: discord.ui.View) -> discord.Message:
            await interaction.response.edit_message(content=None, embed=embed, view=view)
            assert interaction.message is not None
            return interaction.message

        assert interaction.channel_id is not None
        requester = requester_of(interaction)
        await self.service.submit(requester, interaction.channel_id, reply_by(send), link=link)


async def send_error(ctx: Context, error: Exception, prefix: str) -> None:
    """Tell the requester what went wrong with a command, alone where Discord can."""
    sentence = user_sentence(error, prefix)
    if sentence is None:
        return
    if not sentence:
        logger.error("A command failed unexpectedly", exc_info=error)
        sentence = "Something unexpected happened. The bot's operator can find details in the log."
    try:
        await ctx.send(sentence, ephemeral=True)
    except (discord.HTTPException, OSError) as failure:
        logger.info("An error message could not be sent: %s", failure)


async def _reply_ephemeral(interaction: Interaction, sentence: str) -> None:
    """Reply to a press so that only the person who pressed sees it."""
    try:
        if interaction.response.is_done():
            await interaction.followup.send(sentence, ephemeral=True)
        else:
            await interaction.response.send_message(sentence, ephemeral=True)
    except (discord.HTTPException, OSError) as error:
        logger.info("A reply could not be sent: %s", error)
