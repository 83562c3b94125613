"""Draws a report's plot as SVG, with matplotlib."""

from pathlib import Path

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullLocator

from report import Plot

INK, PALE = "#333333", "#e4e4e4"
COLOURS = ("#0b6bcb", "#d9480f", "#2b8a3e", "#862e9c", "#5c5f66")


def draw(plot: Plot, folder: Path) -> Path:
    """Write the picture into the folder and return its file."""
    # The same figures give the same file, so that a diff shows what changed.
    matplotlib.rcParams["svg.hashsalt"] = plot.name
    figure = Figure(figsize=(7.2, 4.0), layout="constrained", facecolor="white")
    axes = figure.add_subplot()
    for number, curve in enumerate(plot.curves):
        colour = COLOURS[number % len(COLOURS)]
        axes.plot(curve.x, curve.y, marker="o", markersize=4, linewidth=1.6, color=colour)
        axes.lines[-1].set_label(curve.label)
    axes.set_title(plot.title, loc="left", fontsize=11, color=INK)
    axes.set_xlabel(plot.x_label, color=INK)
    axes.set_ylabel(plot.y_label, color=INK)
    _scale(axes, plot)
    axes.grid(visible=True, color=PALE, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(colors=INK)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(INK)
    if len(plot.curves) > 1:
        axes.legend(frameon=False, labelcolor=INK, fontsize=9)
    file = folder / f"{plot.name}.svg"
    figure.savefig(file, metadata={"Date": None})
    return file


def _scale(axes: Axes, plot: Plot) -> None:
    """Ticks where something was measured; both axes logarithmic when the plot asks for it."""
    measured = sorted({x for curve in plot.curves for x in curve.x})
    heights = [y for curve in plot.curves for y in curve.y]
    if plot.log:
        # 0 has no logarithm: up to the smallest other figure the axis is linear.
        axes.set_xscale("symlog", linthresh=min(x for x in measured if x > 0))
    if plot.log and max(heights) > 10 * min(heights) > 0:
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter(FuncFormatter(_plain))
    else:
        axes.set_ylim(0, 1.08 * max(heights))
    axes.set_xticks(measured if plot.log else _apart(measured))
    axes.xaxis.set_major_formatter(FuncFormatter(_plain))
    axes.xaxis.set_minor_locator(NullLocator())


def _apart(measured: list[float]) -> list[float]:
    """Those whose labels do not run into the next larger one's."""
    kept = measured[-1:]
    for x in reversed(measured[:-1]):
        if kept[-1] - x >= 0.04 * (measured[-1] - measured[0]):
            kept.append(x)
    return kept


def _plain(value: float, position: int | None) -> str:
    return f"{value:g}"
