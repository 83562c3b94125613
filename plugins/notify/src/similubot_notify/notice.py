"""What a notice says of a state, in words that no service takes for markup or a mention."""

from __future__ import annotations

import re
from dataclasses import dataclass

from similubot_core import ProgressInfo, ProgressStatus, render

TITLE_LIMIT = 100
MESSAGE_LIMIT = 500
ZERO_WIDTH = "\u200b"

_ENDS = {
    ProgressStatus.COMPLETED: "done",
    ProgressStatus.FAILED: "failed",
    ProgressStatus.CANCELLED: "cancelled",
}
_LINK = re.compile(r"https?://[!-;=?-_a-z{}~]+")


@dataclass(frozen=True, slots=True)
class Notice:
    """One notice.

    Attributes:
        title: One line.
        body: A few lines, never none.
        status: What it is about.
    """

    title: str
    body: str
    status: ProgressStatus


def notice_of(info: ProgressInfo, title: str, seconds: float | None, left_out: int) -> Notice:
    """The notice of a state.

    Args:
        info: The state.
        title: What the whole is about; may hold text from outside, as `info` may.
        seconds: How long it took; None where that is not known.
        left_out: Notices that the hour's limit has left out since the last.
    """
    name = plain(title or info.operation, TITLE_LIMIT)
    word = _ENDS.get(info.status)
    if word is None:
        starts = info.status is ProgressStatus.STARTING
        word = "started" if starts else f"at {int(info.percentage // 25) * 25}%"
    elif info.status is not ProgressStatus.COMPLETED and info.percentage > 0:
        word = f"{word} at {render.percent(info.percentage)}"
    lines = [plain(info.operation, TITLE_LIMIT)] if title and title != info.operation else []
    lines.append(plain(info.message, MESSAGE_LIMIT))
    link = next((info.details[key] for key in ("link", "url") if key in info.details), None)
    if info.status is ProgressStatus.COMPLETED and isinstance(link, str):
        found = _LINK.fullmatch(link, endpos=MESSAGE_LIMIT)
        lines.append(link if found else plain(link, MESSAGE_LIMIT))
    if info.status.is_final and seconds is not None:
        lines.append(f"Took {render.duration(seconds)}.")
    elif info.eta is not None:
        lines.append(f"Another {render.duration(info.eta)}.")
    if left_out:
        lines.append(f"{left_out} more in the last hour were not told.")
    body = "\n".join(line for line in lines if line) or name  # some services want one
    return Notice(f"{render.MARKS[info.status]} {name}: {word}", body, info.status)


def plain(text: str, limit: int) -> str:
    """Text from outside as one line that mentions nobody and makes no link, whatever reads it.

    Apprise escapes where a service takes HTML or Markdown; many take a mixture of their own, in
    which `@everyone`, `<!channel>` and `[a](b)` do something. A zero-width space undoes them.
    """
    line = render.sanitize_line(text, limit)
    for mark, harmless in (("@", "@{}"), ("<", "<{}"), ("](", "]{}("), ("://", ":{}//")):
        line = line.replace(mark, harmless.format(ZERO_WIDTH))
    return line
