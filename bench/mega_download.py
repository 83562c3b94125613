"""Downloads over loopback with similubot-mega's embedded backend, async-mega-py and megajs.

    make bench, or in its environment:
    python bench/mega_download.py [--bytes N] [--limit BYTES_PER_SECOND] [--rounds N]

All fetch the same encrypted file from the same loopback server, which is a process of its own, and
each runs in a fresh process. "work" is the download alone, by each program's own clock; "process"
has the start of the program and its imports in it. "nothing fetched" asks our client for the name
and size only: its peak memory is the baseline. megajs is left out where it is not installed.
"""

import argparse
import os
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from harness import Run, comparison, cpu, median, memory, ratio, run_interleaved, work
from loopback_mega import serving
from report import Goal, Report, Table, tell

OURS = "similubot-mega"
BASELINE = "nothing fetched"
CONNECTIONS = 8
MEGAJS = f"megajs, {CONNECTIONS} connections"
NODE_FOLDER = Path(__file__).parent.parent / "plugins" / "mega" / "tests" / "node"

PROGRAMS = {
    BASELINE: """
from similubot_mega import MegaDownloader, MegaSettings
def download():
    success, info, error = MegaDownloader(folder, MegaSettings(api_url=url)).get_file_info(link)
    assert success, error
""",
    OURS: """
from similubot_mega import MegaDownloader, MegaSettings
def download():
    downloader = MegaDownloader(folder, MegaSettings(api_url=url))
    success, path, error = downloader.download_with_progress(link, lambda info: None)
    assert success, error
""",
    "async-mega-py": """
import asyncio, yarl
from mega.api import MegaAPI
from mega.client import MegaNzClient
MegaAPI._entrypoint = yarl.URL(url + "/cs")
async def fetch():
    async with MegaNzClient() as client:
        result = await client.download_url(link, folder)
        assert not result.fails, result
def download():
    asyncio.run(fetch())
""",
}
PROGRAM = """
import sys, time
url, link, folder = sys.argv[1:]
{client}
began = time.perf_counter()
download()
print(time.perf_counter() - began)
"""


def commands(url: str, link: str, folder: Path, *, megajs: bool) -> dict[str, Sequence[str]]:
    """How each client is started; each prints the seconds that its download took."""
    found: dict[str, Sequence[str]] = {
        name: [sys.executable, "-c", PROGRAM.format(client=client), url, link, str(folder)]
        for name, client in PROGRAMS.items()
    }
    node = shutil.which("node")
    if megajs and node and (NODE_FOLDER / "node_modules" / "megajs").is_dir():
        script = str(NODE_FOLDER / "download.mjs")
        target = str(folder / "megajs.bin")
        found[MEGAJS] = [node, script, url, link, target, str(CONNECTIONS)]
    return found


def report_of(runs: Mapping[str, Sequence[Run]], size: int, limit: int | None) -> Report:
    """Throughput, CPU per GB and memory over the baseline, and what follows."""
    baseline = median(runs[BASELINE], memory)
    clients = [name for name in runs if name != BASELINE]
    rows = tuple(
        (
            name,
            f"{size / median(runs[name], work) / 1e6:.0f}",
            f"{median(runs[name], cpu) / (size / 1e9):.2f}",
            f"{(median(runs[name], memory) - baseline) / 2**20:.0f}",
        )
        for name in clients
    )
    ours = median(runs[OURS], work)
    peers = [name for name in clients if name != OURS]
    fastest = min(peers, key=lambda name: median(runs[name], work))
    findings = []
    title = "MEGA download" + (f", {limit / 1e6:g} MB/s a connection" if limit else "")
    if limit:
        goal = Goal(
            f"{title}: share of {CONNECTIONS} such",
            size / ours / (CONNECTIONS * limit),
            0.9,
            at_least=True,
        )
    else:
        goal = Goal(
            f"{title}: speed, times that of the fastest other ({fastest})",
            1 / ratio(runs, OURS, fastest, work),
            1.5,
            at_least=True,
        )
    more = (median(runs[OURS], memory) - baseline) / 2**20
    if MEGAJS not in peers:
        findings.append("megajs was left out: as was asked, or since it is not installed here.")
    return Report(
        title,
        f"{size:,} bytes from one loopback MEGA, a process of its own, to a file, decrypted and "
        f"checked; {len(runs[OURS])} interleaved rounds, each run in a fresh process. Work is the "
        "download by each program's own clock. The memory is over that of our client asking for "
        "the name and size only; Python peers import more than it does.",
        tuple(findings),
        (
            comparison(runs, OURS),
            Table("", ("", "MB/s", "CPU, s per GB", "memory over the baseline, MiB"), rows),
        ),
        goals=(goal, Goal(f"{title}: memory over the baseline, MiB", more, 64)),
    )


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--bytes", type=int, default=1_000_000_000)
    parser.add_argument("--limit", type=int, help="bytes/s on each connection")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--without-megajs", action="store_true", help="it takes long")


def measure(arguments: argparse.Namespace) -> Report:
    """Fetch one file with each client in turn, round after round."""
    with tempfile.TemporaryDirectory(prefix="mega-bench-") as name:
        source, folder = Path(name) / "source.bin", Path(name) / "out"
        folder.mkdir()
        with source.open("wb") as file:
            for start in range(0, arguments.bytes, 1 << 20):
                file.write(os.urandom(min(1 << 20, arguments.bytes - start)))

        def check_and_remove(client: str) -> None:
            files = [path for path in folder.rglob("*") if path.is_file()]
            assert [path.stat().st_size for path in files] == (
                [] if client == BASELINE else [arguments.bytes]
            ), client
            for path in files:
                path.unlink()

        with serving([source], limit=arguments.limit) as mega:
            clients = commands(mega.url, mega.links[0], folder, megajs=not arguments.without_megajs)
            warm_up = not arguments.limit
            runs = run_interleaved(clients, arguments.rounds, check_and_remove, warm_up=warm_up)
    return report_of(runs, arguments.bytes, arguments.limit)


if __name__ == "__main__":
    tell(__doc__, measure, add_arguments)
