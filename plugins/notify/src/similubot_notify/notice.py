"""What a notice says of a state, in words that no service takes for markup or a mention."""

from similubot_core import ProgressInfo, ProgressStatus, render
from similubot_core.live.text import MESSAGE_LIMIT, NAME_LIMIT, harmless, link_of


def notice_of(info: ProgressInfo, title: str, seconds: float, left_out: int) -> tuple[str, str]:
    """The title, one line, and the body, a few and never none, of a state's notice.

    Args:
        info: The state.
        title: What the whole is about; may hold text from outside, as `info` may.
        seconds: How long it took so far.
        left_out: Notices that the hour's limit has left out since the last.
    """
    name = harmless(title or info.operation, NAME_LIMIT)
    word = info.status.value
    if info.status is ProgressStatus.IN_PROGRESS:
        word = f"at {int(info.percentage // 25) * 25}%"
    elif info.status is not ProgressStatus.COMPLETED and info.percentage > 0:
        word = f"{word} at {render.percent(info.percentage)}"
    lines = [harmless(info.operation, NAME_LIMIT)] if title and title != info.operation else []
    lines += [harmless(info.message, MESSAGE_LIMIT), link_of(info)]
    if info.status.is_final:
        lines.append(f"Took {render.duration(seconds)}.")
    elif info.eta is not None:
        lines.append(f"Another {render.duration(info.eta)}.")
    if left_out:
        lines.append(f"{left_out} more in the last hour were not told.")
    body = "\n".join(line for line in lines if line) or name  # some services want one
    return f"{render.MARKS[info.status]} {name}: {word}", body
