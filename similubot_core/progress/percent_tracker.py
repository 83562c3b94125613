"""PercentTracker: reads any tool that prints percentages (rsync, wget, curl, docker pull, …).

It is what `similubot watch` falls back to. A tracker made for one tool knows more of it: sizes, the
number of files, what its last line means.
"""

import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from similubot_core.progress.tracker import Changes, ProgressTracker

TRACKER_NAME = "percent"
"""What `--tracker` takes for it; it is also the one for programs that no other tracker reads."""

NEW_ITEM_DROP = 5.0
"""A percentage that is this much lower than the last one is of another item (rsync --progress
counts anew for every file)."""
_MOST_SHAPES = 256
_MOST_LAYERS = 4096

_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\-_])")
_PERCENT = r"(?<![\w.,%+-])(\d{1,3}(?:[.,]\d{1,2})?)\s?%(?![\w%])"
# `32%[===>` of wget and `32%|███` of tqdm, `[ 32%]` of cmake and `(32%)` of aria2c: no name of a
# file is likely to look so.
_AT_A_BAR = re.compile(_PERCENT + r"(?=[\[|])")
_IN_BRACKETS = re.compile(r"[\[(]\s*(\d{1,3}(?:[.,]\d{1,2})?)\s?%[\])]")
_ANYWHERE = re.compile(_PERCENT)
_RATE = re.compile(r"(?<![\w.,])(\d+(?:[.,]\d+)?)\s?([kKMGT]?)i?B/s\b")
_UNITS = re.compile(r"(?<![A-Za-z])[kKMGT]?i?B(?![A-Za-z])")

# rsync 3's row: bytes, per cent, speed, time; it stands on a line of its own.
_RSYNC = re.compile(
    r"\s+[\d,.]+[KMGTP]?\s+(\d{1,3})%\s+([\d.,]+)([kKMGT]?)B/s\s+\d+:\d\d:\d\d(?:\s+\(xfr#.*\))?\s*"
)
# curl 7 and 8's row: % total % received % transferred, two average speeds, three times, speed now.
_COUNT = r"[\d.]+[kMGTP]?"
_TIME = r"(?:--:--:--|\d+:\d\d:\d\d|\d+d\s+\d+h|\d+d)"
_CURL = re.compile(
    rf"\s*(\d{{1,3}})\s+{_COUNT}(?:\s+\d{{1,3}}\s+{_COUNT}){{2}}\s+{_COUNT}\s+{_COUNT}"
    rf"(?:\s+{_TIME}){{3}}\s+([\d.]+)([kMGTP]?)\s*"
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
    """What one line says: per cent, and bytes per second where it says that too."""

    percentage: float
    speed: float | None = None


class PercentTracker(ProgressTracker):
    """Reads percentages out of what any tool prints.

    The rows of rsync, curl and docker pull are known; once one of them was met, only rows of that
    tool count, so that a file called "100% wool" says nothing. Of other tools a percentage counts
    when it stands at a bar or in brackets, or when two lines with the same words had one.

    A tool that counts anew for every item leaves the bar at its highest, since nobody knows how
    many will come; the message says how far the item is.

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
        self._shapes: dict[str, int] = {}
        self._last = 0.0
        self._item = 1

    def parse_output(self, text: str) -> bool:
        """Read whole lines; see the class for what counts."""
        found = False
        for line in re.split(r"[\r\n]+", text):
            with self._reading:
                row = self._read(_ESCAPES.sub("", line))
                if row is None:
                    continue
                changes = self._place(row)
            found = True
            self.update(row.percentage, **changes)
        return found

    def _read(self, line: str) -> _Row | None:
        if self._reader is not None:
            return self._reader(line)
        for reader in (_rsync, _curl, self._layer):
            row = reader(line)
            if row is not None:
                self._reader = reader
                return row
        return self._any_tool(line)

    def _place(self, row: _Row) -> Changes:
        """What goes with a row, depending on the rows before it."""
        if row.percentage < self._last - NEW_ITEM_DROP:
            self._item += 1
        self._last = row.percentage
        if self._item == 1:
            return {"speed": row.speed}
        return {
            "speed": row.speed,
            "eta": None,
            "message": f"item {self._item}: {row.percentage:g}%",
        }

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
        return _Row(100.0 * sum(self._layers.values()) / len(self._layers))

    def _any_tool(self, line: str) -> _Row | None:
        sure = _AT_A_BAR.search(line) or _IN_BRACKETS.search(line)
        match = sure or _ANYWHERE.search(line)
        if match is None:
            return None
        percentage = float(match[1].replace(",", "."))
        if percentage > 100.0 or not (sure or self._seen_before(line)):
            return None
        rate = _RATE.search(line, match.end())
        return _Row(percentage, _bytes(rate[1], rate[2]) if rate else None)

    def _seen_before(self, line: str) -> bool:
        """Whether another line had these words; a name that looks like a row comes but once."""
        shape = "".join(filter(str.isalpha, _UNITS.sub("", line)))
        if shape not in self._shapes and len(self._shapes) >= _MOST_SHAPES:
            self._shapes.pop(next(iter(self._shapes)))
        self._shapes[shape] = self._shapes.get(shape, 0) + 1
        return self._shapes[shape] > 1


def _rsync(line: str) -> _Row | None:
    match = _RSYNC.fullmatch(line)
    return None if match is None else _Row(float(match[1]), _bytes(match[2], match[3]) or None)


def _curl(line: str) -> _Row | None:
    match = _CURL.fullmatch(line)
    if match is not None:
        return _Row(float(match[1]), _bytes(match[2], match[3]) or None)
    match = _CURL_BAR.fullmatch(line)
    return None if match is None else _Row(float(match[1]))


def _bytes(number: str, unit: str, step: int = 1024) -> float:
    """ "6.25" and "M" as bytes, in steps of 1,024 but for docker; 0 for no number."""
    try:
        value = float(number.replace(",", "."))
    except ValueError:  # such as "1.2.3"
        return 0.0
    return value * float(step) ** (" KMGTP".index(unit.upper()) if unit else 0)
