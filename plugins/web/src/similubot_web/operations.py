"""Operations as rows of a page: the texts that people read, made once for all viewers."""

from __future__ import annotations

import math
import re

from similubot_core import ProgressInfo, ProgressStatus, render
from similubot_core.jobs.stages import STAGES
from similubot_core.redact import redact
from similubot_web.stream import Row

LONGEST_NAME, LONGEST_MESSAGE = 120, 500

_LINK = re.compile(r"https?://[^\s<>\"']{1,400}")


def shown(text: str, limit: int = LONGEST_MESSAGE) -> str:
    """Text from outside as one line without keys and other secrets."""
    return redact(render.sanitize_line(text, limit))


def link_in(text: str) -> str | None:
    """The text itself where it is a link that can be shown whole, and so followed; else None."""
    found = _LINK.fullmatch(text)
    return text if found is not None and shown(text) == text else None


def operation_key(id_: str) -> str:
    """The key of an operation's row: no id, from wherever it comes, can be that of another kind."""
    return f"op:{id_}"


def operation_row(info: ProgressInfo, began: float, order: int, parent: str | None) -> Row:
    """One operation.

    Args:
        info: Its newest state.
        began: When it began, in seconds since 1970.
        order: Its place among the operations of its parent.
        parent: The key of the row that it is a part of; None at the top.
    """
    result = info.details.get("link")
    link = link_in(result if isinstance(result, str) else info.message)
    row: dict[str, str | int | float | bool | None] = {
        "kind": "operation",
        "order": order,
        "name": shown(info.operation, LONGEST_NAME),
        "status": info.status.value,
        "began": round(began, 1),
        "message": shown(info.message),
    }
    if parent is not None:
        row["parent"] = parent
    if link is not None and info.status is ProgressStatus.COMPLETED:
        row["link"] = link
    if info.percentage > 0 or info.status.is_final:
        row["share"] = math.floor(info.percentage * 10 + 1e-9) / 10
    if info.unit != STAGES and (info.current_size is not None or info.total_size is not None):
        row["sizes"] = render.sizes(info)
    if info.status is ProgressStatus.IN_PROGRESS:
        if info.unit != STAGES and info.speed is not None:
            row["speed"] = render.speed(info.speed, info.unit)
        if info.unit != STAGES or info.eta is not None:
            row["eta"] = render.duration(info.eta)
    if info.status.is_final:
        row["ended"] = round(info.timestamp, 1)
    return row


def planned_row(name: str, order: int, parent: str) -> Row:
    """An operation that is known to come."""
    return {
        "kind": "operation",
        "order": order,
        "name": shown(name, LONGEST_NAME),
        "status": "planned",
        "parent": parent,
    }
