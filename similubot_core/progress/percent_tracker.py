"""PercentTracker: reads any tool that prints percentages or counts (rsync, wget, curl, ninja, …).

It is what `similubot watch` falls back to. A number is shown as the progress of the whole only once
there is evidence that it is that: see `_Evidence`. Unknown is right; wrong is not.
"""

import math
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from similubot_core.progress._percent_rows import STILL_LOOKING, PercentRow, percent_row, phase_of
from similubot_core.progress.row_parts import RowParts
from similubot_core.progress.tracker import Changes, ProgressTracker

TRACKER_NAME = "percent"
"""What `--tracker` takes for it; it is also the one for programs that no other tracker reads."""

PROVING_SECONDS = 0.5
"""How long a row has to have moved, alone, before it counts: other bars show up, and short first
phases end, within that time."""
PROVING_VALUES = 3
"""How many different values a row must have had before it counts."""
BEGINS_BELOW = 50.0
"""A row that is first seen above this many per cent may be anything but the work's progress."""
SURER = 2
"""How many times that where the row does not look like a bar or a counter."""
GROWS_BY = 1.02
"""A total that is at least this many times what it was at most has grown."""
MOST_GROWTHS = 2
"""A total that has grown more often is that of what was found so far."""
REST_SECONDS = 1.5
"""A row that will be full sooner than this, at its pace, may be a first short phase of several."""
TREMBLES_WITHIN = 1.0
"""A percentage may fall by so many points without its having a meaning."""
_MOST_ROWS = 256
_LONGEST_LINE = 4096

_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\-_])")
# What a program reports to its terminal: 1 is running, 2 failing, 4 paused, with a percentage.
_REPORT = re.compile(r"\x1b\]9;4;[124];(\d{1,3})(?:\x07|\x1b\\)")
# rsync ends some of its rows with what is left: of all files (to-chk), or of those found (ir-chk).
_LEFT_TO_CHECK = re.compile(r"\((?:xfr|xfer)#\d{1,9}, (ir|to)-che?c?k=\d{1,9}/\d{1,9}\)\s*\Z")


@dataclass(slots=True)
class _History:
    """How a row has moved."""

    first: float
    since: float
    highest: float
    values: int = 1
    is_bar: bool = True
    total: float = math.inf
    growths: int = 0
    seen: int = 0
    done: float | None = None
    is_level: bool = False
    is_part: bool = False
    proven: bool = False

    @property
    def is_drawn(self) -> bool:
        """Whether it is a bar, moving or not, rather than a line with a number that came once."""
        return not self.is_level and (self.is_bar or self.values > 1 or self.seen > 2)

    def begin(self, percentage: float, now: float) -> None:
        """Begin the proof anew."""
        self.first = self.highest = percentage
        self.since, self.values, self.proven = now, 1, False


@dataclass(slots=True)
class _Evidence:
    """Decides which row, if any, is the progress of the whole.

    A row is that when it has moved upwards for half a second from below 50 %, with three values at
    least, when no other row has been seen, when it has never begun anew, and when no word says
    that it is about one phase of several; and not when it is nearly full by then. A total that
    grows, by another column of the row, begins the proof anew. Once there are several rows, or one
    begins anew, the whole is unknown for good. A row that goes down a bit, such as that of a
    battery, is a level: it tells no progress at all.
    """

    clock: Callable[[], float]
    rows: dict[str, _History] = field(default_factory=dict)
    began_anew: int = 0
    several: bool = False
    last: str = ""
    side_by_side: bool = False
    is_new: bool = False
    """Whether the row that was taken last had begun anew."""

    @property
    def phase(self) -> int:
        """Which row this is, counted from 1, each new beginning as one more."""
        rows = sum(row.is_drawn for row in self.rows.values())
        return max(1, rows) + self.began_anew

    def counts(self, row: PercentRow) -> bool:
        """Take a row; tell whether it is the progress of the whole."""
        now = self.clock()
        history = self.rows.get(row.key)
        # A row that comes again after another one has moved.
        returns = history is not None and self.last != row.key
        self.side_by_side = self.side_by_side or returns
        self.last = row.key
        self.is_new = False
        if history is None:
            if len(self.rows) >= _MOST_ROWS:
                self.rows.pop(next(iter(self.rows)))
            history = self.rows[row.key] = _History(
                row.percentage, now, row.percentage, is_bar=row.is_bar
            )
        elif history.is_level:
            return False
        elif self._begins_anew(row, history):
            self.began_anew += 1
            self.several = True
            history.begin(row.percentage, now)
            self.is_new = True
        elif row.total and row.total[0] > history.total * GROWS_BY:
            history.begin(row.percentage, now)
            history.growths += 1
            history.total = math.inf
        elif row.percentage < history.highest - TREMBLES_WITHIN:
            history.is_level = True
        elif row.percentage > history.highest:
            history.values += 1
            history.highest = row.percentage
        if row.total:
            history.total = min(history.total, row.total[1])
        history.done = row.done
        history.seen += 1
        history.is_bar = history.is_bar or row.is_bar
        history.is_part = history.is_part or (row.label not in ("", STILL_LOOKING))
        if sum(other.is_drawn for other in self.rows.values()) > 1:
            self.several = True
        is_part = row.label or history.is_part or history.growths > MOST_GROWTHS
        if self.several or is_part or history.is_level:
            return False
        if not history.proven:
            history.proven = self._proves(history, now)
        return history.proven

    @staticmethod
    def _begins_anew(row: PercentRow, history: _History) -> bool:
        if row.done is not None and history.done is not None:
            return row.done < history.done / 2 or (
                row.done < history.done and row.total != (history.total, history.total)
            )
        return row.percentage < min(history.highest / 2, history.highest - TREMBLES_WITHIN)

    @staticmethod
    def _proves(history: _History, now: float) -> bool:
        moved, seconds = history.highest - history.first, now - history.since
        least = 1 if history.is_bar else SURER
        return (
            history.values >= PROVING_VALUES * least
            and history.first < BEGINS_BELOW
            and seconds >= PROVING_SECONDS * least
            and (100.0 - history.highest) * seconds >= REST_SECONDS * moved
        )

    def is_level(self, row: PercentRow) -> bool:
        """Whether this row goes up and down, as no progress does."""
        return self.rows[row.key].is_level


class PercentTracker(ProgressTracker):
    """Reads percentages and counts out of what any tool prints.

    A number counts when it is shown to be the progress of the whole; else the message says what the
    row says, such as "2nd phase, Receiving objects: 40 %", and the percentage stays unknown. Bars
    that move side by side are parts of the operation. What a program reports to its terminal
    (OSC 9;4) goes before its rows.

    Args:
        operation: The operation's name for people; `watch` gives the program's.
        clock: Returns seconds that only grow; tests give one that they control.
    """

    def __init__(
        self, operation: str = "Command", clock: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__(operation, clock)
        self._reading = threading.Lock()
        self._evidence = _Evidence(clock)
        self._parts = RowParts(self)
        self._context = ""
        self._reports = False
        self._looks = False

    def parse_output(self, text: str) -> bool:
        """Read whole lines; see the class for what counts."""
        found = False
        for line in re.split(r"[\r\n]+|(?=\x1b\]9;4;)", text):
            with self._reading:
                row = self._report(line) or self._row(_ESCAPES.sub("", line[:_LONGEST_LINE]))
                if row is None:
                    continue
                counts = self._evidence.counts(row)
                if self._evidence.is_level(row):
                    continue
                percentage, changes = self._changes(row, counts)
                self._show_part(row)
            found = True
            self.update(percentage, **changes)
        return found

    def _report(self, line: str) -> PercentRow | None:
        """What the program itself reports; once it did, no other row counts."""
        match = _REPORT.match(line)
        if match is None or int(match[1]) > 100:
            return None
        if not self._reports:
            self._reports = True
            self._evidence = _Evidence(self._evidence.clock)
        return PercentRow(float(match[1]), "OSC 9;4")

    def _changes(self, row: PercentRow, counts: bool) -> tuple[float | None, Changes]:
        """The percentage of the whole, None when it is not known, and what goes with it."""
        if counts:
            return row.percentage, {"speed": row.speed}
        changes: Changes = {"speed": row.speed}
        if self._evidence.side_by_side:
            changes["eta"] = None
            changes["message"] = "several bars, side by side"
        elif self._evidence.several or row.label:
            changes["eta"] = None
            number = self._evidence.phase
            phase = f"{_ordinal(number)} phase, " if number > 1 else ""
            label = f"{row.label}: " if row.label else ""
            changes["message"] = f"{phase}{label}{row.percentage:.4g} %"
        return None, changes

    def _show_part(self, row: PercentRow) -> None:
        """Show one of several rows that move side by side as a part."""
        if self._evidence.side_by_side and row.is_bar:
            if self._evidence.is_new:
                self._parts.end(row.key)
            self._parts.show(row.key, row.name or "bar", row.percentage, row.speed)

    def _row(self, line: str) -> PercentRow | None:
        if self._reports:
            return None
        if left := _LEFT_TO_CHECK.search(line):
            self._looks = left[1] == "ir"
            line = line[: left.start()].rstrip()
        row = percent_row(line, self._context)
        if row is None:
            if line.strip():
                self._context = phase_of(line)
            return None
        return replace(row, label=STILL_LOOKING) if self._looks else row


def _ordinal(number: int) -> str:
    ending = {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{'th' if 10 < number % 100 < 14 else ending}"
