"""MEGA's public API: what a link points to, and addresses to fetch it from.

Our own client over `requests`, not async-mega-py: see the comparison in this plugin's README.
"""

import itertools
import json
import logging
import random
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import requests

from similubot_core.cancel import CancelToken
from similubot_core.errors import StageError
from similubot_core.render import duration
from similubot_http import CONNECT_SECONDS, CancellableSession
from similubot_mega.backoff import Waits, retry_after
from similubot_mega.crypto import FileKey, decrypt_name, file_key
from similubot_mega.hashcash import HashcashRefused, solve
from similubot_mega.links import MegaLink

logger = logging.getLogger(__name__)

BAD_ADDRESS = (
    requests.exceptions.InvalidURL,
    requests.exceptions.MissingSchema,
    requests.exceptions.InvalidSchema,
)
"""What `requests` raises for an address that no further try makes better."""

_LARGEST_REPLY = 16 * 1024 * 1024
_LARGEST_FILE = 1 << 50
_READ_SECONDS = 30.0
_PASSING = {-3, -4, -18, -19}

_SENTENCES: Mapping[int, str] = {
    -2: "MEGA does not know what to do with this link; copy it again.",
    -3: "MEGA is busy; try again later.",
    -4: "MEGA takes no more requests from this address for now; try again in some minutes.",
    -6: "MEGA took this file down because it broke their terms; ask for another source.",
    -9: "MEGA has nothing at this link: it was removed, or the link is misspelt.",
    -11: "MEGA refuses access to this link; ask its owner to share it again.",
    -16: "MEGA has blocked this file or its owner's account; ask for another source.",
    -18: "MEGA says that this file is temporarily unavailable; try again later.",
    -19: "MEGA allows no further connection from this address for now; try again later.",
}


class MegaError(StageError):
    """MEGA said no. `code` is its own error number, 0 when it gave none."""

    def __init__(self, message: str, *, code: int = 0, detail: str = "") -> None:
        super().__init__(message, detail=detail or (f"API error {code}" if code else ""))
        self.code = code


def over_quota(seconds: float | None) -> MegaError:
    """The error for a transfer quota that is used up; `seconds` is when it is free again."""
    when = f"in {duration(seconds)}" if seconds else "in some hours"
    return MegaError(
        f"MEGA's transfer quota for this network address is used up; try again {when}.", code=-17
    )


@dataclass(frozen=True)
class RemoteFile:
    """A file on MEGA.

    Attributes:
        name: As its owner wrote it: a stranger's text.
        size: Bytes.
        key: Its secrets.
        handle: Its handle, public or (with `folder`) of a node.
        folder: The public handle of the shared folder that it lies in; None when it has its own.
        shown: A link to it without a key, for messages.
    """

    name: str
    size: int
    key: FileKey = field(repr=False)
    handle: str
    folder: str | None
    shown: str


class MegaApi:
    """Asks MEGA's API; safe from several threads.

    Passing errors (busy, rate limit, unreachable) are tried again, with doubling waits and jitter,
    until `patience` seconds are over.

    Args:
        transport: The job's connections.
        url: The API's address before ``/cs``.
        cancel: Obeyed by every wait.
        patience: Seconds.
        waits: The waits between tries.
        tell: Called with a sentence for people before each further try.
        clock: Returns seconds that only grow.
    """

    def __init__(
        self,
        transport: CancellableSession,
        url: str,
        cancel: CancelToken,
        patience: float,
        waits: Waits,
        tell: Callable[[str], object] = lambda sentence: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._transport = transport
        self._url = url.rstrip("/") + "/cs"
        self._cancel = cancel
        self._patience = patience
        self._waits = waits
        self._tell = tell
        self._clock = clock
        self._ids = itertools.count(random.randrange(1 << 31))  # noqa: S311  (no secret)

    def file(self, link: MegaLink) -> RemoteFile:
        """Look up what a file link points to.

        Raises:
            StageError: It is not to be had; the sentence says why.
            Cancelled: The token was set.
        """
        key = file_key(link.key)
        reply = self.command({"a": "g", "p": link.handle})
        attributes = reply.get("at")
        name = decrypt_name(attributes if isinstance(attributes, str) else "", key.aes)
        return RemoteFile(name, size_in(reply), key, link.handle, None, link.shown)

    def listing(self, link: MegaLink) -> list[object]:
        """The nodes of a shared folder as the API gives them.

        Raises:
            StageError: It is not to be had.
            Cancelled: The token was set.
        """
        nodes = self.command({"a": "f", "c": 1, "ca": 1, "r": 1}, link.handle).get("f")
        return nodes if isinstance(nodes, list) else []

    def address(self, remote: RemoteFile) -> str:
        """A fresh address that serves the file's encrypted bytes; it lives about two days.

        Raises:
            StageError: There is none.
            Cancelled: The token was set.
        """
        kind = "p" if remote.folder is None else "n"
        reply = self.command({"a": "g", "g": 1, "ssl": 2, kind: remote.handle}, remote.folder)
        if size_in(reply) != remote.size:
            raise MegaError("This file was changed on MEGA in the meantime; try again.")
        address = reply.get("g")
        if isinstance(address, str) and address.startswith(("https://", "http://")):
            return address
        raise MegaError("MEGA gives no address for this file at the moment; try again later.")

    def command(self, command: dict[str, object], folder: str | None = None) -> dict[str, object]:
        """Send one command and return its answer.

        Args:
            command: With its name in "a".
            folder: The public handle of the folder that it is about.

        Raises:
            StageError: MEGA said no, or nothing sensible until the patience was over.
            Cancelled: The token was set.
        """
        parameters: dict[str, str] = {"id": str(next(self._ids))}
        if folder is not None:
            parameters["n"] = folder
        headers: dict[str, str] = {}
        deadline = self._clock() + self._patience
        for failures in itertools.count(1):
            self._cancel.raise_if_cancelled()
            wait = self._waits.after(failures)
            try:
                status, answered, body = self._post(command, parameters, headers)
                if status == 402 and "X-Hashcash" in answered:
                    headers["X-Hashcash"] = solve(answered["X-Hashcash"], self._cancel)
                    error = MegaError("MEGA asks for more and more proof of work; try again later.")
                    wait = 0.0
                elif status == 200:
                    return read_reply(body)
                else:
                    error = _status_error(status, answered)
                    wait = max(wait, retry_after(answered.get("Retry-After"), self._waits.longest))
                    if status == 503:
                        wait = max(wait, self._waits.busy)
            except HashcashRefused:
                raise MegaError(
                    "MEGA asks for a proof of work that this version cannot do."
                ) from None
            except BAD_ADDRESS as failure:
                raise MegaError(
                    "api_url in the settings of MEGA is no address that can be asked; "
                    "it looks like https://g.api.mega.co.nz.",
                    detail=type(failure).__name__,
                ) from None
            except requests.RequestException as failure:
                self._cancel.raise_if_cancelled()
                error = _unreachable(failure)
            except MegaError as refusal:
                if refusal.code not in _PASSING:
                    raise
                error = refusal
            if self._clock() + wait > deadline:
                raise error
            logger.info("MEGA's API: %s Trying again in %.1f s.", error.detail or error, wait)
            self._tell(f"{error.message.partition(';')[0]}; trying again…")
            self._cancel.wait(wait)
        raise AssertionError  # the loop has no end

    def _post(
        self, command: dict[str, object], parameters: dict[str, str], headers: dict[str, str]
    ) -> tuple[int, Mapping[str, str], bytes]:
        # The time limit of a request is for each wait; this one is for an answer that drips.
        whole = threading.Timer(max(self._patience, 1.0), self._transport.abort)
        whole.daemon = True
        whole.start()
        try:
            return self._exchange(command, parameters, headers)
        finally:
            whole.cancel()

    def _exchange(
        self, command: dict[str, object], parameters: dict[str, str], headers: dict[str, str]
    ) -> tuple[int, Mapping[str, str], bytes]:
        with self._transport.session.post(
            self._url,
            params=parameters,
            data=json.dumps([command]),
            headers={"Content-Type": "application/json", **headers},
            timeout=(CONNECT_SECONDS, _READ_SECONDS),
            stream=True,
            allow_redirects=False,
        ) as response:
            body = bytearray()
            for piece in response.iter_content(1 << 16):
                body += piece
                if len(body) > _LARGEST_REPLY:
                    raise MegaError("MEGA's answer is too large; choose one file of the folder.")
            return response.status_code, response.headers, bytes(body)


def read_reply(body: bytes) -> dict[str, object]:
    """Read the answer to one command: a number, a list of one, or an object.

    Raises:
        MegaError: It is an error of MEGA's, or no answer of MEGA's at all.
    """
    try:
        reply: object = json.loads(body)
    except (ValueError, RecursionError):
        reply = None
    if isinstance(reply, list) and reply:
        reply = reply[0]
    time_left: object = None
    code: object = reply
    if isinstance(reply, dict):
        time_left = reply.get("tl")
        code = reply.get("err", reply.get("e"))
        if code is None or code == 0:
            return reply
    if isinstance(code, bool) or not isinstance(code, int) or code >= 0:
        raise MegaError(
            "What answered is not MEGA's API; check the network, and api_url in the settings."
        )
    if code == -17:
        known = isinstance(time_left, (int, float)) and 0 < time_left < 1e7
        raise over_quota(time_left if known and isinstance(time_left, (int, float)) else None)
    sentence = _SENTENCES.get(code, f"MEGA refused with its error {code}; try again later.")
    raise MegaError(sentence, code=code)


def size_in(reply: Mapping[str, object]) -> int:
    """The file's size in bytes.

    Raises:
        MegaError: There is none that can be.
    """
    size = reply.get("s")
    if isinstance(size, bool) or not isinstance(size, int) or not 0 <= size <= _LARGEST_FILE:
        raise MegaError("MEGA did not say how large this file is; try again later.")
    return size


def time_left(headers: Mapping[str, str]) -> float | None:
    """Seconds until the quota is free again, as HTTP 509 tells; None when it does not."""
    text = headers.get("X-MEGA-Time-Left", "")
    return float(text) if text.isascii() and text.isdigit() and len(text) < 8 else None


def _status_error(status: int, headers: Mapping[str, str]) -> MegaError:
    if status == 509:
        raise over_quota(time_left(headers))
    if status == 429:
        return MegaError(_SENTENCES[-4], code=-4, detail="HTTP 429")
    if status >= 500:
        return MegaError(_SENTENCES[-3], code=-3, detail=f"HTTP {status}")
    raise MegaError(
        f"What answered is not MEGA's API (HTTP {status}); "
        "check the network, and api_url in the settings."
    )


def _unreachable(failure: requests.RequestException) -> MegaError:
    # The exception's text holds the address, which names the file; its kind is enough.
    return MegaError(
        "MEGA cannot be reached; check the network and try again.",
        code=-3,
        detail=type(failure).__name__,
    )
