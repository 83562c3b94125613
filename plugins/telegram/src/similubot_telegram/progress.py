"""TelegramProgress: a message of your own bot's that shows progress."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from similubot_core import ProgressCallback
from similubot_core.live import LiveMessage, Operations
from similubot_core.live.text import TextFrame, job_frame
from similubot_telegram.target import ChatTarget, TelegramBot


class TelegramProgress:
    """Shows operations in one message of your bot's, and always ends on their final state.

    Make it in the bot's event loop; give `create_callback()` to trackers in any thread. The message
    is sent with the first state. It stops for good, without an error, when the message is deleted
    or the bot may not write there.

    Args:
        bot: python-telegram-bot's `Bot`, aiogram's `Bot`, or what else has their `send_message` and
            `edit_message_text`.
        chat_id: The chat, or a channel's @name.
        title: What the message is about; text from outside is made harmless.
        message_thread_id: The topic of a forum; None is none.
        update_interval: Seconds from the end of one edit to the next, above 0; Telegram's limits
            come on top of it.
        operations: The operations known to come, in their order.

    Raises:
        ValueError: An interval out of range.
        RuntimeError: Not made in a running event loop.
    """

    def __init__(
        self,
        bot: TelegramBot,
        chat_id: int | str,
        *,
        title: str = "",
        message_thread_id: int | None = None,
        update_interval: float = 5.0,
        operations: Sequence[str] = (),
    ) -> None:
        if not update_interval > 0:
            raise ValueError("update_interval must be above 0 seconds")
        self._operations = Operations(operations)
        self._message: LiveMessage[TextFrame] = LiveMessage(
            ChatTarget(bot, chat_id, message_thread_id),
            lambda: job_frame(self._operations.states(), title=title),
            update_interval,
            asyncio.get_running_loop(),
        )
        self._callback = self._operations.callback(self._message)

    def create_callback(self) -> ProgressCallback:
        """The function for `add_callback` or `progress_callback=`; any thread may call it."""
        return self._callback

    async def aclose(self, timeout: float = 10.0) -> bool:
        """Show the newest state and let go of the message; await it before the bot is shut down.

        Args:
            timeout: Seconds to wait at most, whatever Telegram's limits say.

        Returns:
            Whether the newest state is on the message.
        """
        return await self._message.aclose(timeout)
