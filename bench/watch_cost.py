"""What `similubot watch` costs: a flood on pipes beside `cat` alone, and the reading of drawn rows.

    python bench/watch_cost.py [--megabytes N]

The flood goes `cat FILE | cat`, and `similubot watch -- cat FILE | cat`; the start of watch, which
`watch -- true` has too, is told beside it. The rows are what programs draw, fed to the screen that
stands behind a command's own terminal, and to pyte where that is installed.
"""

import argparse
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from similubot_core.cli._screen import Screen

PLAIN = "the quick brown fox jumps over the lazy dog and goes on\r\n" * 20_000
BAR = "".join(
    f"\r{n % 100:3}%|{'#' * (n % 40):40}| {n}/100 [00:03<00:06, 10.1it/s]" for n in range(20_000)
)
CURSOR = "".join(
    f"\x1b[2A\x1b[2K\ra3be5d4ce401: Downloading [====>     ]  {n}MB/50MB\r\x1b[2B"
    for n in range(20_000)
)
BLOCK = 4096


ROUNDS = 9


def seconds_of(*commands: str) -> list[float]:
    """How long each of some shell commands takes: the median of rounds in which they take turns."""
    rounds = []
    for _ in range(ROUNDS):
        taken = []
        for command in commands:
            began = time.monotonic()
            subprocess.run(["sh", "-c", command], check=True)
            taken.append(time.monotonic() - began)
        rounds.append(taken)
    return [statistics.median(taken) for taken in zip(*rounds, strict=True)]


def megabytes_per_second(feed: Callable[[str], object], text: str) -> float:
    """How fast a text is taken, in pieces as a terminal gives them."""
    began = time.process_time()
    for at in range(0, len(text), BLOCK):
        feed(text[at : at + BLOCK])
    return len(text) / 1e6 / (time.process_time() - began)


def screen() -> Callable[[str], object]:
    """Ours, as it is for a terminal of 80 columns; what leaves it is dropped."""
    made = Screen(lambda row: False, 80, 24, newline=False, on_full_screen=lambda text: text[6:])

    def feed(text: str) -> None:
        made.feed(text)
        made.gone.clear()

    return feed


def main() -> None:
    """Measure and tell."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--megabytes", type=int, default=1000)
    arguments = parser.parse_args()
    for name, text in (("lines", PLAIN), ("a bar", BAR), ("rows by cursor moves", CURSOR)):
        print(f"{name:22} {megabytes_per_second(screen(), text):7.1f} MB/s", end="")
        try:
            import pyte  # type: ignore[import-not-found]
        except ImportError:
            print()
        else:
            stream = pyte.Stream(pyte.Screen(80, 24))
            print(f"   pyte {megabytes_per_second(stream.feed, text[:400_000]):6.2f} MB/s")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "flood"
        line = b"a line of text that a tool prints, about sixty characters long\n"
        with file.open("wb") as stream:
            for _ in range(arguments.megabytes):
                stream.write(line * (1_000_000 // len(line)))
        watch = f"{sys.executable} -m similubot_core watch --sink json=stderr --"
        cat, start, ours = seconds_of(
            f"cat {file} | cat > /dev/null",
            f"{watch} true 2> /dev/null",
            f"{watch} cat {file} 2> /dev/null | cat > /dev/null",
        )
        most = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
        print(f"{arguments.megabytes} MB by cat            {cat:6.2f} s")
        print(f"the same under watch     {ours:6.2f} s, of which {start:.2f} s is its start")
        print(f"times cat, without start {(ours - start) / cat:6.2f}")
        print(f"most memory              {most / 1024:6.1f} MiB")


if __name__ == "__main__":
    main()
