"""MegaProgressTracker: reads the progress lines of MEGAcmd, and takes the counts of a transfer.

MEGAcmd (2.5.2, and older ones) prints ``<title> ||<bar>||(<done>/<total> <KB|MB>: <percent> %) ``
on stderr, the bar of # over dots, a NUL byte before the line's end, CR after all but the last.
"""

import re
import threading
import time
from collections.abc import Callable

from similubot_core.progress.tracker import ProgressTracker

OPERATION = "MEGA Download"

_UNITS = {"B": 1, "KB": 1 << 10, "MB": 1 << 20, "GB": 1 << 30, "TB": 1 << 40}
_NUMBER = r"\d{1,15}(?:\.\d{1,6})?"
# On a narrow terminal the figures overwrite the bar's end, the bar, and at last the title.
_LINE = re.compile(
    r"(?P<title>[^|:()/\\#.]{0,40}?)[ ]?\|{0,2}[#. ]*"
    rf"\|\|\s*\(\s*(?P<done>{_NUMBER})/(?P<total>{_NUMBER})\s*(?P<unit>[KMGT]?B):"
    rf"\s*(?P<percent>{_NUMBER})\s*%\s*\)\s*"
)
_BEGINNING = re.compile(r"[A-Za-z ]{1,40}(?:\|{1,2}[#. ]*(?:\|{1,2}(?:\([\d/. KMGTB:%]*)?)?)?")
_LONGEST_LINE = 1024
_TRANSFER = "TRANSFERRING"


class MegaProgressTracker(ProgressTracker):
    """The progress of one MEGA download.

    `parse_output` reads what MEGAcmd prints; `transferred` takes byte counts from a transfer of our
    own. ``details["title"]`` is the title of the last line that was read and
    ``details["printed"]`` its percentage as printed. Work that comes before the transfer
    ("Fetching nodes") is shown as a message and leaves the percentage where it is.

    Args:
        clock: Returns seconds that only grow; for speed and ETA.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(OPERATION, clock)
        self._own_lock = threading.Lock()
        self._cut = ""

    def parse_output(self, text: str) -> bool:
        """Read what MEGAcmd printed, in whole lines or cut anywhere; True when a line was progress.

        Sizes are MEGAcmd's whole KB and MB made finer by the percentage, which has more digits.
        """
        with self._own_lock:
            matches = [match for piece in self._whole_lines(text) if (match := _match(piece))]
        for match in matches:
            self._read(match)
        return bool(matches)

    def _whole_lines(self, text: str) -> list[str]:
        """Cut into lines; a last one that may be the beginning of a progress line is kept back."""
        lines = re.split(r"[\r\n\0]+", text)
        joined, self._cut = self._cut + lines[0], ""
        if _match(joined) or _BEGINNING.fullmatch(joined):
            lines[0] = joined
        if len(lines[-1]) <= _LONGEST_LINE and _BEGINNING.fullmatch(lines[-1]):
            self._cut = lines.pop()
        return lines

    def _read(self, match: re.Match[str]) -> None:
        title = match["title"].strip() or _TRANSFER
        percent = float(match["percent"])
        details = {"title": title, "printed": percent}
        if not _TRANSFER.startswith(title.upper()):
            self.update(message=f"{title}: {percent:.0f} %", details=details)
            return
        total = int(float(match["total"]) * _UNITS[match["unit"]])
        if not total:  # nothing is known yet, or MEGAcmd was refused: it prints 0/0 for both
            self.update(percentage=percent, details=details, message="")
            return
        current = int(total * min(percent, 100.0) / 100.0)
        self.transferred(current, total, percentage=percent, details=details, message="")

    def transferred(
        self,
        current: int,
        total: int,
        *,
        percentage: float | None = None,
        message: str | None = None,
        details: dict[str, object] | None = None,
    ) -> None:
        """Take a count: `current` of `total` bytes are here. Speed and ETA come from the samples.

        Args:
            current: Bytes, 0 or more.
            total: Bytes, 0 or more.
            percentage: 0 to 100, where it is known better than from the sizes; None computes it.
            message: A sentence for people; None leaves the last one.
            details: Replaces the details; None leaves them.
        """
        self.update(
            percentage=percentage,
            current_size=current,
            total_size=total,
            message=message,
            details=details,
        )


def _match(line: str) -> re.Match[str] | None:
    return _LINE.fullmatch(line) if len(line) <= _LONGEST_LINE else None
