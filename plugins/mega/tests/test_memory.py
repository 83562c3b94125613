"""Memory stays bounded whatever the file's size."""

import subprocess
import sys
from pathlib import Path

import pytest

from similubot_loopback.mega_server import LoopbackMega

MIB = 1024 * 1024
OVER_THE_BASELINE = 64 * MIB

PROGRAM = """
import resource, sys
from similubot_mega import MegaDownloader, MegaSettings
url, link, folder, connections = sys.argv[1:]
downloader = MegaDownloader(folder, MegaSettings(api_url=url, connections=int(connections)))
def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
assert downloader.get_file_info(link)[0]
before = peak()
assert downloader.download_with_progress(link, lambda info: None)[0]
print(peak() - before)
"""


def over_the_baseline(server: LoopbackMega, folder: Path, size: int, connections: int) -> int:
    with (folder / "source").open("wb") as file:
        file.truncate(size)
    link = server.add_file("big.bin", folder / "source")
    argv = [sys.executable, "-c", PROGRAM, server.url, link, str(folder), str(connections)]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=500, check=False)
    for path in folder.glob("*"):
        path.unlink()
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


def test_a_download_over_8_connections_takes_little_memory(
    server: LoopbackMega, tmp_path: Path
) -> None:
    assert over_the_baseline(server, tmp_path, 100 * MIB, 8) < OVER_THE_BASELINE


@pytest.mark.slow
def test_two_gigabytes_over_16_connections_take_little_memory(
    server: LoopbackMega, tmp_path: Path
) -> None:
    assert over_the_baseline(server, tmp_path, 2048 * MIB, 16) < OVER_THE_BASELINE
