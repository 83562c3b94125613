"""SimilubotBot: the discord.py client, with the work that it was given."""

from __future__ import annotations

import asyncio
import gc
import hashlib
import json
import logging
import time
from collections.abc import Callable, Sequence
from typing import Any

import discord
from discord.ext import commands

from similubot_bot.discord.buttons import CancelButton, ConvertButton, convert_view
from similubot_bot.discord.cog import Commands
from similubot_bot.discord.job_messages import Answers, Send
from similubot_bot.discord.permissions import Person, may_cancel, refusal
from similubot_bot.errors import sentence_for
from similubot_bot.jobs.manager import Work
from similubot_bot.jobs.records import Ending
from similubot_bot.jobs.requests import AttachedFile, first_link, plan, read_wish
from similubot_bot.jobs.runner import Runner
from similubot_bot.jobs.store import Store
from similubot_bot.jobs.store_thread import StoreThread
from similubot_bot.ops.loop_watch import LoopWatch
from similubot_bot.settings import BotSettings
from similubot_core import Settings, SimilubotError, UsageError
from similubot_core.plugins.specs import Plugins

logger = logging.getLogger(__name__)

HOUR = 3600.0


class SimilubotBot(commands.Bot):
    """The bot. Make it and run it in one event loop.

    Args:
        plugins: What is installed.
        core_settings: The settings of this run.
        settings: The table [bot].
        places: What people may give as `to`.
        store: The job list.
        update_interval: Seconds from one edit of a message to the next.
        on_end: Told of each ending.
        on_late: Told 20 times a second by how many seconds the event loop is late.
    """

    def __init__(
        self,
        plugins: Plugins,
        core_settings: Settings,
        settings: BotSettings,
        places: Sequence[str],
        store: StoreThread,
        update_interval: float,
        on_end: Callable[[Ending], None] | None = None,
        on_late: Callable[[float], None] | None = None,
    ) -> None:
        intents = discord.Intents(guilds=True, messages=True)
        intents.message_content = settings.message_content
        super().__init__(
            command_prefix=commands.when_mentioned_or(settings.prefix),
            help_command=None,
            case_insensitive=True,
            intents=intents,
            allowed_mentions=discord.AllowedMentions.none(),
            max_messages=None,
            chunk_guilds_at_startup=False,
            member_cache_flags=discord.MemberCacheFlags.none(),
        )
        self.plugins = plugins
        self.core_settings = core_settings
        self.settings = settings
        self.places = places
        self.began = time.time()
        self.loop_watch = LoopWatch(on_late)
        self._store = store
        runner = Runner(plugins, core_settings, settings, store, settings.folder / "jobs")
        answers = Answers(self, update_interval)
        self.work = Work(settings, store, runner, answers, on_end or (lambda ending: None))
        self._background: list[asyncio.Task[None]] = []
        self._planning = asyncio.Lock()
        self._was_ready = False

    # -- life -------------------------------------------------------------------------------

    async def setup_hook(self) -> None:
        """Called once logged in, before the gateway: the work goes on even while that is down."""
        await self.add_cog(Commands(self))
        self.add_dynamic_items(CancelButton, ConvertButton)
        gc.collect()
        gc.freeze()
        self._background = [
            asyncio.create_task(self.loop_watch.run(), name="loop watch"),
            asyncio.create_task(self._prune_old_jobs(), name="housekeeping"),
            asyncio.create_task(self._register_commands(), name="slash commands"),
        ]
        await self.work.resume()

    async def on_ready(self) -> None:
        """Log that the bot is there; Discord may say so again after an interruption."""
        # A full round of the collector over all that discord.py holds stops every thread for 50 ms,
        # and for longer the more servers there are: so what stays is left out of its rounds.
        if self._was_ready:  # a new session has replaced the servers that were known
            gc.unfreeze()
            gc.collect()
        self._was_ready = True
        gc.freeze()
        logger.info("Ready as %s; servers: %d", self.user, len(self.guilds))

    def dispatch(self, event_name: str, /, *args: Any, **kwargs: Any) -> None:
        """Have an event handled; not once closed, for discord.py then fails where a command that
        was under way ends.
        """
        if not self.is_closed():
            super().dispatch(event_name, *args, **kwargs)

    async def close(self) -> None:
        """End what runs in the background and the connection."""
        for task in self._background:
            task.cancel()
        await super().close()

    async def _prune_old_jobs(self) -> None:
        while True:
            await self.work.forget_old()
            await asyncio.sleep(HOUR)

    async def _register_commands(self) -> None:
        """Tell Discord the slash commands, if they are others than last time."""
        payload = [command.to_dict(self.tree) for command in self.tree.get_commands()]
        text = json.dumps([self.application_id, payload], sort_keys=True)
        digest = hashlib.sha256(text.encode()).hexdigest()
        if await self._store.do(Store.note, "commands") == digest:
            return
        delay = 5.0
        while True:
            try:
                await self.tree.sync()
            except (discord.DiscordException, OSError, TimeoutError) as error:
                logger.warning("The slash commands are not registered yet: %s", error)
                await asyncio.sleep(delay)
                delay = min(600.0, 2 * delay)
            else:
                await self._store.do(Store.set_note, "commands", digest)
                logger.info("Registered %d slash commands", len(payload))
                return

    # -- who and what -----------------------------------------------------------------------

    def person(self, where: commands.Context[Any] | discord.Interaction[Any]) -> Person:
        """Who asks for something, and where."""
        user = where.author if isinstance(where, commands.Context) else where.user
        channel, guild = where.channel, where.guild
        permissions = where.permissions
        parent = getattr(channel, "parent_id", None)
        ids = {channel.id if channel is not None else None, parent}
        return Person(
            user.id,
            None if guild is None else guild.id,
            frozenset(id_ for id_ in ids if id_ is not None),
            frozenset(role.id for role in getattr(user, "roles", ())),
            moderates=guild is not None and permissions.manage_messages,
            manages=guild is not None and permissions.manage_guild,
        )

    async def take(
        self,
        person: Person,
        channel: int,
        send: Send,
        *,
        link: str | None,
        file: AttachedFile | None = None,
        bitrate: int | None = None,
        to: str | None = None,
    ) -> None:
        """Take a request; returns once its message is sent.

        Raises:
            UsageError: Says what is wrong and what to do.
        """
        wish = read_wish(
            self.plugins,
            self.settings,
            self.places,
            link=link,
            file=file,
            bitrate=bitrate,
            to=to,
        )
        # Importing a plugin's stages can take longer than the event loop may be held up.
        # One at a time: many at once would hold Python's lock, and wake up together.
        async with self._planning:
            await asyncio.to_thread(plan, self.plugins, self.core_settings, self.settings, wish)
        await self.work.submit(wish, person, channel, send)

    def cancel(self, person: Person, job: int) -> None:
        """Cancel a job for somebody.

        Raises:
            UsageError: There is none of that number, or it is not theirs.
        """
        record = self.work.get(job)
        # The same answer for both, so that nobody learns of others' jobs.
        if record is None or not may_cancel(
            self.settings, person, record.asked.user, record.asked.server
        ):
            raise UsageError(f"There is no job {job} that you could cancel.")
        self.work.cancel(job)

    # -- messages and buttons ---------------------------------------------------------------

    async def on_message(self, message: discord.Message, /) -> None:
        """Run the command in a message, or offer to convert the link in it."""
        if message.author.bot:
            return
        context = await self.get_context(message)
        if context.command is not None:
            await self.invoke(context)
        elif self.settings.offer and not self.work.stopping:
            await self._offer(message, context)

    async def _offer(self, message: discord.Message, context: commands.Context[Any]) -> None:
        if refusal(self.settings, self.person(context)) is not None:
            return
        if first_link(self.plugins, message.content) is None:
            return
        view = convert_view(message.id)
        try:
            await message.channel.send("Shall I turn this into sound?", view=view)
        except discord.HTTPException as error:
            logger.info("An offer could not be made: %s", error)
        view.stop()

    async def press_convert(self, interaction: discord.Interaction[Any], message: int) -> None:
        """Somebody pressed "Convert" on an offer, which becomes the job's message."""
        try:
            person = self._checked(interaction)
            channel = interaction.channel
            assert isinstance(channel, discord.abc.Messageable)
            try:
                original = await channel.fetch_message(message)
            except discord.HTTPException:
                raise UsageError("The message with the link is gone; post it again.") from None
            link = first_link(self.plugins, original.content)
            if link is None:
                raise UsageError("The link is not in that message any more.")

            async def send(embed: discord.Embed, view: discord.ui.View) -> discord.Message:
                await interaction.response.edit_message(content=None, embed=embed, view=view)
                assert interaction.message is not None
                return interaction.message

            assert interaction.channel_id is not None
            await self.take(person, interaction.channel_id, send, link=link)
        except SimilubotError as error:
            await _reply_ephemeral(interaction, error.message)

    async def press_cancel(self, interaction: discord.Interaction[Any], job: int) -> None:
        """Somebody pressed "Cancel"."""
        try:
            self.cancel(self._checked(interaction), job)
            await interaction.response.defer()
        except SimilubotError as error:
            await _reply_ephemeral(interaction, error.message)

    def _checked(self, interaction: discord.Interaction[Any]) -> Person:
        person = self.person(interaction)
        why_not = refusal(self.settings, person)
        if why_not is not None:
            raise UsageError(why_not)
        return person

    # -- errors -----------------------------------------------------------------------------

    async def tell_error(self, ctx: commands.Context[Any], error: Exception) -> None:
        """Say what went wrong with a command, to that person alone where Discord can."""
        sentence = sentence_for(error, self.settings.shown_prefix)
        if sentence is None:
            return
        if not sentence:
            logger.error("A command failed unexpectedly", exc_info=error)
            sentence = "Something unexpected happened; those who run me find it in the log."
        try:
            await ctx.send(sentence, ephemeral=True)
        except (discord.HTTPException, OSError) as failure:
            logger.info("An error could not be told: %s", failure)

    async def on_command_error(
        self, context: commands.Context[Any], exception: commands.CommandError, /
    ) -> None:
        """Errors outside of the commands themselves, such as a quote that is not closed."""
        if context.cog is None:
            await self.tell_error(context, exception)

    async def on_error(self, event_method: str, /, *args: Any, **kwargs: Any) -> None:
        """An event's handler failed; the bot lives on."""
        logger.exception("The handler of %s failed", event_method)


async def _reply_ephemeral(interaction: discord.Interaction[Any], sentence: str) -> None:
    """Tell a person, alone."""
    try:
        if interaction.response.is_done():
            await interaction.followup.send(sentence, ephemeral=True)
        else:
            await interaction.response.send_message(sentence, ephemeral=True)
    except (discord.HTTPException, OSError) as error:
        logger.info("An answer could not be given: %s", error)
