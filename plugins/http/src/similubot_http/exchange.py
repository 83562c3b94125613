"""One upload under watch: true progress, a limit on silence, cancelled within a moment."""

import enum
import http.client
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import cast

import requests
from urllib3 import exceptions as u3

from similubot_core import CancelToken, SimilubotError
from similubot_http._wire import Wire
from similubot_http.body import FileBody
from similubot_http.guard import AddressGuard, ForbiddenAddress
from similubot_http.session import USER_AGENT, CancellableSession

_TICK_SECONDS = 0.1
_MOST_ANSWER_BYTES = 65_536
_READ_SECONDS = 2.0


@dataclass(frozen=True)
class Limits:
    """How long nothing may happen. There is no limit on the whole.

    Attributes:
        connect: Seconds for each address of the host to take the connection.
        silence: Seconds in which nothing moves: no connection, no byte acknowledged.
        answer: Seconds from the last byte sent to the whole answer.
    """

    connect: float = 30.0
    silence: float = 60.0
    answer: float = 300.0


@dataclass(frozen=True)
class Answer:
    """What the server said.

    Attributes:
        status: The HTTP status.
        text: The answer's body, its first 64 KiB; text from outside.
        retry_after: The header of that name; None without one.
        whole: Whether the whole body had been sent when the answer came.
    """

    status: int
    text: str
    retry_after: str | None = None
    whole: bool = True


class Trouble(enum.Enum):
    """Why there is no answer."""

    NO_ADDRESS = "its name has no address"
    REFUSED = "it takes no connection"
    CONNECT_TIMEOUT = "the connection took too long"
    PROXY = "the proxy does not let it through"
    TLS = "its certificate or its TLS is not right"
    LOST = "the connection was lost"
    STALLED = "it stopped taking bytes"
    NO_ANSWER = "no answer came"
    BAD_REQUEST = "the address is not one"
    FORBIDDEN = "it has an address of a private network"


class NoAnswerError(Exception):
    """There was no answer.

    Attributes:
        trouble: Why.
        whole: Whether the whole body had been sent, so that it may have arrived.
        detail: For the log.
    """

    def __init__(self, trouble: Trouble, *, whole: bool, detail: str) -> None:
        super().__init__(trouble.value)
        self.trouble = trouble
        self.whole = whole
        self.detail = detail


def send(
    method: str,
    url: str,
    body: FileBody,
    cancel: CancelToken,
    on_progress: Callable[[int, bool], object],
    limits: Limits,
    *,
    headers: Mapping[str, str] | None = None,
    guard: AddressGuard | None = None,
    user_agent: str = USER_AGENT,
) -> Answer:
    """Send `body` to `url` and return the answer, whatever it says. No redirect is followed.

    requests works in a thread of its own, since it cannot be told to stop; this thread watches.

    Args:
        method: "POST" or "PUT".
        url: The whole address.
        body: What to send.
        cancel: Obeyed within a moment, also while a name is looked up.
        on_progress: Called in this thread, ten times a second, with the bytes of the file that have
            left this machine (on Linux: that the other side has acknowledged) and whether all have.
        limits: How long nothing may happen.
        headers: Further headers, such as Authorization.
        guard: Which addresses may be connected to; None is all.
        user_agent: The header of that name.

    Raises:
        Cancelled: The token was set.
        NoAnswerError: There was no answer.
        StageError: The file could not be read, or changed.
    """
    cancel.raise_if_cancelled()
    wire = Wire()
    sent = {**(headers or {}), "User-Agent": user_agent}
    exchange = _Exchange(method, url, sent, body, wire, limits, guard)
    exchange.start()
    try:
        stopped = _watch(exchange, body, wire, cancel, on_progress, limits)
        acknowledged = wire.acknowledged()
    finally:
        wire.close()
        # Only while a name is looked up can it still be busy; it then finds its wire cut.
        exchange.join(1.0)
    cancel.raise_if_cancelled()
    if exchange.answer is not None:
        return exchange.answer
    error = exchange.error
    if isinstance(error, SimilubotError):
        raise error
    expected = isinstance(error, OSError | u3.HTTPError | http.client.HTTPException)
    if error is not None and stopped is None and not expected:
        raise error
    trouble = stopped or trouble_of(error)
    detail = f"{type(error).__name__}: {error}" if error is not None else trouble.value
    # What was handed over may have been lost in this machine's own buffers.
    whole = body.finished and (acknowledged is None or acknowledged >= len(body))
    raise NoAnswerError(trouble, whole=whole, detail=detail) from error


def _watch(
    exchange: "_Exchange",
    body: FileBody,
    wire: Wire,
    cancel: CancelToken,
    on_progress: Callable[[int, bool], object],
    limits: Limits,
) -> Trouble | None:
    """Tell the progress until the exchange is over; returns why it was not waited for longer."""
    gone_out, moved, moved_at, all_sent_at = 0, -1, time.monotonic(), None
    while not exchange.over.wait(_TICK_SECONDS):
        if cancel.cancelled:
            return None
        now = time.monotonic()
        # In this order: what is handed over in between must not count as gone out.
        handed = body.handed
        gone_out = max(gone_out, handed - wire.unsent())
        all_sent = gone_out >= len(body)
        on_progress(body.file_bytes_of(gone_out), all_sent)
        if all_sent:
            all_sent_at = all_sent_at or now
            if now - all_sent_at > limits.answer:
                return Trouble.NO_ANSWER
            continue
        newest = wire.acknowledged() or handed
        if newest > moved:
            moved, moved_at = newest, now
        elif now - moved_at > limits.silence:
            if not wire.has_answer():
                return Trouble.STALLED if handed else Trouble.CONNECT_TIMEOUT
            # A server that refuses early and reads no further; what it said is read in a moment.
            wire.stop_sending()
            moved_at = now - limits.silence + _READ_SECONDS
    return None


class _Exchange(threading.Thread):
    """The thread that requests works in."""

    def __init__(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: FileBody,
        wire: Wire,
        limits: Limits,
        guard: AddressGuard | None,
    ) -> None:
        super().__init__(name="similubot-upload", daemon=True)
        self.over = threading.Event()
        self.answer: Answer | None = None
        self.error: BaseException | None = None
        self._method = method
        self._url = url
        self._headers = headers
        self._guard = guard
        self._body = body
        self._wire = wire
        self._limits = limits

    def run(self) -> None:
        try:
            self.answer = self._send()
        except BaseException as error:  # noqa: BLE001  (handed over to the waiting thread)
            self.error = error
        finally:
            self.over.set()

    def _send(self) -> Answer:
        # The wire ends the connection; with a token of its own, this one is not cancelled twice.
        with CancellableSession(
            CancelToken(),
            guard=self._guard,
            on_connect=self._wire.take,
            timeout_while_sending=False,
        ) as session:
            response = session.session.request(
                self._method,
                self._url,
                # Its blocks go to the socket as they are, which takes any buffer.
                data=cast("Iterable[bytes]", self._body),
                headers={
                    **self._headers,
                    "Content-Type": self._body.content_type,
                    "Accept-Encoding": "identity",
                    "Connection": "close",
                },
                timeout=(self._limits.connect, self._limits.answer),
                allow_redirects=False,  # what the headers and the body hold goes to no other host
                stream=True,
            )
            with response:
                try:
                    text = response.raw.read(_MOST_ANSWER_BYTES, decode_content=True)
                except (u3.HTTPError, OSError):
                    if 200 <= response.status_code < 300:
                        raise
                    text = b""  # refused early and cut off: the status says enough
            return Answer(
                status=response.status_code,
                text=text.decode("utf-8", "replace"),
                retry_after=response.headers.get("Retry-After"),
                whole=self._body.finished,
            )


def trouble_of(error: BaseException | None) -> Trouble:
    """Why a request of requests failed."""
    causes = list(_causes(error))
    for kinds, trouble in _TROUBLES:
        if any(isinstance(cause, kinds) for cause in causes):
            return trouble
    return Trouble.LOST


_TROUBLES: tuple[tuple[tuple[type[BaseException], ...], Trouble], ...] = (
    ((ForbiddenAddress,), Trouble.FORBIDDEN),
    ((u3.ProxyError, requests.exceptions.ProxyError), Trouble.PROXY),
    ((socket.gaierror, u3.NameResolutionError), Trouble.NO_ADDRESS),
    ((u3.NewConnectionError,), Trouble.REFUSED),
    ((u3.ConnectTimeoutError,), Trouble.CONNECT_TIMEOUT),
    ((u3.ReadTimeoutError,), Trouble.NO_ANSWER),
    ((ssl.SSLEOFError, ssl.SSLZeroReturnError), Trouble.LOST),
    ((ssl.SSLError, u3.SSLError), Trouble.TLS),
    ((u3.LocationParseError, requests.exceptions.InvalidURL), Trouble.BAD_REQUEST),
    ((requests.exceptions.InvalidSchema, requests.exceptions.MissingSchema), Trouble.BAD_REQUEST),
)
"""What requests and urllib3 raise; a subclass comes before its base."""


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """An exception and those behind it: requests keeps urllib3's in its arguments."""
    waiting, seen = [error], set[int]()
    while waiting:
        cause = waiting.pop()
        if isinstance(cause, BaseException) and id(cause) not in seen:
            seen.add(id(cause))
            yield cause
            waiting += [cause.__cause__, cause.__context__, getattr(cause, "reason", None)]
            waiting += [a for a in cause.args if isinstance(a, BaseException)]
