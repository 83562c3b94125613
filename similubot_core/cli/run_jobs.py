"""Runs a job for each source of a command: some side by side, results in the order given."""

import argparse
import logging
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from similubot_core import render
from similubot_core.cancel import CancelToken
from similubot_core.cli._resume import job_folder
from similubot_core.cli.foreground import run_in_foreground
from similubot_core.cli.sink_options import open_sinks
from similubot_core.errors import Cancelled, DamagedError, SimilubotError, UsageError, user_message
from similubot_core.exit_status import CANCELLED, DONE, FAILED, WRONG_USAGE
from similubot_core.files import write_error
from similubot_core.jobs.pipeline import Job, JobResult, run_job
from similubot_core.plugins.planning import AlreadyThere, describe_job, plan_job
from similubot_core.plugins.specs import CommandContext, Sink
from similubot_core.sinks import write_event

STDIN = "-"
BLOCK_BYTES = 1024 * 1024
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class JobOptions:
    """What is asked of every job of a command; as in `plan_job` where not said.

    Attributes:
        output: The result's path, or a folder.
        output_is_folder: Whether `output` was written with a / at its end; it is then made.
        default_bitrate: The bitrate where none was asked for, for formats that take it.
        sources: What the command takes: "links", "files", or both ("all").
    """

    to: str | None = None
    output: Path | None = None
    output_is_folder: bool = False
    format: str | None = None
    bitrate: int | None = None
    default_bitrate: int | None = None
    fit: int | None = None
    track: str | None = None
    clip: tuple[float, float | None] | None = None
    keep_damaged: bool = False
    from_: str | None = None
    sources: Literal["links", "files", "all"] = "all"


@dataclass(frozen=True)
class _Ended:
    """How one source ended: with a result, skipped (a path), or an error."""

    source: str
    result: JobResult | None = None
    skipped: Path | None = None
    error: BaseException | None = None


def run_jobs(
    arguments: argparse.Namespace,
    context: CommandContext,
    options: JobOptions,
    *,
    default_sinks: Sequence[str] = (),
) -> int:
    """Run the jobs; prints each link or path on stdout. Returns 0 only when every source is done.

    With ``--json`` each source ends in the event "result" or "error", whatever happens once the
    arguments could be read.
    """
    if arguments.verbose:
        logging.getLogger().setLevel(logging.INFO)
    try:
        with ExitStack() as stack:
            sources = _all_sources(stack, arguments.sources, options)
            several = len(sources) > 1 or options.output_is_folder
            _check_folder(options, several=several, dry_run=arguments.dry_run)
            if arguments.dry_run:
                return _tell_plans(sources, arguments, context, options)
            return _run(stack, sources, arguments, context, options, default_sinks)
    except (Exception, KeyboardInterrupt) as error:
        if arguments.json:
            write_event(sys.stdout, "error", _as_event(error))
        raise


def _run(
    stack: ExitStack,
    sources: Sequence[str],
    arguments: argparse.Namespace,
    context: CommandContext,
    options: JobOptions,
    default_sinks: Sequence[str],
) -> int:
    # Of a single source, what is wrong with it is said before a sink shows anything.
    first = _planned(sources[0], arguments, context, options) if len(sources) == 1 else None
    title = render.redact_source(sources[0]) if len(sources) == 1 else f"{len(sources)} sources"
    wanted = list(arguments.sink or default_sinks)
    if arguments.json:
        wanted.insert(0, "json")
    quiet = arguments.quiet and not arguments.json and not arguments.sink
    sinks = [] if quiet else open_sinks(stack, context, wanted, title)

    def work(token: CancelToken) -> list[_Ended]:
        def one(source: str) -> _Ended:
            return _one(source, first, arguments, context, options, sinks, token)

        ended = []
        with ThreadPoolExecutor(arguments.jobs, "similubot-job") as pool:
            for outcome in pool.map(one, sources):
                if len(sources) > 1:
                    _tell(outcome, arguments, several=True)
                ended.append(outcome)
        return ended

    ended = run_in_foreground(work)
    if len(ended) == 1:
        if ended[0].error is not None:
            raise ended[0].error
        _tell(ended[0], arguments, several=False)
    return _status(ended)


def _one(
    source: str,
    job: Job | AlreadyThere | None,
    arguments: argparse.Namespace,
    context: CommandContext,
    options: JobOptions,
    sinks: Sequence[Sink],
    token: CancelToken,
) -> _Ended:
    """Run one source's job; what goes wrong is its own."""
    try:
        token.raise_if_cancelled()
        if job is None:
            job = _planned(source, arguments, context, options)
        if isinstance(job, AlreadyThere):
            return _Ended(source, skipped=job.path)
        callbacks = tuple(sink.show for sink in sinks)
        if job.downloader is None:
            return _Ended(source, run_job(job, cancel=token, callbacks=callbacks))
        with job_folder(source, options.from_) as folder:
            done = run_job(job, cancel=token, callbacks=callbacks, resume_in=folder)
            return _Ended(source, done)
    except DamagedError as error:
        sentence = f"{error.message.removesuffix('.')} (--keep-damaged)."
        return _Ended(source, error=DamagedError(sentence, detail=error.detail))
    except BaseException as error:  # noqa: BLE001  (it must not stop the others)
        return _Ended(source, error=error)


def _planned(
    source: str, arguments: argparse.Namespace, context: CommandContext, options: JobOptions
) -> Job | AlreadyThere:
    """The job of a source, or the result that is there where those are skipped."""
    overwrite = bool(getattr(arguments, "overwrite", False))
    try:
        return plan_job(
            context.plugins,
            context.settings,
            source,
            bitrate=options.bitrate,
            default_bitrate=options.default_bitrate,
            to=options.to,
            output=options.output,
            fit=options.fit,
            format=options.format,
            track=options.track,
            clip=options.clip,
            keep_damaged=options.keep_damaged,
            from_=options.from_,
            overwrite=overwrite,
        )
    except AlreadyThere as there:
        if getattr(arguments, "skip_existing", False):
            return there
        raise


# -- sources


def _all_sources(stack: ExitStack, typed: Sequence[str], options: JobOptions) -> list[str]:
    """The sources, with folders and stdin replaced by what is in them."""
    if typed.count(STDIN) > 1:
        raise UsageError("- stands for stdin, and can be given once.")
    sources: list[str] = []
    for source in typed:
        if source == STDIN and options.sources == "links":
            sources += [line.strip() for line in sys.stdin if line.strip()]
        elif source == STDIN:
            sources.append(stack.enter_context(_stdin_as_file()))
        elif options.sources == "links" and "://" not in source and _is_there(source):
            raise UsageError(
                f"{render.sanitize_line(source)} is a file of this machine; there is nothing to "
                "download."
            )
        elif options.sources == "files" and "://" in source:
            raise UsageError(
                f"{render.redact_source(source)} is a link; `similubot convert --format none` "
                "downloads and uploads."
            )
        elif "://" not in source and _is_folder(source) and options.sources != "links":
            sources += _files_in(Path(source))
        else:
            sources.append(source)
    if not sources:
        raise UsageError("No source was given.")
    return sources


def _is_there(source: str) -> bool:
    try:
        return Path(source).exists()
    except (OSError, ValueError):
        return False


def _is_folder(source: str) -> bool:
    try:
        return bool(source) and Path(source).is_dir()
    except (OSError, ValueError):
        return False


def _files_in(folder: Path) -> list[str]:
    """The files of a folder, but for hidden ones and those of folders below, by name."""
    try:
        found = sorted(
            path for path in folder.iterdir() if path.is_file() and not path.name.startswith(".")
        )
    except OSError as error:
        shown = render.sanitize_line(str(folder))
        raise UsageError(f"The folder {shown} cannot be read: {error.strerror}.") from error
    if not found:
        raise UsageError(f"There is no file in the folder {render.sanitize_line(str(folder))}.")
    return [str(path) for path in found]


@contextmanager
def _stdin_as_file() -> Iterator[str]:
    """What comes on stdin, as a file, since converters go back and forth in it."""
    with tempfile.TemporaryDirectory(prefix="similubot-") as folder:
        path = Path(folder) / "stdin"
        try:
            with path.open("wb") as file:
                while block := sys.stdin.buffer.read(BLOCK_BYTES):
                    file.write(block)
        except OSError as error:
            raise write_error(path.parent, error) from error
        yield str(path)


def _check_folder(options: JobOptions, *, several: bool, dry_run: bool) -> None:
    """Make the folder of the results where one was named."""
    output = options.output
    if output is None or not several:
        return
    try:
        if output.is_dir():
            return
        if not options.output_is_folder:
            raise UsageError(
                f"Several results need a folder; write it as --output "
                f"{render.sanitize_line(str(output))}/."
            )
        if not dry_run:
            output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(write_error(output, error).message) from error


# -- output


def _tell(ended: _Ended, arguments: argparse.Namespace, *, several: bool) -> None:
    if ended.error is not None:
        if arguments.json:
            write_event(sys.stdout, "error", _as_event(ended.error))
        source = render.redact_source(ended.source)
        if not isinstance(ended.error, (Cancelled, KeyboardInterrupt)):
            logger.debug("%s failed", source, exc_info=ended.error)
            print(f"similubot: {source}: {user_message(ended.error)}", file=sys.stderr)  # noqa: T201
    elif arguments.json:
        result: dict[str, object] = {"result": str(ended.skipped), "skipped": True}
        if ended.result is not None:
            result = asdict(ended.result)
        if several:
            result["source"] = render.redact_source(ended.source)
        write_event(sys.stdout, "result", result)
    elif ended.result is not None:
        print(ended.result.result, flush=True)  # noqa: T201
    else:
        print(ended.skipped, flush=True)  # noqa: T201


def _tell_plans(
    sources: Sequence[str],
    arguments: argparse.Namespace,
    context: CommandContext,
    options: JobOptions,
) -> int:
    """Say what would be done for each source; nothing is asked of any server."""
    status = DONE
    for source in sources:
        shown = render.redact_source(source)
        try:
            job = _planned(source, arguments, context, options)
            plan = describe_job(job) if isinstance(job, Job) else "skipped, its result is there"
        except SimilubotError as error:
            if len(sources) == 1:
                raise
            print(f"similubot: {shown}: {error.message}", file=sys.stderr)  # noqa: T201
            status = FAILED
        else:
            print(f"{shown}: {plan}")  # noqa: T201
    return status


def _as_event(error: BaseException) -> dict[str, object]:
    cancelled = isinstance(error, (Cancelled, KeyboardInterrupt))
    return {"message": user_message(error), "cancelled": cancelled}


def _status(ended: Sequence[_Ended]) -> int:
    errors = [one.error for one in ended if one.error is not None]
    if any(isinstance(error, (Cancelled, KeyboardInterrupt)) for error in errors):
        return CANCELLED
    if errors and len(errors) == len(ended) and all(isinstance(e, UsageError) for e in errors):
        return WRONG_USAGE
    return FAILED if errors else DONE
