"""What a bench found, as data: `make bench` turns the reports of all into RESULTS.md and plots.

Each script in this folder measures one thing, is run by itself with ``python bench/NAME.py``, and
prints its report as Markdown; with ``--json FILE`` it writes it for `all.py` instead.
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import msgspec


@dataclass(frozen=True)
class Table:
    """Figures, formatted; the first column names the row. The title may be empty."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Curve:
    """One line of a plot; `x` and `y` are equally long."""

    label: str
    x: tuple[float, ...]
    y: tuple[float, ...]


@dataclass(frozen=True)
class Plot:
    """How something grows. `name` is the picture's file name without its ending."""

    name: str
    title: str
    x_label: str
    y_label: str
    curves: tuple[Curve, ...]
    log: bool = False


@dataclass(frozen=True)
class Goal:
    """What a figure is to be, and what it is.

    Attributes:
        what: What the figure says, its unit in it: "an update with 4 sinks, times tqdm's".
        figure: What was measured; computed, never typed in.
        limit: The most it may be, or with `at_least` the least.
        at_least: Whether more is better.
    """

    what: str
    figure: float
    limit: float
    at_least: bool = False

    @property
    def reached(self) -> bool:
        """Whether the figure is on the right side of its limit, or on it."""
        return self.figure >= self.limit if self.at_least else self.figure <= self.limit

    @property
    def cells(self) -> tuple[str, str, str, str]:
        """What, its limit, the figure, and whether that reaches it, for a table."""
        limit = f"at {'least' if self.at_least else 'most'} {self.limit:.4g}"
        return self.what, limit, f"{self.figure:.3g}", "reached" if self.reached else "**missed**"


@dataclass(frozen=True)
class Report:
    """What one bench found.

    Attributes:
        title: What was measured.
        method: How, in a sentence or two: beside what, how often, what each figure is.
        findings: What the figures say, computed from those of this run, never typed in. What could
            not be measured, and what is missing for it, is said here too.
        tables: The figures.
        plots: The pictures.
        goals: What the figures are to be; `make bench` gathers them into one table.
    """

    title: str
    method: str
    findings: tuple[str, ...]
    tables: tuple[Table, ...] = ()
    plots: tuple[Plot, ...] = ()
    goals: tuple[Goal, ...] = ()


GOALS_COLUMNS = ("Goal", "Limit", "Figure", "")
"""What `Goal.cells` are."""


def as_markdown(report: Report, pictures: str | None = None) -> str:
    """The report as Markdown; `pictures` is the relative folder of its plots, None for none."""
    parts = [f"## {report.title}", report.method]
    if report.goals:
        cells = tuple(goal.cells for goal in report.goals)
        parts.append(table_as_markdown(Table("", GOALS_COLUMNS, cells)))
    parts += [table_as_markdown(table) for table in report.tables]
    if pictures is not None:
        parts += [f"![{plot.title}]({pictures}/{plot.name}.svg)" for plot in report.plots]
    if report.findings:
        parts.append("\n".join(f"- {finding}" for finding in report.findings))
    return "\n\n".join(parts) + "\n"


def table_as_markdown(table: Table) -> str:
    """The table below its title; what a cell holds cannot end it."""
    rule = ("---",) + ("---:",) * (len(table.columns) - 1)
    cells = [tuple(map(_cell, line)) for line in (table.columns, *table.rows)]
    lines = ["| " + " | ".join(line) + " |" for line in (cells[0], rule, *cells[1:])]
    title = [f"### {table.title}", ""] if table.title else []
    return "\n".join(title + lines)


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())


def read(path: Path) -> Report:
    """The report that a bench wrote with ``--json``."""
    return msgspec.json.decode(path.read_bytes(), type=Report)


def tell(
    doc: str | None,
    measure: Callable[[argparse.Namespace], Report],
    add_arguments: Callable[[argparse.ArgumentParser], object] = lambda parser: None,
) -> None:
    """Run a bench from its command line: `--json FILE` writes the report, else it is printed."""
    parser = argparse.ArgumentParser(
        description=doc, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", type=Path, help="write the report there for all.py")
    add_arguments(parser)
    arguments = parser.parse_args()
    report = measure(arguments)
    if arguments.json:
        arguments.json.write_bytes(msgspec.json.encode(report))
    else:
        print(as_markdown(report))
