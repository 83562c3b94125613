"""A message of Telegram, sent and edited by any bot object, and what each error means."""

from __future__ import annotations

import logging
from collections.abc import Awaitable
from datetime import timedelta
from typing import Protocol

from similubot_core.live import Action, SharedLimit, Target, Verdict
from similubot_core.live.text import TextFrame

log = logging.getLogger("similubot.telegram")

CHAT_GAP = 1.0
"""Seconds: Telegram allows about one message a second in a chat, edits among them."""
GROUP_GAP = 3.0
"""Seconds: 20 a minute in a group or a channel."""
A_SECOND = 25.0
"""Of a whole bot, which has 30 a second."""

_REFUSED = frozenset({"Forbidden", "TelegramForbiddenError", "InvalidToken", "ChatMigrated"})
_REFUSED |= {"TelegramUnauthorizedError", "TelegramMigrateToChat"}
_BAD = frozenset({"BadRequest", "TelegramBadRequest"})
_AWAY = frozenset({"NetworkError", "TelegramNetworkError", "TelegramServerError", "OSError"})
_GONE = ("message to edit not found", "message_id_invalid")
_NOWHERE = ("chat not found", "message thread not found", "topic_closed", "not enough rights")
_UNCHANGED = "message is not modified"


class TelegramError(Exception):
    """What the Bot API answered, or (code 0) why it did not.

    Args:
        code: Telegram's `error_code`.
        description: Its sentence.
        retry_after: Seconds to wait; None where it says nothing of it.
    """

    def __init__(self, code: int, description: str, retry_after: float | None = None) -> None:
        super().__init__(description)
        self.code = code
        self.retry_after = retry_after


class SentMessage(Protocol):
    """What a bot object returns for a message."""

    @property
    def message_id(self) -> int:
        """Its number in the chat."""


class TelegramBot(Protocol):
    """A bot object: python-telegram-bot's, aiogram's, or another with these two methods."""

    def send_message(
        self,
        chat_id: int | str,
        text: str,
        *,
        parse_mode: str,
        message_thread_id: int | None,
        disable_web_page_preview: bool,
    ) -> Awaitable[SentMessage]:
        """Send a message."""

    def edit_message_text(
        self,
        text: str,
        *,
        chat_id: int | str,
        message_id: int,
        parse_mode: str,
        disable_web_page_preview: bool,
    ) -> Awaitable[object]:
        """Edit it."""


class ChatTarget(Target[TextFrame]):
    """A message that a bot sends to a chat with the first frame and edits with the others.

    Args:
        bot: Sends and edits.
        chat: The chat's id, or a channel's @name.
        thread: The topic of a forum; None is none.
    """

    def __init__(self, bot: TelegramBot, chat: int | str, thread: int | None = None) -> None:
        self._bot = bot
        self._chat = chat
        self._thread = thread
        self._message: int | None = None
        self.name = f"the message in chat {chat}"
        self.log = log
        private = isinstance(chat, int) and chat > 0
        gap = CHAT_GAP if private else GROUP_GAP
        self.limit = SharedLimit(("telegram", chat), gap, a_second=A_SECOND)

    async def show(self, frame: TextFrame) -> None:
        """Send the message, or edit it."""
        if self._message is None:
            sent = await self._bot.send_message(
                self._chat,
                frame.html,
                parse_mode="HTML",
                message_thread_id=self._thread,
                disable_web_page_preview=True,
            )
            self._message = sent.message_id
            return
        try:
            await self._bot.edit_message_text(
                frame.html,
                chat_id=self._chat,
                message_id=self._message,
                parse_mode="HTML",
                disable_web_page_preview=True,
            )
        except Exception as error:
            if _UNCHANGED not in str(error).lower():  # else it is there: an answer was lost
                raise

    def judge(self, error: Exception) -> Verdict:
        """What an error of any of the libraries means; they are told apart by name and words."""
        words = str(error).lower()
        kinds = {kind.__name__ for kind in type(error).__mro__}
        code = error.code if isinstance(error, TelegramError) else None
        wait = getattr(error, "retry_after", None)
        if isinstance(wait, timedelta):
            wait = wait.total_seconds()
        if isinstance(wait, int | float):
            return Verdict(Action.RETRY, "Telegram's limit is reached", float(wait), shared=True)
        if any(part in words for part in _GONE):
            return Verdict(Action.STOP, "the message was deleted", quiet=True)
        if code in (401, 403, 404) or kinds & _REFUSED or any(part in words for part in _NOWHERE):
            return Verdict(Action.STOP, f"Telegram answered {error}")
        if code in (400, 413) or kinds & _BAD:
            return Verdict(Action.SKIP, f"Telegram answered {error}")
        if code is not None or kinds & _AWAY:
            return Verdict(Action.RETRY, "Telegram cannot be reached")
        return Verdict(Action.STOP)
