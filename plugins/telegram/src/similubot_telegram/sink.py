"""The sink "telegram": a message by a bot's token, from the live sinks' own thread."""

import re
from collections.abc import Sequence
from functools import partial

from similubot_core import Check, Settings, Sink, SinkContext, UsageError
from similubot_telegram.settings import TelegramSettings

_TARGET = re.compile(r"(?P<chat>-?\d{1,20}|@[A-Za-z]\w{3,31})(?:/(?P<thread>\d{1,15}))?")
_TOKEN = re.compile(r"\d{3,20}:[\w-]{20,100}")
_SERVER = re.compile(r"https://[\w.:\[\]-]+|http://(?:127\.0\.0\.1|localhost|\[::1\])(?::\d+)?")


def parse_target(target: str) -> tuple[int | str, int | None]:
    """A chat's id or @name, and after "/" the number of a topic.

    Raises:
        UsageError: It is something else.
    """
    found = _TARGET.fullmatch(target.strip())
    if found is None:
        raise UsageError(
            "The sink telegram needs a chat: telegram=-1001234567890, telegram=@channel, or with a "
            "topic telegram=-1001234567890/42."
        )
    chat, thread = found["chat"], found["thread"]
    return (chat if chat.startswith("@") else int(chat)), (int(thread) if thread else None)


def open_telegram_sink(context: SinkContext) -> Sink:
    """Open the sink on a chat: the target, else the setting `chat`.

    Raises:
        UsageError: There is no chat or no token, or one that is none.
    """
    settings = context.settings.table(TelegramSettings)
    chat, thread = parse_target(context.target or settings.chat or "")
    if not settings.token or not _TOKEN.fullmatch(settings.token):
        raise UsageError(
            "The sink telegram needs a bot's token, as @BotFather gives it, in "
            "SIMILUBOT_TELEGRAM_TOKEN or in [telegram] token."
        )
    if not _SERVER.fullmatch(settings.api_url):
        raise UsageError("[telegram] api_url is an https address without a path.")
    from similubot_core.live import LiveSink
    from similubot_core.live.text import job_frame
    from similubot_telegram.http_bot import HttpBot
    from similubot_telegram.target import ChatTarget

    bot = HttpBot(settings)
    frames = partial(job_frame, title=context.title)
    return LiveSink(
        ChatTarget(bot, chat, thread), frames, settings.update_interval, let_go=bot.aclose
    )


def check_telegram(settings: Settings) -> Sequence[Check]:
    """What `similubot doctor` says of the sink; looks at no network."""
    table = settings.table(TelegramSettings)
    if not table.token:
        return [Check("Telegram bot", True, "no token in the settings")]
    try:
        open_telegram_sink(SinkContext(table.chat or "@none", settings)).close()
    except UsageError as error:
        return [Check("Telegram bot", False, "settings that do not fit", error.message)]
    where = f", writing to {table.chat}" if table.chat else ""
    return [Check("Telegram bot", True, f"a token in the settings{where}")]
