"""What Catbox and Litterbox are and take; a file is checked against it before a byte is sent."""

import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from similubot_catbox.settings import CatboxSettings, LitterboxTime
from similubot_core import SettingsError, StageError
from similubot_core.render import sanitize_line, size
from similubot_http import FileToSend, file_to_send

_MIB = 1 << 20
CATBOX_LIMIT = 200 * _MIB
"""Bytes. Catbox says "200 MB"; by PHP's counting, which its server runs on, that is this much."""
LITTERBOX_LIMIT = 1024 * _MIB
"""Bytes: Litterbox's "1 GB" counted the same way."""
CATBOX_SURE_SIZE = 200_000_000
"""Bytes that are within "200 MB" however one counts: what a converter is asked for."""
LITTERBOX_SURE_SIZE = 1_000_000_000
"""Bytes that are within "1 GB" however one counts."""
GIF_LIMIT = 20 * _MIB
"""Bytes of a GIF that Catbox takes at most."""
_REFUSED = frozenset({".exe", ".scr", ".cpl", ".jar"})


@dataclass(frozen=True)
class Service:
    """A place that files are posted to.

    Attributes:
        name: For people.
        api_url: The whole address posted to.
        hosts: The hosts, in lower case, that a link it answers with may have.
        limit: Bytes that a file may have at most.
        gif_limit: The same for a GIF.
        fields: Name and value of the form's fields besides the file.
        secret: What must never be shown: the userhash; None when there is none.
        advice_when_refused: What a person can do when uploads from here are refused.
    """

    name: str
    api_url: str
    hosts: frozenset[str]
    limit: int
    gif_limit: int
    fields: tuple[tuple[str, str], ...]
    advice_when_refused: str
    secret: str | None = None

    def __repr__(self) -> str:
        return f"Service({self.name!r})"  # the fields hold the userhash


def catbox(settings: CatboxSettings, userhash: str | None) -> Service:
    """Catbox as the settings say; `userhash` None or empty is anonymous.

    Raises:
        SettingsError: The address in the settings is none, or the userhash cannot be one.
    """
    if userhash and not re.fullmatch(r"[!-~]+", userhash):
        raise SettingsError(
            "The userhash of Catbox (table [catbox], key userhash) holds blanks or characters that "
            'no userhash has; copy it from "Manage Account" on catbox.moe.'
        )
    account = (("userhash", userhash),) if userhash else ()
    return Service(
        name="Catbox",
        api_url=settings.api_url,
        hosts=_hosts("files.catbox.moe", "api_url", settings.api_url, CatboxSettings.api_url),
        limit=CATBOX_LIMIT,
        gif_limit=GIF_LIMIT,
        fields=(("reqtype", "fileupload"), *account),
        advice_when_refused=(
            "check the userhash in the settings (table [catbox], key userhash), or use Litterbox"
            if userhash
            else "put the userhash of a Catbox account into the settings (table [catbox], key "
            "userhash), or use Litterbox"
        ),
        secret=userhash or None,
    )


def litterbox(settings: CatboxSettings, time: LitterboxTime) -> Service:
    """Litterbox as the settings say, keeping files for `time`.

    Raises:
        SettingsError: The address in the settings is none.
    """
    url = settings.litterbox_url
    return Service(
        name="Litterbox",
        api_url=url,
        hosts=_hosts("litter.catbox.moe", "litterbox_url", url, CatboxSettings.litterbox_url),
        limit=LITTERBOX_LIMIT,
        gif_limit=LITTERBOX_LIMIT,
        fields=(("reqtype", "fileupload"), ("time", time)),
        advice_when_refused="try again later, or use Catbox with a userhash",
    )


def _hosts(known: str, key: str, url: str, default_url: str) -> frozenset[str]:
    """The hosts of links: the known one and, where the API is a relay or a test's, its own."""
    if url == default_url:
        return frozenset({known})
    try:
        host = urlsplit(url).hostname
    except ValueError:
        host = None
    if host is None or not re.fullmatch(r"https?://[^\s/@?#]+(/\S*)?", url):
        raise SettingsError(
            f"The table [catbox], key {key}: the address must look like {default_url}, with no "
            "user name in it."
        )
    return frozenset({known, host})


def check_file(path: Path, service: Service) -> FileToSend:
    """Look at `path` and say whether `service` takes it, before anything is sent.

    Raises:
        StageError: It is missing, no regular file, unreadable, empty, too large or refused.
    """
    file = file_to_send(path)
    extension = path.suffix.lower()
    if extension in _REFUSED or extension.startswith(".doc"):
        raise StageError(
            f"{service.name} refuses files that end in {sanitize_line(extension)}; pack "
            f"{sanitize_line(path.name)} "
            "into an archive, or send it another way."
        )
    if file.size > limit_for(path, service):
        raise StageError(_too_large(path, file.size, service))
    return file


def limit_for(path: Path, service: Service) -> int:
    """Bytes that `service` takes of a file with that name at most."""
    return service.gif_limit if path.suffix.lower() == ".gif" else service.limit


def _too_large(path: Path, bytes_: int, service: Service) -> str:
    limit = limit_for(path, service)
    kind = " for a GIF" if limit == service.gif_limit != service.limit else ""
    elsewhere = limit < LITTERBOX_LIMIT and bytes_ <= LITTERBOX_LIMIT
    cure = "make it smaller, for instance with a lower bitrate"
    if elsewhere:
        cure += f", or use Litterbox, which takes {size(LITTERBOX_LIMIT)} for up to 72 hours"
    name = sanitize_line(path.name)
    return f"{name} ({size(bytes_)}) is over {service.name}'s limit{kind}, {size(limit)}: {cure}."
