"""A download that was interrupted goes on in the same folder, with nothing but right bytes."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as settings_of_a_run
from hypothesis import strategies as st

from similubot_core import Cancelled, CancelToken, ProgressInfo, StageContext
from similubot_loopback.mega_server import LoopbackMega
from similubot_mega import MegaDownloader
from similubot_mega.api import RemoteFile
from similubot_mega.crypto import BLOCK, MIB, FileKey, chunk_mac, chunk_ranges
from similubot_mega.part_file import BUFFER, PartFile

Make = Callable[..., MegaDownloader]

CONTENT = os.urandom(12 * MIB + 345)


@pytest.fixture
def link(server: LoopbackMega) -> str:
    return server.add_file("clip.mp4", CONTENT)


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def interrupt(downloader: MegaDownloader, link: str, folder: Path, at: int) -> None:
    """Cancel a download into `folder` once `at` bytes have come."""
    cancel = CancelToken()

    def watch(info: ProgressInfo) -> None:
        if info.current_size is not None and info.current_size >= at:
            cancel.cancel()

    with pytest.raises(Cancelled):
        downloader.run(link, StageContext(folder, cancel, (watch,)))


@pytest.fixture
def interrupted(
    server: LoopbackMega, make_downloader: Make, link: str, tmp_path: Path
) -> tuple[MegaDownloader, Path]:
    """Half of it has come into the folder."""
    folder = tmp_path / "job"
    folder.mkdir()
    server.limit = 8 * MIB
    downloader = make_downloader(connections=3)
    interrupt(downloader, link, folder, len(CONTENT) // 2)
    server.wait_until_idle()
    server.limit = None
    assert names_in(folder) == ["clip.mp4.part", "clip.mp4.part.chunks"]
    return downloader, folder


def test_what_has_come_is_not_fetched_again(
    server: LoopbackMega, interrupted: tuple[MegaDownloader, Path], link: str
) -> None:
    downloader, folder = interrupted
    before = server.counters.bytes_served
    assert downloader.run(link, StageContext(folder)).read_bytes() == CONTENT
    assert names_in(folder) == ["clip.mp4"]
    server.wait_until_idle()
    # Of each of three connections at most the one chunk that was on its way is lost.
    assert server.counters.bytes_served - before < len(CONTENT) // 2 + 3 * MIB


def test_a_cancel_is_not_logged_as_a_broken_connection(
    server: LoopbackMega,
    make_downloader: Make,
    link: str,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    server.limit = 4 * MIB
    with caplog.at_level("INFO", "similubot_mega"):
        interrupt(make_downloader(connections=3), link, tmp_path, MIB)
    assert caplog.messages == []


def test_the_progress_begins_where_it_was(
    interrupted: tuple[MegaDownloader, Path],
    link: str,
    on_each_update: Callable[[Callable[[ProgressInfo], object]], None],
) -> None:
    downloader, folder = interrupted
    seen: list[ProgressInfo] = []
    on_each_update(seen.append)
    downloader.run(link, StageContext(folder))
    sizes = [info.current_size for info in seen if info.current_size is not None]
    assert sizes[0] > len(CONTENT) // 2 - 4 * MIB
    assert any("Checking what has come before" in info.message for info in seen)


def test_bytes_that_are_not_what_was_written_are_fetched_again(
    interrupted: tuple[MegaDownloader, Path], link: str
) -> None:
    """As after a power failure, where the list of chunks is ahead of the bytes."""
    downloader, folder = interrupted
    with (folder / "clip.mp4.part").open("r+b") as part:
        part.write(bytes(2 * MIB))
    assert downloader.run(link, StageContext(folder)).read_bytes() == CONTENT


@pytest.mark.parametrize("name", ["clip.mp4.part", "clip.mp4.part.chunks"])
def test_one_of_both_files_alone_begins_anew(
    interrupted: tuple[MegaDownloader, Path], link: str, name: str
) -> None:
    downloader, folder = interrupted
    (folder / name).unlink()
    assert downloader.run(link, StageContext(folder)).read_bytes() == CONTENT
    assert names_in(folder) == ["clip.mp4"]


def test_the_part_of_another_file_of_that_name_is_not_taken(
    server: LoopbackMega, interrupted: tuple[MegaDownloader, Path]
) -> None:
    downloader, folder = interrupted
    other = os.urandom(len(CONTENT) // 3)
    link = server.add_file("clip.mp4", other)
    assert downloader.run(link, StageContext(folder)).read_bytes() == other
    assert names_in(folder) == ["clip.mp4"]


def test_a_part_in_the_way_of_the_disk_check_is_not_counted_twice(
    interrupted: tuple[MegaDownloader, Path], link: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    downloader, folder = interrupted
    free = len(CONTENT) // 2 + 36 * MIB

    class Usage:
        def __init__(self) -> None:
            self.free = free

    monkeypatch.setattr("shutil.disk_usage", lambda folder: Usage())
    assert downloader.run(link, StageContext(folder)).read_bytes() == CONTENT


def test_the_list_says_nothing_of_the_key(
    interrupted: tuple[MegaDownloader, Path], link: str
) -> None:
    from similubot_mega.links import parse_link

    _, folder = interrupted
    key = parse_link(link).key
    assert key
    assert key[:8] not in (folder / "clip.mp4.part.chunks").read_bytes()


PROGRAM = """
import sys
from pathlib import Path
from similubot_core import StageContext
from similubot_mega import MegaDownloader, MegaSettings

url, link, folder = sys.argv[1:]
MegaDownloader(settings=MegaSettings(api_url=url)).run(link, StageContext(Path(folder)))
"""


def test_a_killed_process_loses_no_more_than_what_was_on_its_way(
    server: LoopbackMega, make_downloader: Make, link: str, tmp_path: Path
) -> None:
    folder = tmp_path / "job"
    folder.mkdir()
    server.limit = 500_000  # of each connection: the last MiB take long enough to be killed in
    rounds = 0
    for target in (4 * MIB, 7 * MIB, 10 * MIB):
        process = subprocess.Popen([sys.executable, "-c", PROGRAM, server.url, link, str(folder)])
        try:
            waited = threading.Event()
            for _ in range(2000):
                if server.counters.bytes_served >= target:
                    break
                waited.wait(0.01)
            assert server.counters.bytes_served >= target
            assert process.poll() is None
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait()
        rounds += 1
    server.limit = None
    assert make_downloader().run(link, StageContext(folder)).read_bytes() == CONTENT
    assert names_in(folder) == ["clip.mp4"]
    server.wait_until_idle()
    # Each kill loses at most one chunk and what the sockets held, for each of eight connections.
    assert server.counters.bytes_served < len(CONTENT) + rounds * 8 * 2 * MIB


# The file itself


REMOTE = RemoteFile("a", 3 * MIB + 5, FileKey(b"k" * 16, b"n" * 8, b"m" * 8), "h", None, "shown")
PLAIN = os.urandom(REMOTE.size)


def keep_all(part: PartFile) -> None:
    for number, (start, end) in enumerate(chunk_ranges(REMOTE.size)):
        buffer = bytearray(BUFFER)
        buffer[: end - start] = PLAIN[start:end]
        mac = chunk_mac(REMOTE.key, buffer, end - start)
        part.keep(number, buffer, end - start, mac)


def test_what_is_missing_comes_in_runs(tmp_path: Path) -> None:
    path = tmp_path / "a.part"
    with PartFile(path, REMOTE) as part:
        assert part.find_whole(lambda: None) == 0
        assert part.missing() == [(0, 7)]
        keep_all(part)
        assert part.missing() == []
    with path.open("r+b") as file:
        file.seek(200 * 1024)  # in the second chunk
        file.write(b"changed")
    with PartFile(path, REMOTE) as part:
        assert part.find_whole(lambda: None) == REMOTE.size - 256 * 1024
        assert part.missing() == [(1, 2)]


@settings_of_a_run(
    deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.integers(0, 160), st.binary(max_size=40))
def test_whatever_the_list_holds_only_right_bytes_count_as_here(
    tmp_path: Path, at: int, noise: bytes
) -> None:
    path, listed = tmp_path / "a.part", tmp_path / "a.part.chunks"
    with PartFile(path, REMOTE) as part:
        part.find_whole(lambda: None)
        keep_all(part)
    held = bytearray(listed.read_bytes())
    held[at : at + len(noise)] = noise
    listed.write_bytes(held)
    with PartFile(path, REMOTE) as part:
        part.find_whole(lambda: None)
        missing = {chunk for run in part.missing() for chunk in range(*run)}
        for number, (start, end) in enumerate(chunk_ranges(REMOTE.size)):
            if number not in missing:
                buffer = bytearray(BUFFER)
                buffer[: end - start] = PLAIN[start:end]
                mac = chunk_mac(REMOTE.key, buffer, end - start)
                assert part.macs[number * BLOCK : (number + 1) * BLOCK] == mac
