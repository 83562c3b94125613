"""Plans a job: chooses its stages among the plugins, and refuses early what cannot work."""

import logging
import tempfile
from pathlib import Path

from similubot_core import render
from similubot_core.errors import UsageError
from similubot_core.files import write_error
from similubot_core.jobs.pipeline import Job
from similubot_core.jobs.stages import ConversionRequest, Downloader
from similubot_core.plugins.specs import ConverterSpec, DownloaderSpec, Plugins, UploaderSpec
from similubot_core.settings import Settings

logger = logging.getLogger(__name__)


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

    Raises:
        UsageError: Says what is wrong and what to do; nothing was done yet.
    """
    if downloader is None:
        downloader = _downloader(plugins, settings, source)
    converter = _converter(plugins)
    if bitrate is not None:
        lowest, highest = converter.bitrates or (1, bitrate)
        if bitrate < 1:
            raise UsageError(f"The bitrate {bitrate} is no bitrate; name 1 kb/s or more.")
        if not lowest <= bitrate <= highest:
            raise UsageError(f"The bitrate {bitrate} is not within {lowest} to {highest} kb/s.")
    uploader, limit = None, None
    if to is not None:
        if output is not None:
            raise UsageError(
                "--output names a file of this machine and --to a place to upload to; choose one."
            )
        name, _, target = to.partition("=")
        spec = plugins.get(UploaderSpec, name)
        uploader, limit = spec.factory(settings, target or None), spec.max_size
    else:
        known = downloader is None and converter.suffix
        _check_output(output, Path(source).stem + converter.suffix if known else None)
    return Job(
        source,
        downloader,
        converter.factory(settings),
        ConversionRequest(bitrate, min(filter(None, (limit, fit)), default=None), fit is not None),
        uploader,
        output,
    )


def _downloader(plugins: Plugins, settings: Settings, source: str) -> Downloader | None:
    """The downloader that accepts the source; None when it is a file."""
    accepting = [spec for spec in plugins.all(DownloaderSpec) if accepts(spec, source)]
    if len(accepting) > 1:
        names = " and ".join(spec.name for spec in accepting)
        raise UsageError(f"Several downloaders take this link: {names}; disable all but one.")
    if accepting:
        return accepting[0].factory(settings)
    if "://" in source:
        taken = "; ".join(spec.summary for spec in plugins.all(DownloaderSpec))
        raise UsageError(
            f"No installed plugin takes the link {render.redact_source(source)}. "
            + (
                f"Taken are: {taken}."
                if taken
                else "Install one that does, such as similubot-mega."
            )
        )
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
            return None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "its name cannot be one"
        raise UsageError(f"The file {shown} cannot be read: {reason}.") from error


def accepts(spec: DownloaderSpec, source: str) -> bool:
    """Whether a downloader accepts a source; False when its plugin cannot even say."""
    try:
        return spec.accepts(source)
    except Exception as error:  # noqa: BLE001  (one plugin's bug must not stop every job)
        # Its text may hold the source, and so the key of a link: only the kind is told.
        logger.warning("The downloader %s raised %s on it.", spec.name, type(error).__name__)
        return False


def _converter(plugins: Plugins) -> ConverterSpec:
    converters = plugins.all(ConverterSpec)
    if not converters:
        raise UsageError("No installed plugin brings a converter; install similubot-ffmpeg.")
    if len(converters) > 1:
        names = ", ".join(spec.name for spec in converters)
        raise UsageError(f"Several converters are installed ({names}); disable all but one.")
    return converters[0]


def _check_output(output: Path | None, name: str | None) -> None:
    """Refuse an output that exists, or that cannot be written, before any work is done."""
    place = output or Path()
    folder = place.parent
    try:
        folder = place if place.is_dir() else place.parent
        target = place if folder is not place else place / name if name else None
        if not folder.is_dir():
            raise UsageError(
                f"There is no folder {render.sanitize_line(str(folder))}; make it first."
            )
        if target is not None and (target.exists() or target.is_symlink()):
            shown = render.sanitize_line(str(target))
            raise UsageError(f"{shown} exists already; name another file with --output.")
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise UsageError(write_error(folder, error).message) from error
