"""TerminalSink: a rich bar for each whole operation on stderr; plain lines on what is no screen."""

import atexit
import contextlib
import os
import sys
import threading
import time
from collections import deque
from collections.abc import Callable

from rich.console import Console, RenderableType
from rich.live import Live
from rich.segment import Segment, Segments

from similubot_core import ProgressInfo, Sink, SinkContext, UsageError
from similubot_core.progress.paced_sink import CLOSE_SECONDS, PacedSink
from similubot_core.sinks import open_lines_sink
from similubot_terminal_sink._lines import Line
from similubot_terminal_sink._screen import Screen

INTERVAL = 0.1
"""Seconds between two drawings."""


class TerminalSink(PacedSink):
    """Draws a bar for each whole operation, such as a job, in the order they begin.

    Below a bar stands what is at work: the job's present stage. What has ended stays on the screen,
    above the bars that still move. All drawing happens in a thread of its own, so a terminal that
    is slow or stopped holds nobody up.

    Args:
        console: Where to draw; None is stderr.
        stages: Whether every stage has a bar of its own; None is where there is room: on a terminal
            of 40 lines or more, as long as all bars fit.
        clock: Seconds that only grow; tests give one that they control.
    """

    def __init__(
        self,
        console: Console | None = None,
        *,
        stages: bool | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._console = console or Console(stderr=True)
        self._clock = clock
        self._screen = Screen(self._console, stages, clock)
        self._news: deque[tuple[ProgressInfo, float]] = deque()
        self._drawing = threading.Lock()
        self._hidden = False
        self._closing = threading.Event()
        self._drawer: threading.Thread | None = None
        self._process = os.getpid()
        self._live = Live(
            console=self._console,
            auto_refresh=False,
            transient=True,
            # What goes elsewhere than to the terminal, such as results in a pipe, is left alone.
            redirect_stdout=sys.stdout is not None and sys.stdout.isatty(),
            get_renderable=self._renderable,
        )
        super().__init__(self._take, INTERVAL)

    def hide(self) -> None:
        """Take the bars off the screen, and draw none until `unhide`.

        The cursor then stands where they began, and what is written there stays above them.
        """
        with self._drawing:
            self._hidden = True
            if self._live.is_started:
                self._live.refresh()
                self._console.show_cursor(True)

    def unhide(self) -> None:
        """Draw the bars again, below the cursor, which stands at the beginning of a line."""
        with self._drawing:
            self._hidden = False
            self._redraw()
            if self._live.is_started:
                self._console.show_cursor(False)

    def close(self) -> None:
        """Draw the final states and leave them on the screen; 10 seconds at most."""
        super().close()
        self._stop()

    def _take(self, info: ProgressInfo) -> None:
        """Hand a state to the thread that draws."""
        if self._process != os.getpid():
            return  # a forked child: the terminal is its parent's to draw on
        self._news.append((info, self._clock()))
        if self._drawer is None:
            self._drawer = threading.Thread(
                target=self._draw, name="similubot-terminal", daemon=True
            )
            self._drawer.start()
            atexit.register(self._stop)  # a program that forgets `close` gets its cursor back

    def _stop(self) -> None:
        self._closing.set()
        if self._drawer is not None:
            self._drawer.join(CLOSE_SECONDS)
        atexit.unregister(self._stop)

    # -- in the thread that draws -----------------------------------------------------------------

    def _draw(self) -> None:
        # Where the terminal is gone there is nobody left to be told.
        with contextlib.suppress(OSError):
            while not self._closing.wait(INTERVAL):
                with self._drawing:
                    self._redraw()
            with self._drawing:
                self._hidden = False
                self._redraw()
                self._live.stop()
                self._print(self._screen.unfinished())
        self._news = deque(maxlen=1)

    def _redraw(self) -> None:
        """Draw what is new, where the screen is ours; called under the lock."""
        if self._hidden or self._drawer is None:
            return
        if not self._live.is_started:
            self._live.start()  # only now, so that nothing blinks before there is something
        while self._news:
            self._print(self._screen.take(*self._news.popleft()))
        self._live.refresh()

    def _renderable(self) -> RenderableType:
        lines = () if self._hidden else self._screen.lines()
        return Segments([segment for line in lines for segment in (*line, Segment.line())])

    def _print(self, lines: list[Line]) -> None:
        """Leave lines on the screen, above what moves."""
        for line in lines:
            self._console.print(Segments([*line, Segment.line()]), soft_wrap=True)


def open_terminal_sink(context: SinkContext) -> Sink:
    """Bars on stderr; the core's plain lines where stderr is no terminal, or one that cannot move
    its cursor (TERM=dumb).

    Raises:
        UsageError: The target is not ``stages``.
    """
    if context.target not in (None, "stages"):
        raise UsageError(
            "The sink terminal draws on stderr; its only target is stages (--sink terminal=stages)."
        )
    console = Console(stderr=True)
    is_screen = sys.stderr is not None and sys.stderr.isatty() and not console.is_dumb_terminal
    if not is_screen:
        return open_lines_sink(SinkContext(None, context.settings, context.title))
    return TerminalSink(console, stages=True if context.target else None)
