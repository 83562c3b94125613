"""JobMessages: the one message of each job, sent once and edited until it shows the outcome."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import discord

from similubot_bot.discord.buttons import cancel_view, outcome_view
from similubot_bot.discord.delivery import NOT_DELIVERED, Delivery, is_refused, patiently
from similubot_bot.discord.embeds import (
    final_embed,
    footer,
    kept_embed,
    notice,
    waiting_embed,
    waiting_text,
)
from similubot_bot.i18n import _
from similubot_bot.jobs.presenter import MessageRef, Reply
from similubot_bot.jobs.records import JobRecord, JobStatus
from similubot_discord_sink import (
    DiscordProgressUpdater,
    ErrorKind,
    classify_error,
    describe_error,
)

logger = logging.getLogger(__name__)

Send = Callable[[discord.Embed, discord.ui.View], Awaitable[discord.Message]]
"""Sends a message, as the answer to a request."""

UNKNOWN_MESSAGE = 10008
LONGEST_DELAY = 60.0
OUTCOME_SECONDS = 86_400.0
"""How long to retry showing an outcome while Discord cannot be reached."""
KEPT_SECONDS = 3.0
SEARCHED_MESSAGES = 200
SKEW_SECONDS = 120.0
"""How much this machine's clock and Discord's may differ."""


class JobMessages:
    """Sends and edits the messages of jobs. It is used in the event loop of the client.

    Args:
        client: The client, logged in.
        update_interval: Seconds from one edit of a message to the next.
    """

    def __init__(self, client: discord.Client, update_interval: float) -> None:
        self._client = client
        self._interval = update_interval
        self.delivery = Delivery(client)
        self._held: dict[int, discord.Message] = {}
        self._limits: dict[int, int] = {}
        self._text_only: set[int] = set()
        self._told: set[int] = set()

    def reply_by(self, send: Send, *, hold: bool = False, limit: int | None = None) -> Reply:
        """A job's first message, sent by a function of discord.py that answers the request.

        Args:
            send: The function.
            limit: Bytes that an attachment may have, as an interaction says; None is the server's.
            hold: Whether the message can be edited only by way of the interaction that it answers:
                one that only one person sees, or in a server that the bot is not in.
        """

        async def reply(record: JobRecord, position: int | None) -> MessageRef:
            if record.outcome is not None:
                view = outcome_view(record)
                message = await send(final_embed(record, record.outcome), view)
            else:
                view = cancel_view(record.id)
                message = await send(waiting_embed(record, position, time.time()), view)
            view.stop()  # its button is found by its id; the view itself need not be kept
            if limit is not None:
                self._limits[record.id] = limit
            if hold:
                self._held[record.id] = message
            return message.id, message.channel.id

        return reply

    def reply_directly(self, user: int) -> Reply:
        """A job's first message, sent to the requester alone."""

        async def send(embed: discord.Embed, view: discord.ui.View) -> discord.Message:
            channel = await self._client.create_dm(discord.Object(user))
            return await channel.send(embed=embed, view=view)

        return self.reply_by(send)

    async def post(
        self, record: JobRecord, position: int | None, reply: Reply | None
    ) -> MessageRef | None:
        """Send the first message of a job, and keep trying while Discord cannot be reached.

        Where the bot may not write, it goes on to plain text, then to a direct message.

        Args:
            record: The job.
            position: Its position in the queue; None when it starts at once.
            reply: Answers the request; None (after a restart, or when that failed) looks for a
                message that was sent already, and sends one into the channel if there is none.

        Returns:
            The message; None when there can be none: nobody may be answered anywhere.
        """
        delay, logged = 1.0, False
        request = record.request
        if reply is None and request.private:
            reply = self.reply_directly(request.user)
        while True:
            try:
                if reply is not None:
                    answer = reply
                    return await patiently(lambda: answer(record, position))  # noqa: B023
                found = await self._find(record)
                if found is not None:
                    return found, request.channel
                answer = self.reply_by(self._into_channel(record))
                return await patiently(lambda: answer(record, position))  # noqa: B023
            except Exception as error:  # noqa: BLE001  (classified, as the sink does)
                why = describe_error(error)
                replied, reply = reply is not None, None
                if classify_error(error) is ErrorKind.MOVE:
                    continue  # an interaction that died: the channel, at once
                if is_refused(error):
                    if replied and not request.private and _of_interaction(error):
                        continue
                    logger.info("Job %d is refused its message: %s", record.id, why)
                    return await self._post_elsewhere(record, position)
                if not logged:
                    logger.warning("Job %d waits for Discord: %s", record.id, why)
                    logged = True
                await asyncio.sleep(delay)
                delay = min(LONGEST_DELAY, 2 * delay)

    async def _post_elsewhere(self, record: JobRecord, position: int | None) -> MessageRef | None:
        """Where the bot may not send a job's message: as text, else directly, else a reaction."""
        request, delivery = record.request, self.delivery
        why = delivery.rights_sentence(request.channel, request.server)
        if request.private:
            sentence = _(
                "I can't send you direct messages, so this was not done; allow them first."
            )
            await delivery.say(request.channel, request.server, f"<@{request.user}> {sentence}")
            return None
        text = f"{waiting_text(record, position, time.time())} {why}".strip()
        message = await delivery.say(request.channel, request.server, text)
        if message is not None:
            self._text_only.add(record.id)
            return message.id, message.channel.id
        if why or request.server is not None:
            text = why or _("I can't write in {channel}.", channel=f"<#{request.channel}>")
            message = await delivery.direct(
                request.user, text, waiting_embed(record, position, time.time())
            )
            if message is not None:
                await delivery.react(request.channel, request.message, "📨")
                return message.id, message.channel.id
        await delivery.react(request.channel, request.message, "⚠️")
        return None

    def live(
        self, record: JobRecord, operations: Sequence[str] = (), *, begun_again: bool = False
    ) -> DiscordProgressUpdater:
        """Keep the job's message live while the job runs.

        Args:
            record: The job.
            operations: Those that are known to come.
            begun_again: Whether it began on another machine before: its bars are back at 0.
        """
        title = record.request.name
        if begun_again:
            title = _("Begun again on another machine: {name}", name=title)
        return DiscordProgressUpdater(
            self._message(record), self._interval, title=title, operations=operations
        )

    async def attach(self, record: JobRecord, file: Path) -> str | None:
        """Put a file into the job's message, with its own name, so that it plays in the client.

        Returns:
            Its address; None where it does not fit, or may not be attached there.
        """
        guild = (
            None if record.request.server is None else self._client.get_guild(record.request.server)
        )
        limit = self._limits.get(record.id)
        if limit is None and guild is not None and record.message_channel is None:
            limit = guild.filesize_limit
        size = (await asyncio.to_thread(file.stat)).st_size
        if record.message is None or (limit is not None and size > limit):
            return None
        attached = discord.File(file, filename=file.name)
        try:
            message = await self._message(record).edit(attachments=[attached])
        except (*NOT_DELIVERED, TypeError) as error:
            why = describe_error(error)
            logger.info("Job %d: Discord does not take its file: %s", record.id, why)
            return None
        finally:
            attached.close()
        return message.attachments[0].url if message.attachments else None

    async def show_position(
        self,
        record: JobRecord,
        position: int,
        *,
        waits_for_disk: bool = False,
        wait: float | None = None,
    ) -> None:
        """Show the position of a waiting job; a failure is left to the next time."""
        now = time.time()
        embed = waiting_embed(record, position, now, waits_for_disk=waits_for_disk, wait=wait)
        try:
            if record.id in self._text_only:
                text = waiting_text(record, position, time.time(), waits_for_disk=waits_for_disk)
                await self._message(record).edit(content=text)
            else:
                await self._message(record).edit(embed=embed)
        except Exception as error:  # noqa: BLE001  (whatever Discord says, the job waits on)
            why = describe_error(error)
            logger.info("The position of job %d is not shown: %s", record.id, why)

    async def show_kept(self, record: JobRecord, live: DiscordProgressUpdater) -> None:
        """Show that the job goes on after the restart; tried for 3 seconds."""
        live.finish(kept_embed(record), view=cancel_view(record.id))
        await live.aclose(KEPT_SECONDS)

    async def show_waiting_again(
        self, record: JobRecord, live: DiscordProgressUpdater, *, elsewhere: bool = False
    ) -> None:
        """Show that the job waits for its next attempt, and why."""
        embed = waiting_embed(record, 1, time.time(), waits_for_disk=not elsewhere)
        if elsewhere:
            when = f"<t:{int(time.time())}:R>"
            embed.description = _("Begins again on another machine ({when}).", when=when)
        live.finish(embed, view=cancel_view(record.id))
        await live.aclose(KEPT_SECONDS)

    async def show_outcome(
        self, record: JobRecord, live: DiscordProgressUpdater | None = None
    ) -> None:
        """Show the outcome in the job's message, mention the requester, and remove the button.

        Returns when that is done or can never be.
        """
        assert record.outcome is not None
        if record.message is not None and record.id not in self._text_only:
            live = live or self.live(record)
            live.finish(
                final_embed(record, record.outcome),
                content=f"<@{record.request.user}>",
                view=outcome_view(record),
            )
            if await live.aclose(OUTCOME_SECONDS):
                self._held.pop(record.id, None)
                return
            logger.info("The outcome of job %d cannot be shown in its message", record.id)
        elif live is not None:
            await live.aclose(0.0)
        if record.message is not None:
            self._told.add(record.id)
            await self._deliver(record)
        self._held.pop(record.id, None)
        self._text_only.discard(record.id)
        self._limits.pop(record.id, None)

    async def _deliver(self, record: JobRecord) -> None:
        """Get the outcome to the requester although the job's message cannot show it."""
        assert record.outcome is not None
        request, delivery = record.request, self.delivery
        text, gone = notice(record, record.outcome), False
        try:
            await self._message(record).edit(content=text, embed=None, view=None)
        except discord.HTTPException as error:
            gone = error.code == UNKNOWN_MESSAGE
        except NOT_DELIVERED:
            pass
        else:
            return
        embed = final_embed(record, record.outcome)
        ways = ["direct"] if request.private else ["direct", "say"] if gone else ["say", "direct"]
        for way in ways:
            if way == "say":
                message = await delivery.say(request.channel, request.server, text)
            else:
                message = await delivery.direct(request.user, text, embed)
            if message is not None:
                return
        done = record.outcome.status is JobStatus.DONE
        if not await delivery.react(request.channel, request.message, "✅" if done else "❌"):
            logger.warning("Nobody could be told how job %d ended", record.id)

    async def notify(self, record: JobRecord) -> None:
        """Reply to the job's message with a mention of the requester: its edit notified nobody.

        A private job's requester gets a direct message. It is tried once: a mention that comes
        twice, or an hour late, is worse than none.
        """
        assert record.outcome is not None
        if record.id in self._told:
            self._told.discard(record.id)
            return
        if record.request.private:
            await self.delivery.direct(record.request.user, notice(record, record.outcome))
            return
        nobody_else = discord.AllowedMentions(
            everyone=False,
            roles=False,
            replied_user=False,
            users=[discord.Object(record.request.user)],
        )
        try:
            await self._channel(record).send(
                notice(record, record.outcome),
                reference=self._message(record).to_reference(fail_if_not_exists=False),
                allowed_mentions=nobody_else,
                suppress_embeds=True,
            )
        except Exception as error:  # noqa: BLE001  (the outcome is shown in any case)
            why = describe_error(error)
            logger.info("The requester of job %d was not notified: %s", record.id, why)

    def _into_channel(self, record: JobRecord) -> Send:
        async def send(embed: discord.Embed, view: discord.ui.View) -> discord.Message:
            return await self._channel(record).send(embed=embed, view=view)

        return send

    async def _find(self, record: JobRecord) -> int | None:
        """The message of a job that was sent just before a crash, and not noted."""
        earliest = datetime.fromtimestamp(record.created - SKEW_SECONDS, UTC)
        after = discord.utils.time_snowflake(earliest)
        history = self._channel(record).history(
            limit=SEARCHED_MESSAGES, after=discord.Object(after), oldest_first=True
        )
        try:
            async for message in history:
                mine = self._client.user is not None and message.author.id == self._client.user.id
                if mine and any(e.footer.text == footer(record.id) for e in message.embeds):
                    return message.id
        except discord.Forbidden:
            return None  # we may not read here, but perhaps send
        return None

    def _channel(self, record: JobRecord) -> discord.PartialMessageable:
        request = record.request
        if record.message_channel is not None:
            return self._client.get_partial_messageable(record.message_channel)
        return self._client.get_partial_messageable(request.channel, guild_id=request.server)

    def _message(self, record: JobRecord) -> discord.Message | discord.PartialMessage:
        assert record.message is not None
        held = self._held.get(record.id)
        return held or self._channel(record).get_partial_message(record.message)


def _of_interaction(error: Exception) -> bool:
    """Whether an interaction's own route was refused, where the channel's may not be."""
    if not isinstance(error, discord.HTTPException):
        return False
    return "/webhooks/" in str(error.response.url) or "/interactions/" in str(error.response.url)
