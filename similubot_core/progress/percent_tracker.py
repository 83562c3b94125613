"""PercentTracker: reads any tool that prints percentages or counts (rsync, wget, curl, ninja, …).

It is what `similubot watch` falls back to. A number is shown as the progress of the whole only once
there is evidence that it is that: see `_Evidence`. Unknown is right; wrong is not.
"""

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
AGREES_WITHIN = 2.0
"""How many points a percentage may differ from the counts on the same row."""
_MOST_ROWS = 256
_MOST_LAYERS = 4096
_LONGEST_LINE = 4096

_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\-_])")
# What a program reports to its terminal: 1 is running, 2 failing, 4 paused, with a percentage.
_REPORT = re.compile(r"\x1b\]9;4;[124];(\d{1,3})(?:\x07|\x1b\\)")
_PERCENT = r"(?<![\w.,%+-])(\d{1,3}(?:[.,]\d{1,2})?)\s?%(?![\w%])"
_ANYWHERE = re.compile(_PERCENT)
_BAR = re.compile(r"%[\[|]|[\[(]\s*\d{1,3}(?:[.,]\d{1,2})?\s?%[\])]")
# What a percentage stands for when it is none of progress: "CPU 85% busy", a compression ratio.
_OTHER_MEANINGS = re.compile(
    r"\b(?:cpu|mem|memory|load|usage|used|busy|idle|free|battery|quality|ratio|compression|saved"
    r"|volume|confidence|accuracy|humidity|coverage|full|of cpu)\b|==>",
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
    rf"(?<![\w./:,-]){_SIZE}\s?(?:/|of)\s?{_SIZE}(?![\w./:-]|,\d)", re.IGNORECASE
)
_NINJA = re.compile(r"\s{0,8}\[\s*(\d{1,9})/(\d{1,9})\] ")

# rsync 3's row: bytes, per cent, speed, time; it stands on a line of its own.
_RSYNC = re.compile(
    r"\s+[\d,.]+[KMGTP]?\s+(\d{1,3})%\s+([\d.,]+)([kKMGT]?)B/s\s+\d+:\d\d:\d\d"
    r"(?:\s+\(xfr#\d{1,9}, (ir|to)-chk=(\d{1,9})/\d{1,9}\))?\s*"
)
# curl 7 and 8's row: % total % received % transferred, two average speeds, three times, speed now.
_COUNT = r"[\d.]+[kMGTP]?"
_TIME = r"(?:--:--:--|\d+:\d\d:\d\d|\d+d\s+\d+h|\d+d)"
_CURL = re.compile(
    rf"\s*(\d{{1,3}})\s+{_COUNT}(?:\s+\d{{1,3}}\s+{_COUNT}){{2}}\s+{_COUNT}\s+{_COUNT}"
    rf"(?:\s+{_TIME}){{3}}\s+([\d.]+)([kMGTP]?)\s*"
)
# wget 1's bar: name, per cent, bar, size, speed.
_WGET = re.compile(r"(\S[^%\[]{0,80}?)\s+(\d{1,3})%\[[=> +]*\]\s+[\d.,]+[KMG]?\s.*")
_WGET_DOTS = re.compile(
    r"\s{0,12}\d+K(?: [.,]{1,10}){1,6}\s+(\d{1,3})%\s+([\d.]+)([KMG]?)[ =][\d.dhms]{1,9}\s*"
)
# `curl --progress-bar`.
_CURL_BAR = re.compile(r"#*\s+(\d{1,3}\.\d)%\s*")
# A layer of `docker pull` (20 to 28), on a terminal with sizes and without one without.
_LAYER = re.compile(
    r"([0-9a-f]{12}): (?P<state>Pulling fs layer|Waiting|Downloading|Verifying Checksum"
    r"|Download complete|Extracting|Pull complete|Already exists)"
    r"(?:\s+\[[=> ]*\]\s+(?P<done>[\d.]+)(?P<done_unit>[kKMGT]?)B"
    r"/(?P<all>[\d.]+)(?P<all_unit>[kKMGT]?)B)?\s*"
)
_LAYER_SHARES = {
    "Pulling fs layer": (0.0, 0.0),
    "Waiting": (0.0, 0.0),
    "Downloading": (0.0, 0.5),
    "Verifying Checksum": (0.5, 0.5),
    "Download complete": (0.5, 0.5),
    "Extracting": (0.5, 1.0),
    "Pull complete": (1.0, 1.0),
    "Already exists": (1.0, 1.0),
}


@dataclass(frozen=True, slots=True)
class _Row:
    """What one line says.

    Attributes:
        percentage: Of what the row is about.
        key: Which row it is: lines of one key show one bar at different times.
        speed: Bytes per second, where it says that too.
        label: What it is about, when that is a part of the work; "" for the work as a whole.
        certain: Whether the tool is known, and says this of the whole.
        is_bar: Whether it looks like a bar or a counter; else it may be any line with a number,
            such as one with a file's name, until it has moved.
    """

    percentage: float
    key: str
    speed: float | None = None
    label: str = ""
    certain: bool = False
    is_bar: bool = True


@dataclass(slots=True)
class _History:
    """How a row has moved."""

    first: float
    since: float
    last: float
    values: int = 1
    was_between: bool = False
    is_bar: bool = True


@dataclass(slots=True)
class _Evidence:
    """Decides which row, if any, is the progress of the whole.

    A row is that when it has moved upwards for half a second from below 50 %, with three values at
    least, when no other row has been seen, when it has never begun anew, and when no word says
    that it is about one phase of several. 100 % by itself says nothing: curl prints it where no
    length is known. Once there are several rows, or one begins anew, the whole is unknown for good.
    """

    clock: Callable[[], float]
    rows: dict[str, _History] = field(default_factory=dict)
    began_anew: int = 0
    several: bool = False

    @property
    def phase(self) -> int:
        """Which row this is, counted from 1, each new beginning as one more."""
        rows = sum(row.is_bar or row.values > 1 for row in self.rows.values())
        return max(1, rows) + self.began_anew

    def counts(self, row: _Row) -> bool:
        """Take a row; tell whether it is the progress of the whole."""
        if row.certain and row.label:
            return False  # the tool itself says that it does not know yet
        now = self.clock()
        history = self.rows.get(row.key)
        if history is None:
            if len(self.rows) >= _MOST_ROWS:
                self.rows.pop(next(iter(self.rows)))
            history = self.rows[row.key] = _History(
                row.percentage, now, row.percentage, is_bar=row.is_bar
            )
        elif row.percentage < history.last:
            self.began_anew += 1
            history.first, history.since, history.values = row.percentage, now, 1
            self.several = True
        elif row.percentage > history.last:
            history.values += 1
        history.last = row.percentage
        history.was_between = history.was_between or 0.0 < row.percentage < 100.0
        if sum(other.is_bar or other.values > 1 for other in self.rows.values()) > 1:
            self.several = True
        if self.several or row.label:
            return False
        if row.certain:
            return row.percentage < 100.0 or history.was_between
        return (
            history.values >= PROVING_VALUES
            and history.first < BEGINS_BELOW
            and now - history.since >= PROVING_SECONDS
        )


class PercentTracker(ProgressTracker):
    """Reads percentages and counts out of what any tool prints.

    The rows of rsync, curl, wget and docker pull are known; once one of them was met, only rows of
    that tool count, so that a file called "100% wool" says nothing. Of other tools a number counts
    when it is shown to be the progress of the whole; else the message says what the row says, such
    as "2nd phase, Receiving objects: 40 %", and the percentage stays unknown.

    Args:
        operation: The operation's name for people; `watch` gives the program's.
        clock: Returns seconds that only grow; tests give one that they control.
    """

    def __init__(
        self, operation: str = "Command", clock: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__(operation, clock)
        self._reading = threading.Lock()
        self._reader: Callable[[str], _Row | None] | None = None
        self._layers: dict[str, float] = {}
        self._evidence = _Evidence(clock)
        self._context = ""
        self._reports = False
        self._rsync = _Rsync()

    def parse_output(self, text: str) -> bool:
        """Read whole lines; see the class for what counts."""
        found = False
        for line in re.split(r"[\r\n]+|(?=\x1b\]9;4;)", text):
            with self._reading:
                row = self._report(line) or self._read(_ESCAPES.sub("", line[:_LONGEST_LINE]))
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
            self._reader = _no_row
            self._evidence = _Evidence(self._evidence.clock)
        return _Row(float(match[1]), "OSC 9;4")

    def _read(self, line: str) -> _Row | None:
        if self._reader is not None:
            return self._reader(line)
        for reader in (self._rsync.read, _curl, _wget, self._layer):
            row = reader(line)
            if row is not None:
                self._reader = reader
                self._evidence = _Evidence(self._evidence.clock)
                return row
        return self._any_tool(line)

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

    def _layer(self, line: str) -> _Row | None:
        """One of docker pull's: the mean of all layers, fetching being half of each."""
        match = _LAYER.fullmatch(line)
        if match is None:
            return None
        low, high = _LAYER_SHARES[match["state"]]
        share = 0.0
        if match["all"]:
            done = _bytes(match["done"], match["done_unit"], 1000)
            total = _bytes(match["all"], match["all_unit"], 1000)
            share = min(done / total, 1.0) if total else 0.0
        if len(self._layers) < _MOST_LAYERS or match[1] in self._layers:
            self._layers[match[1]] = low + (high - low) * share
        share = sum(self._layers.values()) / len(self._layers)
        return _Row(100.0 * share, "docker", certain=True)

    def _any_tool(self, line: str) -> _Row | None:
        found = _percentage_in(line) or _fraction_in(line)
        if found is None:
            if line.strip():
                self._context = line.lstrip()[:80]
            return None
        percentage, key, at = found
        rate = _RATE.search(line, at)
        speed = _bytes(rate[1], rate[2]) if rate else None
        is_bar = bool(_BAR.search(line)) or _fraction_in(line) is not None
        return _Row(percentage, key, speed, self._label(line, at), is_bar=is_bar)

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


def _no_row(line: str) -> _Row | None:
    """A line that says nothing."""
    return None


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


class _Rsync:
    """rsync's rows: of the whole transfer with ``--info=progress2``, else of each file.

    While it still looks for files (``ir-chk``) its percentages are of what it has found so far.
    Rows of single files end at 100 % with files still to come.
    """

    def __init__(self) -> None:
        self._knows_all = False
        self._by_file = False

    def read(self, line: str) -> _Row | None:
        match = _RSYNC.fullmatch(line)
        if match is None:
            return None
        percentage, speed = float(match[1]), _bytes(match[2], match[3]) or None
        if match[4]:
            to_come = int(match[5])
            self._by_file = self._by_file or (percentage == 100.0 and to_come > 0)
            self._knows_all = match[4] == "to" and not self._by_file
        if self._by_file:
            return _Row(percentage, "rsync", speed, "this file")
        label = "" if self._knows_all else "of what was found so far"
        return _Row(percentage, "rsync", speed, label, certain=True)


def _wget(line: str) -> _Row | None:
    if (match := _WGET_DOTS.fullmatch(line)) and int(match[1]) <= 100:
        return _Row(float(match[1]), "wget", _bytes(match[2], match[3]) or None, certain=True)
    match = _WGET.fullmatch(line)
    if match is None or int(match[2]) > 100:
        return None
    rate = _RATE.search(line)
    speed = _bytes(rate[1], rate[2]) if rate else None
    return _Row(float(match[2]), match[1].strip(), speed, certain=True)


def _curl(line: str) -> _Row | None:
    match = _CURL.fullmatch(line)
    if match is not None:
        return _Row(float(match[1]), "curl", _bytes(match[2], match[3]) or None, certain=True)
    match = _CURL_BAR.fullmatch(line)
    return None if match is None else _Row(float(match[1]), "curl", certain=True)


def _bytes(number: str, unit: str, step: int = 1024) -> float:
    """ "6.25" and "M" as bytes, in steps of 1,024 but for docker; 0 for no number."""
    try:
        value = float(number.replace(",", "."))
    except ValueError:  # such as "1.2.3"
        return 0.0
    return value * float(step) ** (" KMGTP".index(unit.upper()) if unit else 0)
