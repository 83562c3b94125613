"""TelegramProgress: a message of your own bot's that shows progress."""

from collections.abc import Sequence
from functools import partial

from similubot_core.live import LiveProgress
from similubot_core.live.text import TextFrame, job_frame
from similubot_telegram.target import ChatTarget, TelegramBot


class TelegramProgress(LiveProgress[TextFrame]):
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
        target = ChatTarget(bot, chat_id, message_thread_id)
        frames = partial(job_frame, title=title)
        super().__init__(target, frames, update_interval, operations)
