"""A message of Telegram, sent and edited by any bot object, and what each error means."""

import logging
from collections.abc import Awaitable
from datetime import timedelta
from typing import Protocol, TypedDict, Unpack

from similubot_core.live import Action, SharedLimit, Target, Verdict
from similubot_core.live.answer import OUT_OF_REACH, ServiceError, judge_answer
from similubot_core.live.text import TextFrame

CHAT_GAP = 1.0
"""Seconds: Telegram allows about one message a second in a chat, edits among them."""
GROUP_GAP = 3.0
"""Seconds: 20 a minute in a group or a channel."""
A_SECOND = 25.0
"""Of a whole bot, which has 30 a second."""

_STATUS_OF_KINDS = {
    401: {"InvalidToken", "TelegramUnauthorizedError"},
    403: {"Forbidden", "TelegramForbiddenError", "ChatMigrated", "TelegramMigrateToChat"},
    400: {"BadRequest", "TelegramBadRequest"},
    OUT_OF_REACH: {"NetworkError", "TelegramNetworkError", "TelegramServerError", "OSError"},
}
"""Of the exceptions of python-telegram-bot and aiogram, which are known without importing them; the
more special first."""
_GONE = ("message to edit not found", "message_id_invalid")
_NOWHERE = ("chat not found", "message thread not found", "topic_closed", "not enough rights")
_UNCHANGED = "message is not modified"


class SentMessage(Protocol):
    """What a bot object returns for a message."""

    @property
    def message_id(self) -> int:
        """Its number in the chat."""


class Text(TypedDict):
    """What a message is, for both methods of a bot object."""

    chat_id: int | str
    text: str
    parse_mode: str
    disable_web_page_preview: bool


class TelegramBot(Protocol):
    """A bot object: python-telegram-bot's, aiogram's, or another with these two methods."""

    def send_message(
        self, *, message_thread_id: int | None, **text: Unpack[Text]
    ) -> Awaitable[SentMessage]:
        """Send a message."""

    def edit_message_text(self, *, message_id: int, **text: Unpack[Text]) -> Awaitable[object]:
        """Edit it."""


class ChatTarget(Target[TextFrame]):
    """A message that a bot sends to a chat with the first frame and edits with the others.

    Args:
        bot: Sends and edits.
        chat: The chat's id, or a channel's @name.
        thread: The topic of a forum; None is none.
    """

    log = logging.getLogger("similubot.telegram")

    def __init__(self, bot: TelegramBot, chat: int | str, thread: int | None = None) -> None:
        self._bot = bot
        self._chat = chat
        self._thread = thread
        self._message: int | None = None
        self.name = f"the message in chat {chat}"
        gap = CHAT_GAP if isinstance(chat, int) and chat > 0 else GROUP_GAP
        self.limit = SharedLimit(("telegram", chat), gap, a_second=A_SECOND)

    async def show(self, frame: TextFrame) -> None:
        """Send the message, or edit it."""
        text = Text(
            chat_id=self._chat, text=frame.html, parse_mode="HTML", disable_web_page_preview=True
        )
        if self._message is None:
            sent = await self._bot.send_message(message_thread_id=self._thread, **text)
            self._message = sent.message_id
            return
        try:
            await self._bot.edit_message_text(message_id=self._message, **text)
        except Exception as error:
            if _UNCHANGED not in str(error).lower():  # else it is there: an answer was lost
                raise

    def judge(self, error: Exception) -> Verdict:
        """What an error of any of the libraries means; they are told apart by name and words."""
        words = str(error).lower()
        if any(part in words for part in _GONE):
            return Verdict(Action.STOP, "the message was deleted", quiet=True)
        if any(part in words for part in _NOWHERE):
            return Verdict(Action.STOP, f"Telegram answered {error}")
        return judge_answer(_answer_in(error), "Telegram")


def _answer_in(error: Exception) -> Exception:
    """The answer behind a library's exception; the exception where there is none."""
    wait = getattr(error, "retry_after", None)
    if wait is not None:
        seconds = wait.total_seconds() if isinstance(wait, timedelta) else float(wait)
        return ServiceError(429, str(error), seconds)
    kinds = {kind.__name__ for kind in type(error).__mro__}
    status = next((status for status, names in _STATUS_OF_KINDS.items() if names & kinds), None)
    return error if status is None else ServiceError(status, str(error))
