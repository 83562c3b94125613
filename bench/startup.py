"""How long `similubot --help`, `similubot plugins` and the core's import take, beside click.

    make bench, or in its environment: python bench/startup.py [--rounds N]

Measured here, with every plugin of the house installed, and in environments of their own with
nothing but the core and 1, 8 and 100 generated plugins. The least of many runs is compared: what
else a machine does only ever adds.
"""

import argparse
import statistics
import sys
import tempfile
from pathlib import Path

from environment import make_environment
from harness import Run, run_interleaved
from report import Goal, Report, Table, tell
from similubot_core.plugins.manager import CORE, load_plugins

CLICK = """import click

@click.group()
def main():
    pass

main()
"""
PLUGGY = """import pluggy
manager = pluggy.PluginManager("similubot")
manager.load_setuptools_entrypoints("similubot")
"""
FEWER, MORE = "6 of ours", "12 of ours"
PEER, HELP = "click, empty group, --help", "similubot --help"
COUNTS = (1, 8, 100)
FIRST = tuple(
    f"similubot-{name}"
    for name in ("bot", "catbox", "discord-sink", "ffmpeg", "mega", "terminal-sink")
)
"""What the bot needs; the six that came after it are below."""
SIX_MORE = tuple(
    f"similubot-{name}" for name in ("http", "matrix", "notify", "telegram", "tools", "yt-dlp")
)


def commands(programs: Path, scripts: Path) -> dict[str, list[str]]:
    """What is run in one environment."""
    python, similubot = str(programs / "python"), str(programs / "similubot")
    return {
        "python -c pass": [python, "-c", "pass"],
        PEER: [python, str(scripts / "empty_group.py"), "--help"],
        "pluggy, load_setuptools_entrypoints": [python, str(scripts / "plain_pluggy.py")],
        "import similubot_core": [python, "-c", "import similubot_core"],
        HELP: [similubot, "--help"],
        "similubot --no-plugins --help": [similubot, "--no-plugins", "--help"],
        "similubot plugins": [similubot, "plugins"],
    }


def least(runs: list[Run]) -> float:
    """Seconds of the fastest run."""
    return min(run.seconds for run in runs)


def tables(found: dict[str, dict[str, list[Run]]]) -> tuple[Table, ...]:
    """Time and memory: a row for each command, a column for each environment."""

    def time(runs: dict[str, list[Run]], name: str) -> str:
        return f"{least(runs[name]) * 1e3:.0f} ({least(runs[name]) / least(runs[PEER]):.2f})"

    def memory(runs: dict[str, list[Run]], name: str) -> str:
        return f"{statistics.median(run.memory for run in runs[name]) / 2**20:.1f}"

    names = tuple(next(iter(found.values())))
    return tuple(
        Table(
            title,
            ("", *found),
            tuple((name, *(cell(runs, name) for runs in found.values())) for name in names),
        )
        for title, cell in (
            ("Milliseconds, in brackets times click's in the same environment", time),
            ("Peak memory, MiB", memory),
        )
    )


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--rounds", type=int, default=40)


def measure(arguments: argparse.Namespace) -> Report:
    """Run all in each environment, in turn."""
    ours = [record for record in load_plugins().records if record.name != CORE]
    titles = [f"our {len(ours)} plugins"]
    titles += [f"{count} generated plugin{'s' * (count > 1)}" for count in COUNTS]
    titles += [FEWER, MORE]
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        (folder / "empty_group.py").write_text(CLICK)
        (folder / "plain_pluggy.py").write_text(PLUGGY)
        places = [Path(sys.executable).parent]
        places += [make_environment(folder / str(count), count) for count in COUNTS]
        places += [
            make_environment(folder / name, 0, also)
            for name, also in (("fewer", FIRST), ("more", (*FIRST, *SIX_MORE)))
        ]
        found = {
            title: run_interleaved(commands(place, folder), arguments.rounds)
            for title, place in zip(titles, places, strict=True)
        }
    house = found[titles[0]]
    fewer, more = (least(found[title][HELP]) * 1e3 for title in (FEWER, MORE))
    return Report(
        "Start",
        f"Whole processes, the least of {arguments.rounds} interleaved rounds in each environment: "
        "what else a machine does only ever adds. The peers are click's help of a group without "
        "any command, and what most hosts of plugins do: pluggy loads the same entry points. The "
        "generated plugins are what `similubot new-plugin` writes.",
        (
            f"Six more distributions of ours beside the bot's six cost `similubot --help` "
            f"{more - fewer:.1f} ms ({fewer:.0f} to {more:.0f}).",
        ),
        tables(found),
        goals=(
            Goal(
                "`similubot --help` with every plugin: time, times click's with an empty group",
                least(house[HELP]) / least(house[PEER]),
                1.5,
            ),
        ),
    )


if __name__ == "__main__":
    tell(__doc__, measure, add_arguments)
