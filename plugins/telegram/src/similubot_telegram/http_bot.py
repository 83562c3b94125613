"""HttpBot: a bot object of our own, by plain HTTP."""

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Unpack

import aiohttp

from similubot_core.live.answer import OUT_OF_REACH, JsonClient, ServiceError, wait_of
from similubot_telegram.settings import TelegramSettings
from similubot_telegram.target import SentMessage, Text

REQUEST_WITHIN = 60.0


def open_session() -> aiohttp.ClientSession:
    """A client of HTTP that goes by the proxy of the environment."""
    return aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(REQUEST_WITHIN), trust_env=True)


class HttpBot:
    """A bot object of two methods. Its token is in no message or exception.

    Args:
        settings: The token and the server.
    """

    def __init__(self, settings: TelegramSettings) -> None:
        self._base = f"{settings.api_url}/bot{settings.token}/"
        self._client = JsonClient(open_session, aiohttp.ClientError)
        self.aclose = self._client.aclose

    async def send_message(
        self, *, message_thread_id: int | None, **text: Unpack[Text]
    ) -> SentMessage:
        """Send a message."""
        thread = {} if message_thread_id is None else {"message_thread_id": message_thread_id}
        result = await self._call("sendMessage", {**text, **thread})
        if not isinstance(result, dict) or not isinstance(result.get("message_id"), int):
            raise ServiceError(OUT_OF_REACH, "an answer without a message")
        return SimpleNamespace(message_id=result["message_id"])

    async def edit_message_text(self, *, message_id: int, **text: Unpack[Text]) -> None:
        """Edit it."""
        await self._call("editMessageText", {**text, "message_id": message_id})

    async def _call(self, method: str, values: Mapping[str, object]) -> object:
        status, answer = await self._client.ask("POST", self._base + method, values)
        if answer.get("ok") is True:
            return answer.get("result")
        parameters = answer.get("parameters")
        wait = parameters.get("retry_after") if isinstance(parameters, dict) else None
        raise ServiceError(status, str(answer.get("description", "nothing"))[:200], wait_of(wait))
