"""What may be requested: a link that an installed plugin accepts, or an attached file."""

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from similubot_bot.access import Requester
from similubot_bot.i18n import _, language, size
from similubot_bot.jobs.discord_target import NAME, Attach, DiscordUploader
from similubot_bot.jobs.executor import JobTask
from similubot_bot.jobs.reading import Reading, Vocabulary
from similubot_bot.jobs.records import JobRequest
from similubot_bot.settings import BotSettings
from similubot_catbox.settings import CatboxSettings
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
from similubot_core.plugins.choice import (
    ConvertSettings,
    CoreSettings,
    Undecided,
    accepts,
    all_formats,
    choose_downloader,
    choose_format,
)
from similubot_core.plugins.making import make_uploader
from similubot_core.plugins.planning import plan_job
from similubot_core.plugins.specs import Plugins
from similubot_core.settings import SettingsTable

T = TypeVar("T", bound=SettingsTable)


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


def allowed_plugins(plugins: Plugins, bot_settings: BotSettings) -> Plugins:
    """The plugins without the downloaders that the settings do not name.

    Raises:
        UsageError: The settings name one that is not installed.
    """
    if bot_settings.downloaders is None:
        # One that takes any link at all, as yt-dlp, is used only where the operator lists it.
        usual = tuple(
            spec
            for spec in plugins.specs
            if not isinstance(spec, DownloaderSpec) or spec.fallback < 2
        )
        return replace(plugins, specs=usual)
    for name in bot_settings.downloaders:
        plugins.get(DownloaderSpec, name)
    kept = tuple(
        spec
        for spec in plugins.specs
        if not isinstance(spec, DownloaderSpec) or spec.name in bot_settings.downloaders
    )
    return replace(plugins, specs=kept)


def accepted(plugins: Plugins, source: str) -> bool:
    """Whether an installed downloader accepts this link."""
    return any(accepts(spec, source) for spec in plugins.all(DownloaderSpec))


def vocabulary(plugins: Plugins, targets: Sequence[str]) -> Vocabulary:
    """What can be meant by a request here."""
    ranges = [
        output_format.bitrates
        for spec in plugins.all(ConverterSpec)
        for output_format in spec.output_formats
        if output_format.bitrates is not None
    ]
    bitrates = None
    if ranges:
        bitrates = min(low for low, _ in ranges), max(high for _, high in ranges)
    formats = {chosen.format.name: chosen.format for chosen in all_formats(plugins)}
    endings = {
        ending.lstrip("."): name
        for name, known in formats.items()
        for ending in (known.suffix, *known.other_suffixes)
        if ending and ending.lstrip(".") not in formats
    }
    return Vocabulary(
        lambda link: accepted(plugins, link), targets, tuple(formats), endings, bitrates
    )


def make_requests(
    plugins: Plugins,
    bot_settings: BotSettings,
    requester: Requester,
    channel: int,
    reading: Reading,
    files: Sequence[AttachedFile] = (),
    *,
    default_target: str,
    message: int | None = None,
) -> list[JobRequest]:
    """One request for each link and file.

    Args:
        plugins: What is installed.
        bot_settings: The table [bot].
        requester: Who asks.
        channel: Where the answer goes.
        reading: What was typed.
        files: The attached files.
        default_target: The uploader where none was named.
        message: The id of the message that asks.

    Raises:
        UsageError: There is nothing to convert; says what to do.
    """
    base = JobRequest(
        requester.user,
        requester.server,
        channel,
        "",
        "link",
        "",
        reading.bitrate,
        reading.to or default_target,
        reading.format,
        reading.private,
        message,
        language.get(),
    )
    made = [replace(base, source=link, name=render.redact_source(link)) for link in reading.links]
    for file in files:
        if file.size > bot_settings.max_size:
            raise UsageError(
                _(
                    "The file has {size}, more than the {limit} that are allowed here.",
                    size=size(file.size),
                    limit=size(bot_settings.max_size),
                )
            )
        name = render.sanitize_line(file.name, 100)
        made.append(replace(base, source=file.url, kind="attachment", name=name, size=file.size))
    if made:
        return made
    if reading.unsupported:
        summaries = "; ".join(spec.summary for spec in plugins.all(DownloaderSpec))
        host = reading.unsupported[0]
        if not summaries:
            raise UsageError(_("No downloader is installed here."))
        raise UsageError(
            _(
                "I can't download from {host}. Supported: {summaries}.",
                host=host,
                summaries=summaries,
            )
        )
    raise UsageError(how_to_ask(bot_settings))


def how_to_ask(bot_settings: BotSettings) -> str:
    """The sentence for a request without a link and a file."""
    command = f"`{bot_settings.shown_prefix}convert LINK 128`"
    return _(
        "Give a link, attach a file, or reply to a message that has one: {command}.",
        command=command,
    )


def upload_targets(
    plugins: Plugins, settings: Settings, bot_settings: BotSettings
) -> tuple[str, ...]:
    """What people may give as `to`, the default of the settings first. It imports the uploaders.

    Raises:
        UsageError: A target in the settings does not work.
    """
    named = (bot_settings.to, *bot_settings.targets)
    for entry in named:
        if entry == NAME:
            continue
        name, _, target = entry.partition("=")
        make_uploader(plugins.get(UploaderSpec, name), settings, target or None)
    bare = []
    for spec in plugins.all(UploaderSpec):
        with contextlib.suppress(SimilubotError):  # it needs a target, and people may give none
            make_uploader(spec, settings, None)
            bare.append(spec.name)
    return tuple(dict.fromkeys((*named, *bare, NAME)))


def operations_of(plugins: Plugins, settings: Settings, request: JobRequest) -> tuple[str, ...]:
    """The operations of a request's stages, in order; () where a plugin does not name its own, or
    the request cannot be planned.
    """
    prefer = settings.table(CoreSettings).prefer
    try:
        downloads: str | None = "Discord Download"
        if request.kind == "link":
            downloader = choose_downloader(plugins, request.source, prefer=prefer)
            downloads = None if downloader is None else downloader.operation
        default = settings.table(ConvertSettings).format
        chosen = choose_format(plugins, name=request.format, default=default, prefer=prefer)
        uploads = plugins.get(UploaderSpec, request.to.partition("=")[0]).operation
    except UsageError:
        return ()
    names = (downloads, chosen.converter.operation, uploads)
    known = tuple(name for name in names if name is not None)
    return known if len(known) == 3 else ()


class _WithUserhash(Settings):
    """Settings in which a member's own account takes the place of the operator's.

    Args:
        base: The settings of this run.
        userhash: The account's key.
    """

    def __init__(self, base: Settings, userhash: str) -> None:
        super().__init__(environ={})
        self._base = base
        self._userhash = userhash

    def table(self, schema: type[T]) -> T:
        """A table, as of the base."""
        found = self._base.table(schema)
        if isinstance(found, CatboxSettings):
            return replace(found, userhash=self._userhash)
        return found


def plan_task(
    plugins: Plugins, settings: Settings, task: JobTask, attach: Attach | None = None
) -> Job:
    """The core's job for a task. It may import what is slow to import: not for the event loop.

    Args:
        plugins: What is installed.
        settings: The settings of this run.
        task: The task.
        attach: Puts the result into the job's message; without it all results go to a host.

    Raises:
        UsageError: Says what is wrong and what to do.
    """
    if task.userhash:
        settings = _WithUserhash(settings, task.userhash)
    downloader = None
    if task.kind == "attachment":
        from similubot_bot.jobs.attachment import AttachmentDownloader

        downloader = AttachmentDownloader(task.name, task.max_size, task.size)
    table, to = settings.table(BotSettings), task.to
    if to == NAME:
        to = next((name for name in (table.to, *table.targets) if name != NAME), "catbox")
    try:
        job = plan_job(
            plugins,
            settings,
            task.source,
            bitrate=task.bitrate,
            to=to,
            format=task.format,
            downloader=downloader,
            max_size=task.max_size,
            untrusted=True,
            keep_damaged=task.keep_damaged,
        )
    except Undecided as error:
        raise UsageError(
            _(
                "Several of my plugins could do this ({names}), and the bot's operator has to "
                "choose one; `similubot doctor` says how.",
                names=", ".join(error.names),
            )
        ) from error
    if task.to == NAME and attach is not None and job.uploader is not None:
        return replace(job, uploader=DiscordUploader(task.job, attach, job.uploader))
    return job
