"""What a service answers, taken with care: bounded, and no number that is none."""

from __future__ import annotations

import json
from collections.abc import AsyncIterable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from similubot_core.live.message import Action, Verdict

LONGEST_ANSWER = 1024 * 1024
LONGEST_WAIT = 3600.0

OUT_OF_REACH = 0
"""The status of a `ServiceError` where there was no answer, or none that can be read."""


class ServiceError(Exception):
    """What a service answered instead of doing what it was asked.

    Args:
        status: The status of HTTP, or `OUT_OF_REACH`.
        words: The service's own; they hold no address and no token.
        wait: Seconds that it asks to wait; None where it says nothing of it.
    """

    def __init__(self, status: int, words: str, wait: float | None = None) -> None:
        super().__init__(words)
        self.status, self.wait = status, wait


class Body(Protocol):
    """A body that comes in pieces."""

    def iter_any(self) -> AsyncIterable[bytes]:
        """The pieces, as they come."""


class Response(Protocol):
    """What a request gets; a response of aiohttp is one."""

    @property
    def status(self) -> int:
        """The status of HTTP."""

    @property
    def content(self) -> Body:
        """The body."""


class Session(Protocol):
    """What sends requests; a session of aiohttp is one."""

    def request(
        self,
        method: str,
        url: str,
        *,
        json: object,
        headers: Mapping[str, str] | None,
        allow_redirects: bool,
    ) -> AbstractAsyncContextManager[Response]:
        """Send a request."""

    async def close(self) -> None:
        """Close the connections."""


class JsonClient:
    """Asks a service that speaks JSON: follows no redirect, and reads 1 MB of an answer at most.

    Args:
        open_session: Makes a session, in the event loop, with the first request; it limits the
            time of each.
        failure: What the session raises; its text is not repeated, because it names addresses.
        headers: Of each request. Secrets among them are in no message or exception.
    """

    def __init__(
        self,
        open_session: Callable[[], Session],
        failure: type[Exception],
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self._open_session = open_session
        self._failure = failure
        self._headers = headers
        self._session: Session | None = None

    async def ask(
        self, method: str, url: str, json: object = None
    ) -> tuple[int, dict[str, object]]:
        """Send a request; returns the status and the JSON object of the answer.

        Raises:
            ServiceError: No answer came, or one that is no JSON object or longer than 1 MB.
        """
        if self._session is None:
            self._session = self._open_session()
        request = self._session.request(
            method, url, json=json, headers=self._headers, allow_redirects=False
        )
        try:
            async with request as response:
                return response.status, await json_answer(response.content.iter_any())
        except (self._failure, OSError, ValueError) as error:
            raise ServiceError(OUT_OF_REACH, type(error).__name__) from None

    async def aclose(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()


def judge_answer(error: Exception, service: str) -> Verdict:
    """What an answer means, as most services mean it; what is no `ServiceError` is a fault.

    Args:
        error: What was raised.
        service: Who answered, for the log.
    """
    if not isinstance(error, ServiceError):
        return Verdict(Action.STOP)
    if error.status == 429:
        return Verdict(Action.RETRY, f"{service}'s limit is reached", error.wait, shared=True)
    if error.status == OUT_OF_REACH or error.status >= 500:
        return Verdict(Action.RETRY, f"{service} cannot be reached ({error})")
    action = Action.SKIP if error.status in (400, 413) else Action.STOP
    return Verdict(action, f"{service} answered {error.status} {error}")


async def json_answer(chunks: AsyncIterable[bytes]) -> dict[str, object]:
    """The JSON object that an answer's body is.

    Args:
        chunks: The body, in pieces.

    Raises:
        ValueError: It is something else, or longer than 1 MB.
    """
    body = bytearray()
    async for chunk in chunks:
        body += chunk
        if len(body) > LONGEST_ANSWER:
            raise ValueError("an answer of more than 1 MB")
    try:
        found = json.loads(body)
    except RecursionError:
        raise ValueError("an answer that is nested too deep") from None
    if not isinstance(found, dict):
        raise ValueError("an answer that is no JSON object")
    return found


def wait_of(value: object, in_a_second: int = 1) -> float | None:
    """The seconds that a service asks to wait: within 0 and an hour; None where it asks nothing.

    Args:
        value: What it said.
        in_a_second: How many of its units a second has: 1000 for milliseconds.
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return max(0.0, min(value, LONGEST_WAIT * in_a_second) / in_a_second)
