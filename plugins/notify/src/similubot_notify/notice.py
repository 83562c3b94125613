"""What a notice says of a state, in words that no service takes for markup or a mention."""

from __future__ import annotations

from dataclasses import dataclass

from similubot_core import ProgressInfo, ProgressStatus, render
from similubot_core.live.text import MESSAGE_LIMIT, NAME_LIMIT, harmless, link_of

_ENDS = {
    ProgressStatus.COMPLETED: "done",
    ProgressStatus.FAILED: "failed",
    ProgressStatus.CANCELLED: "cancelled",
}


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
    name = harmless(title or info.operation, NAME_LIMIT)
    word = _ENDS.get(info.status)
    if word is None:
        starts = info.status is ProgressStatus.STARTING
        word = "started" if starts else f"at {int(info.percentage // 25) * 25}%"
    elif info.status is not ProgressStatus.COMPLETED and info.percentage > 0:
        word = f"{word} at {render.percent(info.percentage)}"
    lines = [harmless(info.operation, NAME_LIMIT)] if title and title != info.operation else []
    lines.append(harmless(info.message, MESSAGE_LIMIT))
    lines.append(link_of(info))
    if info.status.is_final and seconds is not None:
        lines.append(f"Took {render.duration(seconds)}.")
    elif info.eta is not None:
        lines.append(f"Another {render.duration(info.eta)}.")
    if left_out:
        lines.append(f"{left_out} more in the last hour were not told.")
    body = "\n".join(line for line in lines if line) or name  # some services want one
    return Notice(f"{render.MARKS[info.status]} {name}: {word}", body, info.status)
