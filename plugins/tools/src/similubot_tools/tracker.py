"""ToolTracker: one tool's output as progress, through the reader that knows the tool."""

import re
import threading
import time
from collections.abc import Callable, Sequence

from similubot_core.progress.row_parts import RowParts
from similubot_core.progress.tracker import Changes, ProgressTracker
from similubot_tools.readers import READERS, Reading

_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\-_])")
_LONGEST_LINE = 4096
NEW_ITEM_DROP = 1.0
"""A percentage that falls by more than this many points belongs to the next item."""


class ToolTracker(ProgressTracker):
    """Reads what one tool prints.

    The percentage is that of the whole run, or stays where it is. Where the tool shows several
    phases or items one after another, the message and the details ``phase`` and
    ``phase_percentage`` tell of the current one. What goes on side by side is shown as parts.

    Args:
        name: The tool's name in `similubot_tools.readers.READERS`.
        command: The command's own words, the program first; () where they are not known.
        clock: Returns seconds that only grow; tests give one that they control.

    Raises:
        KeyError: There is no reader of that name.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(name, clock)
        self._reading = threading.Lock()
        self._read = READERS[name](tuple(command))
        self._last = 0.0
        self._item = 1
        self._parts = RowParts(self)

    def parse_output(self, text: str) -> bool:
        """Read one or more whole lines of the tool's stdout or stderr; see the base class."""
        found = False
        for line in re.split(r"[\r\n\b]+", text):
            with self._reading:
                reading = self._read(_ESCAPES.sub("", line[:_LONGEST_LINE]).rstrip())
                if reading is None:
                    continue
                several = self._follow(reading)
                item = self._item
                self._show_rows(reading)
            found = True
            self._show(reading, several, item)
        return found

    def _show_rows(self, reading: Reading) -> None:
        for row in reading.rows:
            if row.percentage is None:
                self._parts.end(row.name)
            else:
                self._parts.show(row.name, row.name, row.percentage)

    def _follow(self, reading: Reading) -> bool:
        """Whether more than one item was counted so far."""
        if reading.percentage is not None:
            if reading.percentage < self._last - NEW_ITEM_DROP:
                self._item += 1
            self._last = reading.percentage
        return self._item > 1

    def _show(self, reading: Reading, several: bool, item: int) -> None:
        changes: Changes = {"speed": reading.speed}
        percentage = reading.percentage
        phase, of_phase = reading.phase, reading.phase_percentage
        if several and percentage is not None and not reading.steps:
            phase, of_phase, percentage = f"item {item}", percentage, None
        if phase and of_phase is not None:
            changes["message"] = f"{phase}: {of_phase:.0f} %"
            changes["details"] = {"phase": phase, "phase_percentage": of_phase}
        else:
            changes["message"] = phase or reading.message
        if percentage is None and self.get_current_progress().percentage > 0:
            changes["eta"] = None  # what was measured so far is not that of the whole
        elif reading.eta is not None:
            changes["eta"] = reading.eta
        if reading.total is not None and percentage is not None:
            changes["total_size"] = reading.total
        self.update(percentage, reading.done, **changes)
