"""Answers: the one message that each job has, sent once and edited until it says the end."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime

import discord

from similubot_bot.discord.buttons import cancel_view
from similubot_bot.discord.embeds import final_embed, footer, kept_embed, notice, waiting_embed
from similubot_bot.jobs.records import JobRecord
from similubot_discord_sink import DiscordProgressUpdater
from similubot_discord_sink.target import Verdict, judge, reason

logger = logging.getLogger(__name__)

Send = Callable[[discord.Embed, discord.ui.View], Awaitable[discord.Message]]
"""Sends the first message of a job, as the answer to whoever asked."""

LONGEST_DELAY = 60.0
LAST_WORD_SECONDS = 86_400.0
"""How long a message's last state is tried for while Discord cannot be reached."""
KEPT_SECONDS = 3.0
SEARCHED_MESSAGES = 200
SKEW_SECONDS = 120.0
"""How much this machine's clock and Discord's may differ."""


class Answers:
    """Sends and edits the messages of jobs. It is used in the event loop of the client.

    Args:
        client: The client, logged in.
        update_interval: Seconds from one edit of a message to the next.
    """

    def __init__(self, client: discord.Client, update_interval: float) -> None:
        self._client = client
        self._interval = update_interval

    async def post(self, record: JobRecord, place: int | None, send: Send | None) -> int | None:
        """Send the first message of a job, and go on trying while Discord cannot be reached.

        Args:
            record: The job.
            place: Its place in the queue.
            send: Answers who asked; None (after a restart, or when that failed) looks for a
                message that was sent already, and sends one into the channel if there is none.

        Returns:
            The message's id; None when there can be none: the channel is gone or closed to us.
        """
        delay, told = 1.0, False
        while True:
            try:
                if send is not None:
                    return await self._send(record, place, send)
                found = await self._find(record)
                return found or await self._send(record, place, self._into_channel(record))
            except Exception as error:  # noqa: BLE001  (judged, as the sink judges its edits)
                send = None
                verdict = judge(error)
                if verdict in (Verdict.STOP, Verdict.SKIP):
                    logger.info("Job %d gets no message: %s", record.id, reason(error))
                    return None
                if verdict is not Verdict.MOVE:  # an interaction that died: the channel, at once
                    if not told:
                        logger.warning("Job %d waits for Discord: %s", record.id, reason(error))
                        told = True
                    await asyncio.sleep(delay)
                    delay = min(LONGEST_DELAY, 2 * delay)

    def updater(self, record: JobRecord, operations: Sequence[str] = ()) -> DiscordProgressUpdater:
        """What keeps the job's message live while it runs.

        Args:
            record: The job.
            operations: Those that are known to come.
        """
        return DiscordProgressUpdater(
            self._message(record), self._interval, title=record.asked.name, operations=operations
        )

    async def show_place(self, record: JobRecord, place: int) -> None:
        """Have the message of a waiting job show its place; a failure is left to the next time."""
        try:
            await self._message(record).edit(embed=waiting_embed(record, place, time.time()))
        except Exception as error:  # noqa: BLE001  (whatever Discord says, the job waits on)
            logger.info("The place of job %d is not shown: %s", record.id, reason(error))

    async def keep(self, record: JobRecord, updater: DiscordProgressUpdater) -> None:
        """Say that the job goes on after the restart; tried for 3 seconds."""
        updater.finish(kept_embed(record), view=cancel_view(record.id))
        await updater.aclose(KEPT_SECONDS)

    async def end(self, record: JobRecord, updater: DiscordProgressUpdater | None = None) -> None:
        """Put the end on the job's message, mention who asked, and take the button away.

        Returns when that is done or can never be.
        """
        assert record.ending is not None
        if record.message is None:
            return
        updater = updater or self.updater(record)
        updater.finish(final_embed(record, record.ending), content=f"<@{record.asked.user}>")
        if not await updater.aclose(LAST_WORD_SECONDS):
            logger.info("The end of job %d could not be shown", record.id)

    async def notify(self, record: JobRecord) -> None:
        """Reply to the job's message with a mention of who asked: the edit of it notified nobody.

        It is tried once: a mention that comes twice, or an hour late, is worse than none.
        """
        assert record.ending is not None
        nobody_else = discord.AllowedMentions(
            everyone=False,
            roles=False,
            replied_user=False,
            users=[discord.Object(record.asked.user)],
        )
        try:
            await self._channel(record).send(
                notice(record, record.ending),
                reference=self._message(record).to_reference(fail_if_not_exists=False),
                allowed_mentions=nobody_else,
                suppress_embeds=True,
            )
        except Exception as error:  # noqa: BLE001  (the end itself is shown all the same)
            logger.info("Who asked for job %d was not notified: %s", record.id, reason(error))

    async def _send(self, record: JobRecord, place: int | None, send: Send) -> int:
        view = cancel_view(record.id)
        message = await send(waiting_embed(record, place, time.time()), view)
        view.stop()  # its button is found by its id; the view itself need not be kept
        return message.id

    def _into_channel(self, record: JobRecord) -> Send:
        async def send(embed: discord.Embed, view: discord.ui.View) -> discord.Message:
            return await self._channel(record).send(embed=embed, view=view)

        return send

    async def _find(self, record: JobRecord) -> int | None:
        """The message of a job that was sent when we did not live to note it."""
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
        asked = record.asked
        return self._client.get_partial_messageable(asked.channel, guild_id=asked.server)

    def _message(self, record: JobRecord) -> discord.PartialMessage:
        assert record.message is not None
        return self._channel(record).get_partial_message(record.message)
