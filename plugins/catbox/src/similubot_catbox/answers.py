"""What an answer, or its absence, means: a link, or a sentence and whether to try again."""

import datetime
import email.utils
import enum
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from similubot_catbox.services import Service
from similubot_core.render import duration, sanitize_line
from similubot_http import Answer, NoAnswerError, Trouble

LONGEST_WAIT = 120.0
"""Seconds: a server that asks for a longer wait is not waited for."""
_LONGEST_LINK = 2048
_QUOTED = 120


class Again(enum.Enum):
    """Whether an upload that failed is to be sent again, always from its start."""

    NEVER = "never"
    SOON = "soon"
    """Nothing has landed."""
    PAUSED = "paused"
    """The service says that it takes nothing for now: a few times, 10 seconds apart."""
    ONCE = "once"
    """It may have landed: once more at most."""


@dataclass(frozen=True)
class Failure:
    """An attempt that brought no link.

    Attributes:
        happened: What happened, as a clause without a full stop.
        advice: What to do, as a clause without a full stop.
        again: Whether to try again.
        wait: Seconds that the server asks to wait; None when it asks for nothing.
        detail: For the log; holds no secret.
    """

    happened: str
    advice: str
    again: Again = Again.NEVER
    wait: float | None = None
    detail: str = ""

    @property
    def sentence(self) -> str:
        """The sentence for the user."""
        return f"{self.happened}: {self.advice}."


def link_in(answer: Answer, service: Service) -> str | Failure:
    """The link that an answer to an upload holds, or why it is none. Any text at all is taken."""
    if 200 <= answer.status < 300:
        link = answer.text.strip()
        if answer.whole and is_link_of(link, service):
            return link
        return _no_link(answer, service)
    return refusal(answer, service)


def is_link_of(link: str, service: Service) -> bool:
    """Whether `link` is one file's address on a host of `service`."""
    if len(link) > _LONGEST_LINK or not re.fullmatch(r"https?://[^\s\\<>\"{}|^`?#]+", link):
        return False
    if not link.isprintable():
        return False
    try:
        parts = urlsplit(link)
        _ = parts.port
    except ValueError:
        return False
    api = urlsplit(service.api_url)
    # Only where the API itself is reached without TLS may its links be.
    schemes = {"https", api.scheme} if parts.hostname == api.hostname else {"https"}
    return (
        parts.hostname in service.hosts
        and parts.scheme in schemes
        and parts.username is None
        and len(parts.path) > 1
        and not parts.path.endswith("/")
    )


def refusal(answer: Answer, service: Service) -> Failure:
    """What an answer that is no success means."""
    status, name = answer.status, service.name
    said = quoted(answer.text, service)
    if known := _known_words(answer.text, service):
        return known
    if status in (429, 503):
        return _busy(answer, service)
    if status == 413:
        return Failure(
            f"{name} refuses the file as too large (HTTP 413)",
            "make it smaller, for instance with a lower bitrate, or use another uploader",
        )
    if 500 <= status < 600:
        return Failure(
            f"{name} has trouble of its own (HTTP {status}{said})",
            "try again later",
            Again.ONCE if status in (500, 502, 504) else Again.NEVER,
        )
    if 300 <= status < 400:
        return Failure(
            f"{name} points to another address (HTTP {status}), which is not followed",
            "check the address in the settings (table [catbox])",
        )
    if status in (404, 405):
        return Failure(
            f"{name} takes no uploads at this address (HTTP {status}{said})",
            "check the address in the settings (table [catbox])",
        )
    return Failure(f"{name} refuses the request (HTTP {status}{said})", service.advice_when_refused)


def _known_words(text: str, service: Service) -> Failure | None:
    """What a message of Catbox's means, whatever status it comes with."""
    name, words = service.name, text.lower()
    if "invalid uploader" in words:
        return Failure(
            f'{name} refuses uploads from here (it says "Invalid uploader")',
            service.advice_when_refused,
        )
    if "not signed in" in words:
        return Failure(
            f'{name} does not know the account (it says "Not signed in!")',
            "check the userhash in the settings (table [catbox], key userhash)",
        )
    if "no request type" in words:
        return Failure(
            f"{name} did not find the upload's form in what it received",
            "check the address in the settings, or a proxy on the way, and try again",
        )
    if "upload" in words and "paused" in words:
        return Failure(f"{name} has paused uploads", "try again later", Again.PAUSED)
    return None


def _no_link(answer: Answer, service: Service) -> Failure:
    name = service.name
    if not answer.whole:
        return Failure(
            f"{name} answered before it had the whole file, so nothing was uploaded",
            "try again later",
        )
    if not answer.text.strip():
        return Failure(f"{name} answered with nothing", "try again later", Again.ONCE)
    if _is_html(answer.text):
        return Failure(
            f"{name} answered with a web page instead of a link",
            "a firewall or maintenance stands in the way, so try again later or from elsewhere",
        )
    if known := _known_words(answer.text, service):
        return known
    said = quoted(answer.text, service)
    return Failure(
        f"{name} answered with something that is no link of its own{said}", "try again later"
    )


def _busy(answer: Answer, service: Service) -> Failure:
    wait = seconds_to_wait(answer.retry_after)
    what = "asks to send less often" if answer.status == 429 else "is too busy"
    happened = f"{service.name} {what} (HTTP {answer.status})"
    if wait is not None and wait > LONGEST_WAIT:
        return Failure(happened, f"try again in {duration(wait)}")
    return Failure(happened, "try again later", Again.SOON, wait)


def seconds_to_wait(header: str | None, now: datetime.datetime | None = None) -> float | None:
    """A Retry-After header, a number of seconds or a date, in seconds from `now`; 0 or more.

    None without a header, or when it says neither. `now` None is the present.
    """
    header = (header or "").strip()
    if header.isascii() and header.isdecimal():
        return float(header[:9])
    try:
        when = email.utils.parsedate_to_datetime(header)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    if when.tzinfo is None:
        when = when.replace(tzinfo=datetime.UTC)
    present = now or datetime.datetime.now(datetime.UTC)
    return max(0.0, (when - present).total_seconds())


def quoted(text: str, service: Service) -> str:
    """What a server said as ``: "…"`` in one short line; empty for a web page or nothing."""
    if _is_html(text):
        return ""
    if service.secret:
        text = text.replace(service.secret, "…")
    said = sanitize_line(text, _QUOTED)
    return f', "{said}"' if said else ""


def _is_html(text: str) -> bool:
    return re.search(r"<\s*(!doctype|html|head|body|title|h1|p|div|script)\b", text, re.I) is not (
        None
    )


def failure_of(error: NoAnswerError, service: Service) -> Failure:
    """What it means that there was no answer."""
    name = service.name
    if error.trouble in (Trouble.LOST, Trouble.NO_ANSWER) and error.whole:
        how = "no answer came" if error.trouble is Trouble.NO_ANSWER else "the connection was lost"
        return Failure(
            f"The whole file was sent to {name}, but {how}",
            "try again later",
            Again.ONCE,
            detail=error.detail,
        )
    happened, advice, again = {
        Trouble.NO_ADDRESS: (
            f"The address of {name} was not found",
            "check this machine's connection to the internet, or try again later",
            Again.SOON,
        ),
        Trouble.REFUSED: (
            f"{name} takes no connection",
            "it may be down or blocked from here, so try again later",
            Again.SOON,
        ),
        Trouble.CONNECT_TIMEOUT: (
            f"{name} could not be reached in time",
            "check this machine's connection to the internet, or try again later",
            Again.SOON,
        ),
        Trouble.PROXY: (
            f"The proxy does not let the upload through to {name}",
            "check the proxy's settings (the environment's HTTPS_PROXY)",
            Again.NEVER,
        ),
        Trouble.TLS: (
            f"{name} could not prove who it is (its TLS certificate is not accepted)",
            "check this machine's clock and certificates, or a proxy on the way",
            Again.NEVER,
        ),
        Trouble.LOST: (
            f"The connection to {name} was lost before the file was sent",
            "check the connection, or try again later",
            Again.SOON,
        ),
        Trouble.STALLED: (
            f"{name} stopped taking bytes in the middle of the file",
            "check the connection, or try again later",
            Again.SOON,
        ),
        Trouble.NO_ANSWER: (
            f"{name} gave no answer",
            "try again later",
            Again.SOON,
        ),
        Trouble.BAD_REQUEST: (
            f"The address of {name} in the settings is not one",
            "check the table [catbox]",
            Again.NEVER,
        ),
    }[error.trouble]
    return Failure(happened, advice, again, detail=error.detail)
