"""How long `similubot --help` takes beside click alone with an empty group, in one interleaved run.

    .venv/bin/python bench/startup.py [ROUNDS]

The goal is at most 1.5 times click's time with every plugin installed. The least of many runs is
compared: what else a machine does only ever adds.
"""

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

CLICK = """import click

@click.group()
def main():
    pass

main()
"""


def measure(commands: dict[str, list[str]], rounds: int) -> dict[str, list[float]]:
    """Seconds of each run of each command, one after the other in every round."""
    times: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(rounds):
        for name, command in commands.items():
            began = time.perf_counter()
            subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
            times[name].append(time.perf_counter() - began)
    return times


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 40
    similubot = str(Path(sys.executable).with_name("similubot"))
    with tempfile.TemporaryDirectory() as folder:
        click = Path(folder) / "empty_group.py"
        click.write_text(CLICK)
        commands = {
            "python -c pass": [sys.executable, "-c", "pass"],
            "click, empty group, --help": [sys.executable, str(click), "--help"],
            "similubot --help": [similubot, "--help"],
            "similubot --no-plugins --help": [similubot, "--no-plugins", "--help"],
            "similubot plugins": [similubot, "plugins"],
            "import similubot_core": [sys.executable, "-c", "import similubot_core"],
        }
        measure(commands, 2)  # compiles what is not compiled yet
        times = measure(commands, rounds)
    peer = min(times["click, empty group, --help"])
    print(f"{'':32}   least  median   times click")
    for name, seconds in times.items():
        least, median = min(seconds), statistics.median(seconds)
        print(f"{name:32} {least * 1e3:4.0f} ms {median * 1e3:4.0f} ms   {least / peer:.2f}")


if __name__ == "__main__":
    main()
