"""TerminalSink: a rich bar for each operation on stderr; plain lines where that is no terminal."""

import threading
from collections.abc import Iterable

from rich.console import Console, RenderableType
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TaskID
from rich.text import Text

from similubot_core import ProgressInfo, ProgressStatus, Sink, SinkContext, UsageError, render
from similubot_core.progress.paced_sink import PacedSink
from similubot_core.sinks import open_lines_sink

INTERVAL = 0.1
"""Seconds between two drawings of one bar."""

BAR_WIDTH = 28
"""Characters of a bar."""

_STYLES = {
    ProgressStatus.STARTING: "cyan",
    ProgressStatus.IN_PROGRESS: "cyan",
    ProgressStatus.COMPLETED: "green",
    ProgressStatus.FAILED: "red",
    ProgressStatus.CANCELLED: "yellow",
}
_WORDS = {
    ProgressStatus.STARTING: "starting",
    ProgressStatus.COMPLETED: "done",
    ProgressStatus.FAILED: "failed",
    ProgressStatus.CANCELLED: "cancelled",
}


class TerminalSink:
    """Draws a bar for each operation, in the order they begin; the final ones stay on the screen.

    Drawing happens in threads of its own, so a slow terminal holds nobody up.

    Args:
        console: Where to draw; None is stderr.
    """

    def __init__(self, console: Console | None = None) -> None:
        self._progress = _Bars(
            _OperationColumn(),
            BarColumn(BAR_WIDTH, "grey35", "cyan", finished_style="green", pulse_style="cyan"),
            _PercentColumn(),
            _DetailColumn(),
            console=console or Console(stderr=True),
            auto_refresh=False,
        )
        self._tasks: dict[str, TaskID] = {}
        self._drawing = threading.Lock()
        self._paced = PacedSink(self._draw, INTERVAL)

    def show(self, info: ProgressInfo) -> None:
        """Take the newest state; any thread may call it, and it never waits."""
        self._paced.show(info)

    def hide(self) -> None:
        """Take the bars off the screen, and draw none until `unhide`.

        The cursor then stands where they began, and what is written there stays above them.
        """
        with self._drawing:
            self._progress.hide()

    def unhide(self) -> None:
        """Draw the bars again, below the cursor, which stands at the beginning of a line."""
        with self._drawing:
            self._progress.hidden = False
            if self._tasks:
                self._progress.start()  # where a bar came while they were hidden
                self._progress.console.show_cursor(False)
                self._progress.refresh()

    def close(self) -> None:
        """Draw the final states and leave them on the screen."""
        self._paced.close()
        self.unhide()
        self._progress.stop()

    def _draw(self, info: ProgressInfo) -> None:
        with self._drawing:
            self._draw_task(info)

    def _draw_task(self, info: ProgressInfo) -> None:
        if info.id not in self._tasks:
            if not self._progress.hidden:
                self._progress.start()  # only with the first state: nothing blinks before it
            self._tasks[info.id] = self._progress.add_task("", start=False, info=info)
        task = self._tasks[info.id]
        # A bar without any percentage yet moves to and fro instead of standing at 0.
        known = info.percentage > 0 or info.status.is_final
        if known:
            self._progress.start_task(task)
        self._progress.update(
            task, total=100.0 if known else None, completed=info.percentage, info=info, refresh=True
        )


class _Bars(Progress):
    """Bars that can be hidden."""

    hidden = False

    def hide(self) -> None:
        if not self.hidden:
            self.hidden = True
            if self.live.is_started:
                super().refresh()
                self.console.show_cursor(True)

    def refresh(self) -> None:
        if not self.hidden:
            super().refresh()

    def get_renderables(self) -> Iterable[RenderableType]:
        return () if self.hidden else super().get_renderables()


def open_terminal_sink(context: SinkContext) -> Sink:
    """Bars on stderr; the plain lines of the core where stderr is not a terminal.

    Raises:
        UsageError: A target was given; there is only one terminal.
    """
    if context.target:
        raise UsageError("The sink terminal takes no target; it draws on stderr.")
    console = Console(stderr=True)
    if not console.is_terminal:
        return open_lines_sink(SinkContext(None, context.settings, context.title))
    return TerminalSink(console)


class _InfoColumn(ProgressColumn):
    """A column that is made of the task's `ProgressInfo`; its text is never read as markup."""

    def render(self, task: Task) -> Text:
        info: ProgressInfo = task.fields["info"]
        text, style = self.text(info)
        return Text(text, style=style, no_wrap=True, overflow="ellipsis")

    def text(self, info: ProgressInfo) -> tuple[str, str]:
        """The text and its style."""
        raise NotImplementedError


class _OperationColumn(_InfoColumn):
    def text(self, info: ProgressInfo) -> tuple[str, str]:
        mark = render.MARKS[info.status]
        return f"{mark} {render.sanitize_line(info.operation, 24):<18}", "bold"


class _PercentColumn(_InfoColumn):
    def text(self, info: ProgressInfo) -> tuple[str, str]:
        return f"{render.percent(info.percentage):>6}", _STYLES[info.status]


class _DetailColumn(_InfoColumn):
    """Sizes, speed and ETA while it runs; afterwards what became of it."""

    def text(self, info: ProgressInfo) -> tuple[str, str]:
        parts = []
        if info.current_size is not None or info.total_size is not None:
            parts.append(render.sizes(info))
        if info.status is ProgressStatus.IN_PROGRESS:
            if info.speed is not None:
                parts.append(render.speed(info.speed, info.unit))
            factor = info.details.get("speed_factor")
            if isinstance(factor, int | float) and factor > 0:
                parts.append(f"{factor:.1f}×")
            parts.append(f"ETA {render.duration(info.eta)}")
        else:
            parts.append(_WORDS[info.status])
        if info.status is not ProgressStatus.COMPLETED and info.message:
            parts.append(render.sanitize_line(info.message, 60))
        return "  ".join(parts), _STYLES[info.status] if info.status.is_final else "default"
