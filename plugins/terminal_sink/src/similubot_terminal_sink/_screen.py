"""Screen: which of the operations stand on the terminal, and as which lines."""

from collections.abc import Callable, Iterator

from rich.console import Console
from rich.segment import Segment

from similubot_core import ProgressInfo
from similubot_terminal_sink._lines import Line, final_lines, layout_for, lines_of
from similubot_terminal_sink._rows import Row, Rows

TALL = 40
"""Lines of a terminal that has room for all stages of a job."""


class Screen:
    """What is to be drawn now. For one thread.

    Args:
        console: Its size and colours count; nothing is written to it.
        stages: As in `TerminalSink`.
        clock: Seconds that only grow.
    """

    def __init__(self, console: Console, stages: bool | None, clock: Callable[[], float]) -> None:
        self._console = console
        self._stages = stages
        self._clock = clock
        self._rows = Rows()

    def take(self, info: ProgressInfo, at: float) -> list[Line]:
        """Take a state; returns the lines that stay of a whole that has ended with it."""
        ended = self._rows.take(info, at)
        return [] if ended is None else list(self._final(ended))

    def unfinished(self) -> list[Line]:
        """The lines that stay of what has not ended, at the end of all."""
        return [line for row in self._rows.tops.values() for line in self._final(row)]

    def lines(self) -> list[Line]:
        """The lines of all that is under way; never more than the terminal has."""
        room = max(1, self._console.height - 1)
        if self._stages or (self._stages is None and self._console.height >= TALL):
            lines = self._drawn(stages=True)
            if len(lines) <= room:
                return lines
        lines = self._drawn(stages=False)
        if len(lines) <= room:
            return lines
        hidden = len(lines) - room + 1
        return [*lines[: room - 1], [Segment(f"   … and {hidden} lines more")]]

    def _drawn(self, *, stages: bool) -> list[Line]:
        console, now = self._console, self._clock()
        layout = layout_for(console.width)
        return [
            line
            for row in self._rows.tops.values()
            for line in lines_of(row, now, layout, console, stages=stages)
        ]

    def _final(self, row: Row) -> Iterator[Line]:
        layout = layout_for(self._console.width)
        stages = bool(self._stages)
        return final_lines(row, self._clock(), layout, self._console, stages=stages)
