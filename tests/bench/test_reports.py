"""The benches' reports: well-formed Markdown, goals told as they are, and every bench is run."""

import sys
from pathlib import Path

import pytest

BENCH = Path(__file__).parents[2] / "bench"


@pytest.fixture(autouse=True)
def _scripts_of_bench(monkeypatch: pytest.MonkeyPatch) -> None:
    # The scripts of bench/ are no package: each is run with its folder on the path.
    monkeypatch.syspath_prepend(BENCH)
    for name in ("report", "harness"):
        monkeypatch.delitem(sys.modules, name, raising=False)


def test_a_table_has_as_many_cells_in_every_line_whatever_they_hold() -> None:
    from report import Table, table_as_markdown

    table = Table("A | B", ("", "a|b", "c"), (("x", "1 | 2", "two\nlines"), ("", "\\", "`|`")))
    lines = table_as_markdown(table).splitlines()[2:]
    assert len(lines) == 4
    assert [line.replace("\\|", "").count("|") for line in lines] == [4, 4, 4, 4]


def test_a_report_shows_its_goals_tables_pictures_and_findings() -> None:
    from report import Goal, Plot, Report, Table, as_markdown

    report = Report(
        "Title",
        "Method.",
        ("Finding.",),
        (Table("Table", ("", "a"), (("row", "1"),)),),
        (Plot("name", "Picture", "x", "y", ()),),
        (Goal("as fast", 0.5, 1.0),),
    )
    text = as_markdown(report, "plots")
    wanted = ["## Title", "Method.", "| as fast | at most 1 | 0.5 | reached |", "### Table"]
    wanted += ["| row | 1 |", "![Picture](plots/name.svg)", "- Finding."]
    places = [text.index(part) for part in wanted]
    assert places == sorted(places)


@pytest.mark.parametrize(
    ("figure", "at_least", "reached"),
    [(1.0, False, True), (1.01, False, False), (1.0, True, True), (0.99, True, False)],
)
def test_a_goal_is_reached_on_the_right_side_of_its_limit(
    figure: float, at_least: bool, reached: bool
) -> None:
    from report import Goal

    goal = Goal("what", figure, 1.0, at_least=at_least)
    assert goal.reached is reached
    assert ("missed" in goal.cells[-1]) is not reached


def test_a_report_that_one_process_writes_another_reads(tmp_path: Path) -> None:
    import msgspec

    from report import Curve, Goal, Plot, Report, read

    plot = Plot("name", "title", "x", "y", (Curve("a", (1.0, 2.0), (0.5, 4.0)),), log=True)
    report = Report("title", "method", ("finding",), plots=(plot,), goals=(Goal("g", 1.5, 2.0),))
    (tmp_path / "report.json").write_bytes(msgspec.json.encode(report))
    assert read(tmp_path / "report.json") == report


def test_a_ratio_is_the_median_of_those_within_the_rounds() -> None:
    from harness import Run, process, ratio

    def runs(*seconds: float) -> list[Run]:
        return [Run(value, None, 0.0, 0) for value in seconds]

    # The third round was slow for both; the medians alone would say 2.5.
    both = {"peer": runs(1.0, 2.0, 10.0), "ours": runs(2.0, 5.0, 20.0)}
    assert ratio(both, "ours", "peer", process) == 2.0


def test_make_bench_runs_every_script_that_tells_a_report() -> None:
    scripts = {path.name for path in BENCH.glob("*.py") if "tell(__doc__" in path.read_text()}
    text = (BENCH / "all.py").read_text()
    assert scripts
    assert {name for name in scripts if f'Bench("{name}"' not in text} == set()
