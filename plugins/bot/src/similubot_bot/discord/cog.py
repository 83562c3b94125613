"""The commands, each typed after the prefix or as a slash command, and the presses of buttons.

Their ``type: ignore[arg-type]``: mypy cannot solve the generic types of `hybrid_command`.
"""

from __future__ import annotations

import contextlib
import logging
import os
import platform
import shutil
import time
from collections.abc import Sequence
from dataclasses import replace

import discord
from discord import app_commands
from discord.ext import commands

from similubot_bot.access import may_see_status
from similubot_bot.admin import Admin, machine_line
from similubot_bot.discord.buttons import EVENT, PICK_EVENT, again_view, convert_view
from similubot_bot.discord.delivery import NOT_DELIVERED, Delivery
from similubot_bot.discord.embeds import NEUTRAL
from similubot_bot.discord.errors import Refused, user_sentence
from similubot_bot.discord.intake import (
    attached,
    forwarded_material,
    material_of,
    replied_material,
)
from similubot_bot.discord.job_messages import JobMessages
from similubot_bot.discord.people_cog import People, UserhashForm
from similubot_bot.discord.requester import requester_of
from similubot_bot.i18n import _, language
from similubot_bot.jobs.discord_target import NAME
from similubot_bot.jobs.reading import Reading, read, read_bitrate, read_choice
from similubot_bot.jobs.requests import AttachedFile
from similubot_bot.service import BotService
from similubot_core import DownloaderSpec, UploaderSpec, UsageError, render
from similubot_discord_sink import escape

logger = logging.getLogger(__name__)

Context = commands.Context[commands.Bot]
Interaction = discord.Interaction[commands.Bot]

SHOWN_WAITING = 10
WAITING_MESSAGE = discord.InteractionResponseType.deferred_channel_message
BITRATES = (64, 96, 128, 160, 192, 256, 320)


class Commands(commands.Cog):
    """Everything that people can ask the bot for.

    Args:
        bot: The client that the commands belong to.
        service: Does what they ask for.
        messages: Sends the messages of jobs.
        admin: What operators may do.
    """

    def __init__(
        self, bot: commands.Bot, service: BotService, messages: JobMessages, admin: Admin
    ) -> None:
        self.bot = bot
        self.service = service
        self.messages = messages
        self.people = People(self, service, admin)
        self._menu = app_commands.ContextMenu(
            name="Convert",
            callback=self.convert_menu,
            allowed_installs=app_commands.AppInstallationType(guild=True, user=True),
            allowed_contexts=app_commands.AppCommandContext(
                guild=True, dm_channel=True, private_channel=True
            ),
        )

    async def cog_load(self) -> None:
        """Add the entry in the menu of messages, and the other commands."""
        await self.bot.add_cog(self.people)
        self.bot.tree.add_command(self._menu)

    async def interaction_check(self, interaction: Interaction) -> bool:  # type: ignore[override]
        """Whether this person may use the bot here; sets the language of the answers."""
        await self.set_language(interaction)
        try:
            self.service.check_access(requester_of(interaction))
        except UsageError as error:
            raise app_commands.CheckFailure(error.message) from None
        return True

    async def set_language(self, where: Context | Interaction) -> None:
        """Choose the language of the answers: the member's, their client's, the server's, ours."""
        interaction = where if isinstance(where, discord.Interaction) else where.interaction
        user = where.user if isinstance(where, discord.Interaction) else where.author
        client = None if interaction is None else interaction.locale.value
        guild = where.guild
        community = None if guild is None else guild.preferred_locale.value
        chosen = await self.service.language_for(
            user.id, None if guild is None else guild.id, client, community
        )
        language.set(chosen)

    async def cog_check(self, ctx: Context) -> bool:  # type: ignore[override]
        """Whether this person may use the bot here; sets the language of the answers."""
        await self.set_language(ctx)
        try:
            self.service.check_access(requester_of(ctx))
        except UsageError as error:
            raise Refused(error.message) from None
        return True

    # -- commands ---------------------------------------------------------------------------

    @commands.command(aliases=["mega"], usage="[link] [bitrate] [to]")
    async def convert(self, ctx: Context, *, text: str = "") -> None:
        """Convert links or files to audio, and get links to it."""
        await self.convert_message(ctx, text)

    @app_commands.command(name="convert")
    @app_commands.allowed_installs(guilds=True, users=True)
    @app_commands.allowed_contexts(guilds=True, dms=True, private_channels=True)
    @app_commands.describe(
        link="A link to a video or an audio file, or several",
        bitrate="Kilobits per second, such as 128",
        to="Where the result goes",
        format="The format of the result, such as mp3",
        file="A file instead of a link",
        file2="Another file",
        file3="Another file",
        private="Whether only you see the result",
    )
    async def convert_slash(
        self,
        interaction: Interaction,
        link: str | None = None,
        bitrate: int | None = None,
        to: str | None = None,
        format: str | None = None,  # noqa: A002  (what people see)
        file: discord.Attachment | None = None,
        file2: discord.Attachment | None = None,
        file3: discord.Attachment | None = None,
        private: bool = False,
    ) -> None:
        """Convert a link or a file to audio, and get a link to it."""
        reading = read(link or "", self.service.words)
        if bitrate is not None:
            reading = replace(reading, bitrate=read_bitrate(str(bitrate)))
        if to is not None:
            target = read_choice(to, self.service.targets, _("I can't upload to"))
            reading = replace(reading, to=target)
        if format is not None:
            words = self.service.words
            name = words.endings.get(format.strip(". ").lower(), format)
            chosen = read_choice(name, words.formats, _("I can't convert to"))
            reading = replace(reading, format=chosen)
        reading = replace(reading, private=private or reading.private)
        await self._convert_for(interaction, reading, attached([file, file2, file3]))

    async def convert_menu(self, interaction: Interaction, message: discord.Message) -> None:
        """Convert what a message holds; it is in the message's menu, below "Apps"."""
        try:
            await self._convert_menu(interaction, message)
        except Exception as error:  # noqa: BLE001  (a menu has no handler of its own in a cog)
            await reply_with_error(interaction, error, self.service.settings.shown_prefix)

    async def _convert_menu(self, interaction: Interaction, message: discord.Message) -> None:
        await self.set_language(interaction)
        self.service.check_access(requester_of(interaction))
        material = material_of(message)
        links = self.service.links(material.text)
        if not links and not material.files:
            raise UsageError(_("There is no supported link and no file in that message."))
        await self._convert_for(interaction, Reading(links), material.files)

    async def _convert_for(
        self, interaction: Interaction, reading: Reading, files: Sequence[AttachedFile]
    ) -> None:
        async def send(embed: discord.Embed, view: discord.ui.View) -> discord.Message:
            return await interaction.followup.send(
                embed=embed, view=view, wait=True, ephemeral=reading.private
            )

        requester, channel = requester_of(interaction), interaction.channel_id
        assert channel is not None
        self.service.check_access(requester)
        reading = await self.service.with_defaults(requester, reading)
        requests = self.service.make_requests(requester, channel, reading, files)
        self.service.check_cooldown(requester)
        # Looking a source up may take longer than the 3 seconds that an interaction waits.
        await interaction.response.defer(thinking=True, ephemeral=reading.private)
        # Only the interaction can edit what one person sees, or what is where the bot is not.
        absent = interaction.is_user_integration() and not interaction.is_guild_integration()
        hold = reading.private or absent
        reply = self.messages.reply_by(send, hold=hold, limit=interaction.filesize_limit)
        for sentence in await self.service.submit(requester, requests, reply):
            await interaction.followup.send(sentence, ephemeral=True)

    async def convert_plain(self, ctx: Context, text: str) -> None:
        """As the command convert, for a message that names none."""
        try:
            await self.cog_check(ctx)
            await self.convert_message(ctx, text)
        except Exception as error:  # noqa: BLE001  (told as a command's)
            await self.cog_command_error(ctx, error)

    async def convert_message(self, ctx: Context, text: str) -> None:
        """Convert what a message holds: its text and files, else what it replies to or forwards.

        Args:
            ctx: The message.
            text: The request in it, without prefix and command.

        Raises:
            UsageError: There is nothing to convert; says what to do.
        """
        message = ctx.message
        reading, files = read(text, self.service.words), attached(message.attachments)
        if not reading.links and not files:
            for material in (forwarded_material(message), await replied_material(message)):
                links = self.service.links(material.text)
                if links or material.files:
                    reading, files = replace(reading, links=links), material.files
                    break

        async def send(embed: discord.Embed, view: discord.ui.View) -> discord.Message:
            return await ctx.send(embed=embed, view=view)

        requester = requester_of(ctx)
        reading = await self.service.with_defaults(requester, reading)
        requests = self.service.make_requests(requester, ctx.channel.id, reading, files, message.id)
        reply = self.messages.reply_by(send)
        if reading.private and ctx.guild is not None:
            reply = self.messages.reply_directly(requester.user)
        for sentence in await self.service.submit(requester, requests, reply):
            await self.messages.delivery.answer(message, sentence)

    @convert_slash.autocomplete("bitrate")
    async def _complete_bitrate(
        self, interaction: Interaction, typed: int | str
    ) -> list[app_commands.Choice[int]]:
        lowest, highest = self.service.words.bitrates or (1, 10_000)
        fitting = [b for b in BITRATES if lowest <= b <= highest and str(b).startswith(str(typed))]
        return [app_commands.Choice(name=f"{b} kb/s", value=b) for b in fitting]

    @convert_slash.autocomplete("format")
    async def _complete_format(
        self, interaction: Interaction, typed: str
    ) -> list[app_commands.Choice[str]]:
        formats = self.service.words.formats
        fitting = [name for name in formats if name.startswith(typed.lower())]
        return [app_commands.Choice(name=name, value=name) for name in fitting[:25]]

    @convert_slash.autocomplete("to")
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
                state = _("starting") if latest is None else escape(latest.operation)
                share = "" if latest is None else f" {render.percent(latest.percentage)}"
                lines.append(f"▶️ {who} · {state}{share}")
            elif sum(line[0].isdigit() for line in lines) < SHOWN_WAITING:
                lines.append(f"{entry.position}. {who}")
            else:
                hidden += 1
        if hidden:
            lines.append(_("… and {count} more", count=hidden))
        text = "\n".join(lines) or _("No jobs are running or waiting here.")
        embed = discord.Embed(title=_("Queue"), description=text, colour=NEUTRAL)
        manager = self.service.manager
        embed.set_footer(
            text=_(
                "{running} running, {waiting} waiting in all servers",
                running=len(manager.running),
                waiting=len(manager.waiting),
            )
        )
        await ctx.send(embed=embed, ephemeral=True)

    @commands.hybrid_command(ignore_extra=False)  # type: ignore[arg-type]
    @app_commands.describe(job="The job's number; without it, your newest one")
    async def cancel(self, ctx: Context, job: int | None = None) -> None:
        """Cancel one of your jobs."""
        job = self.service.cancel(requester_of(ctx), job)
        await ctx.send(_("Cancelling job {job}.", job=job), ephemeral=True)

    @commands.hybrid_command(ignore_extra=False)  # type: ignore[arg-type]
    @app_commands.default_permissions(manage_guild=True)
    async def status(self, ctx: Context) -> None:
        """Show the state of the bot and its machine."""
        service = self.service
        if not may_see_status(service.settings, requester_of(ctx)):
            raise Refused(_("Only people who manage this server can see that."))
        embed = discord.Embed(title=_("Status"), colour=NEUTRAL)
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
        if machines := service.manager.machines:
            lines = [machine_line(machine) for machine in machines]
            embed.add_field(name="Machines", value=escape("\n".join(lines), 1000), inline=False)
        await ctx.send(embed=embed, ephemeral=True)

    @commands.hybrid_command(ignore_extra=False)  # type: ignore[arg-type]
    async def about(self, ctx: Context) -> None:
        """Show what this bot is."""
        version = next((r.version for r in self.service.plugins.records if r.name == "bot"), "")
        text = _(
            "SimiluBot {version} converts what a link points to into audio, and sends back a link "
            "to it, with the progress of every step in one message. {command} shows how to ask.",
            version=version,
            command=f"`{self.service.settings.shown_prefix}help`",
        )
        embed = discord.Embed(title=_("About"), description=text, colour=NEUTRAL)
        await ctx.send(embed=embed, ephemeral=True)

    @commands.hybrid_command(ignore_extra=False)  # type: ignore[arg-type]
    async def help(self, ctx: Context) -> None:
        """Show the commands, and what is supported."""
        service, prefix = self.service, self.service.settings.shown_prefix
        embed = discord.Embed(title=_("Help"), colour=NEUTRAL)
        lines = [
            f"`{prefix}{command.name} {command.usage or command.signature}".rstrip()
            + f"` — {command.short_doc}"
            for command in sorted(self.bot.commands, key=lambda command: command.name)
        ]
        embed.description = "\n".join(lines)
        supported = [spec.summary for spec in service.plugins.all(DownloaderSpec)]
        embed.add_field(
            name=_("Supported"),
            value="\n".join([*supported, _("a file attached to the message")])[:1000],
        )
        summaries = {spec.name: spec.summary for spec in service.plugins.all(UploaderSpec)}
        summaries[NAME] = _("this conversation, where the result fits")
        targets = [f"`{to}`: {summaries[to.partition('=')[0]]}" for to in service.targets]
        embed.add_field(
            name=_("Uploads to"),
            value=("\n".join(targets) or _("nowhere yet"))[:1000],
            inline=False,
        )
        await ctx.send(embed=embed, ephemeral=True)

    @commands.hybrid_command(ignore_extra=False)  # type: ignore[arg-type]
    async def ping(self, ctx: Context) -> None:
        """Check that the bot is there."""
        latency = self.bot.latency
        known = ""
        if latency == latency:
            known = " " + _("Discord is {ms} ms away.", ms=round(latency * 1000))
        await ctx.send(f"Pong!{known}", ephemeral=True)

    async def cog_command_error(self, ctx: Context, error: Exception) -> None:  # type: ignore[override]
        """Tell the requester what went wrong, alone where Discord can."""
        prefix = self.service.settings.shown_prefix
        await send_error(ctx, error, prefix, self.messages.delivery)

    async def cog_app_command_error(  # type: ignore[override]
        self, interaction: Interaction, error: app_commands.AppCommandError
    ) -> None:
        """Tell the requester, alone, what went wrong with a slash command."""
        await reply_with_error(interaction, error, self.service.settings.shown_prefix)

    # -- offers and buttons -----------------------------------------------------------------

    async def offer(self, ctx: Context) -> None:
        """Offer to convert the link in a plain message, if there is one."""
        message = ctx.message
        await self.set_language(ctx)
        try:
            self.service.check_access(requester_of(ctx))
        except UsageError:
            return
        material = material_of(message)
        if self.service.manager.stopping or not self.service.links(material.text):
            return
        if not self.service.may_offer(requester_of(ctx)):
            return
        view = convert_view(message.id)
        try:
            await message.channel.send(_("Convert this link to audio?"), view=view)
        except NOT_DELIVERED as error:
            logger.info("An offer could not be made: %s", error)
        view.stop()

    @commands.Cog.listener(f"on_{EVENT}")
    async def _pressed(self, interaction: Interaction, action: str, number: int) -> None:
        """Somebody pressed one of the bot's buttons."""
        await self.set_language(interaction)
        try:
            self.service.check_access(requester_of(interaction))
            requester = requester_of(interaction)
            if action == "cancel":
                self.service.cancel(requester, number)
                await interaction.response.defer()
            elif action == "convert":
                await self._accept_offer(interaction, number)
            elif action == "retry":
                await self._repeat(interaction, number)
            elif action == "keep":
                await self._repeat(interaction, number, keep_damaged=True)
            elif action == "again":
                await self.service.repeated(requester, number)
                lowest, highest = self.service.words.bitrates or (1, 10_000)
                fitting = [bitrate for bitrate in BITRATES if lowest <= bitrate <= highest]
                await interaction.response.send_message(
                    _("Convert it again with:"), view=again_view(number, fitting), ephemeral=True
                )
            elif action in ("back", "on"):
                embed, view = await self.people.mine_page(requester.user, number)
                await interaction.response.edit_message(embed=embed, view=view)
            elif action == "userhash":
                await interaction.response.send_modal(UserhashForm(self.service))
        except Exception as error:  # noqa: BLE001  (told as a command's)
            await reply_with_error(interaction, error, self.service.settings.shown_prefix)

    @commands.Cog.listener(f"on_{PICK_EVENT}")
    async def _picked(self, interaction: Interaction, job: int, values: list[str]) -> None:
        """Somebody chose a bitrate to repeat a job with."""
        await self.set_language(interaction)
        try:
            self.service.check_access(requester_of(interaction))
            await self._repeat(interaction, job, read_bitrate(values[0]) if values else None)
        except Exception as error:  # noqa: BLE001  (told as a command's)
            await reply_with_error(interaction, error, self.service.settings.shown_prefix)

    async def _repeat(
        self,
        interaction: Interaction,
        job: int,
        bitrate: int | None = None,
        *,
        keep_damaged: bool = False,
    ) -> None:
        """Repeat an ended job, in a message of its own."""
        requester = requester_of(interaction)
        request = await self.service.repeated(requester, job)
        if bitrate is not None:
            request = replace(request, bitrate=bitrate)
        if keep_damaged:
            request = replace(request, keep_damaged=True)
        self.service.check_cooldown(requester)
        await interaction.response.defer(thinking=True, ephemeral=request.private)

        async def send(embed: discord.Embed, view: discord.ui.View) -> discord.Message:
            return await interaction.followup.send(
                embed=embed, view=view, wait=True, ephemeral=request.private
            )

        reply = self.messages.reply_by(send, hold=request.private)
        await self.service.submit(requester, [request], reply)

    async def _accept_offer(self, interaction: Interaction, message: int) -> None:
        """Somebody pressed "Convert" on an offer, which becomes the job's message."""
        channel = interaction.channel
        assert isinstance(channel, discord.abc.Messageable)
        try:
            original = await channel.fetch_message(message)
        except discord.HTTPException:
            raise UsageError(_("The message with the link is gone; post it again.")) from None
        material = material_of(original)
        links = self.service.links(material.text)
        if not links:
            raise UsageError(_("The link is not in that message any more."))

        first = True

        async def send(embed: discord.Embed, view: discord.ui.View) -> discord.Message:
            nonlocal first
            if not first:
                return await interaction.followup.send(embed=embed, view=view, wait=True)
            first = False
            return await interaction.edit_original_response(content=None, embed=embed, view=view)

        assert interaction.channel_id is not None
        requester = requester_of(interaction)
        reading = await self.service.with_defaults(requester, Reading(links))
        requests = self.service.make_requests(
            requester, interaction.channel_id, replace(reading, private=False), message=message
        )
        self.service.check_cooldown(requester)
        await interaction.response.defer()
        for sentence in await self.service.submit(
            requester, requests, self.messages.reply_by(send)
        ):
            await interaction.followup.send(sentence, ephemeral=True)


async def send_error(ctx: Context, error: Exception, prefix: str, delivery: Delivery) -> None:
    """Tell the requester what went wrong with a command, alone where Discord can."""
    sentence = user_sentence(error, prefix)
    if sentence is None or ctx.bot.is_closed():
        return
    if not sentence:
        logger.error("A command failed unexpectedly", exc_info=error)
        sentence = _(
            "Something unexpected happened. The bot's operator can find details in the log."
        )
    if ctx.interaction is not None:
        await _reply_ephemeral(ctx.interaction, sentence)
    else:
        await delivery.answer(ctx.message, sentence)


async def reply_with_error(interaction: Interaction, error: Exception, prefix: str) -> None:
    """Tell a person what went wrong with an interaction, alone."""
    sentence = None if interaction.client.is_closed() else user_sentence(error, prefix)
    if sentence == "":
        logger.error("An interaction failed unexpectedly", exc_info=error)
        sentence = _(
            "Something unexpected happened. The bot's operator can find details in the log."
        )
    if sentence:
        await _reply_ephemeral(interaction, sentence)


async def _reply_ephemeral(interaction: Interaction, sentence: str) -> None:
    """Reply to an interaction so that only the person who caused it sees the sentence."""
    try:
        if interaction.response.is_done():
            if interaction.response.type is WAITING_MESSAGE:
                # Nothing was sent yet: the waiting message is public, and the sentence is not.
                with contextlib.suppress(*NOT_DELIVERED):
                    await interaction.delete_original_response()
            await interaction.followup.send(sentence, ephemeral=True)
        else:
            await interaction.response.send_message(sentence, ephemeral=True)
    except NOT_DELIVERED as error:
        logger.info("A reply could not be sent: %s", error)
