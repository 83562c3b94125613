"""Plans a job: chooses its stages among the plugins, and refuses early what cannot work."""

import contextlib
import tempfile
from pathlib import Path

from similubot_core import render
from similubot_core.errors import UsageError
from similubot_core.files import write_error
from similubot_core.jobs.pipeline import Job
from similubot_core.jobs.stages import ConversionRequest, Downloader, LinkChecker
from similubot_core.plugins.choice import (
    NO_CONVERSION,
    ChosenFormat,
    ConvertSettings,
    CoreSettings,
    choose_downloader,
    choose_format,
)
from similubot_core.plugins.making import (
    make_converter,
    make_downloader,
    make_link_checker,
    make_uploader,
)
from similubot_core.plugins.specs import DownloaderSpec, LinkCheckerSpec, Plugins, UploaderSpec
from similubot_core.settings import Settings


class AlreadyThere(UsageError):  # noqa: N818  (what is the case, not a fault)
    """A file has the result's name already.

    Attributes:
        path: That file.
    """

    def __init__(self, path: Path) -> None:
        shown = render.sanitize_line(str(path))
        super().__init__(f"{shown} exists already; name another file with --output.")
        self.path = path


def plan_job(
    plugins: Plugins,
    settings: Settings,
    source: str,
    *,
    bitrate: int | None = None,
    to: str | None = None,
    output: Path | None = None,
    downloader: Downloader | None = None,
    fit: int | None = None,
    format: str | None = None,  # noqa: A002  (the word for it, as in `--format`)
    track: str | None = None,
    clip: tuple[float, float | None] | None = None,
    keep_damaged: bool = False,
    from_: str | None = None,
    max_size: int | None = None,
    untrusted: bool = False,
    default_bitrate: int | None = None,
    overwrite: bool = False,
) -> Job:
    """Choose the stages for a source from the plugins, and refuse early what cannot work.

    Args:
        plugins: What is installed.
        settings: The settings of this run.
        source: A link that a downloader accepts, or the path of a file.
        bitrate: Kilobits per second; None is the converter's default.
        to: An uploader as ``NAME`` or ``NAME=TARGET``; None keeps the result as a file.
        output: As in `Job`.
        downloader: Fetches the source, whatever it is; None chooses one of the plugins'.
        fit: Bytes that the result is to fit into, at the highest bitrate that does; None is no
            limit but the uploader's.
        format: The name of the result's format; None is what the ending of `output` says, else
            ``[convert] format``, else AAC. "none" keeps the file as it came.
        track: As in `ConversionRequest`.
        clip: As in `ConversionRequest`.
        keep_damaged: As in `ConversionRequest`.
        from_: The name of the downloader to take; None chooses.
        max_size: Bytes that the download may have at most; None is no limit.
        untrusted: Whether the source comes from somebody else than who runs the program.
        default_bitrate: As `bitrate`, for formats that take it.
        overwrite: Whether a file that has the result's name is replaced.

    Raises:
        AlreadyThere: A file has the result's name, and is not to be replaced.
        UsageError: Says what is wrong and what to do; nothing was done yet.
    """
    prefer = settings.table(CoreSettings).prefer
    fetches = None
    if downloader is None:
        fetches = _downloader(plugins, source, from_, prefer)
        downloader = None if fetches is None else make_downloader(fetches, settings)
    uploader, uploader_name, limit = None, "", None
    checkers: tuple[LinkChecker, ...] = ()
    if to is not None:
        if output is not None:
            raise UsageError(
                "--output names a file of this machine and --to a place to upload to; choose one."
            )
        uploader_name, _, target = to.partition("=")
        spec = plugins.get(UploaderSpec, uploader_name)
        uploader, limit = make_uploader(spec, settings, target or None), spec.max_size
        checkers = _link_checkers(plugins, settings)
    else:
        _check_output(output, source, overwrite=overwrite)
    chosen = choose_format(
        plugins,
        name=format,
        suffix=_suffix(output),
        default=settings.table(ConvertSettings).format,
        prefer=prefer,
    )
    if bitrate is None and chosen.format.bitrates is not None:
        bitrate = default_bitrate
    _check_bitrate(bitrate, chosen)
    _check_clip(clip)
    for option, value in (("track", track), ("clip", clip), ("keep_damaged", keep_damaged)):
        if value and option not in chosen.converter.options:
            typed = option.replace("_", "-")
            made = f"The converter {chosen.converter.name} takes no --{typed}; leave it out."
            if chosen.format.name == NO_CONVERSION:
                made = f"--{typed} needs a conversion; leave it out, or choose another --format."
            raise UsageError(made)
    if to is None and downloader is None and _is_folder(output):
        path = Path(source)
        suffix = path.suffix if chosen.format.name == NO_CONVERSION else chosen.format.suffix
        if suffix or chosen.format.name == NO_CONVERSION:
            _check_free((output or Path()) / f"{path.stem}{suffix}", source, overwrite=overwrite)
    request = ConversionRequest(
        bitrate,
        min(filter(None, (limit, fit)), default=None),
        fit is not None,
        chosen.format.name,
        track,
        clip,
        keep_damaged,
    )
    return Job(
        source,
        downloader,
        make_converter(chosen.converter, settings),
        request,
        uploader,
        output,
        max_size,
        untrusted,
        overwrite,
        any_suffix=not chosen.format.suffix,
        link_checkers=checkers,
        names=(fetches.name if fetches else "", chosen.converter.name, uploader_name),
    )


def _link_checkers(plugins: Plugins, settings: Settings) -> tuple[LinkChecker, ...]:
    if not settings.table(CoreSettings).check_links:
        return ()
    return tuple(make_link_checker(spec, settings) for spec in plugins.all(LinkCheckerSpec))


def _suffix(output: Path | None) -> str:
    """The ending that the result is to have; "" when the output is a folder or has none."""
    try:
        return "" if output is None or output.is_dir() else output.suffix
    except (OSError, ValueError):
        return ""  # `_check_output` says what is wrong with it


def _check_bitrate(bitrate: int | None, chosen: ChosenFormat) -> None:
    if bitrate is None:
        return
    if bitrate < 1:
        raise UsageError(f"{bitrate} is not a bitrate; give 1 kb/s or more.")
    name = chosen.format.name
    if chosen.format.bitrates is None:
        raise UsageError(f"The format {name} has no bitrate to choose; leave out --bitrate.")
    lowest, highest = chosen.format.bitrates
    if not lowest <= bitrate <= highest:
        raise UsageError(
            f"The format {name} takes {lowest} to {highest} kb/s; {bitrate} is outside of that."
        )


def _check_clip(clip: tuple[float, float | None] | None) -> None:
    if clip is not None and (clip[0] < 0 or (clip[1] is not None and clip[1] <= clip[0])):
        raise UsageError("A clip must end after its start; write it as 1:10-2:30.")


def _downloader(
    plugins: Plugins, source: str, name: str | None, prefer: tuple[str, ...]
) -> DownloaderSpec | None:
    """The downloader for a source; None when it is a file."""
    chosen = choose_downloader(plugins, source, name=name, prefer=prefer)
    if chosen is not None:
        return chosen
    if "://" in source:
        supported = "; ".join(spec.summary for spec in plugins.all(DownloaderSpec))
        raise UsageError(
            f"I can't download {render.redact_source(source)}. "
            + (
                f"Supported: {supported}."
                if supported
                else "No downloader is installed; install one, such as similubot-mega."
            )
        )
    check_file(source)
    return None


def check_file(source: str) -> None:
    """Refuse a source that is not a file which can be read.

    Raises:
        UsageError: Says what is wrong with it.
    """
    if not source:
        raise UsageError("The source is empty; name a file or a link.")
    path, shown = Path(source), render.redact_source(source)
    try:
        if path.is_dir():
            raise UsageError(f"{shown} is a folder; name a file or a link.")
        if not path.exists():
            raise UsageError(f"There is no file {shown}.")
        if not path.is_file():  # to open a named pipe would wait for who writes into it
            raise UsageError(f"{shown} is not a regular file; name a file or a link.")
        with path.open("rb"):
            return
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "its name cannot be one"
        raise UsageError(f"The file {shown} cannot be read: {reason}.") from error


def _is_folder(output: Path | None) -> bool:
    return output is None or output.is_dir()


def _check_output(output: Path | None, source: str, *, overwrite: bool) -> None:
    """Refuse an output that exists, or that cannot be written, before any work is done."""
    place = output or Path()
    folder = place.parent
    try:
        folder = place if place.is_dir() else place.parent
        if not folder.is_dir():
            raise UsageError(
                f"There is no folder {render.sanitize_line(str(folder))}; make it first."
            )
        if folder is not place:
            _check_free(place, source, overwrite=overwrite)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise UsageError(write_error(folder, error).message) from error


def _check_free(target: Path, source: str, *, overwrite: bool) -> None:
    """Refuse a result's name that is taken, and always the source's own."""
    if target.exists() or target.is_symlink():
        shown = render.sanitize_line(str(target))
        with contextlib.suppress(OSError, ValueError):
            if target.samefile(source):
                raise UsageError(f"{shown} is the source itself; name another file with --output.")
        if target.is_dir() or not overwrite:
            raise AlreadyThere(target)


def describe_job(job: Job) -> str:
    """What a planned job would do, for people: its stages, the format, the place and the size."""
    downloader, converter, uploader = job.names
    steps = []
    if job.downloader is None:
        steps.append(render.size(Path(job.source).stat().st_size))
    else:
        steps.append(f"download ({downloader}), size unknown")
    if job.request.format != NO_CONVERSION:
        rate = f" at {job.request.bitrate} kb/s" if job.request.bitrate else ""
        steps.append(f"convert to {job.request.format}{rate} ({converter})")
    if job.request.max_size is not None:
        steps.append(f"at most {render.size(job.request.max_size)}")
    if job.uploader is not None:
        steps.append(f"upload ({uploader})")
    else:
        steps.append(f"into {render.sanitize_line(str(job.output or Path()))}")
    return " → ".join(steps)
