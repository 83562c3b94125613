"""A job: downloader → converter → uploader for one source; ends in a link or in a file."""

import logging
import shutil
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from similubot_core import render
from similubot_core.cancel import CancelToken
from similubot_core.descriptors import (
    ConverterSpec,
    DownloaderSpec,
    Plugins,
    UploaderSpec,
)
from similubot_core.errors import StageError, UsageError
from similubot_core.folder_uploader import move_into_place, write_error
from similubot_core.progress import ProgressCallback
from similubot_core.settings import Settings
from similubot_core.stages import (
    ConversionRequest,
    Converter,
    Downloader,
    StageContext,
    Uploader,
)

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Job:
    """What is to be done with one source.

    Attributes:
        source: A link, or the path of a file.
        downloader: Fetches it; None when the source is a file of this machine.
        converter: Makes another file of it.
        request: What is asked of the converter.
        uploader: Brings the result to people; None keeps it as a file.
        output: Without an uploader: the result's path, or a folder to put it into under its own
            name; None is the current folder.
    """

    source: str
    downloader: Downloader | None
    converter: Converter
    request: ConversionRequest = field(default_factory=ConversionRequest)
    uploader: Uploader | None = None
    output: Path | None = None


@dataclass(frozen=True, slots=True)
class JobResult:
    """What a job ended in.

    Attributes:
        result: The link, or the path of the file.
        name: The result's file name; text from outside.
        size: Its bytes.
        seconds: How long the job took.
    """

    result: str
    name: str
    size: int
    seconds: float


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


def run_job(
    job: Job,
    *,
    cancel: CancelToken | None = None,
    callbacks: tuple[ProgressCallback, ...] = (),
    folder: Path | None = None,
    resume_in: Path | None = None,
) -> JobResult:
    """Run a job to its end, in this thread. Its folder is removed whatever happens, unless it is
    the caller's (`resume_in`).

    Args:
        job: What to do.
        cancel: Ends it within 2 seconds when set, from any thread.
        callbacks: Told of the progress of every stage: each change of status at once, and 20
            states a second otherwise.
        folder: Where the job's own folder is made; None is beside the output, or the system's
            temporary folder when the result is uploaded.
        resume_in: The job's own folder itself, made when missing. It stays, so that the same job
            run again in it after an interruption goes on where it can: a download that was done is
            not done again, and a downloader finds what it left. The caller removes it.

    Raises:
        StageError: With the sentence for the user.
        Cancelled: The token was set.
    """
    began = time.monotonic()
    if folder is None and job.uploader is None:
        folder = _target(job, "result").parent
    own = _make_folder(folder) if resume_in is None else resume_in
    try:
        cancel = cancel or CancelToken()
        file = _download(job, own, cancel, callbacks)
        cancel.raise_if_cancelled()
        context = StageContext(_stage_folder(own, "convert"), cancel, callbacks, paced=True)
        converted = _own_file(job.converter.run(file, job.request, context), context, "converter")
        cancel.raise_if_cancelled()
        size = converted.stat().st_size
        if job.uploader is not None:
            context = StageContext(_stage_folder(own, "upload"), cancel, callbacks, paced=True)
            result = job.uploader.run(converted, context)
        else:
            result = str(_keep(converted, job))
        return JobResult(result, converted.name, size, time.monotonic() - began)
    finally:
        if resume_in is None:
            shutil.rmtree(own, ignore_errors=True)


def _download(
    job: Job, own: Path, cancel: CancelToken, callbacks: tuple[ProgressCallback, ...]
) -> Path:
    """Fetch the source, unless an earlier run in this folder had it whole already."""
    if job.downloader is None:
        return Path(job.source)
    unfinished, whole = own / "download", own / "downloaded"
    if whole.is_dir() and len(found := list(whole.iterdir())) == 1:
        return found[0]
    try:
        unfinished.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise write_error(own, error) from error
    context = StageContext(unfinished, cancel, callbacks, paced=True)
    file = _own_file(job.downloader.run(job.source, context), context, "downloader")
    whole.mkdir(exist_ok=True)
    return file.replace(whole / file.name)


def _own_file(file: Path, context: StageContext, stage: str) -> Path:
    """The file that a stage made, if it is one, in the folder that the stage was given.

    Anything else may be somebody's, and would be moved and removed with the job's folder.
    """
    try:
        real = Path(file).resolve(strict=True)
        if real.is_file() and real.is_relative_to(context.folder.resolve()):
            return real
    except (OSError, TypeError, ValueError):
        pass
    raise StageError(
        f"The {stage} ended without a file in the job's folder; report it to its authors."
    )


def _stage_folder(own: Path, stage: str) -> Path:
    """A new folder: a child process that outlived an interrupted run knows another one."""
    try:
        own.mkdir(parents=True, exist_ok=True)
        for left in own.glob(f"{stage}-*"):
            shutil.rmtree(left, ignore_errors=True)
        return Path(tempfile.mkdtemp(prefix=f"{stage}-", dir=own))
    except OSError as error:
        raise write_error(own, error) from error


def _downloader(plugins: Plugins, settings: Settings, source: str) -> Downloader | None:
    """The downloader that accepts the source; None when it is a file."""
    accepting = [spec for spec in plugins.all(DownloaderSpec) if _accepts(spec, source)]
    if len(accepting) > 1:
        names = " and ".join(spec.name for spec in accepting)
        raise UsageError(f"Several downloaders take this link: {names}; disable all but one.")
    if accepting:
        return accepting[0].factory(settings)
    if "://" in source:
        taken = "; ".join(spec.summary for spec in plugins.all(DownloaderSpec))
        raise UsageError(
            f"No installed plugin takes the link {render.shown_source(source)}. "
            + (
                f"Taken are: {taken}."
                if taken
                else "Install one that does, such as similubot-mega."
            )
        )
    if not source:
        raise UsageError("The source is empty; name a file or a link.")
    path, shown = Path(source), render.shown_source(source)
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


def _accepts(spec: DownloaderSpec, source: str) -> bool:
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
            raise UsageError(f"There is no folder {render.one_line(str(folder))}; make it first.")
        if target is not None and (target.exists() or target.is_symlink()):
            shown = render.one_line(str(target))
            raise UsageError(f"{shown} exists already; name another file with --output.")
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise UsageError(write_error(folder, error).message) from error


def _target(job: Job, name: str) -> Path:
    """Where the result goes, for a result that is called `name`."""
    output = job.output or Path()
    return output / name if output.is_dir() else output


def _keep(converted: Path, job: Job) -> Path:
    target = _target(job, converted.name)
    named = job.output is not None and target == job.output
    try:
        return move_into_place(converted, target, number=not named)
    except FileExistsError as error:
        shown = render.one_line(str(target))
        raise StageError(f"{shown} exists by now; name another file with --output.") from error
    except OSError as error:
        raise write_error(target.parent, error) from error


def _make_folder(parent: Path | None) -> Path:
    try:
        return Path(tempfile.mkdtemp(prefix=".similubot-", dir=parent))
    except OSError as error:
        raise write_error(parent or Path(tempfile.gettempdir()), error) from error
