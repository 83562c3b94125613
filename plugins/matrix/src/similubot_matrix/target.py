"""A message of a Matrix room, sent and edited by plain HTTP, and what each error means."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Mapping
from urllib.parse import quote

import aiohttp

from similubot_core.live import Action, ClosingTarget, SharedLimit, Verdict
from similubot_core.live.answer import json_answer, wait_of
from similubot_core.live.text import TextFrame

log = logging.getLogger("similubot.matrix")

REQUEST_WITHIN = 60.0

Json = Mapping[str, object]


class MatrixError(Exception):
    """What the server answered, or (status 0) why it did not.

    Args:
        status: The HTTP status.
        code: Matrix's `errcode`.
        wait: Seconds to wait; None where the server says nothing of it.
    """

    def __init__(self, status: int, code: str, wait: float | None = None) -> None:
        super().__init__(f"{status} {code}")
        self.status, self.code, self.wait = status, code, wait


class NotForUsError(Exception):
    """The message cannot be shown there; its text says why.

    Args:
        reason: Why.
        quiet: Whether people brought it about.
    """

    def __init__(self, reason: str, *, quiet: bool = False) -> None:
        super().__init__(reason)
        self.quiet = quiet


class RoomTarget(ClosingTarget[TextFrame]):
    """A message that an account sends to a room with the first frame and edits with the others.

    Args:
        server: The address of the server's client API.
        room: The room's alias (#…) or id (!…).
        token: The account's. In no message or exception.
        gap: Seconds between two events of the account, in the long run.
        burst: Events that it may send at once before that.
    """

    def __init__(self, server: str, room: str, token: str, gap: float, burst: int) -> None:
        self._base = f"{server}/_matrix/client/v3/"
        self._wanted = room
        self._headers = {"Authorization": f"Bearer {token}"}
        self._session: aiohttp.ClientSession | None = None
        self._room = ""
        self._first: Json = {}
        self._first_transaction = uuid.uuid4().hex
        self._event = ""
        self.name = f"the message in {room}"
        self.log = log
        self.limit = SharedLimit(("matrix", server, token), gap, burst=burst)

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
            except MatrixError as error:
                if 0 < error.status < 500:
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
        encryption = f"rooms/{_part(room)}/state/m.room.encryption"
        try:
            try:
                await self._call("GET", encryption)
            except MatrixError as error:
                if error.status != 403:
                    raise
                await self._call("POST", f"join/{_part(self._wanted)}", {})
                await self._call("GET", encryption)
        except MatrixError as error:
            if error.code == "M_NOT_FOUND":
                return room
            raise
        raise NotForUsError(
            "the room is encrypted, and this sink cannot encrypt; give it a room that is not"
        )

    async def _send(self, content: Json, transaction: str) -> Json:
        path = f"rooms/{_part(self._room)}/send/m.room.message/{transaction}"
        return await self._call("PUT", path, content)

    async def _call(self, method: str, path: str, content: Json | None = None) -> Json:
        if self._session is None:
            limit = aiohttp.ClientTimeout(total=REQUEST_WITHIN)
            self._session = aiohttp.ClientSession(timeout=limit, trust_env=True)
        try:
            async with self._session.request(
                method,
                self._base + path,
                json=content,
                headers=self._headers,
                allow_redirects=False,
            ) as response:
                answer = await json_answer(response.content.iter_any())
                status = response.status
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise MatrixError(0, type(error).__name__) from None  # theirs names the address
        if status == 200:
            return answer
        wait = wait_of(answer.get("retry_after_ms"), 1000)
        raise MatrixError(status, str(answer.get("errcode", "without a code"))[:60], wait)

    def judge(self, error: Exception) -> Verdict:
        """What an error means."""
        if isinstance(error, NotForUsError):
            return Verdict(Action.STOP, str(error), quiet=error.quiet)
        if not isinstance(error, MatrixError):
            return Verdict(Action.STOP)
        if error.status == 429:
            reason = "the server's limit is reached"
            return Verdict(Action.RETRY, reason, error.wait, shared=True)
        if error.status == 0 or error.status >= 500:
            return Verdict(Action.RETRY, f"the server cannot be reached ({error.code})")
        action = Action.SKIP if error.status in (400, 413) else Action.STOP
        return Verdict(action, f"the server answered {error}")

    async def aclose(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()


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
