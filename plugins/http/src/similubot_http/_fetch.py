"""One file over HTTP: ranges that go on from what is there, retries, limits."""

import contextlib
import hashlib
import json
import random
import re
import shutil
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import requests
import urllib3

from similubot_core import CancelToken, StageError, render
from similubot_core.files import write_error
from similubot_core.jobs import GrowingFile
from similubot_http.exchange import Trouble, trouble_of
from similubot_http.names import name_limit, safe_name
from similubot_http.session import CONNECT_SECONDS, CancellableSession

PIECE = 256 * 1024
PART, STATE = "fetched.part", "fetched.json"
_SPARE_BYTES = 32 * 1024 * 1024
_TRANSIENT = frozenset({408, 425, 429, 500, 502, 503, 504})
_FINAL = frozenset({Trouble.NO_ADDRESS, Trouble.TLS, Trouble.BAD_REQUEST, Trouble.FORBIDDEN})
_GONE = {
    401: "needs a login",
    403: "refuses to hand it out",
    404: "has no such file",
    410: "has no such file any more",
    451: "may not hand it out, for legal reasons",
}


@dataclass(frozen=True)
class FetchLimits:
    """What a download may take.

    Attributes:
        max_size: Bytes at most; None is no limit but the disk.
        silence: Seconds without a new byte after which a connection is given up.
        attempts: How often in a row it is tried without a new byte.
        first_wait: Seconds before the second attempt; doubled for each further one.
        longest_wait: Seconds; no wait is longer, whatever a server's Retry-After says.
        whole: Seconds for all of it; None is no limit.
    """

    max_size: int | None = None
    silence: float = 30.0
    attempts: int = 5
    first_wait: float = 0.5
    longest_wait: float = 30.0
    whole: float | None = None


@dataclass
class _State:
    """What an interrupted download has to know to go on: it must still be the same file."""

    source: str
    validator: str = ""
    total: int | None = None
    name: str = ""


class _TryAgain(Exception):  # noqa: N818
    """A failure that passes."""

    def __init__(self, reason: str, wait: float = 0.0) -> None:
        super().__init__(reason)
        self.reason = reason
        self.wait = wait


def fetch(
    session: CancellableSession,
    url: str,
    folder: Path,
    cancel: CancelToken,
    on_progress: Callable[[int, int | None, str], object],
    limits: FetchLimits | None = None,
    *,
    name: str | None = None,
    refuse_pages: bool = False,
    gone: str | None = None,
    size: int | None = None,
    offer: Callable[[GrowingFile], object] | None = None,
) -> Path:
    """Fetch `url` into `folder` and return the file.

    What has come stays in `folder` after a cancel, a failure or ``kill -9``, and the next call with
    the same address goes on from it if the server still has the same file (by ETag or date).

    Args:
        session: Makes the requests.
        url: The address; it is in no error and no log.
        folder: Where to write; nothing else of this kind may lie there.
        cancel: Obeyed within a moment.
        on_progress: Called with the bytes that are here, those of the whole (None is unknown), and
            a message for people, "" mostly.
        limits: What it may take; None is the defaults.
        name: The file's name, made safe; None is what the server or the address says.
        refuse_pages: Whether an answer that is an HTML page is an error.
        gone: The sentence for a file that is not there (any more); None names the host.
        size: The file's bytes, as somebody else than the server said; None is unknown.
        offer: Gets the file while it grows, once; None when nobody wants it.

    Raises:
        StageError: With the sentence for the user.
        Cancelled: The token was set.
    """
    return _Fetch(
        session,
        url,
        folder,
        cancel,
        on_progress,
        limits or FetchLimits(),
        name,
        refuse_pages,
        gone,
        size,
        offer,
    ).run()


class _Fetch:
    def __init__(
        self,
        session: CancellableSession,
        url: str,
        folder: Path,
        cancel: CancelToken,
        on_progress: Callable[[int, int | None, str], object],
        limits: FetchLimits,
        name: str | None,
        refuse_pages: bool,
        gone: str | None,
        size: int | None,
        offer: Callable[[GrowingFile], object] | None,
    ) -> None:
        self._session = session
        self._url = url
        self._folder = folder
        self._cancel = cancel
        self._on_progress = on_progress
        self._limits = limits
        self._name = name
        self._refuse_pages = refuse_pages
        self._gone = gone
        self._size = size
        self._offer = offer
        self._growing: GrowingFile | None = None
        self._part = folder / PART
        self._host = render.redact_source(url).split("://", 1)[-1].partition("/")[0]
        self._state = _State(hashlib.sha256(url.encode("utf-8", "replace")).hexdigest())
        self._have = 0

    def run(self) -> Path:
        try:
            self._find_what_is_there()
            self._fetch_with_retries()
            return self._finish()
        except StageError:
            if not self._have or not self._state.validator:  # nothing that can be gone on from
                self._part.unlink(missing_ok=True)
                (self._folder / STATE).unlink(missing_ok=True)
            raise
        except OSError as error:
            raise write_error(self._folder, error) from error
        finally:
            self._give_up_growing()

    def _give_up_growing(self) -> None:
        if self._growing is not None:
            self._growing.fail("The download failed.")
            self._growing = None

    def _find_what_is_there(self) -> None:
        with contextlib.suppress(OSError, ValueError, TypeError):
            kept = _State(**json.loads((self._folder / STATE).read_text(encoding="utf-8")))
            if kept.source == self._state.source and kept.validator:
                self._have, self._state = self._part.stat().st_size, kept
        if not self._have:
            self._part.unlink(missing_ok=True)

    def _fetch_with_retries(self) -> None:
        limits, failures, began = self._limits, 0, time.monotonic()
        while True:
            before = self._have
            try:
                self._fetch_once()
            except _TryAgain as error:
                trouble = error
            except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
                self._cancel.raise_if_cancelled()
                kind = trouble_of(error)
                if kind in _FINAL:
                    raise self._given_up(kind.value) from None
                trouble = _TryAgain(kind.value)
            else:
                return
            self._cancel.raise_if_cancelled()
            failures = 1 if self._have > before else failures + 1
            if failures >= limits.attempts:
                raise self._given_up(trouble.reason)
            longest = min(limits.longest_wait, limits.first_wait * 2.0 ** min(failures - 1, 16))
            wait = max(longest * random.uniform(0.5, 1.0), trouble.wait)  # noqa: S311  (no secret)
            if limits.whole is not None and time.monotonic() - began + wait > limits.whole:
                raise self._given_up("it took too long")
            self._on_progress(self._have, self._state.total, f"{trouble.reason}; trying again…")
            self._cancel.wait(wait)
            self._cancel.raise_if_cancelled()

    def _given_up(self, reason: str) -> StageError:
        return StageError(f"I can't download from {self._host}: {reason}. Try again later.")

    def _fetch_once(self) -> None:
        headers = {"Accept-Encoding": "identity", "Accept": "*/*"}
        if self._have:
            headers |= {"Range": f"bytes={self._have}-", "If-Range": self._state.validator}
        try:
            response = self._session.session.get(
                self._url,
                headers=headers,
                timeout=(CONNECT_SECONDS, self._limits.silence),
                stream=True,
            )
        except requests.TooManyRedirects:
            raise StageError(
                f"I can't download from {self._host}: it redirects for ever."
            ) from None
        with response:
            if not self._take_headers(response):
                return
            self._read(response)

    def _take_headers(self, response: requests.Response) -> bool:
        """Judge an answer by its head; False when nothing of it is needed any more."""
        status, headers = response.status_code, response.headers
        if status == 416 and self._have:
            if self._have == self._state.total:
                return False
            self._restart()
            raise _TryAgain("the file has changed")
        if status in _TRANSIENT:
            wait = _retry_after(headers.get("Retry-After"), self._limits.longest_wait)
            raise _TryAgain(f"it answered HTTP {status}", wait)
        if status not in (200, 206):
            if self._gone is not None and status in (403, 404, 410):
                raise StageError(self._gone, detail=f"HTTP {status}")
            reason = _GONE.get(status, f"answered HTTP {status}")
            raise StageError(f"I can't download this link: {self._host} {reason}.")
        if headers.get("Content-Encoding", "identity").lower() not in ("identity", ""):
            raise StageError(
                f"{self._host} sends the file compressed although it was not asked to."
            )
        kind = headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if self._refuse_pages and kind in ("text/html", "application/xhtml+xml"):
            raise StageError(
                f"The link leads to a web page of {self._host}, not to a media file; give the link "
                "of the file itself."
            )
        length = _number(headers.get("Content-Length"))
        total = length
        if status == 206:
            start, total = _content_range(headers.get("Content-Range"))
            if start != self._have or (
                self._state.total is not None and total not in (None, self._state.total)
            ):
                self._restart()
                raise _TryAgain("it answered with another part")
        elif self._have:
            self._restart()  # it takes no ranges, or has another file by now
        if total is None:
            total = self._size
        elif self._size is not None and total != self._size:
            raise _TryAgain("it has another number of bytes than it should")
        self._state.total = total
        self._state.validator = _validator(headers)
        self._state.name = _name_of(response)
        self._check(total or 0)
        free = shutil.disk_usage(self._folder).free
        if total is not None and total - self._have + _SPARE_BYTES > free:
            raise StageError(
                f"The file has {render.size(total)} but only {render.size(free)} of disk space are "
                "free; free some, or choose another folder."
            )
        state = json.dumps(asdict(self._state))
        (self._folder / STATE).write_text(state, encoding="utf-8")
        return True

    def _read(self, response: requests.Response) -> None:
        self._on_progress(self._have, self._state.total, "")
        with self._part.open("ab") as file:
            self._offer_once()
            while True:
                piece = response.raw.read1(PIECE, decode_content=False)
                if not piece:
                    break
                self._check(self._have + len(piece))
                file.write(piece)
                self._have += len(piece)
                if self._growing is not None:
                    file.flush()
                    self._growing.add(0, self._have)
                self._on_progress(self._have, self._state.total, "")
                self._cancel.raise_if_cancelled()
        if self._state.total is not None and self._have < self._state.total:
            raise _TryAgain("the connection ended early")
        if self._state.total is not None and self._have > self._state.total:
            self._restart()
            raise _TryAgain("it sent more than it said")

    def _offer_once(self) -> None:
        if self._offer is None:
            return
        growing = GrowingFile(self._part, self._state.total, self._file_name())
        growing.add(0, self._have)
        offer, self._offer, self._growing = self._offer, None, growing
        offer(growing)

    def _restart(self) -> None:
        self._give_up_growing()
        self._have = 0
        self._state = _State(self._state.source)
        self._part.unlink(missing_ok=True)

    def _check(self, size: int) -> None:
        limit = self._limits.max_size
        if limit is not None and size > limit:
            self._part.unlink(missing_ok=True)
            raise StageError(
                f"The file has more than the {render.size(limit)} that are allowed; choose a "
                "smaller one."
            )

    def _finish(self) -> Path:
        if not self._have:
            raise StageError("The file is empty; choose another one.")
        target = self._folder / self._file_name()
        (self._folder / STATE).unlink(missing_ok=True)
        self._part.replace(target)
        if self._growing is not None:
            self._growing.finish()
            self._growing = None
        return target

    def _file_name(self) -> str:
        wanted = self._name or self._state.name or "download"
        return safe_name(wanted, name_limit(self._folder))


def _number(text: str | None) -> int | None:
    return int(text) if text and re.fullmatch(r"[0-9]{1,18}", text.strip()) else None


def _content_range(text: str | None) -> tuple[int | None, int | None]:
    """Where the answer starts, and the size of the whole; None for what it does not say."""
    match = re.fullmatch(r"bytes ([0-9]{1,18})-[0-9]{1,18}/([0-9]{1,18}|\*)", (text or "").strip())
    if match is None:
        return None, None
    return int(match[1]), None if match[2] == "*" else int(match[2])


def _validator(headers: "requests.structures.CaseInsensitiveDict[str]") -> str:
    """What If-Range takes: a strong ETag, else the date; "" when nothing says that it is the same
    file, and then nothing is gone on from.
    """
    tag = headers.get("ETag", "")
    if tag.startswith('"') and len(tag) < 1000:
        return str(tag)
    return str(headers.get("Last-Modified", ""))[:100]


def _retry_after(text: str | None, longest: float) -> float:
    try:
        seconds = float(text or 0)
    except ValueError:
        return 0.0
    return min(max(seconds, 0.0), longest) if seconds == seconds else 0.0


def _name_of(response: requests.Response) -> str:
    """The name that the server gives the file, else the end of the address that answered."""
    from email.message import Message
    from urllib.parse import unquote, urlsplit

    header = response.headers.get("Content-Disposition", "")[:4000]
    if header:
        message = Message()
        message["Content-Disposition"] = header.encode("latin-1", "replace").decode("latin-1")
        with contextlib.suppress(Exception):  # whatever a server can write there
            if found := message.get_filename():
                return str(found).replace("\\", "/").rpartition("/")[2]
    return unquote(urlsplit(response.url).path.rpartition("/")[2])
