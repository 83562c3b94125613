"""JobMessages: the one message of each job, sent once and edited until it shows the outcome."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime

import discord

from similubot_bot.discord.buttons import cancel_view, outcome_view
from similubot_bot.discord.embeds import final_embed, footer, kept_embed, notice, waiting_embed
from similubot_bot.jobs.presenter import Reply
from similubot_bot.jobs.records import JobRecord
from similubot_discord_sink import (
    DiscordProgressUpdater,
    Verdict,
    classify_error,
    describe_error,
)

logger = logging.getLogger(__name__)

Send = Callable[[discord.Embed, discord.ui.View], Awaitable[discord.Message]]
"""Sends a message, as the answer to a request."""

LONGEST_DELAY = 60.0
OUTCOME_SECONDS = 86_400.0
"""How long to retry showing an outcome while Discord cannot be reached."""
KEPT_SECONDS = 3.0
SEARCHED_MESSAGES = 200
SKEW_SECONDS = 120.0
"""How much this machine's clock and Discord's may differ."""


def reply_by(send: Send) -> Reply:
    """A job's first message, sent by a function of discord.py that answers the request."""

    async def reply(record: JobRecord, position: int | None) -> int:
        if record.outcome is not None:
            view = outcome_view(record)
            message = await send(final_embed(record, record.outcome), view)
        else:
            view = cancel_view(record.id)
            message = await send(waiting_embed(record, position, time.time()), view)
        view.stop()  # its button is found by its id; the view itself need not be kept
        return message.id

    return reply


class JobMessages:
    """Sends and edits the messages of jobs. It is used in the event loop of the client.

    Args:
        client: The client, logged in.
        update_interval: Seconds from one edit of a message to the next.
    """

    def __init__(self, client: discord.Client, update_interval: float) -> None:
        self._client = client
        self._interval = update_interval

    async def post(
        self, record: JobRecord, position: int | None, reply: Reply | None
    ) -> int | None:
        """Send the first message of a job, and keep trying while Discord cannot be reached.

        Args:
            record: The job.
            position: Its position in the queue; None when it starts at once.
            reply: Answers the request; None (after a restart, or when that failed) looks for a
                message that was sent already, and sends one into the channel if there is none.

        Returns:
            The message's id; None when there can be none: the channel is gone or closed to us.
        """
        delay, logged = 1.0, False
        while True:
            try:
                if reply is not None:
                    return await reply(record, position)
                found = await self._find(record)
                return found or await reply_by(self._into_channel(record))(record, position)
            except Exception as error:  # noqa: BLE001  (classified, as the sink does)
                reply = None
                verdict = classify_error(error)
                if verdict in (Verdict.STOP, Verdict.SKIP):
                    logger.info("Job %d gets no message: %s", record.id, describe_error(error))
                    return None
                if verdict is not Verdict.MOVE:  # an interaction that died: the channel, at once
                    if not logged:
                        why = describe_error(error)
                        logger.warning("Job %d waits for Discord: %s", record.id, why)
                        logged = True
                    await asyncio.sleep(delay)
                    delay = min(LONGEST_DELAY, 2 * delay)

    def live(self, record: JobRecord, operations: Sequence[str] = ()) -> DiscordProgressUpdater:
        """Keep the job's message live while the job runs.

        Args:
            record: The job.
            operations: Those that are known to come.
        """
        return DiscordProgressUpdater(
            self._message(record), self._interval, title=record.request.name, operations=operations
        )

    async def show_position(
        self, record: JobRecord, position: int, *, waits_for_disk: bool = False
    ) -> None:
        """Show the position of a waiting job; a failure is left to the next time."""
        embed = waiting_embed(record, position, time.time(), waits_for_disk=waits_for_disk)
        try:
            await self._message(record).edit(embed=embed)
        except Exception as error:  # noqa: BLE001  (whatever Discord says, the job waits on)
            why = describe_error(error)
            logger.info("The position of job %d is not shown: %s", record.id, why)

    async def show_kept(self, record: JobRecord, live: DiscordProgressUpdater) -> None:
        """Show that the job goes on after the restart; tried for 3 seconds."""
        live.finish(kept_embed(record), view=cancel_view(record.id))
        await live.aclose(KEPT_SECONDS)

    async def show_waiting_again(self, record: JobRecord, live: DiscordProgressUpdater) -> None:
        """Show that the job waits for its next attempt."""
        embed = waiting_embed(record, 1, time.time(), waits_for_disk=True)
        live.finish(embed, view=cancel_view(record.id))
        await live.aclose(KEPT_SECONDS)

    async def show_outcome(
        self, record: JobRecord, live: DiscordProgressUpdater | None = None
    ) -> None:
        """Show the outcome in the job's message, mention the requester, and remove the button.

        Returns when that is done or can never be.
        """
        assert record.outcome is not None
        if record.message is None:
            return
        live = live or self.live(record)
        live.finish(final_embed(record, record.outcome), content=f"<@{record.request.user}>")
        if not await live.aclose(OUTCOME_SECONDS):
            logger.info("The outcome of job %d could not be shown", record.id)

    async def notify(self, record: JobRecord) -> None:
        """Reply to the job's message with a mention of the requester: its edit notified nobody.

        It is tried once: a mention that comes twice, or an hour late, is worse than none.
        """
        assert record.outcome is not None
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
        return self._client.get_partial_messageable(request.channel, guild_id=request.server)

    def _message(self, record: JobRecord) -> discord.PartialMessage:
        assert record.message is not None
        return self._channel(record).get_partial_message(record.message)
