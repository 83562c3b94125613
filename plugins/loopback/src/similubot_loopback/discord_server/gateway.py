"""The gateway of the loopback Discord: HELLO, IDENTIFY, READY, heartbeats, RESUME, drops, zlib."""

from __future__ import annotations

import asyncio
import json
import secrets
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import WSCloseCode, WSMessage, WSMsgType, web

DISPATCH, HEARTBEAT, IDENTIFY, RESUME, RECONNECT = 0, 1, 2, 6, 7
MEMBERS, INVALID_SESSION, HELLO, HEARTBEAT_ACK = 8, 9, 10, 11
GUILD_MEMBERS, PRESENCES, MESSAGE_CONTENT = 1 << 1, 1 << 8, 1 << 15
GUILD_MESSAGES, DIRECT_MESSAGES = 1 << 9, 1 << 12
PRIVILEGED = GUILD_MEMBERS | PRESENCES | MESSAGE_CONTENT


@dataclass
class Session:
    """One gateway session; it outlives its connection so that it can be resumed."""

    id: str
    intents: int
    events: list[dict[str, Any]] = field(default_factory=list)
    connection: Connection | None = None


class Connection:
    """One WebSocket; its queue is written by one task, so that events keep their order."""

    def __init__(
        self,
        socket: web.WebSocketResponse,
        transport: asyncio.Transport | None,
        *,
        compressed: bool,
    ) -> None:
        self.socket = socket
        self.transport = transport
        self._zlib = zlib.compressobj() if compressed else None
        self._queue: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    def put(self, payload: dict[str, Any]) -> None:
        """Queue one payload; Discord sends all four fields each time, and nextcord relies on it."""
        self._queue.put_nowait({"op": None, "d": None, "s": None, "t": None, **payload})

    async def write(self) -> None:
        """Send what is queued, until cancelled or the peer is gone."""
        while not self.socket.closed:
            text = json.dumps(await self._queue.get())
            try:
                if self._zlib is None:
                    await self.socket.send_str(text)
                else:
                    data = self._zlib.compress(text.encode())
                    await self.socket.send_bytes(data + self._zlib.flush(zlib.Z_SYNC_FLUSH))
            except ConnectionError:
                return


class Gateway:
    """All sessions, and who may open one.

    Args:
        token: The only bot token accepted; another is closed with 4004.
        ready: Makes READY's payload for a session id.
        guilds: Makes the GUILD_CREATE payloads that follow READY.
    """

    def __init__(
        self,
        token: str,
        ready: Callable[[str], dict[str, Any]],
        guilds: Callable[[], list[dict[str, Any]]],
        changed: Callable[[], None],
    ) -> None:
        self._token = token
        self._ready = ready
        self._guilds = guilds
        self._changed = changed
        self.sessions: dict[str, Session] = {}
        self.privileged_intents = PRIVILEGED
        self.heartbeat_interval = 41.25
        self.answers_heartbeats = True
        self.refuses = False
        self.identified = 0
        self.resumed = 0
        self.heartbeats = 0

    def connected(self) -> list[Session]:
        """The sessions that have a live connection."""
        return [s for s in self.sessions.values() if s.connection is not None]

    def dispatch(self, event: str, data: dict[str, Any], *, needs: int = 0) -> None:
        """Send an event to every session with the intents `needs`; kept for those cut off."""
        for session in self.sessions.values():
            if not needs or session.intents & needs:
                self._send(session, event, data)

    def dispatch_message(self, event: str, data: dict[str, Any], bot_id: int) -> None:
        """A message event: content is blanked for sessions without the message_content intent."""
        in_guild = "guild_id" in data
        plain = data
        mentions_bot = any(user["id"] == str(bot_id) for user in data.get("mentions", ()))
        own = data.get("author", {}).get("id") == str(bot_id)
        if in_guild and not mentions_bot and not own and "content" in data:
            plain = {**data, "content": "", "embeds": [], "attachments": [], "components": []}
        needed = GUILD_MESSAGES if in_guild else DIRECT_MESSAGES
        for session in self.sessions.values():
            if session.intents & needed:
                full = session.intents & MESSAGE_CONTENT
                self._send(session, event, data if full else plain)

    def _send(self, session: Session, event: str, data: dict[str, Any]) -> None:
        payload = {"op": DISPATCH, "t": event, "s": len(session.events) + 1, "d": data}
        session.events.append(payload)
        if session.connection is not None:
            session.connection.put(payload)

    async def drop(self, code: int | None = None) -> None:
        """Cut all connections: with a close code, or hard (None). Sessions can be resumed."""
        for session in self.connected():
            connection = session.connection
            session.connection = None
            if connection is None:
                continue
            if code is not None:
                await connection.socket.close(code=code)
            elif connection.transport is not None:
                connection.transport.close()

    def ask_reconnect(self) -> None:
        """Send RECONNECT (op 7) to all."""
        for session in self.connected():
            if session.connection is not None:
                session.connection.put({"op": RECONNECT, "d": None})

    def invalidate(self) -> None:
        """End all sessions: INVALID_SESSION now, and a RESUME of them is refused."""
        for session in self.connected():
            if session.connection is not None:
                session.connection.put({"op": INVALID_SESSION, "d": False})
        self.sessions.clear()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """The route of the WebSocket."""
        if self.refuses:
            return web.Response(status=503)
        socket = web.WebSocketResponse(max_msg_size=1 << 20)
        await socket.prepare(request)
        compressed = request.query.get("compress") == "zlib-stream"
        connection = Connection(socket, request.transport, compressed=compressed)
        writer = asyncio.create_task(connection.write())
        interval = int(self.heartbeat_interval * 1000)
        connection.put({"op": HELLO, "d": {"heartbeat_interval": interval}})
        session: Session | None = None
        try:
            async for frame in socket:
                session = await self._receive(connection, session, frame)
        finally:
            if session is not None and session.connection is connection:
                session.connection = None
            writer.cancel()
            await asyncio.gather(writer, return_exceptions=True)
            self._changed()
        return socket

    async def _receive(
        self, connection: Connection, session: Session | None, frame: WSMessage
    ) -> Session | None:
        if frame.type is not WSMsgType.TEXT:
            await connection.socket.close(code=4002)
            return session
        payload = json.loads(frame.data)
        op, data = payload.get("op"), payload.get("d")
        if op == HEARTBEAT:
            self.heartbeats += 1
            if self.answers_heartbeats:
                connection.put({"op": HEARTBEAT_ACK})
        elif op == IDENTIFY:
            return await self._identify(connection, data)
        elif op == RESUME:
            return await self._resume(connection, data)
        elif session is None:
            await connection.socket.close(code=4003)
        elif op == MEMBERS:
            self._send_members(session, data)
        return session

    async def _identify(self, connection: Connection, data: dict[str, Any]) -> Session | None:
        if data.get("token") != self._token:
            await connection.socket.close(code=4004, message=b"Authentication failed.")
            return None
        intents = int(data.get("intents", 0))
        if intents & PRIVILEGED & ~self.privileged_intents:
            await connection.socket.close(code=4014, message=b"Disallowed intent(s).")
            return None
        session = Session(secrets.token_hex(16), intents, connection=connection)
        self.sessions[session.id] = session
        self.identified += 1
        self._send(session, "READY", self._ready(session.id))
        for guild in self._guilds():
            self._send(session, "GUILD_CREATE", guild)
        self._changed()
        return session

    async def _resume(self, connection: Connection, data: dict[str, Any]) -> Session | None:
        session = self.sessions.get(str(data.get("session_id")))
        if data.get("token") != self._token or session is None:
            connection.put({"op": INVALID_SESSION, "d": False})
            return None
        if session.connection is not None:
            await session.connection.socket.close(code=WSCloseCode.GOING_AWAY)
        seen = int(data.get("seq") or 0)
        for event in session.events[seen:]:
            connection.put(event)
        session.connection = connection
        self.resumed += 1
        self._send(session, "RESUMED", {"_trace": []})
        self._changed()
        return session

    def _send_members(self, session: Session, data: dict[str, Any]) -> None:
        wanted = {str(user) for user in _as_list(data.get("user_ids"))}
        query = str(data.get("query") or "").lower()
        for guild in self._guilds():
            if guild["id"] != str(data.get("guild_id")):
                continue
            members = [
                member
                for member in guild["members"]
                if (not wanted or member["user"]["id"] in wanted)
                and member["user"]["username"].lower().startswith(query)
            ]
            chunk = {
                "guild_id": guild["id"],
                "members": members,
                "chunk_index": 0,
                "chunk_count": 1,
                "not_found": [],
            }
            if "nonce" in data:
                chunk["nonce"] = data["nonce"]
            self._send(session, "GUILD_MEMBERS_CHUNK", chunk)


def _as_list(value: object) -> list[object]:
    if value is None:
        return []
    return list(value) if isinstance(value, list) else [value]
