"""A service's answers, however they are: bounded, and no number that is none."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest

from similubot_core.live.answer import (
    LONGEST_ANSWER,
    OUT_OF_REACH,
    JsonClient,
    ServiceError,
    json_answer,
    judge_answer,
    wait_of,
)
from similubot_core.live.message import Action


async def body(*chunks: bytes) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk


async def test_an_object_in_pieces_is_read() -> None:
    assert await json_answer(body(b'{"ok": ', b"true}")) == {"ok": True}


@pytest.mark.parametrize(
    "chunk",
    [b"", b"[1]", b"null", b"<html>502</html>", b"\xff\xfe", b"[" * 100_000, b"9" * 5000, b'"x"'],
)
async def test_what_is_no_object_is_a_value_error(chunk: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  (json's own words differ)
        await json_answer(body(chunk))


async def test_an_answer_without_an_end_is_not_read_to_it() -> None:
    read = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal read
        while True:
            read += 65_536
            yield b" " * 65_536

    with pytest.raises(ValueError, match="more than 1 MB"):
        await json_answer(endless())
    assert read <= LONGEST_ANSWER + 65_536


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (5, 5.0),
        (0.25, 0.25),
        (-3, 0.0),
        (10**400, 3600.0),
        (math.inf, 3600.0),
        (math.nan, 0.0),
        ("5", None),
        (True, None),
        (None, None),
    ],
)
def test_a_wait_is_within_an_hour_whatever_was_said(value: object, seconds: float | None) -> None:
    assert wait_of(value) == seconds


def test_a_wait_in_milliseconds() -> None:
    assert wait_of(4200, 1000) == 4.2


class Answer:
    """An answer of a stand-in for aiohttp."""

    def __init__(self, status: int, text: bytes) -> None:
        self.status, self.content, self._text = status, self, text

    async def iter_any(self) -> AsyncIterator[bytes]:
        yield self._text


class Session:
    def __init__(self, answer: Answer | Exception) -> None:
        self._answer = answer
        self.asked: list[tuple[str, str, object, Mapping[str, str] | None, bool]] = []
        self.closed = False

    def request(
        self,
        method: str,
        url: str,
        *,
        json: object,
        headers: Mapping[str, str] | None,
        allow_redirects: bool,
    ) -> AbstractAsyncContextManager[Answer]:
        self.asked.append((method, url, json, headers, allow_redirects))

        @asynccontextmanager
        async def answering() -> AsyncIterator[Answer]:
            if isinstance(self._answer, Exception):
                raise self._answer
            yield self._answer

        return answering()

    async def close(self) -> None:
        self.closed = True


class ClientError(Exception):
    """What the stand-in raises."""


async def test_a_client_opens_one_session_follows_no_redirect_and_closes() -> None:
    session = Session(Answer(200, b'{"ok": 1}'))
    opened: list[Session] = []

    def opening() -> Session:
        opened.append(session)
        return session

    client = JsonClient(opening, ClientError, {"Authorization": "Bearer x"})
    assert opened == []
    assert await client.ask("POST", "https://x/a", {"b": 1}) == (200, {"ok": 1})
    assert await client.ask("GET", "https://x/c") == (200, {"ok": 1})
    assert opened == [session]
    head = {"Authorization": "Bearer x"}
    assert session.asked == [
        ("POST", "https://x/a", {"b": 1}, head, False), ("GET", "https://x/c", None, head, False),
    ]  # fmt: skip
    await client.aclose()
    assert session.closed


async def test_a_client_that_asked_nothing_has_nothing_to_close() -> None:
    await JsonClient(lambda: Session(Answer(200, b"{}")), ClientError).aclose()


@pytest.mark.parametrize(
    "answer",
    [
        ClientError("https://token@host refused"),
        TimeoutError("https://token@host"),
        Answer(502, b"<html>https://token@host"),
    ],
)
async def test_no_answer_is_out_of_reach_and_names_no_address(answer: Answer | Exception) -> None:
    client = JsonClient(lambda: Session(answer), ClientError)
    with pytest.raises(ServiceError) as raised:
        await client.ask("GET", "https://token@host/x")
    assert raised.value.status == OUT_OF_REACH
    assert "token" not in str(raised.value)
    assert raised.value.__suppress_context__  # nor does a traceback


@pytest.mark.parametrize(
    ("status", "action", "delay", "shared"),
    [
        (429, Action.RETRY, 7.0, True),
        (OUT_OF_REACH, Action.RETRY, None, False),
        (503, Action.RETRY, None, False),
        (400, Action.SKIP, None, False),
        (413, Action.SKIP, None, False),
        (401, Action.STOP, None, False),
        (404, Action.STOP, None, False),
    ],
)
def test_what_an_answer_means(
    status: int, action: Action, delay: float | None, shared: bool
) -> None:
    verdict = judge_answer(ServiceError(status, "words", 7.0), "the server")
    assert (verdict.action, verdict.delay, verdict.shared) == (action, delay, shared)
    assert verdict.reason.startswith("the server")


def test_what_is_no_answer_is_a_fault_that_is_told_with_its_traceback() -> None:
    verdict = judge_answer(KeyError("x"), "the server")
    assert (verdict.action, verdict.reason) == (Action.STOP, "")
