"""A Matrix homeserver on loopback: the part of the client API that sends and edits messages.

    with LoopbackMatrix() as server:
        room = server.add_room("#builds")
        point_the_bot_at(f"{server.url}/{room.alias}", server.token)
        ...
        server.wait(lambda: room.messages)

It limits as Synapse does by default: ten events of an account at once, then one in five seconds.
Source: "Matrix client-server API" 1.11; the answers are those of Synapse 1.140.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NoReturn

from aiohttp import web

from similubot_loopback.serving import LoopbackServer

Content = Mapping[str, object]
LARGEST = 65_536
HOST = "loopback.invalid"


@dataclass(slots=True)
class Message:
    """A message of a room, as people see it now.

    Attributes:
        id: Its event's.
        content: What people's clients show: that of the newest edit.
        edits: How many there were; each is an event of its own in the room's history.
        deleted: Whether somebody has redacted it.
        history: Every plain text it had, with the time, oldest first.
    """

    id: str
    content: Content
    edits: int = 0
    deleted: bool = False
    history: list[tuple[float, str]] = field(default_factory=list)

    @property
    def body(self) -> str:
        """The plain text."""
        return str(self.content.get("body", ""))

    @property
    def html(self) -> str:
        """The formatted text; "" where there is none."""
        return str(self.content.get("formatted_body", ""))


@dataclass(slots=True)
class Room:
    """A room.

    Attributes:
        id: Its id.
        alias: Its name.
        joined: Whether the account is in it.
        invited: Whether it may join.
        encrypted: Whether its messages are to be encrypted.
        messages: Those that were sent, deleted ones too.
    """

    id: str
    alias: str
    joined: bool = True
    invited: bool = True
    encrypted: bool = False
    messages: list[Message] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Request:
    """A request that came, and what it was answered."""

    at: float
    method: str
    path: str
    status: int


class _RefusedError(Exception):
    def __init__(self, status: int, code: str, words: str, wait: float | None = None) -> None:
        super().__init__(words)
        self.status, self.code, self.wait = status, code, wait


class LoopbackMatrix(LoopbackServer):
    """The server.

    Args:
        token: The access token it accepts.
        clock: Seconds that only grow, by which it limits.
    """

    def __init__(
        self,
        token: str = "syt_loopback_token_of_some_length",  # noqa: S107  (for tests)
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.token = token
        self.away = False
        """Set, connections are cut without an answer."""
        self.limited = True
        """Cleared, nothing is limited."""
        self.burst, self.a_second = 10, 0.2
        self._clock = clock
        self._spent = -math.inf
        self._rooms: dict[str, Room] = {}
        self._sent: dict[tuple[str, str], str] = {}
        self._numbers = itertools.count(1)
        self._log: list[Request] = []
        self._faults: list[tuple[str, int, str, float | None]] = []
        self._lost: list[str] = []
        app = web.Application()
        app.router.add_route("*", "/_matrix/client/v3/{path:.*}", self._answer)
        super().__init__(app)

    # -- for tests ------------------------------------------------------------------------------

    def add_room(
        self, name: str, *, joined: bool = True, invited: bool = True, encrypted: bool = False
    ) -> Room:
        """A room called such as "#builds"; its alias holds the server's name too."""

        def add() -> Room:
            room = Room(
                f"!{next(self._numbers)}:{HOST}", f"{name}:{HOST}", joined, invited, encrypted
            )
            self._rooms[room.id] = room
            return room

        return self._thread.call(add)

    def delete(self, message: Message) -> None:
        """A person redacts a message."""

        def redact() -> None:
            message.deleted, message.content = True, {}

        self._thread.call(redact)

    def fail(self, path: str, status: int, code: str, wait: float | None = None) -> None:
        """Answer the next request whose path holds this with an error."""
        self._thread.call(lambda: self._faults.append((path, status, code, wait)))

    def lose_answer(self, path: str) -> None:
        """Do what the next request whose path holds this asks, and cut it without an answer."""
        self._thread.call(lambda: self._lost.append(path))

    def requests(self, method: str = "") -> list[Request]:
        """What came, oldest first."""
        return self._thread.call(lambda: [r for r in self._log if method in ("", r.method)])

    # -- the API --------------------------------------------------------------------------------

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        if self.away:
            return _cut(request)
        path, status, headers = request.match_info["path"], 200, dict[str, str]()
        try:
            if request.headers.get("Authorization") != f"Bearer {self.token}":
                raise _RefusedError(401, "M_UNKNOWN_TOKEN", "Invalid access token passed.")
            self._strike(path)
            text = await request.text()
            body = self._call(request.method, path.split("/"), text)
        except _RefusedError as error:
            status, body = error.status, {"errcode": error.code, "error": str(error)}
            if error.wait is not None:
                body = {**body, "retry_after_ms": math.ceil(error.wait * 1000)}
                headers["Retry-After"] = str(math.ceil(error.wait))
        self._log.append(Request(self._clock(), request.method, path, status))
        self._thread.changed()
        for lost in self._lost:
            if lost in path:
                self._lost.remove(lost)
                return _cut(request)
        return web.json_response(body, status=status, headers=headers)

    def _strike(self, path: str) -> None:
        for fault in self._faults:
            if fault[0] in path:
                self._faults.remove(fault)
                raise _RefusedError(fault[1], fault[2], "As the test wants it.", fault[3])

    def _call(self, method: str, parts: list[str], text: str) -> Content:
        match method, parts:
            case "GET", ["directory", "room", alias]:
                found = next((r for r in self._rooms.values() if r.alias == alias), None)
                if found is None:
                    raise _RefusedError(404, "M_NOT_FOUND", f"Room alias {alias} not found")
                return {"room_id": found.id, "servers": [HOST]}
            case "POST", ["join", name]:
                return self._join(name)
            case "GET", ["rooms", number, "state", "m.room.encryption"]:
                if not self._joined(number).encrypted:
                    raise _RefusedError(404, "M_NOT_FOUND", "Event not found.")
                return {"algorithm": "m.megolm.v1.aes-sha2"}
            case "GET", ["rooms", number, "event", event]:
                return _event(self._message(self._joined(number), event))
            case "PUT", ["rooms", number, "send", "m.room.message", transaction]:
                return self._send(self._joined(number), transaction, text)
        raise _RefusedError(404, "M_UNRECOGNIZED", "Unrecognized request")

    def _join(self, name: str) -> Content:
        room = next((r for r in self._rooms.values() if name in (r.id, r.alias)), None)
        if room is None or not (room.joined or room.invited):
            raise _RefusedError(403, "M_FORBIDDEN", "You are not invited to this room.")
        room.joined = True
        return {"room_id": room.id}

    def _joined(self, number: str) -> Room:
        room = self._rooms.get(number)
        if room is None or not room.joined:
            raise _RefusedError(403, "M_FORBIDDEN", f"User not in room {number}")
        return room

    @staticmethod
    def _message(room: Room, event: str) -> Message:
        for message in room.messages:
            if message.id == event:
                return message
        raise _RefusedError(404, "M_NOT_FOUND", "Could not find event")

    def _send(self, room: Room, transaction: str, text: str) -> Content:
        if (room.id, transaction) in self._sent:
            return {"event_id": self._sent[room.id, transaction]}
        try:
            content = json.loads(text)
        except ValueError:
            raise _RefusedError(400, "M_NOT_JSON", "Content not JSON.") from None
        if not isinstance(content, dict) or not isinstance(content.get("body"), str):
            raise _RefusedError(400, "M_BAD_JSON", "'body' not in content")
        if len(text.encode()) > LARGEST:
            raise _RefusedError(413, "M_TOO_LARGE", "event too large")
        self._count()
        event = f"${next(self._numbers)}"
        self._sent[room.id, transaction] = event
        relation = content.get("m.relates_to")
        if isinstance(relation, dict) and relation.get("rel_type") == "m.replace":
            message = self._message(room, str(relation.get("event_id")))
            if not message.deleted:  # the event is taken all the same; clients show nothing of it
                message.content = content["m.new_content"]
                message.edits += 1
        else:
            message = Message(event, content)
            room.messages.append(message)
        message.history.append((self._clock(), message.body))
        return {"event_id": event}

    def _count(self) -> None:
        """Let an event through, or say how long to wait."""
        if not self.limited:
            return
        now, gap = self._clock(), 1.0 / self.a_second
        spent = max(self._spent, now)
        wait = spent - (self.burst - 1) * gap - now
        if wait > 0:
            raise _RefusedError(429, "M_LIMIT_EXCEEDED", "Too Many Requests", wait)
        self._spent = spent + gap


def _cut(request: web.Request) -> NoReturn:
    if request.transport is not None:
        request.transport.abort()
    raise asyncio.CancelledError


def _event(message: Message) -> Content:
    unsigned = {"redacted_because": {"type": "m.room.redaction"}} if message.deleted else {}
    return {"event_id": message.id, "content": message.content, "unsigned": unsigned}
