"""YtDlpProgressTracker: one bar for everything that a run of yt-dlp fetches."""

import re
import threading
import time
from collections.abc import Callable

from similubot_core import ProgressTracker

# Titles are text from outside, so every pattern has to fit the whole line; and lengths are bounded,
# so that no line takes long to refuse.
_ITEM = re.compile(r"\[download\] Downloading item (\d{1,6}) of (\d{1,6})", re.ASCII)
_FORMATS = re.compile(r"\[info\] .*: Downloading \d+ format\(s\): ([\w.+-]+(?:, [\w.+-]+)*)")
_DESTINATION = re.compile(r"\[download\] Destination: .+")
_ROW = re.compile(
    r"\[download\]\s+(\d{1,3}(?:\.\d)?)% of [~ ]{0,12}[\d.]{1,12}[A-Za-z]{1,5}"
    r"(?: in [\d:]+)?(?: at\s+(?:(?P<rate>[\d.]+)(?P<unit>[KMGT]?i?)B/s|Unknown B/s))?"
    r"(?: ETA (?:[\d:]+|Unknown))?(?: \(frag \d+/\d+\))?\s*",
    re.ASCII,
)
_POWERS = {"": 0, "K": 1, "M": 2, "G": 3, "T": 4}


class YtDlpProgressTracker(ProgressTracker):
    """Reads yt-dlp's output (2026.10).

    A playlist is as many items as it says, and an item as many parts as it has formats (picture and
    sound are fetched one after the other); all count alike, since nobody knows their sizes before.

    Args:
        clock: Returns seconds that only grow.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__("yt-dlp", clock)
        self._reading = threading.Lock()
        self._item = self._items = self._parts = 1
        self._part = 0

    def parse_output(self, text: str) -> bool:
        """Read whole lines; returns whether one of them told of progress."""
        found = False
        for line in re.split(r"[\r\n]+", text):
            with self._reading:
                told = self._read(line)
            if told is not None:
                found = True
                percentage, speed = told
                self.update(
                    percentage,
                    speed=speed,
                    message=f"item {self._item} of {self._items}" if self._items > 1 else None,
                )
        return found

    def _read(self, line: str) -> tuple[float, float | None] | None:
        """The percentage of the whole, and bytes per second, where the line says that."""
        if match := _ITEM.fullmatch(line):
            self._items = max(1, int(match[2]))
            self._item = min(max(1, int(match[1])), self._items)
            self._part, self._parts = 0, 1
        elif match := _FORMATS.fullmatch(line):
            self._part, self._parts = 0, match[1].count("+") + match[1].count(",") + 1
        elif _DESTINATION.fullmatch(line):
            self._part += 1
        elif match := _ROW.fullmatch(line):
            share = min(float(match[1]), 100.0) / 100.0
            # Subtitles and pictures are parts that were not announced: an item is never over 1.
            part = min((max(self._part, 1) - 1 + share) / self._parts, 1.0)
            percentage = 100.0 * (self._item - 1 + part) / self._items
            return percentage, _rate(match["rate"], match["unit"])
        return None


def _rate(number: str | None, unit: str | None) -> float | None:
    if number is None or unit is None or number.count(".") > 1 or number == ".":
        return None
    return float(number) * 1024.0 ** _POWERS[unit.rstrip("i")]
