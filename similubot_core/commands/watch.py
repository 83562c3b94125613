"""`similubot watch`: any command under a tracker; its output is passed on, its status returned."""

import argparse
import logging
import shlex
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO

from similubot_core.cancel import CancelToken
from similubot_core.commands.sink_options import add_sink_option, open_sinks
from similubot_core.descriptors import CommandContext, TrackerSpec
from similubot_core.errors import UsageError
from similubot_core.foreground import run_in_foreground
from similubot_core.process import run_process
from similubot_core.progress import ProgressTracker

logger = logging.getLogger(__name__)


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `similubot watch`."""
    parser.add_argument(
        "--tracker", metavar="NAME", help="who reads the output (default: by program)"
    )
    add_sink_option(parser)
    parser.add_argument(
        "command", nargs=argparse.REMAINDER, metavar="-- COMMAND …", help="what to run"
    )


def run(arguments: argparse.Namespace, context: CommandContext) -> int:
    """Run the command; returns its exit status, or 128 and its signal's number."""
    command: list[str] = arguments.command
    if command[:1] == ["--"]:
        command = command[1:]
    if not command:
        raise UsageError("Name the command to run: similubot watch -- COMMAND …")
    tracker = _spec(context, arguments.tracker, command[0]).factory()
    with ExitStack() as stack:
        for sink in open_sinks(stack, context, arguments.sink or (), shlex.join(command[:1])):
            tracker.add_callback(sink.show)
        return run_in_foreground(lambda token: _watch(command, tracker, token))


def _watch(command: list[str], tracker: ProgressTracker, token: CancelToken) -> int:
    with tracker:
        result = run_process(
            command,
            cancel=token,
            on_line=_reader(tracker),
            on_stdout=lambda data: _pass_on(sys.stdout.buffer, data),
            on_stderr=lambda data: _pass_on(sys.stderr.buffer, data),
        )
        status = result.returncode if result.returncode >= 0 else 128 - result.returncode
        if status == 0:
            tracker.complete("Ended with exit status 0.")
        else:
            tracker.fail(f"Ended with exit status {status}.")
    return status


def _reader(tracker: ProgressTracker) -> Callable[[str], None]:
    """The tracker's reading of a line; one that it cannot stand does not end the command."""
    told: set[type[Exception]] = set()

    def read(line: str) -> None:
        try:
            tracker.parse_output(line)
        except Exception as error:
            if type(error) not in told:
                told.add(type(error))
                logger.warning("The tracker could not read a line", exc_info=error)

    return read


def _pass_on(stream: BinaryIO, data: bytes) -> None:
    stream.write(data)
    stream.flush()


def _spec(context: CommandContext, name: str | None, program: str) -> TrackerSpec:
    """The tracker that was named, else the one that reads this program's output."""
    if name is not None:
        return context.plugins.get(TrackerSpec, name)
    trackers = context.plugins.all(TrackerSpec)
    for spec in trackers:
        if Path(program).name in spec.programs:
            return spec
    names = ", ".join(spec.name for spec in trackers) or "none"
    raise UsageError(
        f"No tracker reads the output of {Path(program).name}; name one with --tracker (there are: "
        f"{names})."
    )
