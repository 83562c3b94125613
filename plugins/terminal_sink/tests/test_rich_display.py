"""Operations on a display of rich's that a program has already."""

import io

from rich.console import Console
from rich.progress import Progress

from similubot_core import CountingTracker
from similubot_terminal_sink.rich_display import RichDisplay


def a_display() -> Progress:
    return Progress(console=Console(file=io.StringIO(), force_terminal=True, width=100))


def test_an_operation_is_a_task_beside_the_programs_own() -> None:
    progress = a_display()
    with progress:
        progress.add_task("own work", total=3)
        display = RichDisplay(progress)
        tracker = CountingTracker("Packing [bold]", unit="files")
        tracker.add_callback(display.show)
        tracker.update(current_size=5, total_size=12)
        display.close()
        assert [task.description for task in progress.tasks] == ["own work", "Packing \\[bold]"]
        assert (progress.tasks[1].completed, progress.tasks[1].total) == (5, 12)


def test_the_end_stays_on_the_display() -> None:
    progress = a_display()
    display = RichDisplay(progress)
    for _ in range(2):
        tracker = CountingTracker("Copy")
        tracker.add_callback(display.show)
        tracker.complete()
    display.close()
    assert [task.description for task in progress.tasks] == ["✅ Copy", "✅ Copy"]
    assert all(task.finished for task in progress.tasks)
