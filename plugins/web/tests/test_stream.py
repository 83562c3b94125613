"""The stream behind a page: made once, sent to all; who is slow misses states."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator

import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer

from similubot_web import stream as module
from similubot_web.stream import Row, State, Stream, difference

PATIENCE = 60.0


class Source:
    """A state that a test sets."""

    def __init__(self) -> None:
        self.state: State = {"a": {"n": 0}}
        self.looked = 0

    async def __call__(self) -> State:
        self.looked += 1
        return self.state


@pytest.fixture
def source() -> Source:
    return Source()


@pytest.fixture
def stream(source: Source) -> Stream:
    return Stream(source, lambda request: {"now": 5})


@pytest.fixture
async def server(stream: Stream) -> AsyncIterator[TestServer]:
    app = web.Application()
    app.router.add_get("/events", stream.serve)
    server = TestServer(app)
    async with server:
        yield server


@pytest.fixture
async def session() -> AsyncIterator[ClientSession]:
    async with ClientSession() as session:
        yield session


async def next_event(content: asyncio.StreamReader) -> tuple[str, object]:
    name = ""
    async with asyncio.timeout(PATIENCE):
        while line := (await content.readline()).decode():
            if line.startswith("event: "):
                name = line.removeprefix("event: ").strip()
            if line.startswith("data: "):
                return name, json.loads(line.removeprefix("data: "))
    return "", None


async def test_a_viewer_is_greeted_then_gets_the_whole_state_then_what_changed(
    source: Source, server: TestServer, session: ClientSession
) -> None:
    source.state = {"a": {"n": 0, "name": "x"}, "b": {"n": 7}}
    async with session.get(server.make_url("/events")) as answer:
        content: asyncio.StreamReader = answer.content  # type: ignore[assignment]
        assert await next_event(content) == ("you", {"now": 5})
        assert await next_event(content) == ("all", source.state)
        source.state = {"a": {"n": 1, "name": "x"}, "c": {"n": 9}}
        assert await next_event(content) == ("some", {"a": {"n": 1}, "b": None, "c": {"n": 9}})


async def test_a_browser_is_told_to_come_back_after_a_second(
    server: TestServer, session: ClientSession
) -> None:
    async with session.get(server.make_url("/events")) as answer:
        assert answer.content_type == "text/event-stream"
        assert await answer.content.readline() == b"retry: 1000\n"


async def test_while_nobody_looks_nobody_is_asked(
    source: Source, stream: Stream, server: TestServer, session: ClientSession
) -> None:
    assert source.looked == 0
    async with session.get(server.make_url("/events")) as answer:
        await next_event(answer.content)  # type: ignore[arg-type]
        assert stream.viewers == 1
    async with asyncio.timeout(PATIENCE):
        while [task for task in asyncio.all_tasks() if task.get_name() == "web page"]:
            source.state = {"a": {"n": source.looked}}  # it is noticed when something is sent
            await asyncio.sleep(0.01)
    assert stream.viewers == 0


async def test_each_state_is_made_once_for_all_viewers(
    source: Source, server: TestServer, session: ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[str] = []
    real = module.event

    def event(name: str, data: object) -> bytes:
        made.append(name)
        return real(name, data)

    monkeypatch.setattr(module, "event", event)
    answers = [await session.get(server.make_url("/events")) for _ in range(20)]
    for answer in answers:
        await next_event(answer.content)  # type: ignore[arg-type]
        await next_event(answer.content)  # type: ignore[arg-type]
    source.state = {"a": {"n": 1}}
    told = [await next_event(answer.content) for answer in answers]  # type: ignore[arg-type]
    assert told == [("some", {"a": {"n": 1}})] * 20
    assert made.count("all") == 1
    assert made.count("some") == 2  # the first state of all, and the change
    for answer in answers:
        answer.close()


async def test_who_takes_nothing_has_no_states_piled_up_and_then_gets_the_newest(
    source: Source, server: TestServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "INTERVAL", 0.01)
    loop = asyncio.get_running_loop()
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.setblocking(False)
    await loop.sock_connect(sock, ("127.0.0.1", server.port))
    await loop.sock_sendall(sock, b"GET /events HTTP/1.1\r\nHost: x\r\n\r\n")
    assert b"200 OK" in await loop.sock_recv(sock, 1000)
    filling = "x" * 200_000
    sent = 0
    for number in range(1, 200):  # 40 MB, were each state sent
        source.state = {"a": {"n": number, "filling": f"{number} {filling}"}}
        looked = source.looked
        while source.looked < looked + 1:
            await asyncio.sleep(0)
    async with asyncio.timeout(PATIENCE):
        while b'"n":199' not in (data := await loop.sock_recv(sock, 1_000_000)):
            sent += len(data)
    sock.close()
    assert sent < 10_000_000


async def test_so_many_viewers_and_no_more(
    server: TestServer, session: ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_VIEWERS", 2)
    answers = [await session.get(server.make_url("/events")) for _ in range(3)]
    assert [answer.status for answer in answers] == [200, 200, 503]
    assert "later" in await answers[2].text()
    for answer in answers:
        answer.close()


async def test_a_state_that_cannot_be_told_leaves_viewers_what_they_had(
    source: Source, server: TestServer, session: ClientSession, caplog: pytest.LogCaptureFixture
) -> None:
    async with session.get(server.make_url("/events")) as answer:
        content: asyncio.StreamReader = answer.content  # type: ignore[assignment]
        assert (await next_event(content))[0] == "you"
        assert (await next_event(content))[0] == "all"
        looked = source.looked
        source.state = None  # type: ignore[assignment]
        async with asyncio.timeout(PATIENCE):
            while source.looked < looked + 3:
                await asyncio.sleep(0.01)
        source.state = {"a": {"n": 5}}
        assert await next_event(content) == ("some", {"a": {"n": 5}})
    assert caplog.text.count("The page's state cannot be told") == 1


async def test_the_end_comes_after_the_last_state(
    source: Source, stream: Stream, server: TestServer, session: ClientSession
) -> None:
    async with session.get(server.make_url("/events")) as answer:
        content: asyncio.StreamReader = answer.content  # type: ignore[assignment]
        assert (await next_event(content))[0] == "you"
        assert (await next_event(content))[0] == "all"
        source.state = {"a": {"n": 100}}
        await stream.end(for_good=True)
        assert await next_event(content) == ("some", {"a": {"n": 100}})
        assert (await next_event(content))[0] == "end"
        assert await next_event(content) == ("", None)


@pytest.mark.parametrize(
    ("before", "now", "changed"),
    [
        ({}, {"a": {"n": 1}}, {"a": {"n": 1}}),
        ({"a": {"n": 1}}, {"a": {"n": 1}}, {}),
        ({"a": {"n": 1, "m": 2}}, {"a": {"n": 1, "m": 3}}, {"a": {"m": 3}}),
        ({"a": {"n": 1, "m": 2}}, {"a": {"n": 1}}, {"a": {"m": None}}),
        ({"a": {"n": 1}}, {}, {"a": None}),
    ],
)
def test_a_difference_is_what_turns_one_state_into_the_other(
    before: dict[str, Row], now: dict[str, Row], changed: dict[str, Row | None]
) -> None:
    assert difference(before, now) == changed
