"""PutUploader: a file put at an address, or into a folder of a WebDAV server."""

import base64
import os
import random
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit

from similubot_core import CountingTracker, Settings, StageContext, StageError, UsageError, render
from similubot_http.body import FileBody, file_to_send
from similubot_http.exchange import Answer, Limits, NoAnswerError, Trouble, send
from similubot_http.names import safe_name
from similubot_http.settings import WebdavSettings

ATTEMPTS = 4
_FINAL = frozenset({Trouble.NO_ADDRESS, Trouble.TLS, Trouble.BAD_REQUEST, Trouble.PROXY})
_REFUSALS = {
    401: "the user, the password or the token in the table [webdav] is not right",
    403: "the server does not allow it; check the rights of the user in the table [webdav]",
    404: "there is no such folder; check the address",
    405: "the server takes no uploads at this address",
    409: "there is no such folder; make it first",
    413: "the file is too large for the server",
    423: "the file is locked there",
    507: "the server's disk is full",
}


class PutUploader:
    """Puts files at an address by HTTP PUT; a repeated attempt writes the same bytes again.

    Args:
        url: The address; a folder's when it ends in "/", and the file's name is appended.
        headers: Further headers, such as Authorization; they are sent to this host only.
        public_url: The folder's address for other people; None is `url`.
        overwrite: Whether a file of that name is overwritten; else the server is asked to refuse
            (``If-None-Match: *``).
        limits: How long nothing may happen.
        first_wait: Seconds before the second attempt.
    """

    def __init__(
        self,
        url: str,
        headers: Mapping[str, str] | None = None,
        public_url: str | None = None,
        *,
        overwrite: bool = False,
        limits: Limits | None = None,
        first_wait: float = 1.0,
    ) -> None:
        self._url = url
        self._headers = dict(headers or {})
        self._public_url = public_url
        self._overwrite = overwrite
        self._limits = limits or Limits()
        self._first_wait = first_wait
        self._host = urlsplit(url).hostname or "the server"

    def run(self, file: Path, context: StageContext) -> str:
        """Upload `file` and return its address, without the secrets.

        Raises:
            StageError: With the sentence for the user.
            Cancelled: The token was set.
        """
        with context.attach(CountingTracker("Upload")) as tracker:
            sending = file_to_send(file)
            url, public = self._addresses(file.name)
            body = FileBody(sending)

            def tell(sent: int, _all: bool) -> None:
                tracker.update(current_size=sent, total_size=sending.size, message="")

            sent_before = False
            for attempt in range(1, ATTEMPTS + 1):
                try:
                    answer = self._put(url, body, context, tell)
                    if answer.status == 412 and sent_before:
                        # The earlier attempt arrived although its answer did not.
                        break
                    if 200 <= answer.status < 300:
                        break
                    reason = self._refusal(answer)
                except NoAnswerError as error:
                    sent_before |= error.whole
                    reason = error.trouble.value
                    if error.trouble in _FINAL:
                        raise StageError(
                            f"The upload to {self._host} failed: {reason}.", detail=error.detail
                        ) from error
                if attempt == ATTEMPTS:
                    raise StageError(f"The upload to {self._host} failed: {reason}.")
                tracker.update(message=f"{reason}; trying again…")
                wait = self._first_wait * 2.0 ** (attempt - 1)
                context.cancel.wait(wait * random.uniform(0.5, 1.0))  # noqa: S311  (no secret)
                context.cancel.raise_if_cancelled()
            tracker.update(current_size=sending.size, total_size=sending.size, message="")
            tracker.complete(f"Uploaded to {self._host} ({render.size(sending.size)})")
            return public

    def _put(
        self, url: str, body: FileBody, context: StageContext, tell: Callable[[int, bool], object]
    ) -> Answer:
        headers = self._headers if self._overwrite else {**self._headers, "If-None-Match": "*"}
        return send("PUT", url, body, context.cancel, tell, self._limits, headers=headers)

    def _refusal(self, answer: Answer) -> str:
        """Why a try may be repeated.

        Raises:
            StageError: It would be refused again.
        """
        status = answer.status
        if status in (408, 425, 429, 500, 502, 503, 504):
            return f"it answered HTTP {status}"
        if status == 412:
            raise StageError(f"A file of that name is on {self._host} already; rename yours.")
        if 300 <= status < 400:
            raise StageError(f"{self._host} redirects the upload; give the address it leads to.")
        reason = _REFUSALS.get(status, f"it answered HTTP {status}")
        raise StageError(f"The upload to {self._host} failed: {reason}.")

    def _addresses(self, name: str) -> tuple[str, str]:
        """Where the file is put, and the address that people get."""
        sent = quote(safe_name(name))
        parts = urlsplit(self._url)
        path = f"{parts.path}{sent}" if parts.path.endswith("/") else parts.path
        url = urlunsplit((parts.scheme, parts.netloc, path, parts.query, ""))
        if self._public_url is not None:
            return url, f"{self._public_url.rstrip('/')}/{path.rpartition('/')[2]}"
        # The query of a pre-signed address is a secret.
        return url, urlunsplit((parts.scheme, parts.netloc, path, "", ""))


def open_put(settings: Settings, target: str | None) -> PutUploader:
    """The uploader behind ``--to put=URL``: one address, such as a pre-signed one.

    Raises:
        UsageError: No address was given, or it is not one.
    """
    if not target:
        raise UsageError("Give the address: --to put=https://host.example/file.")
    return PutUploader(_checked(target, "put"), overwrite=True)


def open_webdav(settings: Settings, target: str | None) -> PutUploader:
    """The uploader behind ``--to webdav`` and ``--to webdav=URL``.

    The secrets of the settings go to the host of the settings' address only.

    Raises:
        UsageError: No address was given, or it is not one.
        SettingsError: A setting is not allowed.
    """
    table = settings.table(WebdavSettings)
    url = target or table.url
    if not url:
        raise UsageError(
            "Give the folder's address: --to webdav=https://host.example/dav/folder/, or url in "
            "the table [webdav]."
        )
    url = _checked(url, "webdav")
    own = table.url is None or _place(url) == _place(table.url)
    headers = {}
    if own and table.token:
        headers["Authorization"] = f"Bearer {table.token}"
    elif own and table.user is not None:
        secret = f"{table.user}:{table.password or ''}".encode()
        headers["Authorization"] = f"Basic {base64.b64encode(secret).decode()}"
    public = table.public_url if url == table.url else None
    return PutUploader(url if url.endswith("/") else f"{url}/", headers, public)


def _place(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme.lower(), parts.netloc.lower()


def _checked(url: str, name: str) -> str:
    try:
        parts = urlsplit(url)
        right = parts.scheme in ("http", "https") and parts.hostname and "@" not in parts.netloc
    except ValueError:
        right = False
    if not right or any(c.isspace() for c in url) or len(os.fsencode(url)) > 8192:
        raise UsageError(
            f"--to {name} takes an address such as https://host.example/folder/, with no user name "
            "in it (user and password belong into the table [webdav])."
        )
    return url
