"""HttpLinkChecker: whether the file behind a link that an uploader returned is there."""

import re
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import requests
import urllib3

from similubot_core import CancelToken, StageContext, StageError, render
from similubot_http.exchange import Trouble, trouble_of
from similubot_http.guard import AddressGuard
from similubot_http.session import CancellableSession
from similubot_http.settings import HttpSettings

FIRST_BYTES = 1024
"""Bytes that are fetched and compared; the length tells the rest."""

_PAGES = ("text/html", "application/xhtml+xml")
_RANGE = re.compile(r"bytes (?:0-\d{1,19}|\*)/(\d{1,19})")
_NUMBER = re.compile(r"\d{1,19}")
_GONE = (404, 410)
_PASSES = (408, 425, 429, 500, 502, 503, 504)
_WORDS = {
    Trouble.NO_ADDRESS: "has a name without an address",
    Trouble.REFUSED: "takes no connection",
    Trouble.CONNECT_TIMEOUT: "takes too long to connect to",
    Trouble.PROXY: "is behind a proxy that does not let it through",
    Trouble.TLS: "has a certificate or a TLS that is not right",
    Trouble.LOST: "broke the connection",
    Trouble.NO_ANSWER: "does not answer",
    Trouble.BAD_REQUEST: "has an address that is not one",
    Trouble.FORBIDDEN: "has an address of a private network",
}
_FOR_GOOD = (Trouble.PROXY, Trouble.TLS, Trouble.BAD_REQUEST, Trouble.FORBIDDEN)


@dataclass(frozen=True)
class CheckTimes:
    """How long a check may take.

    Attributes:
        answer: Seconds for each connection, and for each silence in an answer.
        whole: Seconds for all tries together, after which no new one begins.
        waits: Seconds before each further try: what was uploaded a moment ago may appear late.
    """

    answer: float = 5.0
    whole: float = 15.0
    waits: tuple[float, ...] = (1.0, 3.0)


class _NotThereError(Exception):
    """The file is not there, or not yet; the text says what is there, for people."""


class _UnseenError(Exception):
    """It cannot be seen whether it is there; the text says why, for people."""

    def __init__(self, reason: str, *, passes: bool = False) -> None:
        super().__init__(reason)
        self.passes = passes


class HttpLinkChecker:
    """Fetches a file's first bytes and its length, without any credentials.

    Args:
        settings: The table [http]: which private networks may be connected to.
        times: How long it may take.
    """

    def __init__(
        self, settings: HttpSettings | None = None, times: CheckTimes = CheckTimes()
    ) -> None:
        self._settings = settings or HttpSettings()
        self._times = times

    def run(self, link: str, file: Path, context: StageContext) -> str:
        """As `LinkChecker.run` says.

        Raises:
            StageError: The file is not there, or it is another one.
            Cancelled: The token was set.
        """
        if not link.startswith(("http://", "https://")):
            return ""
        host = render.redact_source(link).split("://", 1)[-1].partition("/")[0]
        try:
            networks = self._settings.allow_networks
            guard = AddressGuard(networks) if context.untrusted else None
        except ValueError as error:
            raise StageError("[http] allow_networks holds what is not a network.") from error
        deadline = time.monotonic() + self._times.whole
        for wait in (*self._times.waits, None):
            try:
                self._look_once(link, file, context.cancel, guard, deadline)
            except _NotThereError as error:
                failure, unseen = f"{error}", ""
            except _UnseenError as error:
                failure, unseen = "", f"{host} {error}"
                if not error.passes:
                    return unseen
            else:
                return ""
            if wait is None or time.monotonic() + wait >= deadline:
                break
            context.cancel.wait(wait)
            context.cancel.raise_if_cancelled()
        if unseen:
            return unseen
        raise StageError(
            f"{host} took the upload, but its link does not work: {failure}. Try again, or upload "
            "to another host."
        )

    def _look_once(
        self,
        link: str,
        file: Path,
        cancel: CancelToken,
        guard: AddressGuard | None,
        deadline: float,
    ) -> None:
        """One try.

        Raises:
            _NotThereError: The answer shows that the file is not there.
            _UnseenError: It cannot be seen.
            Cancelled: The token was set.
        """
        # A host that drips its answer byte by byte keeps within every limit but this one.
        own = CancelToken()
        clock = threading.Timer(max(0.0, deadline - time.monotonic()), own.cancel)
        clock.daemon = True
        with cancel.on_cancel(own.cancel), CancellableSession(own, guard=guard) as session:
            clock.start()
            try:
                answer = session.session.get(
                    link,
                    headers={
                        "Accept-Encoding": "identity",
                        "Accept": "*/*",
                        "Range": f"bytes=0-{FIRST_BYTES - 1}",
                    },
                    timeout=(self._times.answer, self._times.answer),
                    stream=True,
                )
                with answer:
                    _judge(answer, file)
            except requests.TooManyRedirects:
                raise _UnseenError("redirects for ever") from None
            except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
                cancel.raise_if_cancelled()
                if own.cancelled:
                    raise _UnseenError("took too long to answer") from None
                trouble = trouble_of(error)
                raise _UnseenError(
                    _WORDS.get(trouble, trouble.value), passes=trouble not in _FOR_GOOD
                ) from error
            finally:
                clock.cancel()
                clock.join()


def _judge(answer: requests.Response, file: Path) -> None:
    """Compare an answer with the file: its length where the host says it, and the first bytes."""
    status = answer.status_code
    if status in _GONE:
        raise _NotThereError(f"it answers HTTP {status}")
    if status not in (200, 206, 416):
        raise _UnseenError(f"answered HTTP {status}", passes=status in _PASSES)
    kind = answer.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if kind in _PAGES:
        raise _UnseenError("shows a page there, not the file itself")
    if answer.headers.get("Content-Encoding", "identity").lower() not in ("identity", ""):
        raise _UnseenError("sends the file compressed")
    size, there = file.stat().st_size, _length(answer)
    if there is not None and there != size:
        raise _NotThereError(
            f"the file there has {render.size(there)}, not the {render.size(size)} that were sent"
        )
    if status == 416:
        raise _UnseenError("answered HTTP 416")
    expected = _begin(file)
    got = b""
    while len(got) < len(expected):
        piece = answer.raw.read1(FIRST_BYTES, decode_content=False)
        if not piece:
            break
        got += piece
    if there is not None and len(got) < len(expected) and expected.startswith(got):
        raise _UnseenError("broke the connection", passes=True)
    if got[: len(expected)] != expected:
        raise _NotThereError("the file there is another one")


def _length(answer: requests.Response) -> int | None:
    """Bytes of the whole file, as the host says; None where it does not."""
    if answer.status_code == 200:
        length = answer.headers.get("Content-Length", "")
        return int(length) if _NUMBER.fullmatch(length) else None
    match = _RANGE.fullmatch(answer.headers.get("Content-Range", ""))
    return int(match[1]) if match else None


def _begin(file: Path) -> bytes:
    with file.open("rb") as stream:
        return stream.read(FIRST_BYTES)
