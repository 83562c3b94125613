"""What the operations look like on a terminal of a certain size."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.progress_bar import ProgressBar
from rich.segment import Segment
from rich.style import Style

from similubot_core import ProgressInfo, ProgressStatus, render
from similubot_core.jobs.stages import STAGES
from similubot_terminal_sink._rows import Row

Line = list[Segment]

GAP = 2
MARK = 3
PERCENT, ETA, SPEED, ELAPSED, SIZES = 6, 11, 11, 7, 21
"""The columns of each figure, wide enough for "1023.9 KB/s" and "ETA 23h 59m"."""
LEAST_NAME, LEAST_BAR, WIDEST_BAR = 12, 8, 40
LEAST_BESIDE_SIZES = 45
"""What is left for name and bar at least where the sizes stand in the line."""

_WORDS = {
    ProgressStatus.STARTING: "starting",
    ProgressStatus.COMPLETED: "done",
    ProgressStatus.FAILED: "failed",
    ProgressStatus.CANCELLED: "cancelled",
}
_COLOURS = {
    ProgressStatus.STARTING: "cyan",
    ProgressStatus.IN_PROGRESS: "cyan",
    ProgressStatus.COMPLETED: "green",
    ProgressStatus.FAILED: "red",
    ProgressStatus.CANCELLED: "yellow",
}
_STYLES = {status: Style(color=colour) for status, colour in _COLOURS.items()}
_BOLD, _DIM, _PLAIN = Style(bold=True), Style(dim=True), Style()


@dataclass(frozen=True, slots=True)
class Layout:
    """Which figures there is room for, and how wide the rest is.

    The percentage always has its place; the others come in the order of `figures`.
    """

    width: int
    name: int
    bar: int
    figures: frozenset[str]


def layout_for(width: int) -> Layout:
    """The layout of a terminal of so many columns."""
    free = max(1, width - 1) - MARK - PERCENT - GAP
    figures = set()
    least = LEAST_NAME + GAP + LEAST_BAR
    for figure, columns, needed in (
        ("eta", ETA, least),
        ("speed", SPEED, least),
        ("elapsed", ELAPSED, least),
        ("sizes", SIZES, LEAST_BESIDE_SIZES),
    ):
        if free - columns - GAP < needed:
            break
        figures.add(figure)
        free -= columns + GAP
    if free < least:
        return Layout(width, max(1, free), 0, frozenset(figures))
    bar = min(WIDEST_BAR, max(LEAST_BAR, (free - GAP) * 2 // 5))
    return Layout(width, free - GAP - bar, bar, frozenset(figures))


def lines_of(
    row: Row, now: float, layout: Layout, console: Console, *, stages: bool
) -> Iterator[Line]:
    """The lines of an operation under way: its bar, and below it what there is no room for.

    Args:
        row: The operation.
        now: Seconds of the sink's clock.
        layout: How wide everything is.
        console: What the bar is made for.
        stages: Whether each part has a line of its own; else the present one is named.
    """
    part = None if stages else row.present_part
    # Where nothing is known of the whole, the bar is the present part's, and has its name.
    whole_is_known = part is None or row.info.percentage > 0
    shown, other = (row, part) if whole_is_known or part is None else (part, row)
    yield _bar_line(shown, other, now, layout, console, indent=0)
    below = _below(shown.info, other, layout, whole_is_known=whole_is_known)
    if below:
        yield [Segment(_cut(" " * MARK + below, layout.width - 1), _DIM)]
    if stages:
        yield from _part_lines(row, now, layout, console, 1)


def final_lines(
    row: Row, now: float, layout: Layout, console: Console, *, stages: bool, depth: int = 0
) -> Iterator[Line]:
    """The line that stays on the screen of an operation that has ended, and why where it failed;
    with `stages` those of its parts too.
    """
    info = row.info
    style = _STYLES[info.status]
    if "eta" not in layout.figures:  # too narrow for a bar and what became of it
        layout = replace(layout, bar=0)
    told = [_WORDS[info.status]] if info.status.is_final else []
    size = info.details.get("size")
    if layout.bar and info.unit != STAGES:
        done = info.status is ProgressStatus.COMPLETED and info.current_size is not None
        told.append(render.amount(info.current_size, info.unit) if done else _sizes(info))
    elif layout.bar and isinstance(size, int):
        told.append(render.size(size))
    told.append(render.duration(row.seconds(now)))
    yield [
        *_head(info, layout, console, now, indent=2 * depth),
        Segment("  " + "  ".join(text for text in told if text), style),
    ]
    if info.message and info.status is not ProgressStatus.COMPLETED and not depth:
        yield [Segment(" " * MARK + render.sanitize_line(info.message), style)]
    if stages:
        for part in row.parts.values():
            yield from final_lines(part, now, layout, console, stages=True, depth=depth + 1)


def _part_lines(
    row: Row, now: float, layout: Layout, console: Console, depth: int
) -> Iterator[Line]:
    for part in row.parts.values():
        yield _bar_line(part, None, now, layout, console, indent=2 * depth)
        yield from _part_lines(part, now, layout, console, depth + 1)


def _bar_line(
    row: Row, part: Row | None, now: float, layout: Layout, console: Console, *, indent: int
) -> Line:
    info = row.info
    line = _head(info, layout, console, now, indent)
    figures: list[tuple[str, int, str]] = [
        ("sizes", SIZES, "" if info.unit == STAGES else _sizes(info)),
        ("speed", SPEED, _speed(info, part)),
        ("eta", ETA, ""),
        ("elapsed", ELAPSED, render.duration(row.seconds(now))),
    ]
    for name, columns, text in figures:
        if name not in layout.figures:
            continue
        if name == "eta":
            ended = info.status is not ProgressStatus.IN_PROGRESS
            told = _WORDS[info.status] if ended else f"ETA {render.duration(info.eta)}"
            cell = set_cell_size(_cut(told, columns), columns)
        else:
            cell = _cut(text, columns).rjust(columns)
        line.append(Segment(" " * GAP + cell, _PLAIN if name == "eta" else _DIM))
    return line


def _head(info: ProgressInfo, layout: Layout, console: Console, now: float, indent: int) -> Line:
    """The mark, the name, the bar and the percentage."""
    style = _STYLES[info.status]
    indent = min(indent, layout.name // 3)
    name = _cut(render.sanitize_line(info.operation, layout.name), layout.name - indent)
    line = [
        Segment(" " * indent + render.MARKS[info.status] + " ", _PLAIN),
        Segment(set_cell_size(name, layout.name - indent), _BOLD),
    ]
    known = info.percentage > 0 or info.status is ProgressStatus.COMPLETED
    known = known or (info.total_size is not None and info.current_size is not None)
    if layout.bar:
        bar = ProgressBar(
            total=100.0,
            completed=info.percentage,
            width=layout.bar,
            pulse=not known and not info.status.is_final,
            style="grey35",
            complete_style=style,
            finished_style=style,
            pulse_style=style,
            animation_time=now,
        )
        drawn = list(console.render(bar))
        missing = layout.bar - sum(segment.cell_length for segment in drawn)
        line += [Segment(" " * GAP), *drawn, Segment(" " * missing)]
    percent = render.percent(info.percentage) if known else ""
    line.append(Segment(" " * GAP + percent.rjust(PERCENT), style))
    return line


def _speed(info: ProgressInfo, part: Row | None) -> str:
    """How fast it is, or its present part where it counts stages."""
    if info.unit == STAGES:
        return "" if part is None else _speed(part.info, None)
    if info.speed is not None:
        return render.speed(info.speed, info.unit)
    factor = info.details.get("speed_factor")
    return f"{factor:.1f}×" if isinstance(factor, int | float) and factor > 0 else ""


def _below(info: ProgressInfo, other: Row | None, layout: Layout, *, whole_is_known: bool) -> str:
    """What belongs to a bar and is not in its line."""
    told = []
    working = info
    if other is not None:
        told.append(render.sanitize_line(other.info.operation, layout.width))
        if whole_is_known:
            working = other.info
            if working.percentage > 0:
                told.append(render.percent(working.percentage))
    if "sizes" not in layout.figures or working is not info:
        told.append("" if working.unit == STAGES else _sizes(working))
    told.append(render.sanitize_line(working.message, layout.width))
    return "  ".join(text for text in told if text)


def _sizes(info: ProgressInfo) -> str:
    known = info.current_size is not None or info.total_size is not None
    return render.sizes(info) if known else ""


def _cut(text: str, columns: int) -> str:
    """At most so many cells of a terminal, "…" at the end where something was cut."""
    if cell_len(text) <= columns:
        return text
    return set_cell_size(text, max(0, columns - 1)).rstrip() + "…"
