"""How `similubot plugins` grows with the plugins that are installed.

    make bench, or in its environment: python bench/growth_plugins.py [--rounds N]

Each number of plugins has an environment of its own with nothing else in it. A profile says what
the growth is made of.
"""

import argparse
import pstats
import statistics
import subprocess
import tempfile
from pathlib import Path

from environment import make_environment
from harness import run_interleaved
from report import Curve, Plot, Report, Table, tell

COUNTS = (1, 10, 30, 100)
COMMANDS = ("plugins", "--help")
SHOWN = 6
"""How many functions of the profile are told."""


def profile(programs: Path, folder: Path) -> dict[str, float]:
    """Seconds that `similubot plugins` spends in each function and what it calls, by cProfile."""
    file = folder / "profile"
    python, similubot = programs / "python", programs / "similubot"
    argv = [str(python), "-m", "cProfile", "-o", str(file), str(similubot), "plugins"]
    subprocess.run(argv, stdout=subprocess.DEVNULL, check=True)
    taken: dict[str, float] = {}
    for (source, _, name), figures in pstats.Stats(str(file)).stats.items():  # type: ignore[attr-defined]
        where = "" if source == "~" else f"{Path(source.strip('<>')).stem}: "
        taken[where + name] = taken.get(where + name, 0.0) + figures[3]
    return taken


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--rounds", type=int, default=20)


def measure(arguments: argparse.Namespace) -> Report:
    """Run the commands in all environments in turn, then the profiler in two of them."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        programs = {count: make_environment(folder / str(count), count) for count in COUNTS}
        runs = run_interleaved(
            {
                f"{command} {count}": [str(place / "similubot"), command]
                for count, place in programs.items()
                for command in COMMANDS
            },
            arguments.rounds,
        )
        few, many = (profile(programs[count], folder) for count in (COUNTS[0], COUNTS[-1]))
    times = {
        command: [min(run.seconds for run in runs[f"{command} {count}"]) * 1e3 for count in COUNTS]
        for command in COMMANDS
    }
    memory = [statistics.median(r.memory for r in runs[f"plugins {n}"]) / 2**20 for n in COUNTS]
    more = COUNTS[-1] - COUNTS[0]
    growth = {name: taken - few.get(name, 0.0) for name, taken in many.items()}
    total = max(growth.values())
    # What is above most of it, such as main, says nothing.
    telling = {name: part for name, part in growth.items() if part < 0.8 * total}
    largest = sorted(telling.items(), key=lambda item: -item[1])[:SHOWN]
    rows = zip(COUNTS, times["plugins"], times["--help"], memory, strict=True)
    x = tuple(map(float, COUNTS))
    return Report(
        "Growth with plugins",
        f"Plugins that `similubot new-plugin` writes, of all kinds by turns; the least of "
        f"{arguments.rounds} interleaved rounds, whole processes. The profile is cProfile's time "
        f"of `similubot plugins` with {COUNTS[-1]} plugins less that with {COUNTS[0]}.",
        (
            f"A plugin more costs `similubot plugins` "
            f"{(times['plugins'][-1] - times['plugins'][0]) / more:.2f} ms and "
            f"{(memory[-1] - memory[0]) / more * 1024:.0f} KiB, and `similubot --help` "
            f"{(times['--help'][-1] - times['--help'][0]) / more:.2f} ms.",
            f"What limits it, by the profile: `{largest[0][0]}` with all it calls is "
            f"{largest[0][1] / total:.0%} of the growth.",
        ),
        (
            Table(
                "",
                ("plugins", "`similubot plugins`, ms", "`similubot --help`, ms", "memory, MiB"),
                tuple((f"{n}", f"{p:.0f}", f"{h:.0f}", f"{m:.1f}") for n, p, h, m in rows),
            ),
            Table(
                "What the growth is made of",
                ("function, with all it calls", "ms", "share"),
                tuple((f"`{n}`", f"{s * 1e3:.1f}", f"{s / total:.0%}") for n, s in largest),
            ),
        ),
        (
            Plot(
                "growth-plugins-time",
                "Time by installed plugins",
                "plugins installed",
                "milliseconds",
                tuple(Curve(f"similubot {name}", x, tuple(ms)) for name, ms in times.items()),
            ),
            Plot(
                "growth-plugins-memory",
                "Peak memory of `similubot plugins` by installed plugins",
                "plugins installed",
                "MiB",
                (Curve("similubot plugins", x, tuple(memory)),),
            ),
        ),
    )


if __name__ == "__main__":
    tell(__doc__, measure, add_arguments)
