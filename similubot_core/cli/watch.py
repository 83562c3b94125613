"""`similubot watch`: any command under a tracker; its output is passed on, its status returned."""

import argparse
import codecs
import logging
import re
import signal
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TextIO

from similubot_core import render
from similubot_core.cli._watched_command import check_program, run_watched
from similubot_core.cli.sink_options import add_sink_option, open_sinks
from similubot_core.errors import UsageError
from similubot_core.plugins.specs import CommandContext, TrackerSpec
from similubot_core.process import LineSplitter
from similubot_core.progress.percent_tracker import TRACKER_NAME, PercentTracker
from similubot_core.progress.tracker import ProgressTracker

logger = logging.getLogger(__name__)

_CANCELLING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_PROMPT = re.compile(r"[?:\])>] ?\Z")


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `similubot watch`."""
    parser.add_argument(
        "--tracker", metavar="NAME", help="who reads the output (default: by program)"
    )
    parser.add_argument(
        "--pty",
        action="store_true",
        help="give the command a terminal, for tools that show progress only there",
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
    if arguments.pty and not arguments.sink and sys.stdout.isatty():
        raise UsageError(
            "With --pty the command draws on this terminal itself; name with --sink where else "
            "its progress is shown."
        )
    check_program(command[0])
    program = render.sanitize_line(Path(command[0]).name, 40)
    tracker = choose_tracker(context, arguments.tracker, program)
    with ExitStack() as stack:
        for sink in open_sinks(stack, context, arguments.sink or (), program):
            tracker.add_callback(sink.show)
        output = _Output(tracker)
        with tracker:
            status, passed_on = run_watched(
                command, pty=arguments.pty, on_bytes=output.take, on_quiet=output.quiet
            )
            output.close()
            return _end(tracker, program, status, passed_on)


def choose_tracker(context: CommandContext, name: str | None, program: str) -> ProgressTracker:
    """The tracker that was named, else the one that reads this program, else the generic one.

    Raises:
        UsageError: There is none of that name, or several read the program.
    """
    if name is None:
        reading = [s.name for s in context.plugins.all(TrackerSpec) if program in s.programs]
        if len(reading) > 1:
            names = " and ".join(reading)
            raise UsageError(f"Several trackers read {program}: {names}; choose with --tracker.")
        name = reading[0] if reading else TRACKER_NAME
    spec = context.plugins.get(TrackerSpec, name)
    return PercentTracker(program) if spec.name == TRACKER_NAME else spec.factory()


def _end(tracker: ProgressTracker, program: str, status: int, passed_on: set[int]) -> int:
    """Tell how it ended; the exit status as a shell has it."""
    if status == 0:
        tracker.complete("Ended with exit status 0.")
    elif -status in _CANCELLING:
        tracker.cancel(f"Ended by {signal.Signals(-status).name}.")
    elif asked := passed_on.intersection(_CANCELLING):
        # Many tools, FFmpeg among them, catch the signal and end with a status of their own.
        tracker.cancel(f"Ended after {signal.Signals(min(asked)).name}.")
    elif status < 0:
        tracker.fail(f"{program} was ended by signal {-status}.")
    else:
        tracker.fail(f"{program} ended with exit status {status}; its output says why.")
    return status if status >= 0 else 128 - status


class _Output:
    """Where the command's output goes: unchanged to where ours goes, and as lines to the tracker.

    Args:
        tracker: Reads the lines. One that raises is logged and not asked again; the command must
            not suffer from it.
    """

    def __init__(self, tracker: ProgressTracker) -> None:
        self._tracker: ProgressTracker | None = tracker
        self._lines = {1: LineSplitter(self._parse), 2: LineSplitter(self._parse)}
        self._text = {
            stream: codecs.getincrementaldecoder("utf-8")(errors="replace") for stream in (1, 2)
        }
        self._shown_in_part: set[int] = set()
        self._rows: set[int] = set()

    def take(self, stream: int, data: bytes) -> bool:
        """Pass on and read what came on stream 1 or 2; False when nobody takes it any more."""
        try:
            self._pass_on(stream, data)
        except BrokenPipeError:
            return False
        finally:
            self._lines[stream].feed(data)
            if data.rfind(b"\r") > data.rfind(b"\n"):
                self._rows.add(stream)
            elif b"\n" in data:
                self._rows.discard(stream)
        return True

    def quiet(self) -> None:
        """Read a row that is complete though nothing ends it.

        Tools that begin each row with a carriage return (rsync, curl) end it only with the next.
        """
        for stream in self._rows:
            self._lines[stream].close()

    def close(self) -> None:
        """Read the last line, which may have no end; show what a sink still keeps of the output."""
        for splitter in self._lines.values():
            splitter.close()
        for stream in self._shown_in_part:
            (sys.stdout if stream == 1 else sys.stderr).write("\n")

    def _pass_on(self, stream: int, data: bytes) -> None:
        shown, ours = (sys.stdout, sys.__stdout__) if stream == 1 else (sys.stderr, sys.__stderr__)
        if ours is None:
            return
        if shown is not ours and ours.isatty():
            # A sink draws on this very terminal, and has put itself in between: whole lines go
            # above what it draws, and what the command redraws by itself gives way to the bar.
            self._show(stream, shown, self._text[stream].decode(data))
        else:
            ours.buffer.write(data)
            ours.buffer.flush()

    def _show(self, stream: int, shown: TextIO, text: str) -> None:
        if _PROMPT.search(text):
            text += "\n"  # a question, that would wait for the end of its line for ever
        shown.write(text)
        if text.endswith("\n"):
            self._shown_in_part.discard(stream)
        else:
            self._shown_in_part.add(stream)

    def _parse(self, line: str) -> None:
        if self._tracker is None:
            return
        parse: Callable[[str], bool] = self._tracker.parse_output
        try:
            parse(line)
        except Exception as error:
            self._tracker = None
            logger.warning("The tracker cannot read the output any further.", exc_info=error)
