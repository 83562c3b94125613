"""A message of a Matrix room, sent and edited by plain HTTP, and what each error means."""

import logging
import uuid
from collections.abc import Mapping
from urllib.parse import quote

import aiohttp

from similubot_core.live import Action, SharedLimit, Target, Verdict
from similubot_core.live.answer import JsonClient, ServiceError, judge_answer, wait_of
from similubot_core.live.text import TextFrame
from similubot_matrix.settings import MatrixSettings

REQUEST_WITHIN = 60.0

Json = Mapping[str, object]


class NotForUsError(Exception):
    """The message cannot be shown there; its text says why.

    Args:
        reason: Why.
        quiet: Whether people brought it about.
    """

    def __init__(self, reason: str, *, quiet: bool = False) -> None:
        super().__init__(reason)
        self.quiet = quiet


class RoomTarget(Target[TextFrame]):
    """A message that an account sends to a room with the first frame and edits with the others.

    Args:
        server: The address of the server's client API.
        room: The room's alias (#…) or id (!…).
        settings: The account's token, which is in no message or exception, and the server's limit.
    """

    log = logging.getLogger("similubot.matrix")

    def __init__(self, server: str, room: str, settings: MatrixSettings) -> None:
        self._base = f"{server}/_matrix/client/v3/"
        self._wanted = room
        self._may_be_encrypted = settings.encrypting_proxy
        headers = {"Authorization": f"Bearer {settings.token}"}
        self._client = JsonClient(open_session, aiohttp.ClientError, headers)
        self.aclose = self._client.aclose
        self._room = ""
        self._first: Json = {}
        self._first_transaction = uuid.uuid4().hex
        self._event = ""
        self.name = f"the message in {room}"
        key = ("matrix", server, settings.token)
        self.limit = SharedLimit(key, settings.seconds_per_event, burst=settings.burst)

    async def show(self, frame: TextFrame) -> None:
        """Send the message, or edit it."""
        content = _content(frame)
        if not self._room:
            self._room = await self._enter()
        if not self._event:
            # Sent again under the same name, where an answer was lost, it does not come twice.
            self._first = self._first or content
            try:
                sent = await self._send(self._first, self._first_transaction)
            except ServiceError as error:
                if 400 <= error.status < 500:
                    self._first = {}  # it did not arrive, and need not be the first
                raise
            self._event = str(sent.get("event_id", ""))
            if self._first == content:
                return
        shown = await self._call("GET", f"rooms/{_part(self._room)}/event/{_part(self._event)}")
        unsigned = shown.get("unsigned")
        if isinstance(unsigned, dict) and "redacted_because" in unsigned:
            raise NotForUsError("the message was deleted", quiet=True)
        await self._send(_edit_of(self._event, content), uuid.uuid4().hex)

    async def _enter(self) -> str:
        """The id of the room, which is one that we are in and may write in.

        Raises:
            NotForUsError: It is encrypted.
        """
        room = self._wanted
        if room.startswith("#"):
            found = await self._call("GET", f"directory/room/{_part(room)}")
            room = str(found.get("room_id", ""))
        try:
            encrypted = await self._is_encrypted(room)
        except ServiceError as error:
            if error.status != 403:
                raise
            await self._call("POST", f"join/{_part(self._wanted)}", {})
            encrypted = await self._is_encrypted(room)
        if encrypted and not self._may_be_encrypted:
            raise NotForUsError(
                "the room is encrypted, and this sink cannot encrypt; give it another room, or "
                "Pantalaimon's address and the setting encrypting_proxy"
            )
        return room

    async def _is_encrypted(self, room: str) -> bool:
        try:
            await self._call("GET", f"rooms/{_part(room)}/state/m.room.encryption")
        except ServiceError as error:
            if str(error) != "M_NOT_FOUND":
                raise
            return False
        return True

    async def _send(self, content: Json, transaction: str) -> Json:
        path = f"rooms/{_part(self._room)}/send/m.room.message/{transaction}"
        return await self._call("PUT", path, content)

    async def _call(self, method: str, path: str, content: Json | None = None) -> Json:
        status, answer = await self._client.ask(method, self._base + path, content)
        if status == 200:
            return answer
        code = str(answer.get("errcode", "without a code"))[:60]
        raise ServiceError(status, code, wait_of(answer.get("retry_after_ms"), 1000))

    def judge(self, error: Exception) -> Verdict:
        """What an error means."""
        if isinstance(error, NotForUsError):
            return Verdict(Action.STOP, str(error), quiet=error.quiet)
        return judge_answer(error, "the server")


def open_session() -> aiohttp.ClientSession:
    """A client of HTTP that goes by the proxy of the environment."""
    return aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(REQUEST_WITHIN), trust_env=True)


def _part(text: str) -> str:
    return quote(text, safe="")


def _content(frame: TextFrame) -> Json:
    """A notice, so that bots do not answer it, that mentions nobody, whatever names are in it."""
    return {
        "msgtype": "m.notice",
        "body": frame.plain,
        "format": "org.matrix.custom.html",
        "formatted_body": frame.html.replace("\n", "<br>"),
        "m.mentions": {},
    }


def _edit_of(event: str, content: Json) -> Json:
    """The event of an edit; clients that know no edits show what begins with "*"."""
    return {
        **content,
        "body": f"* {content['body']}",
        "formatted_body": f"* {content['formatted_body']}",
        "m.new_content": content,
        "m.relates_to": {"rel_type": "m.replace", "event_id": event},
    }
