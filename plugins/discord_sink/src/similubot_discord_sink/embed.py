"""The embed that shows a job's operations, within all of Discord's limits whatever it is given."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime

import discord

from similubot_core import ProgressInfo, ProgressStatus, render
from similubot_core.live import OperationState
from similubot_core.live.text import mark, present_state, shown_states, speed_of, took
from similubot_discord_sink.plain_text import escape

NAME_LIMIT = 100
MESSAGE_LIMIT = 500
LONGEST_BAR = 100

STATUS_COLOURS = {
    ProgressStatus.STARTING: 0xF1C40F,
    ProgressStatus.IN_PROGRESS: 0x3498DB,
    ProgressStatus.COMPLETED: 0x2ECC71,
    ProgressStatus.FAILED: 0xE74C3C,
    ProgressStatus.CANCELLED: 0x95A5A6,
}
"""The colour of the embed's edge for each status."""


def job_embed(
    states: Sequence[OperationState],
    *,
    title: str = "",
    bar_length: int = 20,
    now: datetime | None = None,
) -> discord.Embed:
    """All operations of a job: done ones ticked with their time, the present one with its bar.

    Args:
        states: The operations in their order; the one shown in full is the first that has not
            ended well, else the last.
        title: What the job is about; text from outside is escaped. Empty shows the operation.
        bar_length: Characters of the bar, 1 to 100.
        now: The time that the embed carries; None is this moment.
    """
    now = now or datetime.now(UTC)
    present = present_state(states)
    status = present.info.status if present and present.info else ProgressStatus.STARTING
    headline = title or (present.name if present else "Waiting")
    embed = discord.Embed(
        title=f"{render.MARKS[status]} {escape(headline, NAME_LIMIT)}",
        colour=STATUS_COLOURS[status],
        timestamp=now,
    )
    lines = _lines(states, present, named=bool(title), bar_length=bar_length)
    embed.description = "\n".join(lines)
    if present is not None and present.info is not None:
        _add_fields(embed, present.info)
    ended = [state.seconds for state in states if state.seconds is not None]
    if status.is_final:
        embed.set_footer(text=f"Took {render.duration(math.fsum(ended))}")
    else:
        embed.set_footer(text="Updated")
    return embed


def _lines(
    states: Sequence[OperationState],
    present: OperationState | None,
    *,
    named: bool,
    bar_length: int,
) -> list[str]:
    hidden, shown = shown_states(states, present)
    lines = [f"… {hidden} more before"] if hidden else []
    for state in shown:
        if state is present and state.info is not None:
            if named or len(states) > 1:
                lines.append(f"{mark(state)} **{escape(state.name, NAME_LIMIT)}**{took(state)}")
            lines += _present_lines(state.info, bar_length)
        else:
            lines.append(f"{mark(state)} {escape(state.name, NAME_LIMIT)}{took(state)}")
    return lines


def _present_lines(info: ProgressInfo, bar_length: int) -> list[str]:
    bar = render.bar(info.percentage, bar_length)
    lines = [f"`{bar}` {render.percent(info.percentage)}"]
    if info.message.strip():
        lines.append(escape(info.message, MESSAGE_LIMIT, links=True))
    return lines


def _add_fields(embed: discord.Embed, info: ProgressInfo) -> None:
    if not info.status.is_final:
        embed.add_field(name="Size", value=render.sizes(info))
        embed.add_field(name="Speed", value=speed_of(info))
        embed.add_field(name="ETA", value=render.duration(info.eta))
    elif info.current_size is not None:
        done = info.status is ProgressStatus.COMPLETED
        text = render.amount(info.current_size, info.unit) if done else render.sizes(info)
        embed.add_field(name="Size", value=text)
    url = info.details.get("url")
    if info.status is ProgressStatus.COMPLETED and isinstance(url, str):
        link = escape(url, MESSAGE_LIMIT, links=True)
        if link:
            embed.add_field(name="Link", value=link, inline=False)
