"""Runs every bench and writes RESULTS.md and the plots; `make bench` does it in its environment.

    python bench/all.py [NAME …]

Each bench is a process of its own, so that one that fails does not take the others along; it is
named in RESULTS.md, and the exit status is 1. With names, only these scripts are run, and what
RESULTS.md would be is printed.
"""

import os
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from drawing import draw
from machine import about_the_machine, others_use
from report import GOALS_COLUMNS, Report, Table, as_markdown, read, table_as_markdown

HERE = Path(__file__).parent
RESULTS, PLOTS = HERE / "RESULTS.md", HERE / "plots"
TIME_LIMIT = 240.0
"""Seconds that one bench may take."""


@dataclass(frozen=True)
class Bench:
    """A script of this folder, with arguments by which all of them take ten minutes."""

    script: str
    arguments: str = ""


BENCHES = (
    Bench("event_cost.py", "--rounds 5"),
    Bench("parse_cost.py"),
    Bench("ffmpeg_parse.py", "--rounds 3"),
    Bench("mega_download.py", "--bytes 300000000 --rounds 5 --without-megajs"),
    Bench("mega_download.py", "--bytes 100000000 --limit 10000000 --rounds 1"),
    Bench("catbox_upload.py", "--bytes 400000000 --rounds 3"),
    Bench("http_kit.py", "--bytes 400000000 --rounds 3"),
    Bench("whole_job.py", "--cases 5 video"),  # the others by themselves: they take six minutes
    Bench("ffmpeg_convert.py", "--seconds 600 --rounds 2"),
    Bench("verdict_cost.py", "--seconds 600 --rounds 1"),
    Bench("ffmpeg_eta.py", "--seconds 400 --rounds 1"),
    Bench("discord_sink.py", "--seconds 2"),
    Bench("startup.py", "--rounds 8"),
    Bench("growth_transfers.py", "--rounds 2"),
    Bench("growth_jobs.py"),
    Bench("growth_sinks.py", "--seconds 1"),
    Bench("growth_plugins.py", "--rounds 12"),
    Bench("web_viewers.py", "--seconds 15"),
    Bench("workers.py", "--jobs 6 --idle 5"),
    Bench("growth_workers.py", "--workers 200 --jobs 20000 --listed 5000"),
)


def run(bench: Bench, folder: Path) -> Report | str:
    """What one bench found, or a sentence of how it failed."""
    file = folder / "report.json"
    file.unlink(missing_ok=True)
    argv = [sys.executable, str(HERE / bench.script), "--json", str(file), *bench.arguments.split()]
    print(f"{bench.script} {bench.arguments} …", end=" ", file=sys.stderr, flush=True)
    began = time.monotonic()
    # Not in the checkout, where `python -c` would import the packages that lie there.
    process = subprocess.Popen(argv, cwd=folder, stdout=sys.stderr, start_new_session=True)
    try:
        status = process.wait(TIME_LIMIT)
    except subprocess.TimeoutExpired:
        return f"`{bench.script}` was ended after {TIME_LIMIT:g} s."
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    print(f"{time.monotonic() - began:.0f} s", file=sys.stderr)
    if status:
        return f"`{bench.script}` ended with exit status {status}; run it by itself to see why."
    return read(file)


def results(reports: list[Report], failures: list[str], seconds: float, others: float) -> str:
    """The whole of RESULTS.md."""
    cells = tuple(goal.cells for report in reports for goal in report.goals)
    missed = sum(not goal.reached for report in reports for goal in report.goals)
    parts = [
        "# What SimiluBot costs, beside what one would use instead\n",
        f"Written by `make bench` on {time.strftime('%Y-%m-%d')} in {seconds / 60:.1f} minutes. "
        "Within each bench all was run in turn, on the one machine below; a ratio is of figures of "
        "the same run. Absolute figures are this machine's; loopback is faster than any network.\n",
        table_as_markdown(Table("", GOALS_COLUMNS, cells)) + "\n",
        f"{len(cells) - missed} of {len(cells)} goals are reached.\n",
        *(f"**Failed:** {failure}\n" for failure in failures),
        about_the_machine(HERE / "requirements.txt", others),
        *(as_markdown(report, PLOTS.name) for report in reports),
    ]
    return "\n".join(parts)


def main(names: list[str]) -> int:
    """Run them; 1 when one failed."""
    began, before = time.monotonic(), others_use()
    reports, failures = [], []
    with tempfile.TemporaryDirectory(prefix="similubot-bench-") as folder:
        for bench in BENCHES:
            if names and bench.script.removesuffix(".py") not in names:
                continue
            found = run(bench, Path(folder))
            if isinstance(found, Report):
                reports.append(found)
            else:
                print(found, file=sys.stderr)
                failures.append(found)
    seconds = time.monotonic() - began
    text = results(reports, failures, seconds, (others_use() - before) / seconds)
    if names:
        print(text)
    else:
        PLOTS.mkdir(exist_ok=True)
        for old in PLOTS.glob("*.svg"):
            old.unlink()
        for plot in (plot for report in reports for plot in report.plots):
            draw(plot, PLOTS)
        RESULTS.write_text(text, encoding="utf-8")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main([name.removesuffix(".py") for name in sys.argv[1:]]))
