"""What one line of any tool says about progress: a percentage or a count, and what it is about."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

AGREES_WITHIN = 2.0
"""How many points two numbers on the same row may differ."""

_PERCENT = re.compile(r"(?<![\w.,%％+-])(\d{1,3}(?:[.,]\d{1,2})?)\s?[%％](?![\w%％])")
_LOOKS_LIKE_PROGRESS = re.compile(
    r"%[\[|]|[\[(]\s*\d{1,3}(?:[.,]\d{1,2})?\s?%[\])]|[━╸╺█▉▊▋▌▍▎▏░▒▓]{2}|[#=]{3}|\[[#=>. -]{4}"
    r"|\b(?:progress|completed?|done|finished|overall|total|task|eta|elapsed|fps|it/s)\b",
    re.IGNORECASE,
)
# "[ 47%] Building x.o" and "[12/345] CC x.o", or "........ [ 34%]": whatever else the row says, the
# number is that of the whole.
_AT_AN_END = re.compile(
    r"\s{0,8}\[\s{0,8}(?:(\d{1,3})%|(\d{1,9})/(\d{1,9}))\] |.{0,500}\[\s{0,3}(\d{1,3})%\]\s*\Z"
)
# A number beside one of these words is about something else than how far the work is.
_OTHER_MEANINGS = re.compile(
    r"\b(?:cpu|gpu|mem|memory|ram|vram|swap|heap|cache|load|usage|used|utilization|busy|idle|free"
    r"|battery|quality|ratio|compression|compressed|saved|volume|confidence|accuracy|acc|precision"
    r"|recall|top-?[15]|f1|humidity|coverage|full|fan|temp|temperature|scored?|ratings?|rated"
    r"|rank|karat|quota|limit|retry|retries|retrying|attempts?|tries|timeout|timed out|discount"
    r"|price|tax|vat|interest|hits?|miss(?:es)?|wins?|odds|threads|workers|peers|seeds|replicas"
    r"|pods|nodes|ready|healthy|online|connected|remaining|left)\b|°",
    re.IGNORECASE,
)
_BECOMES = re.compile(r"\s==?>\s")  # "100 MiB => 30 MiB"
_BESIDE = 32
_ANOTHER_COLUMN = re.compile(r"[,;|(\[]")
_BEFORE_ANOTHER = re.compile(
    r"(?:\b(?:up|down|by|to|at|under|over|than|only|least|most|increased|decreased)\s{1,3}|[+@≥≤]\s?"
    r"|(?<![-=>])[<>]\s?|\w=)\Z",
    re.IGNORECASE,
)
_AFTER_ANOTHER = re.compile(
    r"\s{0,3}(?:off|faster|slower|smaller|larger|better|worse|more|less|remain|open|to go"
    r"|pass(?:ed)?|fail(?:ed|ures?)?|skipped|succeeded|errors?|stars?|points|hosts? up)\b"
    r"|(?<=%)\s(?:packet )?(?:loss|lost)\b",
    re.IGNORECASE,
)
_TELLS_PROGRESS = re.compile(r"\b(?:progress|percent|pct|done|completed?)=\Z", re.IGNORECASE)
# The word that says that a row is about one part of the work: "Receiving objects", "Unpacking …".
_PHASE = re.compile(
    r"[^A-Za-z]{0,40}([A-Za-z]{3,30}ing"
    r"|(?:fetch|download|unpack|extract|build|install|upload|copy|verify|encode|decode|convert"
    r"|compress|merge|link)(?=[\s:]))\b",
    re.IGNORECASE,
)
_PART = re.compile(
    r"\b(?:stage|phase|pass|epoch|round|cycle|iteration|part|layer|disc|volume|chapter|track|task"
    r"|job|batch|run)\s{0,2}#?\d{1,6}\b",
    re.IGNORECASE,
)
_ONLY_TASK = re.compile(r"\btask 1 of 1\b")
_RATE = re.compile(r"(?<![\w.,])(\d{1,18}(?:[.,]\d{1,6})?)\s?([kKMGT]?)i?B/s\b")
_UNITS = re.compile(r"(?<![A-Za-z])[kKMGT]?i?B(?![A-Za-z])|(?<=\d)[kKMGT](?![A-Za-z])")
_NUMBER = r"\d{1,3}(?:[,_]\d{3}){1,4}(?![\d,_])|\d{1,15}(?:[.,]\d{1,3})?"
_SIZE = rf"({_NUMBER})\s?([kKMGT]?i?B|[kKMGT](?![A-Za-z]))?"
# `12/345`, `12 of 345`, `3.2 MiB / 10 MiB`; no date, no path, no fraction of a version.
_FRACTION = re.compile(
    rf"(?<![\w./:,-]){_SIZE}\s?(?:/|of|out of)\s?{_SIZE}(?![\w/-]|[.:,]\w)", re.IGNORECASE
)
_LAPSE = r"(\d{1,6}(?:\.\d{1,3})?)\s?(s|secs?|m|mins?|h|hours?)"
_LAPSES = re.compile(rf"(?<![\w./:,-]){_LAPSE}\s?(?:/|of)\s?{_LAPSE}(?![\w/-])")
_CLOCK = r"(\d{1,3}):(\d\d)(?::(\d\d))?(?:\.\d{1,3})?"
_CLOCKS = re.compile(rf"(?<![\w./:,-]){_CLOCK}\s?(?:/|of)\s?{_CLOCK}(?![\w/:-])")
_DATE = re.compile(r"(?<![\w./-])\d{1,2}/\d{1,2}(?=[ T]\d{1,2}:\d\d)")
# The total is of what was found so far.
_STILL_LOOKING = re.compile(r"\bso far\b|\b(?:scann|list|enumerat|index)ing\b", re.IGNORECASE)
# A size that stands before the percentage: what both together say of the total.
_SIZE_BEFORE = re.compile(
    r"(?<![\w./:-])(\d{1,15}(?:[.,]\d{1,3})?(?:,\d{3})*)\s?([kKMGT]?)(?:i?B)?\s+\d{1,3}%"
)
# What tells a row from another of the same words: "src/f3.py" from "src/f4.py".
_NUMBERED_NAME = re.compile(r"(?<![^\s(\[])(?=\S{0,40}[./])[A-Za-z/][\w./-]{0,80}\d[\w./-]{0,80}")
STILL_LOOKING = "of what was found so far"
_FEW_STEPS = 9
"""Of so few steps nobody knows whether the last one has begun or is done."""


@dataclass(frozen=True, slots=True)
class PercentRow:
    """What one line says.

    Attributes:
        percentage: Of what the row is about.
        key: Which row it is: lines of one key show one bar at different times.
        speed: Bytes per second, where it says that too.
        label: What it is about, when that is a part of the work; "" for the work as a whole.
        total: The lowest and highest total that another column of it stands for, both the same
            where it counts up to one; None where there is none.
        is_bar: Whether it looks like a bar or a counter; else it may be any line with a number,
            such as one with a file's name, until it has moved.
        name: The words it begins with, for people; "" where it begins with a number.
    """

    percentage: float
    key: str
    speed: float | None = None
    label: str = ""
    total: tuple[float, float] | None = None
    is_bar: bool = True
    name: str = ""

    @property
    def done(self) -> float | None:
        """How much of a total that is told exactly is done; None where it is not."""
        if self.total is None or self.total[0] != self.total[1]:
            return None
        return self.percentage * self.total[0] / 100.0


@dataclass(frozen=True, slots=True)
class _Found:
    """A number of a row that may tell progress.

    Attributes:
        percentage: What it is in per cent.
        start: Where it begins.
        end: Where it ends.
        whole: What it counts up to; 0 for a percentage.
        is_size: Whether it counts bytes.
        steps: It in words, where it counts a few steps.
    """

    percentage: float
    start: int
    end: int
    whole: float = 0.0
    is_size: bool = False
    steps: str = ""


def percent_row(line: str, context: str) -> PercentRow | None:
    """What a line says; None where it says nothing about progress.

    Args:
        line: Without line ends and escape sequences.
        context: The last line that said nothing, which may name the phase.
    """
    if row := _row_of_the_whole(line):
        return row
    line = _DATE.sub(lambda match: " " * len(match[0]), line)
    if _BECOMES.search(line):
        return None
    percents, counts = list(_percents(line)), list(_counts(line))
    if not percents and not counts:
        return None
    sizes = [count for count in counts if count.is_size]
    numbers = [*percents, *counts]
    if len(sizes) == len(counts) == 1 and percents and not _agree(numbers):
        numbers = sizes  # "10 MB / 100 MB, 33% of it": bytes are bytes
    first = numbers[0]
    rate = _RATE.search(line, first.end)
    speed = to_bytes(rate[1], rate[2]) if rate else None
    is_bar = bool(counts or rate or _LOOKS_LIKE_PROGRESS.search(line) or not _shape(line))
    label = _label(line, context, numbers, counts)
    if not percents:
        # "(3/40) checking x" and "(3/40) installing x" are two phases.
        verb = _PHASE.match(line, first.end) if line[first.end :].startswith(")") else None
        words = _shape(line[: first.start]) if first.steps or first.is_size else ""
        kind = f"B{words}" if first.is_size else verb[1] if verb else words
        whole = (first.whole, first.whole)
        return PercentRow(first.percentage, f"/{kind}", speed, label, whole, name=_words(line))
    key = f"%{_shape(line)}{' '.join(_NUMBERED_NAME.findall(line))}"
    return PercentRow(
        first.percentage,
        key,
        speed,
        label,
        _total(line, first.percentage),
        is_bar=is_bar,
        name=_words(line),
    )


def phase_of(line: str) -> str:
    """The line as a context for the next ones; "" where it names no phase."""
    return line.lstrip()[:80].rstrip() if _PHASE.match(line) else ""


def _row_of_the_whole(line: str) -> PercentRow | None:
    match = _AT_AN_END.match(line)
    if match is None:
        return None
    percentage = match[1] or match[4]
    if percentage is not None:
        return PercentRow(float(percentage), "[%]") if int(percentage) <= 100 else None
    done, total = int(match[2]), int(match[3])
    if not 0 < total >= done:
        return None
    label = f"{done} of {total}" if 1 < total <= _FEW_STEPS else ""
    return PercentRow(100.0 * done / total, "[n/m]", label=label, total=(total, total))


def _percents(line: str) -> Iterator[_Found]:
    for match in _PERCENT.finditer(line):
        percentage = float(match[1].replace(",", "."))
        if percentage <= 100 and not _is_about_something_else(line, match.start(), match.end()):
            yield _Found(percentage, match.start(), match.end())


def _counts(line: str) -> Iterator[_Found]:
    for match in _FRACTION.finditer(line):
        unit = match[4] or match[2] or ""
        if not unit and ("." in match[1] or "." in match[3]):
            continue  # versions
        part = to_bytes(match[1], (match[2] or unit)[:1].strip("bB"))
        whole = to_bytes(match[3], unit[:1].strip("bB"))
        steps = f"{match[1]} of {match[3]}" if not unit and whole <= _FEW_STEPS else ""
        if found := _count(match, line, part, whole, bool(unit), steps):
            yield found
    for match in _LAPSES.finditer(line):
        scale = {"s": 1.0, "m": 60.0, "h": 3600.0}
        part, whole = float(match[1]) * scale[match[2][0]], float(match[3]) * scale[match[4][0]]
        if found := _count(match, line, part, whole):
            yield found
    for match in _CLOCKS.finditer(line):
        part, whole = _seconds(match[1], match[2], match[3]), _seconds(match[4], match[5], match[6])
        if found := _count(match, line, part, whole):
            yield found


def _count(
    match: "re.Match[str]",
    line: str,
    part: float,
    whole: float,
    is_size: bool = False,
    steps: str = "",
) -> _Found | None:
    if not 1 < whole >= part or _is_about_something_else(line, match.start(), match.end()):
        return None
    return _Found(100.0 * part / whole, match.start(), match.end(), whole, is_size, steps)


def _is_about_something_else(line: str, start: int, end: int) -> bool:
    before = line[max(0, start - _BESIDE) : start]
    if _AFTER_ANOTHER.match(line, end):
        return True
    if _BEFORE_ANOTHER.search(before):
        return not _TELLS_PROGRESS.search(before)
    left = _ANOTHER_COLUMN.split(line[max(0, start - _BESIDE) : start])[-1]
    right = _ANOTHER_COLUMN.split(line[end : end + _BESIDE], maxsplit=1)[0]
    return bool(_OTHER_MEANINGS.search(left) or _OTHER_MEANINGS.search(" ".join(right.split()[:2])))


def _agree(numbers: list[_Found]) -> bool:
    shares = [number.percentage for number in numbers]
    sizes = {number.whole for number in numbers if number.is_size}
    return max(shares) - min(shares) <= AGREES_WITHIN and len(sizes) < 2


def _label(line: str, context: str, numbers: list[_Found], counts: list[_Found]) -> str:
    """The part of the work that a row is about; "" when nothing says that it is one."""
    if _ONLY_TASK.search(line):
        return ""
    first = min(number.start for number in numbers)
    if not _agree(numbers):  # one of them is of a part, such as "File 3 of 8: 45%"
        return (line[: counts[0].end] if counts else _words(line)).strip(" ([")[-60:] or "part"
    if len(numbers) == 1 and numbers[0].steps:
        return numbers[0].steps
    if _STILL_LOOKING.search(line):
        return STILL_LOOKING
    match = _PHASE.match(line)
    if match is not None and match.end() <= first:
        return _words(line)
    if match is not None:
        return ""  # "47% Building x.o": the number is of the whole
    if (part := _PART.search(line, 0, first)) and not numbers[0].whole:
        return part[0]
    # pip says "Downloading x.whl" on a line of its own, above the bar.
    return context


def _shape(line: str) -> str:
    """The words of a row, which stay while its numbers change."""
    return "".join(filter(str.isalpha, _UNITS.sub("", line.removesuffix(", done."))))[:200]


def _words(line: str) -> str:
    """The words at the beginning of a row: "Receiving objects"."""
    return re.split(r"[:\d%(\[|.━╸╺█]", line.strip(), maxsplit=1)[0].strip()[:60]


def _total(line: str, percentage: float) -> tuple[float, float] | None:
    """The lowest and highest total by the size on a row, where one stands before the percentage."""
    match = _SIZE_BEFORE.search(line)
    if match is None or percentage < 1.0:
        return None
    done = to_bytes(match[1].replace(",", ""), match[2])
    return done / (percentage + 1.0), done / percentage


def _seconds(first: str, second: str, third: str | None) -> float:
    if third is None:
        return 60.0 * int(first) + int(second)
    return 3600.0 * int(first) + 60.0 * int(second) + int(third)


_GROUPED = re.compile(r"\d{1,3}(?:[,_]\d{3})+")


def to_bytes(number: str, unit: str) -> float:
    """ "6.25" and "M" as bytes, in steps of 1,024; 0 for no number."""
    grouped = _GROUPED.fullmatch(number)
    try:
        value = float(re.sub("[,_]", "", number) if grouped else number.replace(",", "."))
    except ValueError:  # such as "1.2.3"
        return 0.0
    return value * 1024.0 ** (" KMGTP".index(unit.upper()) if unit else 0)
