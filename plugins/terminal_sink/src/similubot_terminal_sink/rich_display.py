"""RichDisplay: operations as tasks of a `rich.progress.Progress` that a program has already."""

from rich.markup import escape
from rich.progress import Progress, TaskID

from similubot_core import ProgressInfo, ProgressStatus, render
from similubot_core.progress.paced_sink import PacedSink

INTERVAL = 0.1
"""Seconds between two states of one task."""


class RichDisplay(PacedSink):
    """Adds a task to the display for each operation, and keeps it true.

    A task counts the operation's units where its total is known, else per cent. The program starts
    and stops the display itself; `close` leaves it as it is.

    Args:
        progress: The program's display.
    """

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._tasks: dict[str, TaskID] = {}
        super().__init__(self._show, INTERVAL)

    def _show(self, info: ProgressInfo) -> None:
        name = escape(render.sanitize_line(info.operation, 60))
        task = self._tasks.get(info.id)
        if task is None:
            task = self._tasks[info.id] = self._progress.add_task(name, total=None)
        if info.total_size:
            total, done = float(info.total_size), float(info.current_size or 0)
        else:
            total, done = 100.0, info.percentage
        known = info.total_size or info.percentage or info.status is ProgressStatus.COMPLETED
        mark = f"{render.MARKS[info.status]} " if info.status.is_final else ""
        self._progress.update(
            task, description=f"{mark}{name}", total=total if known else None, completed=done
        )
        if info.status.is_final:
            self._progress.stop_task(task)
