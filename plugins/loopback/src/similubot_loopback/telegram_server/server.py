"""A Telegram on loopback: the part of the Bot API that sends, edits and deletes messages.

    with LoopbackTelegram() as server:
        chat = server.add_chat(group=True)
        point_the_bot_at(server.url, server.token)
        ...
        server.wait(lambda: chat.messages)

It keeps Telegram's limits: about one message a second in a chat, 20 a minute in a group, 30 a
second in all, edits counted as messages; and gives its errors in its words. Sources: "Bots FAQ",
"Bot API".
"""

from __future__ import annotations

import asyncio
import itertools
import json
import math
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from aiohttp import web

from similubot_loopback.serving import LoopbackServer
from similubot_loopback.telegram_server.markup import BadMarkupError, Entity, found_in, parse_html

Parameters = Mapping[str, str]
LONGEST = 4096
NOT_MODIFIED = (
    "Bad Request: message is not modified: specified new message content and reply markup are "
    "exactly the same as a current content and reply markup of the message"
)


@dataclass(slots=True)
class Message:
    """A message, as people see it now.

    Attributes:
        id: Its number in the chat.
        thread: The topic that it is in; None is none.
        source: What the bot sent.
        text: What people read.
        entities: What in it means something.
        edits: How often it was edited.
        history: Every text it had, with the time, oldest first.
    """

    id: int
    thread: int | None
    source: str = ""
    text: str = ""
    entities: list[Entity] = field(default_factory=list)
    edits: int = 0
    history: list[tuple[float, str]] = field(default_factory=list)


@dataclass(slots=True)
class Chat:
    """A chat with the bot, or a group that it is in; of groups the id is below 0."""

    id: int
    threads: frozenset[int] = frozenset()
    blocked: bool = False
    messages: list[Message] = field(default_factory=list)

    @property
    def is_group(self) -> bool:
        """Whether 20 messages a minute are the limit."""
        return self.id < 0


@dataclass(frozen=True, slots=True)
class Request:
    """A request that came, and what it was answered."""

    at: float
    method: str
    chat: int | None
    status: int


class _RefusedError(Exception):
    def __init__(self, code: int, description: str, retry_after: int | None = None) -> None:
        super().__init__(description)
        self.code, self.retry_after = code, retry_after


class LoopbackTelegram(LoopbackServer):
    """The server.

    Args:
        token: The bot token it accepts.
        clock: Seconds that only grow, by which it limits.
    """

    def __init__(
        self,
        token: str = "123456:loopback-token-of-thirty-five-chars",  # noqa: S107  (for tests)
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.token = token
        self.away = False
        """Set, connections are cut without an answer."""
        self.limited = True
        """Cleared, nothing is limited."""
        self._clock = clock
        self._chats: dict[int, Chat] = {}
        self._numbers = itertools.count(1)
        self._taken: dict[tuple[str, int], deque[float]] = {}
        self._log: list[Request] = []
        self._faults: list[tuple[str, int, str, int | None]] = []
        app = web.Application()
        app.router.add_route("*", "/bot{token}/{method}", self._answer)
        super().__init__(app)

    # -- for tests ------------------------------------------------------------------------------

    def add_chat(self, *, group: bool = False, threads: frozenset[int] = frozenset()) -> Chat:
        """A chat that the bot may write in."""

        def add() -> Chat:
            number = next(self._numbers) + 1000
            chat = Chat(-1_000_000_000_000 - number if group else number, threads)
            self._chats[chat.id] = chat
            return chat

        return self._thread.call(add)

    def delete(self, chat: Chat, message: Message) -> None:
        """A person deletes a message."""
        self._thread.call(lambda: chat.messages.remove(message))

    def fail(
        self, method: str, code: int, description: str, retry_after: int | None = None
    ) -> None:
        """Answer the next request of a method with an error."""
        self._thread.call(lambda: self._faults.append((method, code, description, retry_after)))

    def requests(self, method: str = "") -> list[Request]:
        """What came, oldest first; `method` is a part of its name, such as "edit"."""
        return self._thread.call(
            lambda: [r for r in self._log if method.lower() in r.method.lower()]
        )

    # -- the API --------------------------------------------------------------------------------

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        if self.away:
            if request.transport is not None:
                request.transport.abort()
            raise asyncio.CancelledError
        method = request.match_info["method"]
        parameters = await _parameters(request)
        chat = parameters.get("chat_id", "")
        status, body = 200, dict[str, object]()
        try:
            if request.match_info["token"] != self.token:
                raise _RefusedError(401, "Unauthorized")
            self._strike(method)
            body = {"ok": True, "result": self._call(method.lower(), parameters)}
        except _RefusedError as error:
            status = error.code
            body = {"ok": False, "error_code": error.code, "description": str(error)}
            if error.retry_after is not None:
                body["parameters"] = {"retry_after": error.retry_after}
        number = int(chat) if chat.lstrip("-").isdecimal() else None
        self._log.append(Request(self._clock(), method, number, status))
        self._thread.changed()
        return web.json_response(body, status=status)

    def _strike(self, method: str) -> None:
        for fault in self._faults:
            if fault[0].lower() == method.lower():
                self._faults.remove(fault)
                raise _RefusedError(*fault[1:])

    def _call(self, method: str, parameters: Parameters) -> object:
        if method == "getme":
            return {"id": 123456, "is_bot": True, "first_name": "Loopback", "username": "loop_bot"}
        if method not in ("sendmessage", "editmessagetext", "deletemessage"):
            raise _RefusedError(404, "Not Found")
        chat = self._chat(parameters)
        if method == "sendmessage":
            return self._send(chat, parameters)
        number = parameters.get("message_id", "")
        found = next((m for m in chat.messages if str(m.id) == number), None)
        if method == "deletemessage":
            if found is None:
                raise _RefusedError(400, "Bad Request: message to delete not found")
            chat.messages.remove(found)
            return True
        return self._edit(chat, found, parameters)

    def _chat(self, parameters: Parameters) -> Chat:
        number = parameters.get("chat_id", "")
        chat = next((c for c in self._chats.values() if str(c.id) == number), None)
        if chat is None:
            raise _RefusedError(400, "Bad Request: chat not found")
        if chat.blocked:
            who = "bot was kicked from the supergroup chat"
            raise _RefusedError(
                403, f"Forbidden: {who if chat.is_group else 'bot was blocked by the user'}"
            )
        return chat

    def _send(self, chat: Chat, parameters: Parameters) -> object:
        thread = parameters.get("message_thread_id")
        if thread is not None and int(thread) not in chat.threads:
            raise _RefusedError(400, "Bad Request: message thread not found")
        text, entities = _read(parameters)
        self._count(chat)
        message = Message(next(self._numbers), None if thread is None else int(thread))
        chat.messages.append(message)
        self._put(message, parameters, text, entities)
        return _payload(chat, message)

    def _edit(self, chat: Chat, message: Message | None, parameters: Parameters) -> object:
        if message is None:
            raise _RefusedError(400, "Bad Request: message to edit not found")
        text, entities = _read(parameters)
        if (text, entities) == (message.text, message.entities):
            raise _RefusedError(400, NOT_MODIFIED)
        self._count(chat)
        message.edits += 1
        self._put(message, parameters, text, entities)
        return _payload(chat, message)

    def _put(
        self, message: Message, parameters: Parameters, text: str, entities: list[Entity]
    ) -> None:
        message.source, message.text, message.entities = parameters["text"], text, entities
        message.history.append((self._clock(), text))

    def _count(self, chat: Chat) -> None:
        """Take a place in each limit.

        Raises:
            _RefusedError: With the seconds to wait, as Telegram gives them, whole ones.
        """
        limits = [(("all", 0), 30, 1.0), (("chat", chat.id), 1, 1.0)]
        if chat.is_group:
            limits.append((("group", chat.id), 20, 60.0))
        now = self._clock()
        windows = []
        for key, most, seconds in limits if self.limited else ():
            window = self._taken.setdefault(key, deque())
            while window and window[0] <= now - seconds:
                window.popleft()
            if len(window) >= most:
                wait = max(1, math.ceil(window[0] + seconds - now))
                raise _RefusedError(429, f"Too Many Requests: retry after {wait}", wait)
            windows.append(window)
        for window in windows:
            window.append(now)


async def _parameters(request: web.Request) -> dict[str, str]:
    """JSON, a form or a query: the Bot API takes all of them."""
    given: Mapping[str, object]
    if request.content_type == "application/json":
        given = await request.json()
    else:
        given = {**request.query, **await request.post()}
    return {
        name: value if isinstance(value, str) else json.dumps(value)
        for name, value in given.items()
        if value is not None
    }


def _read(parameters: Parameters) -> tuple[str, list[Entity]]:
    source = parameters.get("text", "")
    mode = parameters.get("parse_mode", "")
    if mode.upper() == "HTML":
        try:
            text, entities = parse_html(source)
        except BadMarkupError as error:
            raise _RefusedError(400, f"Bad Request: can't parse entities: {error}") from None
    elif mode:
        raise _RefusedError(400, "Bad Request: unsupported parse_mode")
    else:
        text, entities = source, found_in(source)
    text = text.strip()
    if not text:
        raise _RefusedError(400, "Bad Request: message text is empty")
    if len(text.encode("utf-16-le")) // 2 > LONGEST:
        raise _RefusedError(400, "Bad Request: message is too long")
    return text, entities


def _payload(chat: Chat, message: Message) -> object:
    kind = {"type": "supergroup", "title": "Loopback"} if chat.is_group else {"type": "private"}
    payload: dict[str, object] = {
        "message_id": message.id,
        "date": int(time.time()),
        "chat": {"id": chat.id, **kind},
        "text": message.text,
    }
    if message.thread is not None:
        payload["message_thread_id"] = message.thread
    return payload
