"""RowParts: the rows that a tool draws side by side, as parts of its operation."""

from similubot_core.progress.counting_tracker import CountingTracker
from similubot_core.progress.tracker import Changes, ProgressTracker

MOST_ROWS = 16
"""So many rows are parts at once; further ones wait for one to end."""


class RowParts:
    """Shows each row that moves beside others as a part of an operation, with a percentage.

    The parts have neither weights nor sizes: what rows say together is not how far the whole is.
    Not safe from several threads at once.

    Args:
        tracker: The operation that the rows belong to.
    """

    def __init__(self, tracker: ProgressTracker) -> None:
        self._tracker = tracker
        self._rows: dict[str, CountingTracker] = {}

    def show(
        self, key: str, name: str, percentage: float | None, speed: float | None = None
    ) -> None:
        """Say how far a row is; one that is full has ended.

        Args:
            key: Tells it from the others.
            name: What it is called for people.
            percentage: 0 to 100; None is unknown.
            speed: Units per second; None is unknown.
        """
        if percentage is not None and percentage >= 100:
            self.end(key)
            return
        row = self._rows.get(key)
        if row is None:
            if len(self._rows) >= MOST_ROWS:
                return
            row = self._rows[key] = self._tracker.child(name)
        changes: Changes = {"speed": speed}
        row.update(percentage, **changes)

    def end(self, key: str) -> None:
        """The row is full, or gives way to another; one that is not known is no error."""
        row = self._rows.pop(key, None)
        if row is not None:
            row.complete()
