"""A job: downloader → converter → uploader for one source; ends in a link or in a file."""

import contextlib
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from similubot_core import render
from similubot_core.cancel import CancelToken
from similubot_core.errors import SimilubotError, StageError
from similubot_core.files import move_into_place, write_error
from similubot_core.jobs._checked import (
    checked_file,
    checked_link,
    checked_size,
    missing_module,
    unexplained,
)
from similubot_core.jobs._early import EarlyConversion
from similubot_core.jobs._limit import limit_download
from similubot_core.jobs._rates import keep_rates, read_rates
from similubot_core.jobs.growing import GrowingFile
from similubot_core.jobs.no_conversion import NoConversion
from similubot_core.jobs.stages import (
    STAGES,
    ConversionRequest,
    Converter,
    Downloader,
    GrowingConverter,
    LinkChecker,
    StageContext,
    Uploader,
)
from similubot_core.process import Access, stage_access
from similubot_core.progress.counting_tracker import CountingTracker
from similubot_core.progress.tracker import ProgressCallback

SMALLEST_MEASURED = 64 * 1024
"""How long a stage takes for less than this says nothing of how long it takes for more."""


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
        max_size: Bytes that the download may have at most; None is no limit.
        untrusted: As in `StageContext`.
        overwrite: Whether a file at `output` is replaced.
        any_suffix: Whether the result's ending depends on the source, so that only the result tells
            whether an output's name has the right one.
        link_checkers: Each looks at the link that the uploader returned.
        names: What people call its downloader, converter and uploader, in this order; "" where
            there is none, or one without a name.
    """

    source: str
    downloader: Downloader | None
    converter: Converter
    request: ConversionRequest = field(default_factory=ConversionRequest)
    uploader: Uploader | None = None
    output: Path | None = None
    max_size: int | None = None
    untrusted: bool = False
    overwrite: bool = False
    any_suffix: bool = False
    link_checkers: tuple[LinkChecker, ...] = ()
    names: tuple[str, str, str] = ("", "", "")


@dataclass(frozen=True, slots=True)
class JobResult:
    """What a job ended in.

    Attributes:
        result: The link, or the path of the file.
        name: The result's file name; text from outside.
        size: Its bytes.
        seconds: How long the job took.
        note: What people should know of the result besides, without its end: a link that could not
            be looked at; "" mostly.
    """

    result: str
    name: str
    size: int
    seconds: float
    note: str = ""


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

    The job is an operation that counts "stages", with its stages below it: a sink that wants only
    the job looks at ``parent is None``. Its percentage follows from how long each stage took in
    earlier jobs of this machine, and is unknown (0) where that is not known. Its last state carries
    ``name``, ``size``, ``seconds`` and ``link`` (or ``path``) in `details`.

    Args:
        job: What to do.
        cancel: Ends it within 2 seconds when set, from any thread.
        callbacks: Get the states of the job and of its stages, as `add_callback` says.
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
    operation = CountingTracker(_name_of(job.source), unit=STAGES)
    for callback in callbacks:
        operation.add_callback(callback)
    with operation:
        if folder is None and job.uploader is None:
            folder = _target(job, "result").parent
        own = _make_folder(folder) if resume_in is None else resume_in
        try:
            run = _Run(job, own, cancel or CancelToken(), callbacks, operation)
            name, size, result, note = run.all_stages()
        finally:
            if resume_in is None:
                shutil.rmtree(own, ignore_errors=True)
        ended = JobResult(result, name, size, time.monotonic() - began, note)
        kind = "path" if job.uploader is None else "link"
        operation.update(
            details={kind: result, "name": name, "size": size, "seconds": ended.seconds}
        )
        shown = render.sanitize_line(name, 100)
        took = render.duration(ended.seconds)
        end = f"; {note}" if note else ""
        operation.complete(f"{shown}, {render.size(size)}, took {took}{end}")
        return ended


class _Run:
    """One run of a job."""

    def __init__(
        self,
        job: Job,
        own: Path,
        cancel: CancelToken,
        callbacks: tuple[ProgressCallback, ...],
        operation: CountingTracker,
    ) -> None:
        self._job = job
        self._own = own
        self._cancel = cancel
        self._callbacks = callbacks
        self._operation = operation
        self._took: dict[str, float] = {}
        found = [job.downloader, job.converter, job.uploader]
        keys = [_key(stage) for stage in found if stage is not None]
        rates = read_rates()
        self._weights = {key: rates.get(key) for key in keys}
        known = [weight for weight in self._weights.values() if weight is not None]
        operation.plan_weight(sum(known) if len(known) == len(keys) else None)

    def all_stages(self) -> tuple[str, int, str, str]:
        """The result's name, its bytes, the link or the path, and a note for people."""
        job, note = self._job, ""
        file, converted = self._download()
        source_size = file.stat().st_size
        if converted is None:
            with self._stage("converter", job.converter, reads=(file,)) as context:
                made = job.converter.run(file, job.request, context)
                converted = checked_file("converter", job.converter, made, context.folder)
        size = checked_size(job.converter, converted, job.request.max_size)
        name = converted.name
        if job.uploader is None:
            kept = _keep(converted, job)
            result, name = str(kept), kept.name
        else:
            with self._stage("uploader", job.uploader, reads=(converted,)) as context:
                result = checked_link(job.uploader, job.uploader.run(converted, context))
                note = self._look_at(result, converted, context)
        if source_size >= SMALLEST_MEASURED:
            keep_rates({key: seconds / source_size for key, seconds in self._took.items()})
        return name, size, result, note

    def _look_at(self, link: str, file: Path, context: StageContext) -> str:
        """Have the link checkers look at a link; returns what they could not see."""
        if "://" not in link or not self._job.link_checkers:
            return ""
        self._operation.update(message="Checking the link")
        context = replace(context, untrusted=self._job.untrusted)
        said = [checker.run(link, file, context) for checker in self._job.link_checkers]
        reasons = ", ".join(render.sanitize_line(f"{reason}", 200) for reason in said if reason)
        return f"the link could not be checked: {reasons}" if reasons else ""

    def _download(self) -> tuple[Path, Path | None]:
        """Fetch the source, unless an earlier run in this folder had it whole already.

        Returns:
            The source, and what was made of it as it came; None where that is still to be done.
        """
        downloader = self._job.downloader
        if downloader is None:
            return Path(self._job.source), None
        whole = self._own / "downloaded"
        if whole.is_dir() and len(found := list(whole.iterdir())) == 1:
            return found[0], None
        early = EarlyConversion(self._convert_growing, self._cancel)
        takes_growing = isinstance(self._job.converter, GrowingConverter)
        try:
            with self._stage("downloader", downloader) as context:
                limit = self._job.max_size
                with limit_download(context.folder, limit, self._cancel) as token:
                    limited = replace(
                        context,
                        cancel=token,
                        max_size=limit,
                        untrusted=self._job.untrusted,
                        audio_only=not isinstance(self._job.converter, NoConversion),
                        offer=early.offer if takes_growing else None,
                    )
                    made = downloader.run(self._job.source, limited)
                file = checked_file("downloader", downloader, made, context.folder)
                whole.mkdir(exist_ok=True)
                file = file.replace(whole / file.name)
        except BaseException:
            early.abandon()
            raise
        came = time.monotonic()
        converted = early.finish(file)
        if converted is not None:  # what it took longer than the download
            self._took[_key(self._job.converter)] = time.monotonic() - came
        return file, converted

    def _convert_growing(self, file: GrowingFile, cancel: CancelToken) -> Path:
        converter = self._job.converter
        assert isinstance(converter, GrowingConverter)
        with self._stage("converter", converter) as context:
            made = converter.run_growing(file, self._job.request, replace(context, cancel=cancel))
            return checked_file("converter", converter, made, context.folder)

    @contextlib.contextmanager
    def _stage(
        self, kind: str, stage: object, reads: tuple[Path, ...] = ()
    ) -> Iterator[StageContext]:
        """What a stage gets: a folder, the files that its programs may read, and the network but
        for a converter. Notes how long it took.
        """
        self._cancel.raise_if_cancelled()
        folder = self._download_folder() if kind == "downloader" else _stage_folder(self._own, kind)
        key = _key(stage)
        context = StageContext(
            folder,
            self._cancel,
            self._callbacks,
            parent=self._operation,
            weight=self._weights[key],
        )
        began = time.monotonic()
        access = Access(reads=reads, writes=(folder,), network=kind != "converter")
        try:
            with stage_access(access):
                yield context
        except ImportError as error:
            raise missing_module(kind, stage, error) from error
        except SimilubotError:
            raise
        except Exception as error:
            raise unexplained(kind, stage, error) from error
        self._took[key] = time.monotonic() - began
        self._cancel.raise_if_cancelled()

    def _download_folder(self) -> Path:
        unfinished = self._own / "download"
        try:
            unfinished.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise write_error(self._own, error) from error
        return unfinished


def _key(stage: object) -> str:
    return f"{type(stage).__module__}.{type(stage).__qualname__}"


def _name_of(source: str) -> str:
    """What a job is called: a file's name, or a link as it may be shown."""
    shown = render.redact_source(source)
    return shown if "://" in shown else Path(shown).name or shown


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
    endings = converted.suffix.lower(), target.suffix.lower()
    if named and job.any_suffix and all(endings) and endings[0] != endings[1]:
        raise StageError(
            f"The result is a {render.sanitize_line(converted.suffix, 20)} file; name the output "
            "accordingly, or choose another --format."
        )
    try:
        if job.overwrite and target.is_file():
            beside = move_into_place(converted, target.with_name(f".{os.urandom(8).hex()}.part"))
            return beside.replace(target)
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
