"""The sink "telegram": a message by a bot's token, from the live sinks' own thread."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import aiohttp

from similubot_core import Check, Settings, Sink, SinkContext, UsageError
from similubot_core.live import LiveSink
from similubot_core.live.answer import json_answer, wait_of
from similubot_core.live.text import job_frame
from similubot_telegram.settings import TelegramSettings
from similubot_telegram.target import ChatTarget, TelegramError

REQUEST_WITHIN = 60.0

_TARGET = re.compile(r"(?P<chat>-?\d{1,20}|@[A-Za-z]\w{3,31})(?:/(?P<thread>\d{1,15}))?")
_TOKEN = re.compile(r"\d{3,20}:[\w-]{20,100}")
_SERVER = re.compile(r"https://[\w.:\[\]-]+|http://(?:127\.0\.0\.1|localhost|\[::1\])(?::\d+)?")


@dataclass(frozen=True, slots=True)
class Sent:
    """A message that was sent."""

    message_id: int


class HttpBot:
    """A bot object of two methods, by plain HTTP. Its token is in no message or exception.

    Args:
        settings: The token and the server.
    """

    def __init__(self, settings: TelegramSettings) -> None:
        self._base = f"{settings.api_url}/bot{settings.token}/"
        self._session: aiohttp.ClientSession | None = None

    async def send_message(self, chat_id: int | str, text: str, **more: object) -> Sent:
        """Send a message."""
        result = await self._call("sendMessage", {"chat_id": chat_id, "text": text, **more})
        number = result.get("message_id")
        if not isinstance(number, int):
            raise TelegramError(0, "an answer without a message")
        return Sent(number)

    async def edit_message_text(self, text: str, **more: object) -> None:
        """Edit it."""
        await self._call("editMessageText", {"text": text, **more})

    async def _call(self, method: str, values: Mapping[str, object]) -> Mapping[str, object]:
        if self._session is None:
            limit = aiohttp.ClientTimeout(total=REQUEST_WITHIN)
            self._session = aiohttp.ClientSession(timeout=limit, trust_env=True)
        body = {name: value for name, value in values.items() if value is not None}
        if body.pop("disable_web_page_preview", False):
            body["link_preview_options"] = {"is_disabled": True}
        try:
            request = self._session.post(self._base + method, json=body, allow_redirects=False)
            async with request as response:
                status = response.status
                answer = await json_answer(response.content.iter_any())
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise TelegramError(0, type(error).__name__) from None  # theirs names the address
        if answer.get("ok") is True:
            result = answer.get("result")
            return result if isinstance(result, dict) else {}
        raise _error(status, answer)

    async def aclose(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()


def _error(status: int, answer: Mapping[str, object]) -> TelegramError:
    code, parameters = answer.get("error_code"), answer.get("parameters")
    return TelegramError(
        code if isinstance(code, int) else status,
        str(answer.get("description", "nothing"))[:200],
        wait_of(parameters.get("retry_after")) if isinstance(parameters, dict) else None,
    )


class _Target(ChatTarget):
    def __init__(self, bot: HttpBot, chat: int | str, thread: int | None) -> None:
        super().__init__(bot, chat, thread)
        self._own = bot

    async def aclose(self) -> None:
        await self._own.aclose()


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
    return LiveSink(
        _Target(HttpBot(settings), chat, thread),
        lambda states: job_frame(states, title=context.title),
        settings.update_interval,
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
