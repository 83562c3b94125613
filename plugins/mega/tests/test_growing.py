"""A MEGA download that is read while it grows: the same bytes, and no wrong ones."""

import os
import threading
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from similubot_core import CancelToken, StageContext, StageError
from similubot_core.jobs.growing import GrowingFile, serve_growing
from similubot_loopback.mega_server import LoopbackMega
from similubot_mega import MegaDownloader
from similubot_mega.crypto import MIB

Make = Callable[..., MegaDownloader]
CONTENT = os.urandom(12 * MIB + 345)


class Reader:
    """Reads what is offered, in a thread of its own, as a converter does."""

    def __init__(self, *ranges: str) -> None:
        self.ranges = ranges or ("bytes=0-",)
        self.offered: list[GrowingFile] = []
        self.got: list[bytes] = []
        self.errors: list[Exception] = []
        self.had_begun: list[int] = []
        self._thread = threading.Thread(target=self._read)

    def offer(self, growing: GrowingFile) -> None:
        self.offered.append(growing)
        self._thread.start()

    def _read(self) -> None:
        with serve_growing(self.offered[0], CancelToken()) as address:
            try:
                for wanted in self.ranges:
                    request = urllib.request.Request(address, headers={"Range": wanted})
                    with urllib.request.urlopen(request, timeout=30) as response:
                        self.got.append(response.read())
            except Exception as error:
                self.errors.append(error)

    def join(self) -> None:
        self._thread.join(60)
        assert not self._thread.is_alive()


def test_what_is_read_while_it_grows_is_the_file(
    server: LoopbackMega, make_downloader: Make, tmp_path: Path
) -> None:
    server.limit = 20 * MIB
    reader = Reader("bytes=0-", f"bytes={len(CONTENT) - 10}-", "bytes=5000000-6000000")
    context = StageContext(tmp_path, offer=reader.offer)
    file = make_downloader().run(server.add_file("clip.mp4", CONTENT), context)
    reader.join()
    assert file.read_bytes() == CONTENT
    assert reader.got == [CONTENT, CONTENT[-10:], CONTENT[5_000_000:6_000_001]]
    (growing,) = reader.offered
    assert (growing.name, growing.size, growing.is_finished) == ("clip.mp4", len(CONTENT), True)
    assert [path.name for path in tmp_path.iterdir()] == ["clip.mp4"]
    server.wait_until_idle()
    assert server.counters.bytes_served == len(CONTENT)


def test_the_end_is_fetched_early_where_a_reader_begins_with_it(
    server: LoopbackMega, make_downloader: Make, tmp_path: Path
) -> None:
    """As of a video whose index lies at its end."""
    server.limit = 4 * MIB
    served: list[int] = []
    reader = Reader("bytes=12582912-")

    def offer(growing: GrowingFile) -> None:
        reader.offer(growing)
        while not growing.wanted and not reader.got:
            growing.wake()

        def watch() -> None:
            reader.join()
            served.append(server.counters.bytes_served)

        watcher.append(threading.Thread(target=watch))
        watcher[0].start()

    watcher: list[threading.Thread] = []
    context = StageContext(tmp_path, offer=offer)
    make_downloader(connections=2).run(server.add_file("clip.mp4", CONTENT), context)
    watcher[0].join(60)
    assert reader.got == [CONTENT[12_582_912:]]
    assert served[0] < len(CONTENT)


def test_a_wrong_byte_ends_the_reading_and_the_file_is_put_right(
    server: LoopbackMega, make_downloader: Make, tmp_path: Path
) -> None:
    """Its MAC shows at the end only: what was made of the bytes so far must not be used."""
    server.fail_data("wrong_byte", at=3 * MIB)
    reader = Reader()
    context = StageContext(tmp_path, offer=reader.offer)
    file = make_downloader().run(server.add_file("clip.mp4", CONTENT), context)
    reader.join()
    assert file.read_bytes() == CONTENT
    assert not reader.offered[0].is_finished
    with pytest.raises(StageError, match="arrived damaged"):
        reader.offered[0].wait_for(0, CancelToken())


def test_a_download_that_fails_ends_the_reading(
    server: LoopbackMega, make_downloader: Make, tmp_path: Path
) -> None:
    server.fail_data("status", at=6 * MIB, status=400, times=None)
    reader = Reader()
    with pytest.raises(StageError):
        make_downloader(connections=1).run(
            server.add_file("clip.mp4", CONTENT), StageContext(tmp_path, offer=reader.offer)
        )
    reader.join()
    assert reader.got == []
    assert reader.errors
    assert not list(tmp_path.iterdir())


def test_what_an_earlier_run_left_is_there_at_once(
    server: LoopbackMega, make_downloader: Make, tmp_path: Path
) -> None:
    link = server.add_file("clip.mp4", CONTENT)
    server.fail_data("stall", at=10 * MIB, times=None)
    cancel = CancelToken()

    def stop_near_the_end() -> None:
        while server.counters.bytes_served < 9 * MIB:
            cancel.wait(0.01)
        cancel.cancel()

    stopper = threading.Thread(target=stop_near_the_end)
    stopper.start()
    with pytest.raises(Exception, match="ancelled"):
        make_downloader(connections=1).run(link, StageContext(tmp_path, cancel))
    stopper.join()
    server.heal()
    reader = Reader()
    file = make_downloader().run(link, StageContext(tmp_path, offer=reader.offer))
    reader.join()
    assert reader.got == [CONTENT]
    assert file.read_bytes() == CONTENT
