"""A job's operations as text, plain and in the HTML that messengers take."""

from __future__ import annotations

import html
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from similubot_core import render
from similubot_core.live.operations import OperationState
from similubot_core.progress.info import ProgressInfo, ProgressStatus

NAME_LIMIT = 100
MESSAGE_LIMIT = 500
SHOWN_OPERATIONS = 10
PLANNED_MARK = "▫️"
ZERO_WIDTH = "\u200b"

_TRIGGERS = re.compile(
    r"@|:(?=//)|\](?=\()|(?<!\w)[/#$!](?=\w)|\.(?=[A-Za-z]{2,24}(?![A-Za-z0-9]))|www(?=\.)"
)
_LINK = re.compile(r"https?://[!#-&(-;=?-Z_a-z{}~\[\]]{1,500}")


@dataclass(frozen=True, slots=True)
class TextFrame:
    """What a message is to show, in both forms.

    Attributes:
        plain: For clients that show no markup.
        html: With <b>, <code> and <a> only; lines end as in `plain`.
        status: Of the whole.
        gives_way: As `Frame` has it.
    """

    plain: str
    html: str
    status: ProgressStatus
    gives_way: bool = False

    def same_as(self, other: object) -> bool:
        """Whether people would see no difference."""
        return isinstance(other, TextFrame) and other.html == self.html


@dataclass(frozen=True, slots=True)
class _Markup:
    escape: Callable[[str], str]
    bold: Callable[[str], str]
    code: Callable[[str], str]
    link: Callable[[str], str]


_PLAIN = _Markup(str, str, str, str)
_HTML = _Markup(
    html.escape, "<b>{}</b>".format, "<code>{}</code>".format, '<a href="{0}">{0}</a>'.format
)


def job_frame(
    states: Sequence[OperationState], *, title: str = "", bar_length: int = 20
) -> TextFrame:
    """All operations of a job: done ones ticked with their time, the present one with its bar.

    It is never longer than 3,500 characters, as Telegram and UTF-16 count them.

    Args:
        states: The operations in their order.
        title: What the job is about; may hold text from outside. Empty shows the operation.
        bar_length: Characters of the bar.
    """
    present = present_state(states)
    status = present.info.status if present and present.info else ProgressStatus.STARTING
    texts = [
        "\n".join(_lines(states, present, title, bar_length, status, markup))
        for markup in (_PLAIN, _HTML)
    ]
    return TextFrame(texts[0], texts[1], status)


def present_state(states: Sequence[OperationState]) -> OperationState | None:
    """The operation to show in full: the first that has not ended well, else the last."""
    begun = [state for state in states if state.info is not None]
    for state in begun:
        if state.info is not None and state.info.status is not ProgressStatus.COMPLETED:
            return state
    if begun and len(begun) < len(states):
        return next(state for state in states if state.info is None)
    return begun[-1] if begun else None


def shown_states(
    states: Sequence[OperationState], present: OperationState | None
) -> tuple[int, list[OperationState]]:
    """The last ten, the present one among them, and how many come before."""
    hidden = max(0, len(states) - SHOWN_OPERATIONS)
    shown = list(states[hidden:])
    if present is not None and present not in shown:
        shown[0] = present
    return hidden, shown


def mark(state: OperationState) -> str:
    """The mark of an operation's status."""
    return PLANNED_MARK if state.info is None else render.MARKS[state.info.status]


def took(state: OperationState) -> str:
    """ " · 2m 18s" of one that has ended, else nothing."""
    return "" if state.seconds is None else f" · {render.duration(state.seconds)}"


def speed_of(info: ProgressInfo) -> str:
    """Units a second; of a conversion, which has none, how many times faster than playing."""
    factor = info.details.get("speed_factor")
    known = isinstance(factor, int | float) and math.isfinite(factor) and factor > 0
    if info.speed is None and known:
        return f"{factor:.1f}×"
    return render.speed(info.speed, info.unit)


def harmless(text: str, limit: int = NAME_LIMIT) -> str:
    """Text from outside as one line in which no messenger finds a mention, a link or a command.

    A zero-width space parts what would be one: ``@room``, ``https://…``, ``evil.example``,
    ``/start``, ``](``. Markup such as "<" is not escaped; what that is depends on the medium.

    Args:
        text: Anything: a file's name, a tag, a server's answer.
        limit: UTF-16 units of the result, at most.
    """
    return cut(_TRIGGERS.sub(rf"\g<0>{ZERO_WIDTH}", render.sanitize_line(text, limit)), limit)


def link_of(info: ProgressInfo) -> str:
    """The link that an operation ended in; "" where there is none that can be shown as one."""
    found = info.details.get("link", info.details.get("url"))
    done = info.status is ProgressStatus.COMPLETED and isinstance(found, str)
    return str(found) if done and _LINK.fullmatch(str(found)) else ""


def units(text: str) -> int:
    """The length in UTF-16 units, which is never less than characters."""
    return len(text) + sum(character > "\uffff" for character in text)


def cut(text: str, limit: int) -> str:
    """At most `limit` UTF-16 units of a text; "…" stands for what was cut."""
    if units(text) <= limit:
        return text
    kept, room = [], limit - 1
    for character in text:
        room -= units(character)
        if room < 0:
            break
        kept.append(character)
    return "".join(kept) + "…"


def _lines(
    states: Sequence[OperationState],
    present: OperationState | None,
    title: str,
    bar_length: int,
    status: ProgressStatus,
    markup: _Markup,
) -> list[str]:
    headline = title or (present.name if present else "Waiting")
    lines = [f"{render.MARKS[status]} {markup.bold(markup.escape(harmless(headline)))}"]
    hidden, shown = shown_states(states, present)
    if hidden:
        lines.append(f"… {hidden} more before")
    for state in shown:
        if len(states) > 1 or (title and title != state.name):
            lines.append(f"{mark(state)} {markup.escape(harmless(state.name))}{took(state)}")
        if state is present and state.info is not None:
            lines += _present_lines(state.info, bar_length, markup)
    if status.is_final:
        seconds = [state.seconds for state in states if state.seconds is not None]
        lines.append(f"Took {render.duration(math.fsum(seconds))}")
    return lines


def _present_lines(info: ProgressInfo, bar_length: int, markup: _Markup) -> list[str]:
    bar = render.bar(info.percentage, bar_length)
    lines = [f"{markup.code(bar)} {render.percent(info.percentage)}"]
    if not info.status.is_final:
        eta = f"ETA {render.duration(info.eta)}"
        lines.append(markup.escape(" · ".join((render.sizes(info), speed_of(info), eta))))
    elif info.current_size is not None:
        done = info.status is ProgressStatus.COMPLETED
        text = render.amount(info.current_size, info.unit) if done else render.sizes(info)
        lines.append(markup.escape(text))
    if info.message.strip():
        lines.append(markup.escape(harmless(info.message, MESSAGE_LIMIT)))
    if link := link_of(info):
        lines.append(markup.link(markup.escape(link)))
    return lines
