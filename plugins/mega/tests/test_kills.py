"""Connections killed at random points: the file is right, and little is fetched twice."""

import hashlib
import os
import random
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from similubot_core import ProgressInfo, StageContext
from similubot_loopback.mega_server import LoopbackMega
from similubot_mega import MegaDownloader
from similubot_mega.crypto import MIB

MOST_FETCHED = 1.05


def make_file(path: Path, size: int) -> str:
    digest = hashlib.sha256()
    with path.open("wb") as file:
        for start in range(0, size, MIB):
            block = os.urandom(min(MIB, size - start))
            digest.update(block)
            file.write(block)
    return digest.hexdigest()


def hash_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def download_under_kills(
    server: LoopbackMega, downloader: MegaDownloader, folder: Path, size: int, kills: int, seed: int
) -> None:
    expected = make_file(folder / "source", size)
    link = server.add_file("big.bin", folder / "source")
    points = sorted(random.Random(seed).sample(range(size), kills))
    done = threading.Event()
    killed: list[int] = []

    def kill() -> None:
        while len(killed) < kills and not done.wait(0.001):
            if server.counters.bytes_served >= points[len(killed)]:
                server.cut_connections()
                killed.append(server.counters.bytes_served)

    killer = threading.Thread(target=kill)
    killer.start()
    seen: list[ProgressInfo] = []
    try:
        file = downloader.run(link, StageContext(folder, callbacks=(seen.append,)))
    finally:
        done.set()
        killer.join()
    server.wait_until_idle()
    assert len(killed) == kills
    assert hash_of(file) == expected
    file.unlink()
    (folder / "source").unlink()
    assert server.counters.bytes_served <= MOST_FETCHED * size
    percentages = [info.percentage for info in seen]
    assert percentages == sorted(percentages)


@pytest.mark.parametrize("connections", [1, 8])
def test_all_connections_killed_at_five_points_of_40_mb(
    server: LoopbackMega,
    make_downloader: Callable[..., MegaDownloader],
    tmp_path: Path,
    connections: int,
) -> None:
    server.limit = 64 * MIB // connections
    downloader = make_downloader(connections=connections)
    download_under_kills(server, downloader, tmp_path, 40_000_000, 5, seed=connections)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test_all_connections_killed_at_ten_points_of_200_mb(
    server: LoopbackMega,
    make_downloader: Callable[..., MegaDownloader],
    tmp_path: Path,
    seed: int,
) -> None:
    server.limit = 10_000_000
    download_under_kills(server, make_downloader(), tmp_path, 200_000_000, 10, seed)


@pytest.mark.slow
def test_one_connection_reset_at_ten_points_of_200_mb(
    server: LoopbackMega, downloader: MegaDownloader, tmp_path: Path
) -> None:
    for at in random.Random(7).sample(range(200_000_000), 10):
        server.fail_data("reset", at=at)
    download_under_kills(server, downloader, tmp_path, 200_000_000, 0, seed=0)
