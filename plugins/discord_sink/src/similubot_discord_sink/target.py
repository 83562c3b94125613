"""What an editor edits: one message of the real client, and what each of Discord's errors means."""

from __future__ import annotations

import enum
import logging
from collections.abc import Callable
from dataclasses import dataclass

import aiohttp
import discord

from similubot_core.live import Action, SharedLimit, Verdict

UNKNOWN_CHANNEL, UNKNOWN_MESSAGE, UNKNOWN_WEBHOOK = 10003, 10008, 10015
INVALID_WEBHOOK_TOKEN = 50027
TOO_MANY_OLD_EDITS = 30046
ARCHIVED_THREAD = 50083

log = logging.getLogger("similubot.discord")

OLD_AGE = 3600.0
OLD_INTERVAL = 60.0
FIRST_DELAY = 1.0
EDITS_A_SECOND = 40.0
"""Of a whole bot, over all channels: all its requests share 50 a second."""

GONE = frozenset({UNKNOWN_CHANNEL, UNKNOWN_MESSAGE, UNKNOWN_WEBHOOK})
"""Codes that people bring about by deleting something; nobody need be warned."""


@dataclass(frozen=True)
class Frame:
    """What a message is to show.

    Attributes:
        embed: The embed; None shows none.
        content: The text above it; None leaves what is there.
        remove_view: Whether buttons are taken away.
        gives_way: Whether it is left out when someone else has edited the message since.
        view: Buttons to show; None leaves them.
        page: Which page of several; the same view looks different on each.
    """

    embed: discord.Embed | None
    content: str | None = None
    remove_view: bool = False
    gives_way: bool = False
    view: discord.ui.View | None = None
    page: int = 0

    def same_as(self, other: object) -> bool:
        """Whether people would see no difference (the embed's time aside)."""
        if not isinstance(other, Frame) or _without_time(self.embed) != _without_time(other.embed):
            return False
        mine = (self.content, self.remove_view, self.view, self.page)
        return mine == (other.content, other.remove_view, other.view, other.page)


def _without_time(embed: discord.Embed | None) -> dict[str, object]:
    body: dict[str, object] = dict(embed.to_dict()) if embed is not None else {}
    body.pop("timestamp", None)
    return body


class ErrorKind(enum.Enum):
    """What to do after an edit that failed."""

    STOP = "stop for good"
    MOVE = "go on as a partial message, with the bot's token"
    SLOWER = "edit less often"
    SKIP = "this frame is refused; go on with the next"
    RETRY = "try again later"


def classify_error(error: Exception) -> ErrorKind:
    """What an exception of `Message.edit` asks for.

    Codes are Discord's JSON error codes. An interaction's token that died answers 50027 (seen) or
    10015 (simcord's reading). What else is refused for good, such as 10008, 10003, 50001 and
    50013, is a stop. discord.py 2.7.1 raises RuntimeError("Session is
    closed") in an edit that slept through `Client.close`, RateLimited (no HTTPException) where
    the client has `max_ratelimit_timeout`, KeyError for a 429 without `retry_after`.
    """
    if isinstance(error, discord.HTTPException):
        if error.code in (INVALID_WEBHOOK_TOKEN, UNKNOWN_WEBHOOK):
            return ErrorKind.MOVE
        if error.code == TOO_MANY_OLD_EDITS:
            return ErrorKind.SLOWER
        if error.code == ARCHIVED_THREAD:
            return ErrorKind.STOP
        if error.status in (400, 413):
            return ErrorKind.SKIP
        if error.status == 429 or error.status >= 500:
            return ErrorKind.RETRY
        return ErrorKind.STOP
    transient = (discord.RateLimited, aiohttp.ClientError, OSError, TimeoutError, KeyError)
    return ErrorKind.RETRY if isinstance(error, transient) else ErrorKind.STOP


def describe_error(error: Exception) -> str:
    """Why an edit failed, for the log: holds no address and no token."""
    if isinstance(error, discord.HTTPException):
        return f"Discord answered {error.status} (error code {error.code})"
    if isinstance(error, RuntimeError):
        return "the client is closed"
    return type(error).__name__


def judge(error: Exception, move: Callable[[], bool]) -> Verdict:
    """What an error means for a live message.

    Args:
        error: What discord.py raised.
        move: Goes on by another way when the interaction's token has died; False where there is
            none.
    """
    kind = classify_error(error)
    reason = describe_error(error)
    if kind is ErrorKind.MOVE:
        return Verdict(Action.RETRY, reason, 0.0, quiet=True) if move() else _stop(error)
    if kind is ErrorKind.STOP:
        return _stop(error)
    if kind is ErrorKind.SKIP:
        return Verdict(Action.SKIP, reason)
    delay = error.retry_after if isinstance(error, discord.RateLimited) else None
    slower = OLD_INTERVAL / 4 if kind is ErrorKind.SLOWER else FIRST_DELAY
    return Verdict(Action.RETRY, reason, delay, slower=slower)


def _stop(error: Exception) -> Verdict:
    gone = isinstance(error, discord.HTTPException) and error.code in GONE
    known = isinstance(error, (discord.HTTPException, RuntimeError))
    return Verdict(Action.STOP, describe_error(error) if known else "", quiet=gone)


def spaced(wanted: float, age: float) -> float:
    """Seconds between edits of a message `age` seconds old.

    Discord limits edits of messages over an hour old (30046); how much it does not say.
    """
    return wanted if age < OLD_AGE else max(wanted, OLD_INTERVAL)


class MessageTarget:
    """A message of a discord.py client: of a channel, an interaction or a follow-up.

    Args:
        message: The message; a partial one will do.
    """

    def __init__(self, message: discord.Message | discord.PartialMessage) -> None:
        self._message: discord.Message | discord.PartialMessage = message
        self._moved = False
        self._last: discord.Embed | None = None
        self.name = f"message {message.id}"
        self.log = log
        self.limit = SharedLimit(message.channel.id, a_second=EDITS_A_SECOND)

    def interval(self, wanted: float) -> float:
        """Seconds between edits; more for a message that is old."""
        age = (discord.utils.utcnow() - self._message.created_at).total_seconds()
        return spaced(wanted, age)

    def judge(self, error: Exception) -> Verdict:
        """What Discord's error means."""
        return judge(error, self.move)

    async def show(self, frame: Frame) -> None:
        """Edit the message."""
        if frame.view is not None:
            view: discord.ui.View | None = frame.view
        elif frame.remove_view:
            view = None
        else:
            view = discord.utils.MISSING
        content = discord.utils.MISSING if frame.content is None else frame.content
        nobody = discord.AllowedMentions.none()
        await self._message.edit(
            embed=frame.embed, content=content, view=view, allowed_mentions=nobody
        )
        self._last = frame.embed

    async def is_taken_over(self) -> bool:
        """Whether the embed on the server is another than our last one; False if it cannot say."""
        last = self._last
        if last is None or last.timestamp is None:
            return False
        try:
            there = await self._message.fetch()
        except Exception:  # noqa: BLE001  (the edit that follows meets the same, and is judged)
            return False
        if len(there.embeds) != 1 or there.embeds[0].timestamp is None:
            return True
        return abs((there.embeds[0].timestamp - last.timestamp).total_seconds()) > 0.01

    def move(self) -> bool:
        """Go on as a partial message of the channel, whose edits need no interaction token."""
        make = getattr(self._message.channel, "get_partial_message", None)
        if self._moved or make is None:
            return False
        self._message = make(self._message.id)
        self._moved = True
        return True
