"""A job: downloader → converter → uploader for one source; ends in a link or in a file."""

import logging
import shutil
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from similubot_core import render
from similubot_core.cancel import CancelToken
from similubot_core.errors import StageError
from similubot_core.files import move_into_place, write_error
from similubot_core.jobs.stages import (
    ConversionRequest,
    Converter,
    Downloader,
    StageContext,
    Uploader,
)
from similubot_core.process import Access, stage_access
from similubot_core.progress.tracker import ProgressCallback

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
        context = StageContext(_stage_folder(own, "convert"), cancel, callbacks)
        with stage_access(Access(reads=(file,), writes=(context.folder,))):
            made = job.converter.run(file, job.request, context)
        converted = _own_file(made, context, "converter")
        cancel.raise_if_cancelled()
        size = converted.stat().st_size
        if job.uploader is not None:
            context = StageContext(_stage_folder(own, "upload"), cancel, callbacks)
            access = Access(reads=(converted,), writes=(context.folder,), network=True)
            with stage_access(access):
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
    context = StageContext(unfinished, cancel, callbacks)
    with stage_access(Access(writes=(unfinished,), network=True)):
        fetched = job.downloader.run(job.source, context)
    file = _own_file(fetched, context, "downloader")
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
        shown = render.sanitize_line(str(target))
        raise StageError(f"{shown} exists by now; name another file with --output.") from error
    except OSError as error:
        raise write_error(target.parent, error) from error


def _make_folder(parent: Path | None) -> Path:
    try:
        return Path(tempfile.mkdtemp(prefix=".similubot-", dir=parent))
    except OSError as error:
        raise write_error(parent or Path(tempfile.gettempdir()), error) from error
