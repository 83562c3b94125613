"""The REST routes of the loopback Discord, served by aiohttp under /api/v10."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from aiohttp import BodyPartReader, web

from similubot_loopback.discord_server.errors import ApiError, api_error
from similubot_loopback.discord_server.interactions import Interactions
from similubot_loopback.discord_server.limits import Buckets, Fault, Faults, OldMessageEdits
from similubot_loopback.discord_server.messages import StoredMessage
from similubot_loopback.discord_server.state import State, Upload, Webhook
from similubot_loopback.discord_server.world import snowflake_time

Json = dict[str, Any] | list[Any] | None
Handler = Callable[["Call"], Awaitable[Json]]
NO_CONTENT = None


@dataclass(frozen=True)
class Request:
    """One request as it was answered. `at` is `time.monotonic()` seconds of the answer.

    `status` 0 stands for a connection that was cut; `code` is Discord's error code or 0.
    """

    at: float
    method: str
    route: str
    path: str
    status: int
    code: int


@dataclass
class Call:
    """One request in the making: what the path names, the body, the uploaded files."""

    path: Mapping[str, str]
    query: Mapping[str, str]
    body: Any
    files: list[Upload]

    def id(self, name: str) -> int:
        """A snowflake of the path; one that is no number is an invalid form body."""
        if not re.fullmatch(r"\d{1,20}", self.path[name]):
            raise api_error(50035, errors={name: {"_errors": [{"code": "NUMBER_TYPE_COERCE"}]}})
        return int(self.path[name])

    def is_true(self, name: str) -> bool:
        """Whether a flag of the query is set; clients write it as true or 1."""
        return self.query.get(name, "").lower() in ("true", "1")


class Rest:
    """The routes and what stands before them: faults, the token, the buckets, the log."""

    def __init__(
        self, state: State, interactions: Interactions, clock: Callable[[], float]
    ) -> None:
        self.state = state
        self.interactions = interactions
        self.buckets = Buckets(clock)
        self.old_edits = OldMessageEdits(clock)
        self.faults = Faults()
        self.log: list[Request] = []
        self.unknown: list[str] = []

    def routes(self) -> list[web.RouteDef]:
        """All routes for an aiohttp application."""
        table: list[tuple[str, str, Handler]] = [
            ("GET /users/@me", "bot", self._me),
            ("GET /users/{user}", "bot", self._user),
            ("POST /users/@me/channels", "bot", self._open_dm),
            ("GET /oauth2/applications/@me", "bot", self._application),
            ("GET /applications/@me", "bot", self._application),
            ("GET /gateway", "none", self._gateway),
            ("GET /gateway/bot", "bot", self._gateway),
            ("GET /soundboard-default-sounds", "bot", self._no_sounds),  # py-cord asks at its start
            ("GET /channels/{channel}", "bot", self._channel),
            ("POST /channels/{channel}/typing", "bot", self._typing),
            ("GET /channels/{channel}/messages", "bot", self._history),
            ("POST /channels/{channel}/messages", "bot", self._send),
            ("GET /channels/{channel}/messages/{message}", "bot", self._message),
            ("PATCH /channels/{channel}/messages/{message}", "bot", self._edit),
            ("DELETE /channels/{channel}/messages/{message}", "bot", self._delete),
            ("PUT /channels/{channel}/messages/{message}/reactions/{emoji}/@me", "bot", self._nod),
            ("POST /channels/{channel}/webhooks", "bot", self._make_webhook),
            ("GET /guilds/{guild}", "bot", self._guild),
            ("GET /guilds/{guild}/members/{user}", "bot", self._member),
            ("POST /interactions/{interaction}/{token}/callback", "none", self._answer),
            ("GET /webhooks/{webhook}/{token}", "none", self._webhook),
            ("POST /webhooks/{webhook}/{token}", "none", self._webhook_send),
            ("GET /webhooks/{webhook}/{token}/messages/{message}", "none", self._webhook_get),
            ("PATCH /webhooks/{webhook}/{token}/messages/{message}", "none", self._webhook_edit),
            ("DELETE /webhooks/{webhook}/{token}/messages/{message}", "none", self._webhook_del),
        ]
        for scope in ("/applications/{app}", "/applications/{app}/guilds/{guild}"):
            table += [
                (f"GET {scope}/commands", "bot", self._commands),
                (f"PUT {scope}/commands", "bot", self._put_commands),
                (f"POST {scope}/commands", "bot", self._add_command),
                (f"DELETE {scope}/commands/{{command}}", "bot", self._delete_command),
            ]
        made = []
        for route, auth, handler in table:
            method, _, path = route.partition(" ")
            wrapped = self._wrap(route, auth, handler)
            made += [web.route(method, f"/api{v}{path}", wrapped) for v in ("/v10", "")]
        made.append(web.get("/cdn/{path:.*}", self._file))
        made.append(web.route("*", "/api/{path:.*}", self._unknown))
        return made

    # -- before and after a handler ---------------------------------------------------------

    def _wrap(
        self, route: str, auth: str, handler: Handler
    ) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def serve(request: web.Request) -> web.StreamResponse:
            headers: dict[str, str] = {}
            status, code = 200, 0
            body: Json = None
            try:
                call = await _read(request)
                fault = self.faults.find(request.method, request.path)
                await self._before(request, fault)
                if auth == "bot" and request.headers.get("Authorization") != self._credential:
                    raise ApiError(401, 0, "401: Unauthorized")
                path = request.match_info
                major = path.get("channel") or path.get("guild") or path.get("webhook") or ""
                headers = self.buckets.take(route, f"{major}{path.get('token', '')}")
                body = await handler(call)
                status = 204 if body is None else 200
                self._after(request, fault)
            except ApiError as error:
                status, code, body = error.status, error.code, error.body()
                headers = {**headers, **error.headers()}
            except ConnectionAbortedError:
                self._record(request, route, 0, 0)
                return web.Response(status=500)
            self._record(request, route, status, code)
            if body is None:
                return web.Response(status=status, headers=headers)
            # exactly this type: discord.py takes anything else, even with a charset, for text
            text = json.dumps(body).encode()
            kind = {"Content-Type": "application/json"}
            return web.Response(body=text, status=status, headers={**headers, **kind})

        return serve

    @property
    def _credential(self) -> str:
        return f"Bot {self.state.token}"

    def _record(self, request: web.Request, route: str, status: int, code: int) -> None:
        made = Request(time.monotonic(), request.method, route, request.path, status, code)
        self.log.append(made)
        self.state.changed()

    async def _before(self, request: web.Request, fault: Fault | None) -> None:
        if fault is None:
            return
        if fault.delay:
            await asyncio.sleep(fault.delay)
        if not fault.applied:
            self._strike(request, fault)

    def _after(self, request: web.Request, fault: Fault | None) -> None:
        if fault is not None and fault.applied:
            self._strike(request, fault)

    @staticmethod
    def _strike(request: web.Request, fault: Fault) -> None:
        if fault.reset:
            if request.transport is not None:
                request.transport.abort()
            raise ConnectionAbortedError
        error = fault.error()
        if error is not None:
            raise error

    async def _unknown(self, request: web.Request) -> web.StreamResponse:
        self.unknown.append(f"{request.method} {request.path}")
        self._record(request, "unknown", 404, 0)
        return web.json_response(api_error(0).body(), status=404)

    async def _file(self, request: web.Request) -> web.StreamResponse:
        content = self.state.files.get(request.path)
        if content is None:
            return web.Response(status=404)
        return web.Response(body=content, content_type="application/octet-stream")

    # -- the bot and the world --------------------------------------------------------------

    async def _me(self, call: Call) -> Json:
        return {**self.state.bot.payload(), "verified": True, "mfa_enabled": False, "flags": 0}

    async def _user(self, call: Call) -> Json:
        user = self.state.users.get(call.id("user"))
        if user is None:
            raise api_error(10013)
        return user.payload()

    async def _open_dm(self, call: Call) -> Json:
        user = self.state.users.get(int(call.body["recipient_id"]))
        if user is None:
            raise api_error(10013)
        if user.bot:
            raise api_error(50007)
        return self.state.dm(user).payload(self.state.bot.id)

    async def _application(self, call: Call) -> Json:
        return self.state.application()

    async def _gateway(self, call: Call) -> Json:
        url = f"ws{self.state.base_url.removeprefix('http')}/gateway/ws"
        limits = {"total": 1000, "remaining": 999, "reset_after": 0, "max_concurrency": 1}
        return {"url": url, "shards": 1, "session_start_limit": limits}

    async def _no_sounds(self, call: Call) -> Json:
        return []

    async def _guild(self, call: Call) -> Json:
        guild = self.state.guilds.get(call.id("guild"))
        if guild is None:
            raise api_error(10004)
        return guild.payload(self.state.bot.id)

    async def _member(self, call: Call) -> Json:
        guild = self.state.guilds.get(call.id("guild"))
        if guild is None:
            raise api_error(10004)
        if call.id("user") not in guild.members:
            raise api_error(10013)
        return guild.member_payload(call.id("user"))

    # -- messages ---------------------------------------------------------------------------

    async def _channel(self, call: Call) -> Json:
        return self.state.channel(call.id("channel")).payload(self.state.bot.id)

    async def _typing(self, call: Call) -> Json:
        self.state.channel(call.id("channel"))
        return NO_CONTENT

    async def _history(self, call: Call) -> Json:
        channel = self.state.channel(call.id("channel"))
        limit = min(int(call.query.get("limit", "50")), 100)
        found = [
            message
            for message in self.state.messages.values()
            if message.channel_id == channel.id and not message.deleted
        ]
        return [message.payload() for message in reversed(found)][:limit]

    async def _send(self, call: Call) -> Json:
        channel = self.state.channel(call.id("channel"))
        if channel.read_only:
            raise api_error(50013)
        sent = self.state.post(channel, self.state.bot, call.body, call.files)
        return self.state.event_payload(sent)

    def _named(self, call: Call) -> StoredMessage:
        channel = self.state.channel(call.id("channel"))
        return self.state.message(channel.id, call.id("message"))

    async def _message(self, call: Call) -> Json:
        return self.state.event_payload(self._named(call))

    async def _edit(self, call: Call) -> Json:
        message = self._named(call)
        if message.author.id != self.state.bot.id:
            raise api_error(50005)
        return self._edited(message, call)

    def _edited(self, message: StoredMessage, call: Call) -> Json:
        self.old_edits.take(message.id, time.time() - snowflake_time(message.id))
        self.state.edit(message, call.body, call.files)
        return self.state.event_payload(message)

    async def _delete(self, call: Call) -> Json:
        message = self._named(call)
        if message.author.id != self.state.bot.id:
            raise api_error(50013)
        self.state.delete(message)
        return NO_CONTENT

    async def _nod(self, call: Call) -> Json:
        self._named(call)
        return NO_CONTENT

    # -- commands and interactions ----------------------------------------------------------

    @staticmethod
    def _scope(call: Call) -> int | None:
        return call.id("guild") if "guild" in call.path else None

    async def _commands(self, call: Call) -> Json:
        return self.interactions.commands.get(self._scope(call), [])

    async def _put_commands(self, call: Call) -> Json:
        return self.interactions.put_commands(self._scope(call), call.body)

    async def _add_command(self, call: Call) -> Json:
        return self.interactions.add_command(self._scope(call), call.body)

    async def _delete_command(self, call: Call) -> Json:
        known = self.interactions.commands.get(self._scope(call), [])
        kept = [command for command in known if command["id"] != call.path["command"]]
        if len(kept) == len(known):
            raise api_error(10063)
        known[:] = kept
        return NO_CONTENT

    async def _answer(self, call: Call) -> Json:
        answer = self.interactions.answer(
            call.id("interaction"), call.path["token"], call.body, call.files
        )
        return answer if call.is_true("with_response") else NO_CONTENT

    # -- webhooks: a channel's, and those of interactions -----------------------------------

    def _hook(self, call: Call) -> Webhook:
        hook = self.state.webhooks.get(call.id("webhook"))
        if hook is None:
            raise api_error(10015)
        if hook.token != call.path["token"]:
            raise api_error(50027)
        return hook

    def _is_interaction(self, call: Call) -> bool:
        return call.id("webhook") == self.state.bot.id

    def _webhook_message(self, call: Call) -> StoredMessage:
        if self._is_interaction(call):
            made = self.interactions.by_webhook_token(call.path["token"])
            return self.interactions.message(made, call.path["message"])
        hook = self._hook(call)
        message = self.state.message(hook.channel_id, call.id("message"))
        if message.webhook_id != hook.id:
            raise api_error(50005)
        return message

    async def _make_webhook(self, call: Call) -> Json:
        channel = self.state.channel(call.id("channel"))
        hook = self.state.add_webhook(channel, str(call.body["name"]))
        return {**_hook_payload(hook), "user": self.state.bot.payload()}

    async def _webhook(self, call: Call) -> Json:
        return _hook_payload(self._hook(call))

    async def _webhook_send(self, call: Call) -> Json:
        if self._is_interaction(call):
            made = self.interactions.by_webhook_token(call.path["token"])
            sent = self.interactions.follow_up(made, call.body, call.files)
            return self.state.event_payload(sent)
        hook = self._hook(call)
        name = str(call.body.get("username") or hook.name)
        author = type(self.state.bot)(hook.id, name, bot=True)
        channel = self.state.channels[hook.channel_id]
        sent = self.state.post(channel, author, call.body, call.files, webhook_id=hook.id)
        return self.state.event_payload(sent) if call.is_true("wait") else NO_CONTENT

    async def _webhook_get(self, call: Call) -> Json:
        return self.state.event_payload(self._webhook_message(call))

    async def _webhook_edit(self, call: Call) -> Json:
        return self._edited(self._webhook_message(call), call)

    async def _webhook_del(self, call: Call) -> Json:
        self.state.delete(self._webhook_message(call))
        return NO_CONTENT


def _hook_payload(hook: Webhook) -> dict[str, Any]:
    return {
        "id": str(hook.id),
        "type": 1,
        "name": hook.name,
        "avatar": None,
        "channel_id": str(hook.channel_id),
        "token": hook.token,
        "application_id": None,
    }


async def _read(request: web.Request) -> Call:
    """The body of a request: JSON, or a form with payload_json and files[n].

    Without a file py-cord's form is urlencoded, which Discord takes just as well.
    """
    files: list[Upload] = []
    body: Any = {}
    if request.content_type.startswith("multipart/"):
        async for part in await request.multipart():
            if not isinstance(part, BodyPartReader):
                continue
            content = bytes(await part.read(decode=False))
            if part.name == "payload_json":
                body = _parse(content)
            elif part.name is not None and part.name.startswith("files["):
                files.append((part.filename or "file", content))
    elif request.content_type == "application/x-www-form-urlencoded":
        body = _parse(str((await request.post()).get("payload_json", "")).encode())
    else:
        content = await request.read()
        if content:
            body = _parse(content)
    return Call(dict(request.match_info), dict(request.query), body, files)


def _parse(content: bytes) -> Any:
    try:
        return json.loads(content)
    except ValueError:
        raise ApiError(400, 50109, "The request body contains invalid JSON.") from None
