"""What may be asked for: a link that an installed plugin takes, or an attached file."""

import contextlib
import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from similubot_bot.settings import BotSettings
from similubot_core import (
    ConverterSpec,
    DownloaderSpec,
    Settings,
    SimilubotError,
    UploaderSpec,
    UsageError,
    render,
)
from similubot_core.jobs.pipeline import Job
from similubot_core.plugins.planning import plan_job
from similubot_core.plugins.specs import Plugins

logger = logging.getLogger(__name__)

_LINK = re.compile(r"https?://[^\s<>]+")
_LONGEST_LINK = 1000


@dataclass(frozen=True, slots=True)
class AttachedFile:
    """A file that was sent to Discord.

    Attributes:
        url: Where it can be fetched, for a day or so.
        name: Its name; text from outside.
        size: Bytes, as Discord says.
    """

    url: str = field(repr=False)
    name: str
    size: int


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody wants, checked: the part of `Asked` that does not say who.

    Attributes are those of `Asked`.
    """

    source: str = field(repr=False)
    kind: Literal["link", "attachment"]
    name: str
    bitrate: int | None
    to: str


def accepted(plugins: Plugins, source: str) -> bool:
    """Whether an installed downloader takes this link."""
    return any(_takes(spec, source) for spec in plugins.all(DownloaderSpec))


def _takes(spec: DownloaderSpec, source: str) -> bool:
    try:
        return spec.accepts(source)
    except Exception:
        logger.exception("The downloader %s cannot say what it takes", spec.name)
        return False


def first_link(plugins: Plugins, text: str) -> str | None:
    """The first link in a text that an installed downloader takes; None when there is none."""
    found = (match[0].rstrip(".,;:!?)\"'") for match in _LINK.finditer(text))
    return next((link for link in found if accepted(plugins, link)), None)


def read_wish(
    plugins: Plugins,
    bot_settings: BotSettings,
    places: Sequence[str],
    *,
    link: str | None,
    file: AttachedFile | None,
    bitrate: int | None,
    to: str | None,
) -> Wish:
    """Make a wish of what was typed.

    Args:
        plugins: What is installed.
        bot_settings: The table [bot].
        places: What `to` may be, the default first; of `allowed_places`.
        link: The first argument; with an attached file it may be missing, or be the bitrate.
        file: The attached file; None is none.
        bitrate: Kilobits per second; None is the converter's default.
        to: One of `places`; None is the first.

    Raises:
        UsageError: Says what is wrong and what to do.
    """
    link = (link or "").strip().removeprefix("<").removesuffix(">")
    if to is not None and _LINK.match(to.removeprefix("<")):
        raise UsageError("One link at a time, please; send the other one in a request of its own.")
    if file is not None:
        if link.isdecimal() and len(link) < 10 and bitrate is None:
            link, bitrate = "", int(link)
        if link:
            raise UsageError("Give a link or attach a file, not both.")
        return _file_wish(bot_settings, file, bitrate, _target(places, to))
    if not link:
        raise UsageError(
            f"Give a link or attach a file: `{bot_settings.shown_prefix}convert LINK 128`."
        )
    if len(link) > _LONGEST_LINK:
        raise UsageError("That is too long for a link; copy the link again.")
    # Nothing but what a plugin accepts goes further: to the core, any other text is a file's path.
    if not accepted(plugins, link):
        taken = "; ".join(spec.summary for spec in plugins.all(DownloaderSpec))
        shown = render.redact_source(link)[:100]
        raise UsageError(
            f"{shown} is nothing that I can fetch. "
            + (f"I take: {taken}." if taken else "No downloader is installed here.")
        )
    return Wish(link, "link", render.redact_source(link), bitrate, _target(places, to))


def _file_wish(settings: BotSettings, file: AttachedFile, bitrate: int | None, to: str) -> Wish:
    if file.size > settings.max_size:
        raise UsageError(
            f"The file has {render.size(file.size)}, more than the "
            f"{render.size(settings.max_size)} that are allowed here."
        )
    return Wish(file.url, "attachment", render.sanitize_line(file.name, 100), bitrate, to)


def allowed_places(
    plugins: Plugins, settings: Settings, bot_settings: BotSettings
) -> tuple[str, ...]:
    """What people may give as `to`, the place of the settings first. It imports the uploaders.

    Raises:
        UsageError: A place of the settings is none.
    """
    named = (bot_settings.to, *bot_settings.targets)
    for place in named:
        name, _, target = place.partition("=")
        plugins.get(UploaderSpec, name).factory(settings, target or None)
    plain = []
    for spec in plugins.all(UploaderSpec):
        with contextlib.suppress(SimilubotError):  # it needs a target, and people may give none
            spec.factory(settings, None)
            plain.append(spec.name)
    return tuple(dict.fromkeys((*named, *plain)))


def _target(places: Sequence[str], to: str | None) -> str:
    """The uploader, of those that people may name."""
    if to is None:
        return places[0]
    if to not in places:
        raise UsageError(
            f"There is no place {render.sanitize_line(to, 50)!r} to upload to; there are: "
            f"{', '.join(places)}."
        )
    return to


def operations_of(plugins: Plugins, wish: Wish) -> tuple[str, ...]:
    """What the stages of a wish's job call their work, in order; () where a plugin does not say."""
    fetches: list[str | None] = ["Discord Download"]
    if wish.kind == "link":
        fetches = [s.operation for s in plugins.all(DownloaderSpec) if _takes(s, wish.source)]
    converts = [spec.operation for spec in plugins.all(ConverterSpec)]
    place = wish.to.partition("=")[0]
    uploads = [spec.operation for spec in plugins.all(UploaderSpec) if spec.name == place]
    names = (*fetches[:1], *converts[:1], *uploads[:1])
    known = tuple(name for name in names if name is not None)
    return known if len(known) == 3 else ()


def plan(plugins: Plugins, settings: Settings, bot_settings: BotSettings, wish: Wish) -> Job:
    """The core's job for a wish. It may import what is slow to import: not for the event loop.

    Raises:
        UsageError: Says what is wrong and what to do.
    """
    downloader = None
    if wish.kind == "attachment":
        from similubot_bot.jobs.attachment import AttachmentDownloader

        downloader = AttachmentDownloader(wish.name, bot_settings.max_size)
    return plan_job(
        plugins,
        settings,
        wish.source,
        bitrate=wish.bitrate,
        to=wish.to,
        downloader=downloader,
    )
