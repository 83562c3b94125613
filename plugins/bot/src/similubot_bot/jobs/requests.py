"""What may be requested: a link that an installed plugin accepts, or an attached file."""

import contextlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from similubot_bot.access import Requester
from similubot_bot.jobs.executor import JobTask
from similubot_bot.jobs.records import JobRequest
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
from similubot_core.plugins.planning import accepts, plan_job
from similubot_core.plugins.specs import Plugins

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


def accepted(plugins: Plugins, source: str) -> bool:
    """Whether an installed downloader accepts this link."""
    return any(accepts(spec, source) for spec in plugins.all(DownloaderSpec))


def first_link(plugins: Plugins, text: str) -> str | None:
    """The first link in a text that an installed downloader accepts; None when there is none."""
    found = (match[0].rstrip(".,;:!?)\"'") for match in _LINK.finditer(text))
    return next((link for link in found if accepted(plugins, link)), None)


def read_request(
    plugins: Plugins,
    bot_settings: BotSettings,
    targets: Sequence[str],
    requester: Requester,
    channel: int,
    *,
    link: str | None,
    file: AttachedFile | None = None,
    bitrate: int | None = None,
    to: str | None = None,
) -> JobRequest:
    """Make a request of what was typed.

    Args:
        plugins: What is installed.
        bot_settings: The table [bot].
        targets: What `to` may be, the default first; of `upload_targets`.
        requester: Who asks.
        channel: Where the answer goes.
        link: The first argument; with an attached file it may be missing, or be the bitrate.
        file: The attached file; None is none.
        bitrate: Kilobits per second; None is the converter's default.
        to: One of `targets`; None is the first.

    Raises:
        UsageError: Says what is wrong and what to do.
    """
    link = (link or "").strip().removeprefix("<").removesuffix(">")
    if to is not None and _LINK.match(to.removeprefix("<")):
        raise UsageError("One link at a time, please; send the other one in another message.")
    user, server = requester.user, requester.server
    if file is not None:
        if link.isdecimal() and len(link) < 10 and bitrate is None:
            link, bitrate = "", int(link)
        if link:
            raise UsageError("Give a link or attach a file, not both.")
        if file.size > bot_settings.max_size:
            raise UsageError(
                f"The file has {render.size(file.size)}, more than the "
                f"{render.size(bot_settings.max_size)} that are allowed here."
            )
        name = render.sanitize_line(file.name, 100)
        to = _target(targets, to)
        return JobRequest(user, server, channel, file.url, "attachment", name, bitrate, to)
    if not link:
        raise UsageError(
            f"Give a link or attach a file: `{bot_settings.shown_prefix}convert LINK 128`."
        )
    if len(link) > _LONGEST_LINK:
        raise UsageError("That is too long for a link; copy the link again.")
    # Nothing but what a plugin accepts goes further: to the core, any other text is a file's path.
    if not accepted(plugins, link):
        supported = "; ".join(spec.summary for spec in plugins.all(DownloaderSpec))
        shown = render.redact_source(link)[:100]
        raise UsageError(
            f"I can't download {shown}. "
            + (f"Supported: {supported}." if supported else "No downloader is installed here.")
        )
    name = render.redact_source(link)
    return JobRequest(user, server, channel, link, "link", name, bitrate, _target(targets, to))


def upload_targets(
    plugins: Plugins, settings: Settings, bot_settings: BotSettings
) -> tuple[str, ...]:
    """What people may give as `to`, the default of the settings first. It imports the uploaders.

    Raises:
        UsageError: A target in the settings does not work.
    """
    named = (bot_settings.to, *bot_settings.targets)
    for entry in named:
        name, _, target = entry.partition("=")
        plugins.get(UploaderSpec, name).factory(settings, target or None)
    bare = []
    for spec in plugins.all(UploaderSpec):
        with contextlib.suppress(SimilubotError):  # it needs a target, and people may give none
            spec.factory(settings, None)
            bare.append(spec.name)
    return tuple(dict.fromkeys((*named, *bare)))


def _target(targets: Sequence[str], to: str | None) -> str:
    """The uploader, of those that people may name."""
    if to is None:
        return targets[0]
    if to not in targets:
        raise UsageError(
            f"I can't upload to {render.sanitize_line(to, 50)!r}; choose one of "
            f"{', '.join(targets)}."
        )
    return to


def operations_of(plugins: Plugins, request: JobRequest) -> tuple[str, ...]:
    """The operations of a request's stages, in order; () where a plugin does not name its own."""
    downloads: list[str | None] = ["Discord Download"]
    if request.kind == "link":
        downloads = [
            spec.operation for spec in plugins.all(DownloaderSpec) if accepts(spec, request.source)
        ]
    conversions = [spec.operation for spec in plugins.all(ConverterSpec)]
    target = request.to.partition("=")[0]
    uploads = [spec.operation for spec in plugins.all(UploaderSpec) if spec.name == target]
    names = (*downloads[:1], *conversions[:1], *uploads[:1])
    known = tuple(name for name in names if name is not None)
    return known if len(known) == 3 else ()


def plan_task(plugins: Plugins, settings: Settings, task: JobTask) -> Job:
    """The core's job for a task. It may import what is slow to import: not for the event loop.

    Raises:
        UsageError: Says what is wrong and what to do.
    """
    downloader = None
    if task.kind == "attachment":
        from similubot_bot.jobs.attachment import AttachmentDownloader

        downloader = AttachmentDownloader(task.name, task.max_size)
    return plan_job(
        plugins,
        settings,
        task.source,
        bitrate=task.bitrate,
        to=task.to,
        downloader=downloader,
    )
