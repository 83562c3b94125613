"""How time and memory grow with a file's size.

    python bench/growth_transfers.py [--folder DIR]

A file of 1 MB to 4 GB is downloaded and, up to the 1 GB that Litterbox takes, uploaded. Every
measurement is a process of its own beside the loopback servers, which are processes too. As many
bytes are also just written to a file, to see what of the download is the machine's.
"""

import argparse
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CTR

from loopback_mega import serving
from process_cost import Cost, busy, clear, cpu_of, median, run, sha256
from report import Curve, Goal, Plot, Report, Table, tell
from similubot_loopback.catbox_server.process import CatboxProcess
from similubot_loopback.mega_server.crypto import unb64
from similubot_mega.crypto import BLOCK, MIB, chunk_mac, decryptor_at, file_key

SIZES = (10**6, 10**7, 10**8, 10**9, 4 * 10**9)
LITTERBOX_BYTES = 10**9
MIDDLE = 10**8
"""Bytes from which on a transfer is more than its beginning and end."""
CHECKED_UPLOAD_BYTES = 10**8
"""Larger ones are sent by the same code; the loopback Catbox takes seconds to take a GB apart."""
SPARE_BYTES = 2 * 10**9
MEMORY = Path("/dev/shm")
DOWNLOAD, UPLOAD, WRITE = "MEGA download", "Litterbox upload", "writing alone"

WORK = {
    DOWNLOAD: """
url, link, folder = arguments
from similubot_mega import MegaDownloader, MegaSettings
stage = MegaDownloader(folder, MegaSettings(api_url=url))
def work():
    stage.run(link, context(folder))
""",
    WRITE: """
file, size = arguments
block = os.urandom(1 << 20)
def work():
    with open(file, "wb", buffering=0) as target:
        for start in range(0, int(size), len(block)):
            target.write(block[: int(size) - start])
""",
    UPLOAD: """
url, file = arguments
from similubot_catbox import CatboxSettings, LitterboxUploader
stage = LitterboxUploader("1h", settings=CatboxSettings(litterbox_url=url))
def work():
    stage.run(Path(file), context("."))
""",
}


def is_the_key_stream(file: Path, link: str, size: int) -> bool:
    """Whether `file` is what a generated file of the loopback MEGA decrypts to."""
    key = unb64(link.rsplit("#", 1)[1])
    aes_key = bytes(a ^ b for a, b in zip(key[:16], key[16:], strict=True))
    stream = Cipher(AES(aes_key), CTR(key[16:24] + bytes(8))).encryptor()
    zeros = bytes(1 << 20)
    with file.open("rb") as source:
        while block := source.read(len(zeros)):
            if stream.update(zeros[: len(block)]) != block:
                return False
    return file.stat().st_size == size


class Transfers(msgspec.Struct):
    """What moving files took, by size in bytes.

    Attributes:
        costs: By what was done.
        servers: Seconds of CPU that the server took meanwhile.
    """

    costs: dict[str, dict[int, Cost]]
    servers: dict[str, dict[int, float]]


def measure_transfers(folder: Path, sizes: Sequence[int], rounds: int) -> Transfers:
    """Download and upload files of each size; the first round checks what arrived too."""
    costs: dict[str, dict[int, list[Cost]]] = {}
    servers: dict[str, dict[int, list[float]]] = {}
    downloads = folder / "downloads"
    downloads.mkdir()
    with (
        serving(generate=sizes) as mega,
        CatboxProcess(folder / "checked") as checking,
        CatboxProcess(folder / "dropped", parse=False) as dropping,
    ):

        def measured(what: str, size: int, *arguments: object) -> None:
            costs.setdefault(what, {}).setdefault(size, []).append(run(WORK[what], *arguments))

        def with_server(server: int, what: str, size: int, *arguments: object) -> None:
            before = cpu_of(server)
            measured(what, size, *arguments)
            servers.setdefault(what, {}).setdefault(size, []).append(cpu_of(server) - before)

        for number in range(rounds):
            for size, link in zip(sizes, mega.links, strict=True):
                with_server(mega.pid, DOWNLOAD, size, mega.url, link, downloads)
                (file,) = downloads.iterdir()
                if number == 0:
                    assert is_the_key_stream(file, link, size), size
                    if size <= CHECKED_UPLOAD_BYTES:
                        run(WORK[UPLOAD], checking.litterbox_url, file)
                        received = checking.requests[-1].file
                        assert received is not None, size
                        assert received.sha256 == sha256(file), size
                if size <= LITTERBOX_BYTES:
                    with_server(dropping.pid, UPLOAD, size, dropping.litterbox_url, file)
                clear(downloads)
                measured(WRITE, size, downloads / "file", size)
                clear(downloads)
    return Transfers(
        {what: {n: median(found) for n, found in by.items()} for what, by in costs.items()},
        {
            what: {n: statistics.median(found) for n, found in by.items()}
            for what, by in servers.items()
        },
    )


def seconds_per_gb_of_ciphers() -> float:
    """Seconds of CPU that decrypting a GB and its MACs take, with nothing else around them."""
    key = file_key(bytes(range(32)))
    encrypted, plain = bytes(MIB), bytearray(MIB + BLOCK)
    rounds = 200
    began = time.process_time()
    for _ in range(rounds):
        decryptor_at(key, 0).update_into(encrypted, plain)
        chunk_mac(key, plain, MIB)
    return (time.process_time() - began) / (rounds * MIB) * 1e9


def report_on(moved: Transfers, method: str) -> Report:
    """What the figures say."""
    costs = moved.costs
    rows = tuple(
        (
            f"{what}, {size / 1e6:,.0f} MB",
            f"{cost.seconds:.3f}",
            f"{size / cost.seconds / 1e6:,.0f}",
            f"{cost.own_cpu:.3f}",
            f"{cost.in_kernel:.3f}",
            f"{cost.memory / 2**20:.1f}",
            f"{cost.threads}",
        )
        for what, by_size in costs.items()
        for size, cost in by_size.items()
    )
    findings, goals = [], []
    for what, servers in moved.servers.items():
        by_size = costs[what]
        largest = max(by_size)
        cost, middle = by_size[largest], by_size[MIDDLE]
        named = f"{what}, {MIDDLE / 1e6:,.0f} to {largest / 1e6:,.0f} MB"
        cpu = {"our process": cost.own_cpu, "the server": servers[largest]}
        findings.append(
            f"{named}: {largest / MIDDLE:.0f} times the bytes take "
            f"{cost.seconds / middle.seconds:.1f} times the time. At the end, "
            f"{busy(cost.seconds, cpu)}."
        )
        ours = [by_size[size].own_cpu - by_size[size].in_kernel for size in (MIDDLE, largest)]
        goals += [
            Goal(f"{named}: our CPU a byte, times", ours[1] / largest / ours[0] * MIDDLE, 1.15),
            Goal(f"{named}: memory, MiB more", (cost.memory - middle.memory) / 2**20, 16),
        ]
    largest = max(costs[DOWNLOAD])
    cost, writing = costs[DOWNLOAD][largest], costs[WRITE][largest]
    ciphers = seconds_per_gb_of_ciphers() * largest / 1e9
    findings.append(
        f"Of the {cost.own_cpu:.1f} s of CPU that our process takes for the largest download, "
        f"{cost.in_kernel:.1f} s are the system's, for sockets and the file, and {ciphers:.1f} s "
        "the decryption and the checksum, measured alone. Just to write as many bytes takes "
        f"{writing.seconds:.1f} s on this machine, "
        f"{writing.seconds / costs[WRITE][MIDDLE].seconds:.0f} times what it takes for "
        f"{MIDDLE / 1e6:,.0f} MB."
    )

    def plot(name: str, title: str, y_label: str, value: Callable[[Cost], float]) -> Plot:
        curves = tuple(
            Curve(
                what,
                tuple(size / 1e6 for size in by_size),
                tuple(value(cost) for cost in by_size.values()),
            )
            for what, by_size in costs.items()
        )
        return Plot(f"growth-size-{name}", title, "file, MB", y_label, curves, log=True)

    columns = (
        "",
        "wall, s",
        "MB/s",
        "CPU, s",
        "in the system, s",
        "peak memory, MiB",
        "threads at most",
    )
    return Report(
        "Growth with file size",
        method,
        tuple(findings),
        (Table("", columns, rows),),
        (
            plot("time", "Time by file size", "seconds", lambda cost: cost.seconds),
            plot("cpu", "CPU time by file size", "seconds", lambda cost: cost.own_cpu),
            plot("memory", "Memory by file size", "MiB", lambda cost: cost.memory / 2**20),
        ),
        tuple(goals),
    )


def in_memory(needed: int) -> Path:
    """A folder for files: in memory where there is room for `needed` bytes, else the usual one."""
    if MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > needed + SPARE_BYTES:
        return MEMORY
    return Path(tempfile.gettempdir())


def measure(arguments: argparse.Namespace) -> Report:
    """Measure in a folder with room, and tell."""
    place: Path = arguments.folder or in_memory(max(SIZES))
    free = shutil.disk_usage(place).free
    sizes = tuple(size for size in SIZES if size + SPARE_BYTES < free)
    with tempfile.TemporaryDirectory(prefix="growth-bench-", dir=place) as name:
        moved = measure_transfers(Path(name), sizes, arguments.rounds)
    kind = "a file system in memory" if place == MEMORY else f"{place}, on a disk"
    left_out = [f"{size / 1e6:,.0f} MB" for size in SIZES if size not in sizes]
    note = f" Left out for want of room: {', '.join(left_out)}." if left_out else ""
    method = (
        "Each measurement is a process of its own; the time is that of the stage alone, without "
        f"starting Python. Files lie in {kind}; what MEGA serves is made up on the way. Medians of "
        f"{arguments.rounds} rounds. Every download of the first is compared with what was served, "
        "and uploads up to 100 MB by their SHA-256. Litterbox takes 1 GB at most. CPU and memory "
        f"(the largest resident set) are those of our process alone.{note}"
    )
    return report_on(moved, method)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Where the files lie, and how often all is done."""
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", type=Path, help="a folder with 6 GB free")


if __name__ == "__main__":
    tell(__doc__, measure, add_arguments)
