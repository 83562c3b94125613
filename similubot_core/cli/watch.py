"""`similubot watch`: any command under a tracker; its output is passed on, its status returned."""

import argparse
import codecs
import contextlib
import errno
import fcntl
import logging
import os
import signal
import struct
import sys
import termios
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO, cast

from similubot_core import render
from similubot_core.cli._find_program import inner_commands, program_names
from similubot_core.cli._screen import Screen
from similubot_core.cli._terminal_view import INTERVAL, TerminalView
from similubot_core.cli._watched_command import OwnTerminal, check_program, run_watched, widen
from similubot_core.cli.sink_options import add_sink_option, open_sinks
from similubot_core.errors import UsageError
from similubot_core.plugins.choice import WatchSettings
from similubot_core.plugins.making import make_tracker
from similubot_core.plugins.specs import CommandContext, Sink, TerminalSink, TrackerSpec
from similubot_core.progress.info import ProgressInfo
from similubot_core.progress.percent_tracker import TRACKER_NAME, PercentTracker
from similubot_core.progress.tracker import ProgressTracker

logger = logging.getLogger(__name__)

ROWS_OF_BARS = 2
"""Rows of our terminal that the command does not get."""

_CANCELLING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_READING_SECONDS = 0.05
_READING_SHARE = 0.05
"""How much of a processor's time reading the output may take at once, and how much of all time."""
_MOST_WAITING = 65_536


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `similubot watch`."""
    parser.add_argument(
        "--tracker", metavar="NAME", help="who reads the output (default: by program)"
    )
    where = parser.add_mutually_exclusive_group()
    where.add_argument(
        "--pty",
        action="store_true",
        help="give the command a terminal of its own (default: where we are on one)",
    )
    where.add_argument("--pipe", action="store_true", help="give it pipes, on a terminal too")
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
    check_program(command[0])
    defaults = context.settings.table(WatchSettings)
    program = render.sanitize_line(Path(command[0]).name, 40)
    tracker = choose_tracker(context, arguments.tracker, command)
    title = render.sanitize_line(arguments.title, 80) if arguments.title else ""
    shown = _streams_on_a_terminal()
    if arguments.pty:
        own: frozenset[int] = frozenset({1, 2})
    else:
        own = frozenset() if arguments.pipe or defaults.pipe or _is_plain() else shown
    with ExitStack() as stack:
        sinks = open_sinks(stack, context, arguments.sink or defaults.sink, title or program)
        for sink in sinks:
            tracker.add_callback(_titled(sink, title) if title else sink.show)
        bars = [sink for sink in sinks if isinstance(sink, TerminalSink)] if 2 in shown else []
        in_place = own if shown >= own else frozenset[int]()
        output = _Output(tracker, bars, in_place or shown)
        with tracker:
            try:
                status, passed_on = run_watched(
                    command, output, on_terminal=own, rows_kept=ROWS_OF_BARS if bars else 0
                )
            finally:
                output.close()
            return _end(tracker, program, status, passed_on)


def _streams_on_a_terminal() -> frozenset[int]:
    streams = ((1, sys.__stdout__), (2, sys.__stderr__))
    return frozenset(number for number, stream in streams if stream is not None and stream.isatty())


def _is_plain() -> bool:
    """Whether our terminal draws nothing: that of a CI service, or a dumb one."""
    return bool(os.environ.get("CI")) or os.environ.get("TERM", "dumb") == "dumb"


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
    for_command = spec.for_command
    return make_tracker(spec, lambda: for_command(words) if for_command else spec.factory())


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


class _Reader:
    """Gives rows to the tracker, within a bounded share of the time.

    Args:
        tracker: Reads the rows. One that raises is logged and not asked again; the command must
            not suffer from it.
    """

    def __init__(self, tracker: ProgressTracker) -> None:
        self._tracker: ProgressTracker | None = tracker
        self._began = time.monotonic()
        self._spent = 0.0

    @property
    def has_time(self) -> bool:
        """Whether reading has taken no more than its share so far."""
        allowed = _READING_SECONDS + _READING_SHARE * (time.monotonic() - self._began)
        return self._spent < allowed

    def spend(self, work: Callable[[], object]) -> None:
        """Do work that counts as reading."""
        before = time.thread_time()
        work()
        self._spent += time.thread_time() - before

    def read(self, row: str) -> bool:
        """Read one row; whether it says something about progress."""
        if self._tracker is None:
            return False
        parse: Callable[[str], bool] = self._tracker.parse_output
        try:
            return bool(parse(row))
        except Exception as error:
            self._tracker = None
            logger.warning("The tracker cannot read the output any further.", exc_info=error)
            return False

    def read_in_time(self, row: str) -> bool:
        """The same; a row that comes when the share is spent is passed over."""
        if not self.has_time:
            return False
        before = time.thread_time()
        says_progress = self.read(row)
        self._spent += time.thread_time() - before
        return says_progress


class _Passing:
    """One stream that goes on to where ours goes, byte for byte, and is read on the way.

    What comes faster than it can be read is read at its end alone.
    """

    def __init__(self, stream: int, reader: _Reader) -> None:
        self._to = sys.__stdout__ if stream == 1 else sys.__stderr__
        self._reader = reader
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._screen = Screen(reader.read)
        self._waiting = b""
        self._can_skip = hasattr(os, "splice")  # Linux
        if self._to is not None:
            widen(self._to)

    def skip(self, fileno: int) -> None:
        """Pass on, unread, all but the end of what waits there, where there is no time to read it.

        The system moves it by itself, at a fraction of the price.
        """
        if self._to is None or not self._can_skip or self._reader.has_time:
            return
        until = time.monotonic() + INTERVAL
        try:
            self._to.flush()
            while (waiting := _waiting_in(fileno)) >= 2 * _MOST_WAITING:
                os.splice(fileno, self._to.fileno(), waiting - _MOST_WAITING)
                self._waiting = b"\n"
                if time.monotonic() > until:
                    return
        except BrokenPipeError:
            pass  # what is read next finds it out too
        except OSError:  # not from this to that, such as to a file that is appended to
            self._can_skip = False

    def take(self, data: memoryview) -> None:
        try:
            if self._to is not None:
                self._to.flush()
                _write_all(self._to.fileno(), data)
        finally:
            waiting = self._waiting + bytes(data[-_MOST_WAITING:])
            if len(self._waiting) + len(data) > _MOST_WAITING:
                # Not from the middle of a line on, and not as the end of the one before.
                waiting = b"\n" + waiting[-_MOST_WAITING:].partition(b"\n")[2]
            self._waiting = waiting
            if self._reader.has_time:
                self._reader.spend(self._read)

    def quiet(self) -> None:
        if self._waiting:
            self._reader.spend(self._read)
        self._screen.read_row()

    def close(self) -> None:
        self.quiet()

    def _read(self) -> None:
        data, self._waiting = self._waiting, b""
        self._screen.feed(self._decoder.decode(data))


def _waiting_in(pipe: int) -> int:
    """How many bytes a pipe holds."""
    held: int = struct.unpack("i", fcntl.ioctl(pipe, termios.FIONREAD, bytes(4)))[0]
    return held


def _write_all(fileno: int, data: memoryview) -> None:
    while data:
        data = data[os.write(fileno, data) :]


class _Showing:
    """One or both streams that are shown on our terminal, above the bars of a sink."""

    def __init__(self, view: TerminalView) -> None:
        self._view = view
        self._decoders: dict[int, codecs.IncrementalDecoder] = {}

    def take(self, stream: int, data: memoryview) -> None:
        if stream not in self._decoders:
            made = codecs.getincrementaldecoder("utf-8")
            self._decoders[stream] = made(errors="surrogateescape")
        self._view.feed(self._decoders[stream].decode(data))


class _Output:
    """What becomes of the command's output: it goes to where ours goes, and to the tracker.

    Args:
        tracker: Reads it.
        bars: The sinks that draw on our terminal.
        in_place: The streams that are shown above their bars; the others go on as they are.
    """

    def __init__(
        self, tracker: ProgressTracker, bars: Sequence[TerminalSink], in_place: frozenset[int]
    ) -> None:
        self._reader = _Reader(tracker)
        self._bars = bars
        self._in_place = in_place if bars else frozenset[int]()
        self._passing = {
            stream: _Passing(stream, self._reader)
            for stream in (1, 2)
            if stream not in self._in_place
        }
        self._own: OwnTerminal | None = None
        self._view: TerminalView | None = None
        self._showing: _Showing | None = None

    def opened(self, own: OwnTerminal) -> None:
        """The command has a terminal of its own."""
        self._own = own

    def skip(self, stream: int, fileno: int) -> None:
        """Pass on what comes faster than it can be read."""
        if stream in self._passing:
            self._passing[stream].skip(fileno)

    def take(self, stream: int, data: memoryview) -> bool:
        """Take what came on stream 1 or 2; False when nobody takes it any more."""
        try:
            if stream in self._passing:
                self._passing[stream].take(data)
            else:
                self._shown().take(stream, data)
        except BrokenPipeError:
            return False
        except OSError as error:
            if error.errno != errno.EIO:  # a terminal that was hung up
                raise
            return False
        return True

    def quiet(self) -> None:
        """Read what is complete though nothing ends it."""
        for passing in self._passing.values():
            passing.quiet()
        if self._view is not None:
            self._follow_size(self._view)
            self._view.quiet()

    def key(self) -> None:
        """A key was typed to the command's own terminal."""
        if self._in_place:
            self._shown()
        if self._view is not None:
            self._view.key()

    def stopped(self, is_stopped: bool) -> None:
        """The command was stopped by Ctrl-Z, or goes on."""
        if is_stopped and self._view is not None:
            self._view.leave()
        for sink in self._bars:
            if is_stopped:
                sink.hide()
            else:
                sink.unhide()

    def close(self) -> None:
        """Read and show what is left."""
        for passing in self._passing.values():
            passing.close()
        if self._view is not None:
            with contextlib.suppress(OSError):  # nobody sees it any more
                self._view.close()

    def _shown(self) -> _Showing:
        if self._showing is None or self._view is None:
            ours = sys.__stderr__
            assert ours is not None  # a sink draws on it
            own = self._own
            self._view = TerminalView(
                self._reader.read_in_time,
                cast(BinaryIO, ours.buffer),
                self._bars,
                own.size if own is not None else _size_of(ours.fileno()),
                newline=own is None,
                reply=own.type if own is not None else _not_asked,
                on_full_screen=own.give_all if own is not None else _not_asked,
            )
            self._showing = _Showing(self._view)
        else:
            self._follow_size(self._view)
        return self._showing

    def _follow_size(self, view: TerminalView) -> None:
        if self._own is not None:
            view.resize(self._own.size)


def _not_asked(answer: object) -> None:
    """A command on pipes asks no terminal for anything."""


def _size_of(terminal: int) -> tuple[int, int]:
    columns, rows = 80, 24
    with contextlib.suppress(OSError):
        columns, rows = os.get_terminal_size(terminal)
    return max(columns, 20), max(rows - ROWS_OF_BARS, 2)
