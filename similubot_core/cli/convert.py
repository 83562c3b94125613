"""`similubot convert`: one source in, a link or a file out."""

import argparse
import re
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path

from similubot_core import render
from similubot_core.cancel import CancelToken
from similubot_core.cli.foreground import run_in_foreground
from similubot_core.cli.sink_options import add_sink_option, open_sinks
from similubot_core.errors import Cancelled, user_message
from similubot_core.jobs.pipeline import JobResult, run_job
from similubot_core.plugins.planning import plan_job
from similubot_core.plugins.specs import CommandContext
from similubot_core.sinks import write_event


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `similubot convert`."""
    parser.add_argument("source", metavar="SOURCE", help="a link that a plugin takes, or a file")
    parser.add_argument(
        "--bitrate", type=_bitrate, metavar="KBPS", help="kilobits per second, e.g. 128"
    )
    parser.add_argument(
        "--fit",
        type=_size,
        metavar="SIZE",
        help="the highest bitrate whose result fits, e.g. 25MB (1 MB is 1,048,576 bytes)",
    )
    parser.add_argument(
        "--format", metavar="NAME", help="e.g. mp3; none keeps the file as it came (default: m4a)"
    )
    parser.add_argument("--from", dest="from_", metavar="NAME", help="the downloader to take")
    parser.add_argument("--track", metavar="N|LANGUAGE", help="the audio track, e.g. 2 or eng")
    parser.add_argument("--clip", type=_clip, metavar="FROM-TO", help="a part, e.g. 1:10-2:30")
    parser.add_argument(
        "--keep-damaged", action="store_true", help="keep what can be read of a damaged source"
    )
    parser.add_argument(
        "--to", metavar="NAME[=TARGET]", help="upload the result, e.g. catbox, or folder=DIR"
    )
    parser.add_argument(
        "--output",
        type=Path,
        metavar="PATH",
        help="the file to write, or a folder to write it into",
    )
    add_sink_option(parser)
    parser.add_argument("--json", action="store_true", help="one JSON object a line on stdout")


def _bitrate(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        shown = render.sanitize_line(text, 40)
        raise argparse.ArgumentTypeError(
            f"{shown!r} is not a whole number of kilobits per second"
        ) from None


def _size(text: str) -> int:
    match = re.fullmatch(r"(\d{1,9}(?:\.\d{1,3})?)\s*([KMG]?)i?B?", text.strip(), re.IGNORECASE)
    count = float(match[1]) * 1024 ** " KMG".index(match[2].upper() or " ") if match else 0.0
    if count < 1:
        raise argparse.ArgumentTypeError(
            f"{render.sanitize_line(text, 40)!r} is not a size; write one as 25MB or 800KB"
        )
    return int(count)


def _clip(text: str) -> tuple[float, float | None]:
    start, dash, end = text.strip().partition("-")
    first, last = _seconds(start or "0"), _seconds(end) if end else None
    if not dash or first is None or (end and last is None):
        raise argparse.ArgumentTypeError(
            f"{render.sanitize_line(text, 40)!r} is not a part; write it as 1:10-2:30, or 1:10- "
            "for all that follows"
        )
    return first, last


def _seconds(text: str) -> float | None:
    """Seconds of "90", "1:30" or "1:02:03.5"; None of anything else."""
    if not re.fullmatch(r"(\d{1,3}:){0,2}\d{1,6}(\.\d{1,6})?", text.strip(), re.ASCII):
        return None
    seconds = 0.0
    for part in text.split(":"):
        seconds = seconds * 60 + float(part)
    return seconds


def run(arguments: argparse.Namespace, context: CommandContext) -> int:
    """Run the job; prints the link or the path on stdout.

    With ``--json`` the last line is the event "result" or "error", whatever happens once the
    arguments could be read.
    """
    try:
        result = _convert(arguments, context)
    except (Exception, KeyboardInterrupt) as error:
        if arguments.json:
            write_event(sys.stdout, "error", _as_event(error))
        raise
    if arguments.json:
        write_event(sys.stdout, "result", asdict(result))
    else:
        print(result.result)  # noqa: T201
    return 0


def _as_event(error: BaseException) -> dict[str, object]:
    cancelled = isinstance(error, (Cancelled, KeyboardInterrupt))
    return {"message": user_message(error), "cancelled": cancelled}


def _convert(arguments: argparse.Namespace, context: CommandContext) -> JobResult:
    job = plan_job(
        context.plugins,
        context.settings,
        arguments.source,
        bitrate=arguments.bitrate,
        to=arguments.to,
        output=arguments.output,
        fit=arguments.fit,
        format=arguments.format,
        track=arguments.track,
        clip=arguments.clip,
        keep_damaged=arguments.keep_damaged,
        from_=arguments.from_,
    )
    wanted: Sequence[str] = arguments.sink or ()
    if arguments.json:
        wanted = ("json", *wanted)
    with ExitStack() as stack:
        title = render.redact_source(arguments.source)
        sinks = open_sinks(stack, context, wanted, title)

        def work(token: CancelToken) -> JobResult:
            return run_job(job, cancel=token, callbacks=tuple(sink.show for sink in sinks))

        return run_in_foreground(work)
