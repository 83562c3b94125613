"""Delivery: gets a sentence to a person by the narrowest way that works.

Where the bot may not write, or a message is gone, it goes on to the next way: plain text in the
channel, a direct message, a reaction to the message that asked.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar

import aiohttp
import discord

from similubot_bot.i18n import _
from similubot_discord_sink import ErrorKind, classify_error, describe_error

logger = logging.getLogger(__name__)

T = TypeVar("T")

POST_IS_NEW, SLOW_MODE = 40058, 20016
"""A forum post whose first message is not there yet; a channel's slow mode."""
NOT_DELIVERED = (discord.HTTPException, aiohttp.ClientError, OSError, RuntimeError)
"""What a request to Discord raises: refused, cut off, no connection, or the client is closed."""
TRIES = 6
FIRST_DELAY = 0.5

_RIGHTS = {
    "send_messages": "Send Messages",
    "send_messages_in_threads": "Send Messages in Threads",
    "embed_links": "Embed Links",
    "view_channel": "View Channel",
}


async def patiently(send: Callable[[], Awaitable[T]]) -> T:
    """Send something; a refusal that passes by itself within seconds is tried again.

    Raises:
        discord.HTTPException: It is refused for longer.
    """
    delay = FIRST_DELAY
    for _number in range(TRIES - 1):
        try:
            return await send()
        except discord.HTTPException as error:
            if error.code not in (POST_IS_NEW, SLOW_MODE):
                raise
        await asyncio.sleep(delay)
        delay *= 2
    return await send()


def is_refused(error: Exception) -> bool:
    """Whether Discord will not have this here, now or later, while another way may work."""
    return classify_error(error) in (ErrorKind.STOP, ErrorKind.SKIP)


def missing_rights(channel: object, me: discord.Member | None) -> str:
    """A sentence for whoever can mend that the bot may not write somewhere; "" when none is known.

    Args:
        channel: The channel or thread.
        me: The bot in its server.
    """
    if me is None or not isinstance(channel, discord.abc.GuildChannel | discord.Thread):
        return ""
    where = f"<#{channel.id}>"
    if me.is_timed_out():
        return _("I am timed out in this server; a moderator can end that.")
    if isinstance(channel, discord.Thread) and channel.locked:
        return _("The thread {channel} is locked.", channel=where)
    allowed = channel.permissions_for(me)
    send = "send_messages_in_threads" if isinstance(channel, discord.Thread) else "send_messages"
    wanted = ("view_channel", send, "embed_links")
    missing = [_RIGHTS[name] for name in wanted if not getattr(allowed, name)]
    if not missing:
        return ""
    return _(
        "I lack permissions in {channel}: {missing}. Whoever manages the server can grant them.",
        channel=where,
        missing=", ".join(missing),
    )


class Delivery:
    """Reaches people who cannot be answered where they asked. It is used in the event loop.

    Args:
        client: The client, logged in.
    """

    def __init__(self, client: discord.Client) -> None:
        self._client = client

    def rights_sentence(self, channel_id: int, server: int | None) -> str:
        """As `missing_rights`, for ids."""
        guild = None if server is None else self._client.get_guild(server)
        channel = None if guild is None else guild.get_channel_or_thread(channel_id)
        return missing_rights(channel, None if guild is None else guild.me)

    async def direct(
        self, user: int, text: str, embed: discord.Embed | None = None
    ) -> discord.Message | None:
        """Send a direct message; None when that person takes none."""
        try:
            channel = await self._client.create_dm(discord.Object(user))
            embeds = [] if embed is None else [embed]
            nobody = discord.AllowedMentions.none()
            return await channel.send(text, embeds=embeds, allowed_mentions=nobody)
        except NOT_DELIVERED as error:
            logger.info("User %d cannot be messaged directly: %s", user, describe_error(error))
            return None

    async def say(self, channel_id: int, server: int | None, text: str) -> discord.Message | None:
        """Send plain text into a channel; None when that is refused."""
        channel = self._client.get_partial_messageable(channel_id, guild_id=server)
        try:
            return await patiently(lambda: channel.send(text, suppress_embeds=True))
        except NOT_DELIVERED as error:
            logger.info("Nothing can be said in %d: %s", channel_id, describe_error(error))
            return None

    async def react(self, channel_id: int, message: int | None, emoji: str) -> bool:
        """React to a message; whether that worked."""
        if message is None:
            return False
        channel = self._client.get_partial_messageable(channel_id)
        try:
            await channel.get_partial_message(message).add_reaction(emoji)
        except NOT_DELIVERED as error:
            logger.info("No reaction to message %d: %s", message, describe_error(error))
            return False
        return True

    async def answer(self, message: discord.Message, sentence: str) -> None:
        """Answer a message: in its channel, else directly, else with a reaction."""
        server = None if message.guild is None else message.guild.id
        if await self.say(message.channel.id, server, sentence) is not None:
            return
        why = missing_rights(message.channel, None if message.guild is None else message.guild.me)
        if await self.direct(message.author.id, f"{sentence} {why}".strip()) is None:
            await self.react(message.channel.id, message.id, "⚠️")
