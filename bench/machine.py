"""What a run's figures hold for: the machine, and the versions of all that took part."""

import os
import platform
import shutil
import subprocess
from importlib.metadata import version
from pathlib import Path

from report import Table, table_as_markdown
from similubot_ffmpeg import FFmpegSettings
from similubot_ffmpeg.program import find_program, version_of


def about_the_machine(requirements: Path, others: float) -> str:
    """Markdown with two tables; the peers are those in the requirements file.

    Args:
        requirements: The requirements file.
        others: How many cores other programs used while all was measured.
    """
    machine = (
        ("processor", f"{_processor()}, {len(os.sched_getaffinity(0))} cores for us"),
        ("memory", f"{os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE') / 2**30:.1f} GiB"),
        ("used by other programs meanwhile", f"{others:.2f} cores"),
        ("kernel", f"{platform.system()} {platform.release()}"),
        ("Python", f"{platform.python_implementation()} {platform.python_version()}"),
        ("FFmpeg", version_of(find_program(FFmpegSettings()))),
        ("curl", _said("curl", "--version").partition("(")[0].removeprefix("curl").strip()),
        ("node", _said("node", "--version")),
        ("commit", _said("git", "-C", str(Path(__file__).parent), "rev-parse", "--short", "HEAD")),
    )
    pinned = (line.partition("==")[0] for line in requirements.read_text().splitlines())
    peers = tuple((name, version(name)) for name in pinned if name and not name.startswith("#"))
    tables = (
        Table("", ("Machine", ""), machine),
        Table("", ("Installed beside ours", "Version"), peers),
    )
    return "\n\n".join(("## The machine", *map(table_as_markdown, tables))) + "\n"


def others_use() -> float:
    """Seconds of processor time, since the machine started, that were not for us or our children:
    other programs', and what a virtual machine's host took away.
    """
    words = Path("/proc/stat").read_text().partition("\n")[0].split()
    user, nice, system, _, _, irq, softirq, steal = map(int, words[1:9])
    total = (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")
    return total - sum(os.times()[:4])


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _said(program: str, *words: str) -> str:
    """The first line that a program prints."""
    if shutil.which(program) is None:
        return "not installed"
    done = subprocess.run([program, *words], capture_output=True, text=True, check=False)
    return done.stdout.partition("\n")[0].strip()
