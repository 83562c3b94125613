"""The options that `download`, `convert` and `upload` share, and how their values are read."""

import argparse
import re
from pathlib import Path

from similubot_core import render
from similubot_core.cli.sink_options import add_sink_option

MOST_AT_ONCE = 16


def add_output_options(parser: argparse.ArgumentParser) -> None:
    """Where results go, and what happens where something lies already."""
    parser.add_argument(
        "-o",
        "--output",
        metavar="PATH",
        help="the file to write, or a folder to write into (a / at the end makes it)",
    )
    existing = parser.add_mutually_exclusive_group()
    existing.add_argument(
        "--overwrite", action="store_true", help="replace a file that has the result's name"
    )
    existing.add_argument(
        "--skip-existing", action="store_true", help="leave out a source whose result is there"
    )


def add_source_options(parser: argparse.ArgumentParser) -> None:
    """Where sources come from."""
    parser.add_argument("--from", dest="from_", metavar="NAME", help="the downloader to take")


def add_run_options(parser: argparse.ArgumentParser) -> None:
    """How the work is done and shown."""
    parser.add_argument(
        "-j", "--jobs", type=_jobs, default=2, metavar="N", help="how many at once (default: 2)"
    )
    parser.add_argument(
        "-n", "--dry-run", action="store_true", help="say what would be done, and do nothing"
    )
    parser.add_argument("-q", "--quiet", action="store_true", help="show no progress")
    parser.add_argument("-v", "--verbose", action="store_true", help="show the log on stderr")
    add_sink_option(parser)
    parser.add_argument("--json", action="store_true", help="one JSON object a line on stdout")


def add_examples(parser: argparse.ArgumentParser, *examples: str) -> None:
    """Show examples below the help."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = "examples:\n" + "\n".join(f"  {example}" for example in examples)


def output_path(text: str | None) -> tuple[Path | None, bool]:
    """The path of ``--output``, and whether it was written as a folder, with a / at its end."""
    if text is None:
        return None, False
    return Path(text), text.endswith("/")


def _jobs(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,2}", text) or not 1 <= int(text) <= MOST_AT_ONCE:
        shown = render.sanitize_line(text, 40)
        raise argparse.ArgumentTypeError(f"{shown!r} is not a number from 1 to {MOST_AT_ONCE}")
    return int(text)


def bitrate(text: str) -> int:
    """Kilobits per second, of ``--bitrate``."""
    try:
        return int(text)
    except ValueError:
        shown = render.sanitize_line(text, 40)
        raise argparse.ArgumentTypeError(
            f"{shown!r} is not a whole number of kilobits per second"
        ) from None


def size(text: str) -> int:
    """Bytes, of ``--fit``: "25MB" (1 MB is 1,048,576 bytes)."""
    match = re.fullmatch(r"(\d{1,9}(?:\.\d{1,3})?)\s*([KMG]?)i?B?", text.strip(), re.IGNORECASE)
    count = float(match[1]) * 1024 ** " KMG".index(match[2].upper() or " ") if match else 0.0
    if count < 1:
        raise argparse.ArgumentTypeError(
            f"{render.sanitize_line(text, 40)!r} is not a size; write one as 25MB or 800KB"
        )
    return int(count)


def clip(text: str) -> tuple[float, float | None]:
    """Start and end in seconds, of ``--clip``: "1:10-2:30"; an end of None is the source's."""
    start, dash, end = text.strip().partition("-")
    first, last = _seconds(start or "0"), _seconds(end) if end else None
    if not dash or first is None or (end and last is None):
        raise argparse.ArgumentTypeError(
            f"{render.sanitize_line(text, 40)!r} is not a part; write it as 1:10-2:30, or 1:10- "
            "for all that follows"
        )
    return first, last


def _seconds(text: str) -> float | None:
    """Seconds of "90", "1:30" or "1:02:03.5"; None of anything else."""
    if not re.fullmatch(r"(\d{1,3}:){0,2}\d{1,6}(\.\d{1,6})?", text.strip(), re.ASCII):
        return None
    seconds = 0.0
    for part in text.split(":"):
        seconds = seconds * 60 + float(part)
    return seconds
