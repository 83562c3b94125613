"""PercentTracker: reads any tool that prints percentages or counts (rsync, wget, curl, ninja, …).

It is what `similubot watch` falls back to. A number is shown as the progress of the whole only once
there is evidence that it is that: see `_Evidence`. Unknown is right; wrong is not.
"""

import math
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

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
GROWS_BY = 1.02
"""A total that is at least this many times what it was at most has grown."""
AGREES_WITHIN = 2.0
"""How many points a percentage may differ from the counts on the same row."""
_MOST_ROWS = 256
_LONGEST_LINE = 4096

_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\-_])")
# What a program reports to its terminal: 1 is running, 2 failing, 4 paused, with a percentage.
_REPORT = re.compile(r"\x1b\]9;4;[124];(\d{1,3})(?:\x07|\x1b\\)")
_PERCENT = r"(?<![\w.,%+-])(\d{1,3}(?:[.,]\d{1,2})?)\s?%(?![\w%])"
_ANYWHERE = re.compile(_PERCENT)
_BAR = re.compile(
    r"%[\[|]|[\[(]\s*\d{1,3}(?:[.,]\d{1,2})?\s?%[\])]|[━╸╺█▉▊▋▌▍▎▏░▒▓]{2}|[#=]{3}|\[[#=>. -]{4}"
)
# What a percentage stands for when it is none of progress: "CPU 85% busy", a compression ratio.
_OTHER_MEANINGS = re.compile(
    r"\b(?:cpu|mem|memory|load|usage|used|busy|idle|free|battery|quality|ratio|compression|saved"
    r"|volume|confidence|accuracy|humidity|coverage|full|of cpu)\b|\s==?>\s",
    re.IGNORECASE,
)
# The word that says that a row is about one part of the work: "Receiving objects", "Unpacking …".
_PHASE = re.compile(r"[^A-Za-z]{0,40}([A-Za-z]{3,30}ing)\b")
_ONLY_TASK = re.compile(r"\btask 1 of 1\b")
_RATE = re.compile(r"(?<![\w.,])(\d{1,18}(?:[.,]\d{1,6})?)\s?([kKMGT]?)i?B/s\b")
_UNITS = re.compile(r"(?<![A-Za-z])[kKMGT]?i?B(?![A-Za-z])|(?<=\d)[kKMGT](?![A-Za-z])")
_NUMBER = r"\d{1,15}(?:[.,]\d{1,3})?"
_SIZE = rf"({_NUMBER})\s?([kKMGT]?i?B)?"
# `[12/345]`, `12/345`, `12 of 345`, `3.2 MiB / 10 MiB`; no date, no path, no fraction of a version.
_FRACTION = re.compile(
    rf"(?<![\w./:,-]){_SIZE}\s?(?:/|of)\s?{_SIZE}(?![\w/-]|[.:,]\w)", re.IGNORECASE
)
# Of so few steps nobody knows whether the last one has begun or is done.
_FEW_STEPS = re.compile(r"(?<![\w./:,%-])(\d)\s?(?:/|of)\s?([2-9])(?![\w./%-])(?!.{0,200}%)")
_NINJA = re.compile(r"\s{0,8}\[\s*(\d{1,9})/(\d{1,9})\] ")

# The total is of what was found so far.
_STILL_LOOKING = re.compile(r"\bso far\b|\b(?:scann|list|enumerat|index)ing\b", re.IGNORECASE)
# rsync ends some of its rows with what is left: of all files (to-chk), or of those found (ir-chk).
_LEFT_TO_CHECK = re.compile(r"\((?:xfr|xfer)#\d{1,9}, (ir|to)-che?c?k=\d{1,9}/\d{1,9}\)\s*\Z")
# A size that stands before the percentage: what both together say of the total.
_SIZE_BEFORE = re.compile(
    rf"(?<![\w./:-])({_NUMBER}(?:,\d{{3}})*)\s?([kKMGT]?)(?:i?B)?\s+\d{{1,3}}%"
)


@dataclass(frozen=True, slots=True)
class _Row:
    """What one line says.

    Attributes:
        percentage: Of what the row is about.
        key: Which row it is: lines of one key show one bar at different times.
        speed: Bytes per second, where it says that too.
        label: What it is about, when that is a part of the work; "" for the work as a whole.
        total: The lowest and highest total that another column of it stands for; None where there
            is none.
        is_bar: Whether it looks like a bar or a counter; else it may be any line with a number,
            such as one with a file's name, until it has moved.
    """

    percentage: float
    key: str
    speed: float | None = None
    label: str = ""
    total: tuple[float, float] | None = None
    is_bar: bool = True


@dataclass(slots=True)
class _History:
    """How a row has moved."""

    first: float
    since: float
    last: float
    values: int = 1
    is_bar: bool = True
    total: float = math.inf
    seen: int = 0

    @property
    def is_drawn(self) -> bool:
        """Whether it is a bar, moving or not, rather than a line with a number that came once."""
        return self.is_bar or self.values > 1 or self.seen > 2


@dataclass(slots=True)
class _Evidence:
    """Decides which row, if any, is the progress of the whole.

    A row is that when it has moved upwards for half a second from below 50 %, with three values at
    least, when no other row has been seen, when it has never begun anew, and when no word says
    that it is about one phase of several. A total that grows, by another column of the row, begins
    the proof anew. Once there are several rows, or one begins anew, the whole is unknown for good.
    """

    clock: Callable[[], float]
    rows: dict[str, _History] = field(default_factory=dict)
    began_anew: int = 0
    several: bool = False

    @property
    def phase(self) -> int:
        """Which row this is, counted from 1, each new beginning as one more."""
        rows = sum(row.is_drawn for row in self.rows.values())
        return max(1, rows) + self.began_anew

    def counts(self, row: _Row) -> bool:
        """Take a row; tell whether it is the progress of the whole."""
        now = self.clock()
        history = self.rows.get(row.key)
        if history is None:
            if len(self.rows) >= _MOST_ROWS:
                self.rows.pop(next(iter(self.rows)))
            history = self.rows[row.key] = _History(
                row.percentage, now, row.percentage, is_bar=row.is_bar
            )
        elif row.total and row.total[0] > history.total * GROWS_BY:
            history.first, history.since, history.values = row.percentage, now, 1
            history.total = math.inf
        elif row.percentage < history.last:
            self.began_anew += 1
            history.first, history.since, history.values = row.percentage, now, 1
            self.several = True
        elif row.percentage > history.last:
            history.values += 1
        history.last = row.percentage
        if row.total:
            history.total = min(history.total, row.total[1])
        history.seen += 1
        history.is_bar = history.is_bar or row.is_bar
        if sum(other.is_drawn for other in self.rows.values()) > 1:
            self.several = True
        if self.several or row.label:
            return False
        return (
            history.values >= PROVING_VALUES
            and history.first < BEGINS_BELOW
            and now - history.since >= PROVING_SECONDS
        )


class PercentTracker(ProgressTracker):
    """Reads percentages and counts out of what any tool prints.

    A number counts when it is shown to be the progress of the whole; else the message says what the
    row says, such as "2nd phase, Receiving objects: 40 %", and the percentage stays unknown. What a
    program reports to its terminal (OSC 9;4) goes before its rows.

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
                percentage, changes = self._changes(row, counts)
            found = True
            self.update(percentage, **changes)
        return found

    def _report(self, line: str) -> _Row | None:
        """What the program itself reports; once it did, no other row counts."""
        match = _REPORT.match(line)
        if match is None or int(match[1]) > 100:
            return None
        if not self._reports:
            self._reports = True
            self._evidence = _Evidence(self._evidence.clock)
        return _Row(float(match[1]), "OSC 9;4")

    def _changes(self, row: _Row, counts: bool) -> tuple[float | None, Changes]:
        """The percentage of the whole, None when it is not known, and what goes with it."""
        if counts:
            return row.percentage, {"speed": row.speed}
        changes: Changes = {"speed": row.speed}
        if self._evidence.several or row.label:
            changes["eta"] = None
            number = self._evidence.phase
            phase = f"{_ordinal(number)} phase, " if number > 1 else ""
            label = f"{row.label}: " if row.label else ""
            changes["message"] = f"{phase}{label}{row.percentage:.4g} %"
        return None, changes

    def _row(self, line: str) -> _Row | None:
        if self._reports:
            return None
        if left := _LEFT_TO_CHECK.search(line):
            self._looks = left[1] == "ir"
            line = line[: left.start()].rstrip()
        found = _percentage_in(line) or _fraction_in(line)
        if found is None:
            if line.strip():
                self._context = line.lstrip()[:80]
            return None
        percentage, key, at = found
        rate = _RATE.search(line, at)
        speed = _bytes(rate[1], rate[2]) if rate else None
        is_bar = bool(_BAR.search(line)) or _fraction_in(line) is not None
        if steps := _FEW_STEPS.search(line):
            label = f"{steps[1]} of {steps[2]}"
            return _Row(percentage, key, speed, label, is_bar=is_bar)
        looks = self._looks or bool(_STILL_LOOKING.search(line))
        label = "of what was found so far" if looks else self._label(line, at)
        return _Row(percentage, key, speed, label, _total(line, percentage), is_bar=is_bar)

    def _label(self, line: str, number_ends: int) -> str:
        """The phase that a row is about; "" when nothing before its number says that it is one."""
        if _ONLY_TASK.search(line):
            return ""
        match = _PHASE.match(line)
        if match is not None and match.end() < number_ends:
            return _words(line)
        if match is not None:
            return ""  # "[ 47%] Building x.o": the number is of the whole
        # pip says "Downloading x.whl" on a line of its own, above the bar.
        return self._context.rstrip() if _PHASE.match(self._context) else ""


def _percentage_in(line: str) -> tuple[float, str, int] | None:
    """A percentage that can be one of progress, the key of its row, and where it ends."""
    match = _ANYWHERE.search(line)
    if match is None or _OTHER_MEANINGS.search(line):
        return None
    percentage = float(match[1].replace(",", "."))
    if percentage > 100.0:
        return None
    fraction = _fraction_in(line)
    if fraction is not None and abs(fraction[0] - percentage) > AGREES_WITHIN:
        return None  # the counts on the row say otherwise: they are read instead
    total = "" if fraction is None else fraction[1]
    return percentage, f"%{_shape(line)}{total}", match.end()


def _fraction_in(line: str) -> tuple[float, str, int] | None:
    """A count of a total as per cent, the key of its row, and where it ends."""
    if match := _NINJA.match(line):  # ninja and cargo find more to do on the way
        done, total = int(match[1]), int(match[2])
        return (100.0 * done / total, "[n/m]", match.end()) if 0 < total >= done else None
    match = _FRACTION.search(line)
    if match is None:
        return None
    total_unit = match[4] or match[2] or ""
    part = _bytes(match[1], (match[2] or total_unit)[:1].strip("bB"))
    whole = _bytes(match[3], total_unit[:1].strip("bB"))
    if not 1 < whole >= part:
        return None
    return 100.0 * part / whole, f"/{match[3]}{total_unit}", match.end()


def _shape(line: str) -> str:
    """The words of a row, which stay while its numbers change."""
    return "".join(filter(str.isalpha, _UNITS.sub("", line.removesuffix(", done."))))[:200]


def _words(line: str) -> str:
    """The words at the beginning of a row: "Receiving objects"."""
    return re.split(r"[:\d%(\[|.]", line.strip(), maxsplit=1)[0].strip()[:60]


def _ordinal(number: int) -> str:
    ending = {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{'th' if 10 < number % 100 < 14 else ending}"


def _total(line: str, percentage: float) -> tuple[float, float] | None:
    """The lowest and highest total by the size on a row, where one stands before the percentage."""
    match = _SIZE_BEFORE.search(line)
    if match is None or percentage < 1.0:
        return None
    done = _bytes(match[1].replace(",", ""), match[2])
    return done / (percentage + 1.0), done / percentage


def _bytes(number: str, unit: str) -> float:
    """ "6.25" and "M" as bytes, in steps of 1,024; 0 for no number."""
    try:
        value = float(number.replace(",", "."))
    except ValueError:  # such as "1.2.3"
        return 0.0
    return value * 1024.0 ** (" KMGTP".index(unit.upper()) if unit else 0)
