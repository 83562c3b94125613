"""What people read: bars, percentages, sizes, speeds and durations, the same in every sink."""

import math
import re
import unicodedata
from collections.abc import Iterable

from similubot_core.progress.info import ProgressInfo, ProgressStatus

UNKNOWN = "unknown"
BYTES = "B"
"""The unit whose sizes are shown as KB, MB and so on."""
FULL, EMPTY = "█", "░"
EIGHTHS = "▏▎▍▌▋▊▉"

MARKS = {
    ProgressStatus.STARTING: "⏳",
    ProgressStatus.IN_PROGRESS: "⏳",
    ProgressStatus.COMPLETED: "✅",
    ProgressStatus.FAILED: "❌",
    ProgressStatus.CANCELLED: "🚫",
}
"""The mark that stands for each status."""


def bar(percentage: float, length: int = 20) -> str:
    """A bar of `length` characters; its last filled one shows eighths (0.625 % at 20).

    It is full only at 100 and empty only at 0 to the nearest eighth below.
    """
    length = max(1, length)
    share = min(max(percentage, 0.0), 100.0) / 100.0 if math.isfinite(percentage) else 0.0
    eighths = int(share * length * 8 + 1e-9)
    if share < 1.0:
        eighths = min(eighths, length * 8 - 1)
    full, rest = divmod(eighths, 8)
    part = EIGHTHS[rest - 1] if rest else ""
    return FULL * full + part + EMPTY * (length - full - len(part))


def percent(percentage: float) -> str:
    """ "60.5%"; rounded down, so that "100.0%" is never shown of something unfinished."""
    if not math.isfinite(percentage):
        return UNKNOWN
    if percentage >= 100.0:
        return "100.0%"
    return f"{min(math.floor(max(percentage, 0.0) * 10 + 1e-9), 999) / 10:.1f}%"


def size(count: float | None) -> str:
    """Bytes as "512.3 MB" (1 MB = 1,048,576 bytes, as MEGA counts); None is "unknown"."""
    if count is None or not _is_number(count):
        return UNKNOWN
    if count < 1024:
        return f"{int(count)} B"
    value, unit = float(count), "B"
    for unit in ("KB", "MB", "GB", "TB"):  # noqa: B007  (the last unit reached is wanted)
        value /= 1024
        if value < 1023.95:
            break
    return f"{value:.1f} {unit}"


def sizes(info: ProgressInfo) -> str:
    """ "512.3 MB / 847.2 MB", "5 / 12 files", "512.3 MB" without a total, or "unknown"."""
    if info.current_size is None and info.total_size is None:
        return UNKNOWN
    if info.total_size is None:
        return amount(info.current_size, info.unit)
    total = amount(info.total_size, info.unit)
    if info.unit == BYTES:
        return f"{size(info.current_size)} / {total}"
    current = UNKNOWN if info.current_size is None else f"{info.current_size:,}"
    return f"{current} / {total}"


def amount(count: float | None, unit: str) -> str:
    """So many of a unit: "512.3 MB" of "B", "1,204 files" of "files"; None is "unknown"."""
    if unit == BYTES:
        return size(count)
    if count is None or not _is_number(count):
        return UNKNOWN
    # A count of things is whole; a rate of them may be a few a minute.
    number = f"{count:,.0f}" if count >= 100 or count == int(count) else f"{count:.3g}"
    return f"{number} {sanitize_line(unit, 20)}"


def speed(per_second: float | None, unit: str = BYTES) -> str:
    """ "2.4 MB/s", "3.2 files/s"; None is "unknown"."""
    text = amount(per_second, unit)
    return text if text == UNKNOWN else f"{text}/s"


def duration(seconds: float | None) -> str:
    """ "2m 18s", "1h 5m", "3d 4h"; None is "unknown"."""
    if seconds is None or not _is_number(seconds):
        return UNKNOWN
    left = round(seconds)
    if left < 60:
        return f"{left}s"
    if left < 3600:
        return f"{left // 60}m {left % 60}s"
    if left < 86_400:
        return f"{left // 3600}h {left % 3600 // 60}m"
    return f"{left // 86_400}d {left % 86_400 // 3600}h"


def sanitize_line(text: str, limit: int = 200) -> str:
    """Text from outside as one printable line of at most `limit` characters.

    Control characters, line ends and the marks that turn the writing direction around become
    blanks, so that a file's name can neither move a terminal's cursor nor hide its ending.
    """
    read = text[: limit * 4]
    kept = "".join(" " if unicodedata.category(c) in _UNPRINTABLE else c for c in read)
    kept = " ".join(kept.split())
    if len(kept) <= limit and len(read) == len(text):
        return kept
    return kept[: limit - 1] + "…"


def nearest(typed: str, names: Iterable[str]) -> str:
    """ "; did you mean 'convert'?" where a name is close to what was typed, else ""."""
    import difflib

    found = difflib.get_close_matches(typed[:100], list(names), n=1, cutoff=0.6)
    return f"; did you mean {found[0]!r}?" if found else ""


def _is_number(value: float) -> bool:
    """Whether it is finite, not negative, and not an int that no float can hold."""
    try:
        return math.isfinite(value) and value >= 0
    except OverflowError:
        return False


_UNPRINTABLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})

_LINK = re.compile(
    r"([A-Za-z][A-Za-z0-9+.-]{0,30}://)(?:[^/?#]*@)?((?:(?!%23)[^?#])*)((?:[?#]|%23).*)?$"
)
_LINK_WITHOUT_SCHEME = re.compile(
    r"()((?:[A-Za-z0-9-]+\.)+[A-Za-z]{2,}(?::\d+)?/(?:(?!%23)[^?#])*)((?:[?#]|%23).*)?$"
)


def redact_source(source: str) -> str:
    """A source as it may be shown and logged.

    Of a link, what can be secret is cut: a user and password before the host, the query and the
    fragment, which is the key of a MEGA link (``/file/H#K`` as well as the old ``#!H!K``), also
    where "#" is written "%23" or the scheme is left out, as in ``mega.nz/file/H#K``.
    """
    source = sanitize_line(source, 300)
    match = _LINK.search(source) or _LINK_WITHOUT_SCHEME.match(source)
    if match is None:
        return source
    scheme, address, rest = match.groups()
    scheme = source[: match.start()] + scheme
    old_style = re.match(r"(?:#|%23)(F?!|P!)([\w-]{0,8})", rest or "")
    if old_style:
        return f"{scheme}{address}#{old_style[1]}{old_style[2]}…"
    return f"{scheme}{address}{'…' if rest else ''}"
