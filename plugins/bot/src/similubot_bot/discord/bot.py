"""SimilubotBot: the discord.py client."""

from __future__ import annotations

import asyncio
import contextlib
import difflib
import gc
import hashlib
import json
import logging
import re
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import aiohttp
import discord
from discord.ext import commands

from similubot_bot import preferences
from similubot_bot.admin import Admin
from similubot_bot.discord.buttons import ActionButton, AgainMenu
from similubot_bot.discord.cog import Commands, send_error
from similubot_bot.discord.delivery import NOT_DELIVERED
from similubot_bot.discord.job_messages import JobMessages
from similubot_bot.discord.translator import Translator
from similubot_bot.extensions import BotExtension
from similubot_bot.i18n import languages
from similubot_bot.jobs.store import Store
from similubot_bot.jobs.store_thread import StoreThread
from similubot_bot.service import BotService
from similubot_bot.settings import BotSettings
from similubot_core import SimilubotError

logger = logging.getLogger(__name__)

MINUTE, WEEK = 60.0, 7 * 86_400.0
PRESENCE_SECONDS = 30.0
ADVICE_SECONDS = 5.0
EDIT_SECONDS = 60.0
REMEMBERED = 5000


def _prefixes(bot: commands.Bot, message: discord.Message) -> list[str]:
    assert isinstance(bot, _Client)
    return commands.when_mentioned_or(bot.prefix_in(message.guild))(bot, message)


# A mixin, for discord.py has two classes of bots; of the first, mypy knows what is inherited.
if TYPE_CHECKING:
    _Base = commands.Bot
else:
    _Base = object


class _Client(_Base):
    """The client. Make it and run it in one event loop; give it its service before the login.

    Args:
        settings: The table [bot].
        store: The job list, where it notes which slash commands Discord knows.
        update_interval: Seconds from one edit of a message to the next.
    """

    def __init__(self, settings: BotSettings, store: StoreThread, update_interval: float) -> None:
        intents = discord.Intents(guilds=True, messages=True)
        intents.message_content = settings.message_content
        super().__init__(
            command_prefix=_prefixes,
            help_command=None,
            case_insensitive=True,
            strip_after_prefix=True,
            intents=intents,
            allowed_mentions=discord.AllowedMentions.none(),
            max_messages=None,
            chunk_guilds_at_startup=False,
            member_cache_flags=discord.MemberCacheFlags.none(),
        )
        self._settings = settings
        self._store = store
        self.messages = JobMessages(self, update_interval)
        self._service: BotService | None = None
        self._extensions: Sequence[BotExtension] = ()
        self._commands: Commands | None = None
        self._background: list[asyncio.Task[None]] = []
        self._was_ready = False
        self._seen: dict[int, None] = {}

    def serve(self, service: BotService, extensions: Sequence[BotExtension] = ()) -> None:
        """Set what does the work; call it once, before the login."""
        self._service = service
        self._extensions = extensions

    # -- life -------------------------------------------------------------------------------

    async def setup_hook(self) -> None:
        """Called once logged in, before the gateway: jobs go on even while that is down."""
        service = self._service
        assert service is not None, "serve was not called"
        admin = Admin(service, self)
        service.set_operator(admin.run)
        self._commands = Commands(self, service, self.messages, admin)
        await self.add_cog(self._commands)
        for extension in self._extensions:
            await self._add_commands(extension, service)
        await self.tree.set_translator(Translator())
        self.add_dynamic_items(ActionButton, AgainMenu)
        gc.collect()
        gc.freeze()
        self._background = [
            asyncio.create_task(service.loop_watch.run(), name="loop watch"),
            asyncio.create_task(self._prune_old_jobs(service), name="pruning"),
            asyncio.create_task(self._register_commands(), name="slash commands"),
            asyncio.create_task(self._show_presence(service), name="presence"),
        ]
        await service.manager.resume()

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
        await self._catch_up()

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

    async def _add_commands(self, extension: BotExtension, service: BotService) -> None:
        """Add a plugin's commands; a plugin that fails stops nobody else."""
        if extension.add_commands is None:
            return
        try:
            await extension.add_commands(self, service)
        except Exception:
            logger.exception("The commands of the plugin %s cannot be added", extension.name)

    async def _prune_old_jobs(self, service: BotService) -> None:
        while True:
            await service.manager.prune()
            await service.back_up_daily()
            await asyncio.sleep(MINUTE)

    async def _register_commands(self) -> None:
        """Register the slash commands with Discord, if they changed since the last time."""
        payload = [command.to_dict(self.tree) for command in self.tree.get_commands()]
        text = json.dumps([self.application_id, payload, languages()], sort_keys=True)
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

    # -- messages and errors ----------------------------------------------------------------

    async def on_message(self, message: discord.Message, /) -> None:
        """Run the command in a message, or read it as a request where it can only be one."""
        if message.author.bot or self._commands is None or message.id in self._seen:
            return
        self._seen[message.id] = None
        while len(self._seen) > REMEMBERED:
            del self._seen[next(iter(self._seen))]
        if await self._read(message) and self._service is not None:
            where = None if message.guild is None else message.guild.id
            await self._note_channel(message.channel.id, where, message.id)

    async def _read(self, message: discord.Message) -> bool:
        """Do what a message asks for; whether it asked for anything."""
        assert self._commands is not None
        context = await self.get_context(message)
        if context.command is not None:
            await self.invoke(context)
            return True
        if (text := self._request_in(context)) is not None:
            context.command = self._commands.convert
            await self._commands.convert_plain(context, text)
            return True
        if self._offers_in(message.guild):
            await self._commands.offer(context)
        return False

    async def _note_channel(self, channel: int, server: int | None, message: int) -> None:
        """Note where the bot is used, so that it can read on there after a restart."""
        try:
            await self._store.do(preferences.note_channel, channel, server, message)
        except SimilubotError as error:
            logger.info("A channel is not noted: %s", error.detail)

    async def on_raw_message_edit(self, payload: discord.RawMessageUpdateEvent) -> None:
        """Read a message again that was edited within a minute, if it led to no job."""
        message = payload.message
        age = (discord.utils.utcnow() - message.created_at).total_seconds()
        if message.author.bot or message.edited_at is None or age > EDIT_SECONDS:
            return
        if self._commands is None or await self._store.do(Store.asked_by, message.id):
            return
        if message.id in self._seen and message.content:
            await self._read(message)

    async def _catch_up(self) -> None:
        """Answer what was typed while the bot was away, in the channels that were in use."""
        since = time.time() - self._settings.catch_up_minutes * MINUTE
        if self._commands is None or not self._settings.catch_up_minutes:
            return
        try:
            channels = await self._store.do(preferences.used_channels, time.time() - WEEK)
        except SimilubotError:
            return
        earliest = discord.utils.time_snowflake(datetime.fromtimestamp(since, UTC))
        for channel_id, server, last in channels:
            channel = self.get_channel(channel_id)
            if channel is None and server is None:
                with contextlib.suppress(discord.HTTPException):
                    channel = await self.fetch_channel(channel_id)
            if not isinstance(channel, discord.abc.Messageable):
                continue
            after = discord.Object(max(last, earliest))
            try:
                async for message in channel.history(limit=50, after=after, oldest_first=True):
                    if message.author.bot or await self._store.do(Store.asked_by, message.id):
                        continue
                    context = await self.get_context(message)
                    is_request = context.command is self._commands.convert or (
                        context.command is None and self._request_in(context) is not None
                    )
                    if is_request:  # whoever looked at the queue then does not wait for it now
                        await self.on_message(message)
            except (*NOT_DELIVERED, SimilubotError) as error:
                logger.info("Channel %d is not read again: %s", channel_id, error)

    def prefix_in(self, guild: discord.Guild | None) -> str:
        """What typed commands begin with in a server, or (None) in direct messages."""
        if self._service is None or guild is None:
            return self._settings.prefix
        return self._service.server(guild.id).prefix or self._settings.prefix

    def _offers_in(self, guild: discord.Guild | None) -> bool:
        chosen = None
        if self._service is not None and guild is not None:
            chosen = self._service.server(guild.id).offer
        return self._settings.offer if chosen is None else chosen

    # -- what operators ask for -------------------------------------------------------------

    async def announce(self, text: str) -> int:
        """Write a text into each channel that was in use this week; how many took it."""
        channels = await self._store.do(preferences.used_channels, time.time() - WEEK)
        count = 0
        for channel, server, _message in channels:
            said = await self.messages.delivery.say(channel, server, text)
            count += said is not None
            await asyncio.sleep(1.0)  # far below the limits of Discord
        return count

    async def leave(self, server: int) -> bool:
        """Leave a server; False when the bot is not in it."""
        guild = self.get_guild(server)
        if guild is None:
            return False
        await guild.leave()
        return True

    async def _show_presence(self, service: BotService) -> None:
        """Keep the bot's status line true: Discord allows five changes in 20 seconds."""
        shown = ""
        while True:
            await self.wait_until_ready()
            running, waiting = len(service.manager.running), len(service.manager.waiting)
            text = f"{running} running, {waiting} waiting" if running + waiting else "/convert"
            if text != shown:
                with contextlib.suppress(discord.DiscordException, *NOT_DELIVERED):
                    await self.change_presence(activity=discord.CustomActivity(text))
                    shown = text
            await asyncio.sleep(PRESENCE_SECONDS)

    # -- messages ---------------------------------------------------------------------------

    def _request_in(self, context: commands.Context[Any]) -> str | None:
        """The request in a message that names no command; None when it holds none.

        That is one in a direct message, one that mentions the bot, and a command that is nearly
        "convert".
        """
        message = context.message
        assert self.user is not None
        if context.prefix is not None and not context.prefix.startswith("<@"):
            typed, _, rest = message.content.removeprefix(context.prefix).strip().partition(" ")
            near = difflib.get_close_matches(typed.lower(), ["convert"], 1, 0.75)
            return rest if near else None
        mention = re.compile(rf"<@!?{self.user.id}>")
        if message.guild is None or mention.search(message.content):
            return mention.sub(" ", message.content).strip()
        return None

    async def on_command_error(
        self, context: commands.Context[Any], exception: commands.CommandError, /
    ) -> None:
        """Errors of other plugins' commands and outside of commands, such as an open quote."""
        if not isinstance(context.cog, Commands):
            prefix, delivery = self._settings.shown_prefix, self.messages.delivery
            await send_error(context, exception, prefix, delivery)

    async def on_raw_message_delete(self, payload: discord.RawMessageDeleteEvent) -> None:
        """A message is gone: perhaps a job's."""
        if self._service is not None:
            self._service.manager.on_message_deleted(payload.message_id)

    async def on_error(self, event_method: str, /, *args: Any, **kwargs: Any) -> None:
        """An event's handler failed; the bot lives on."""
        logger.exception("The handler of %s failed", event_method)


class SimilubotBot(_Client, commands.Bot):
    """The client, with one connection to Discord's gateway."""


class ShardedSimilubotBot(_Client, commands.AutoShardedBot):
    """The client, with as many connections as Discord advises for its many servers."""


async def make_client(
    settings: BotSettings, store: StoreThread, update_interval: float, token: str
) -> SimilubotBot | ShardedSimilubotBot:
    """The client with one connection, or with several where Discord advises that.

    Args:
        settings: The table [bot].
        store: The job list.
        update_interval: Seconds from one edit of a message to the next.
        token: The bot's; for asking Discord.
    """
    url = f"{discord.http.Route.BASE}/gateway/bot"
    shards = 1
    try:
        timeout = aiohttp.ClientTimeout(total=ADVICE_SECONDS)
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.get(url, headers={"Authorization": f"Bot {token}"}) as answer,
        ):
            if answer.status == 200:
                shards = int((await answer.json())["shards"])
    except (aiohttp.ClientError, TimeoutError, ValueError, KeyError, TypeError) as error:
        logger.info("Discord's advice on shards is not known: %s", type(error).__name__)
    if shards > 1:
        logger.info("Discord advises %d shards", shards)
        return ShardedSimilubotBot(settings, store, update_interval)
    return SimilubotBot(settings, store, update_interval)
