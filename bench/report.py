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
class Report:
    """What one bench found.

    Attributes:
        title: What was measured.
        method: How, in a sentence or two: beside what, how often, what each figure is.
        findings: What the figures say, with the goal where there is one and whether it is reached;
            computed from the figures of this run, never typed in.
        tables: The figures.
        plots: The pictures.
    """

    title: str
    method: str
    findings: tuple[str, ...]
    tables: tuple[Table, ...] = ()
    plots: tuple[Plot, ...] = ()


def as_markdown(report: Report, pictures: str | None = None) -> str:
    """The report as Markdown; `pictures` is the relative folder of its plots, None for none."""
    parts = [f"## {report.title}", report.method]
    for table in report.tables:
        if table.title:
            parts.append(f"### {table.title}")
        lines = [table.columns, ("---",) + ("---:",) * (len(table.columns) - 1), *table.rows]
        parts.append("\n".join("| " + " | ".join(line) + " |" for line in lines))
    if pictures is not None:
        parts += [f"![{plot.title}]({pictures}/{plot.name}.svg)" for plot in report.plots]
    parts.append("\n".join(f"- {finding}" for finding in report.findings))
    return "\n\n".join(parts) + "\n"


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
