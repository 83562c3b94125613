"""MegatoolsProgressTracker: reads the progress lines of megatools (1.11, ``megatools dl``).

``<name>: 6.67% - 25.4 MiB (26669518 bytes) of 381.5 MiB (21.1 MiB/s)`` on stdout, its blanks
before units NO-BREAK SPACES; on a terminal it ends in ``ESC[0K`` and CR.
"""

import re

from similubot_core.progress.tracker import ProgressTracker

OPERATION = "megatools Download"

_NUMBER = r"\d{1,15}(?:[.,]\d{1,6})?"
_SIZE = rf"({_NUMBER})[\s\xa0](bytes|byte|B|[kKMGTPE]i?B)"
# The last figures of the line count: what stands before them is the file's name, a stranger's text.
_LINE = re.compile(
    rf".*: ({_NUMBER})% - {_SIZE}(?: \((\d{{1,20}})[\s\xa0]bytes?\))? of {_SIZE} "
    rf"\({_SIZE}/s\)\s*"
)
_NO_PROGRESS = ("Downloaded ", "ERROR:", "WARNING:")
_ESCAPE = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_LONGEST_LINE = 8192
_POWERS = "kmgtpe"


class MegatoolsProgressTracker(ProgressTracker):
    """The progress of one ``megatools dl``. Speed is what megatools prints, ETA follows from it."""

    def __init__(self) -> None:
        super().__init__(OPERATION)

    def parse_output(self, text: str) -> bool:
        """Read whole lines; True when one was progress."""
        found = False
        for line in re.split(r"[\r\n]+", text):
            line = _ESCAPE.sub("", line)
            if len(line) > _LONGEST_LINE or line.startswith(_NO_PROGRESS):
                continue
            match = _LINE.fullmatch(line)
            if match is None:
                continue
            found = True
            percent, done, done_unit, exact, total, total_unit, speed, speed_unit = match.groups()
            current = int(exact) if exact else _bytes(done, done_unit)
            self.update(
                percentage=_number(percent),
                current_size=current,
                total_size=_bytes(total, total_unit),
                speed=_bytes(speed, speed_unit),
            )
        return found


def _number(text: str) -> float:
    return float(text.replace(",", "."))


def _bytes(number: str, unit: str) -> int:
    if unit.startswith("b") or unit == "B":
        return int(_number(number))
    base = 1024 if "i" in unit else 1000
    return int(_number(number) * base ** (_POWERS.index(unit[0].lower()) + 1))
