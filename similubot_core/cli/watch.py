"""`similubot watch`: any command under a tracker; its output is passed on, its status returned."""

import argparse
import codecs
import logging
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from similubot_core import render
from similubot_core.cli._find_program import inner_commands, program_names
from similubot_core.cli._watched_command import check_program, run_watched
from similubot_core.cli.sink_options import add_sink_option, open_sinks
from similubot_core.errors import UsageError
from similubot_core.plugins.specs import CommandContext, Sink, TrackerSpec
from similubot_core.process import LineSplitter
from similubot_core.progress.info import ProgressInfo
from similubot_core.progress.percent_tracker import TRACKER_NAME, PercentTracker
from similubot_core.progress.tracker import ProgressTracker

logger = logging.getLogger(__name__)

_CANCELLING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_MOST_OF_A_LINE = 65_536


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
    parser.add_argument("--title", metavar="TEXT", help="what the sinks call it")
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
    tracker = choose_tracker(context, arguments.tracker, command)
    title = render.sanitize_line(arguments.title, 80) if arguments.title else ""
    with ExitStack() as stack:
        for sink in open_sinks(stack, context, arguments.sink or (), title or program):
            tracker.add_callback(_titled(sink, title) if title else sink.show)
        output = _Output(tracker)
        with tracker:
            status, passed_on = run_watched(
                command, pty=arguments.pty, on_bytes=output.take, on_quiet=output.quiet
            )
            output.close()
            return _end(tracker, program, status, passed_on)


def choose_tracker(
    context: CommandContext, name: str | None, command: Sequence[str]
) -> ProgressTracker:
    """The tracker that was named, else the one that reads this program, else the generic one.

    The program is looked for behind others that run it, such as `nice`, `sudo` and `sh -c`. A
    command that runs several programs that trackers read gets the generic one, as no tracker knows
    how much is left for the others.

    Raises:
        UsageError: There is none of that name, or several read the program.
    """
    trackers = context.plugins.all(TrackerSpec)
    inner = inner_commands(command)
    known = [
        (words, reading)
        for words in inner
        if (reading := _reading(trackers, words[0]))
        and (name is None or any(spec.name == name for spec in reading))
    ]
    words: Sequence[str] = known[0][0] if len(known) == 1 else command
    if name is None:
        if len(known) == 1:
            reading = known[0][1]
            if len(reading) > 1:
                names = " and ".join(spec.name for spec in reading)
                program = render.sanitize_line(Path(words[0]).name, 40)
                raise UsageError(
                    f"Several trackers read {program}: {names}; choose with --tracker."
                )
            name = reading[0].name
        else:
            name = TRACKER_NAME
    spec = context.plugins.get(TrackerSpec, name)
    if spec.name == TRACKER_NAME:
        only = inner[0] if len(inner) == 1 else command
        return PercentTracker(render.sanitize_line(Path(only[0]).name, 40))
    return spec.for_command(words) if spec.for_command else spec.factory()


def _reading(trackers: Sequence[TrackerSpec], program: str) -> list[TrackerSpec]:
    """The trackers that read a program, by its whole name before one without a version."""
    for name in program_names(program):
        reading = [spec for spec in trackers if name in spec.programs]
        if reading:
            return reading
    return []


def _titled(sink: Sink, title: str) -> Callable[[ProgressInfo], None]:
    def show(info: ProgressInfo) -> None:
        sink.show(replace(info, operation=title) if info.parent is None else info)

    return show


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
        self._tails = {1: "", 2: ""}
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
        for stream, tail in self._tails.items():
            if _may_be_a_question(tail):
                self._show_lines(stream, "\n")

    def close(self) -> None:
        """Read the last line, which may have no end; show what a sink still keeps of the output."""
        for splitter in self._lines.values():
            splitter.close()
        for stream, tail in self._tails.items():
            if tail:
                self._show_lines(stream, "\n")

    def _pass_on(self, stream: int, data: bytes) -> None:
        shown, ours = (sys.stdout, sys.__stdout__) if stream == 1 else (sys.stderr, sys.__stderr__)
        if ours is None:
            return
        if shown is not ours and ours.isatty():
            # A sink draws on this very terminal, and has put itself in between: whole lines go
            # above what it draws, and what the command redraws by itself gives way to the bar.
            self._show_lines(stream, self._text[stream].decode(data))
        else:
            ours.buffer.write(data)
            ours.buffer.flush()

    def _show_lines(self, stream: int, text: str) -> None:
        """Show whole lines above the bars, each as it was when it ended; keep the rest."""
        lines = (self._tails[stream] + text).split("\n")
        self._tails[stream] = lines.pop()[-_MOST_OF_A_LINE:]
        whole = [line.rstrip("\r").rpartition("\r")[2] + "\n" for line in lines]
        if whole:
            (sys.stdout if stream == 1 else sys.stderr).write("".join(whole))

    def _parse(self, line: str) -> None:
        if self._tracker is None:
            return
        parse: Callable[[str], bool] = self._tracker.parse_output
        try:
            parse(line)
        except Exception as error:
            self._tracker = None
            logger.warning("The tracker cannot read the output any further.", exc_info=error)


def _may_be_a_question(tail: str) -> bool:
    """Whether a line without an end may wait for an answer: words, and nothing that redraws it."""
    if "\r" in tail or "\b" in tail or "\x1b[" in tail.replace("\x1b[0m", ""):
        return False
    return any(map(str.isalpha, tail)) or tail.rstrip().endswith((">", "?", ":", "$", "#"))
