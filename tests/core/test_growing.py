"""A file that still grows, and the address that a program reads it by."""

import http.client
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from similubot_core import Cancelled, CancelToken, StageError
from similubot_core.jobs.growing import GrowingFile, serve_growing

CONTENT = bytes(range(256)) * 4096  # 1 MiB


@pytest.fixture
def growing(tmp_path: Path) -> GrowingFile:
    path = tmp_path / "file.part"
    path.write_bytes(CONTENT)
    return GrowingFile(path, len(CONTENT), "file.mp4")


@pytest.fixture
def token() -> Iterator[CancelToken]:
    cancel = CancelToken()
    yield cancel
    cancel.cancel()


def get(address: str, bytes_range: str | None = None) -> http.client.HTTPResponse:
    parts = urlsplit(address)
    connection = http.client.HTTPConnection(parts.netloc, timeout=10)
    connection.request("GET", parts.path, headers={"Range": bytes_range} if bytes_range else {})
    return connection.getresponse()


def test_a_read_gets_the_run_that_its_byte_lies_in(
    growing: GrowingFile, token: CancelToken
) -> None:
    growing.add(0, 10)
    growing.add(20, 30)
    assert growing.wait_for(5, token) == 10
    assert growing.wait_for(20, token) == 30
    growing.add(10, 20)
    assert growing.wait_for(0, token) == 30


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), max_size=30))
def test_runs_are_what_a_set_of_bytes_would_say(runs: list[tuple[int, int]]) -> None:
    file, here = GrowingFile(Path("file"), 100, "file"), set[int]()
    for start, end in runs:
        file.add(start, end)
        here |= set(range(start, end))
    for byte in here:
        end = byte
        while end in here:
            end += 1
        assert file.wait_for(byte, CancelToken()) == end


def test_the_end_is_told_by_the_offset_itself(growing: GrowingFile, token: CancelToken) -> None:
    assert growing.wait_for(len(CONTENT), token) == len(CONTENT)


def test_a_file_of_unknown_size_ends_where_it_is_finished(
    tmp_path: Path, token: CancelToken
) -> None:
    file = GrowingFile(tmp_path / "file", None, "file")
    file.add(0, 7)
    file.finish()
    assert (file.size, file.is_finished, file.wait_for(7, token)) == (7, True, 7)


def test_a_wait_ends_when_the_download_fails(growing: GrowingFile, token: CancelToken) -> None:
    growing.fail("The line was cut.")
    with pytest.raises(StageError, match="The line was cut"):
        growing.wait_for(0, token)


def test_a_wait_ends_when_the_job_is_cancelled(growing: GrowingFile, token: CancelToken) -> None:
    token.cancel()
    with pytest.raises(Cancelled):
        growing.wait_for(0, token)


def test_a_whole_answer_comes_as_the_bytes_do(growing: GrowingFile, token: CancelToken) -> None:
    half = len(CONTENT) // 2
    growing.add(0, half)
    with serve_growing(growing, token) as address:
        response = get(address)
        assert response.status == 206
        assert response.read(half) == CONTENT[:half]
        growing.add(half, len(CONTENT))
        assert response.read() == CONTENT[half:]


def test_what_a_reader_waits_for_is_what_a_downloader_fetches_first(
    growing: GrowingFile, token: CancelToken
) -> None:
    asked = threading.Event()
    got: list[bytes] = []
    with serve_growing(growing, token) as address:

        def read() -> None:
            response = get(address, f"bytes={len(CONTENT) - 100}-")
            asked.set()
            got.append(response.read())

        reader = threading.Thread(target=read)
        reader.start()
        assert asked.wait(10)
        growing.add(0, 1000)  # of no use to it
        while growing.wanted != (len(CONTENT) - 100,):
            growing.wake()
        growing.add(len(CONTENT) - 100, len(CONTENT))
        reader.join(10)
    assert got == [CONTENT[-100:]]
    assert not growing.wanted


def test_ranges_are_answered_to_the_byte(growing: GrowingFile, token: CancelToken) -> None:
    growing.add(0, len(CONTENT))
    with serve_growing(growing, token) as address:
        assert get(address, "bytes=10-19").read() == CONTENT[10:20]
        assert get(address, f"bytes={len(CONTENT) - 3}-").read() == CONTENT[-3:]
        assert get(address, f"bytes={len(CONTENT)}-").status == 416


def test_several_requests_share_a_connection(growing: GrowingFile, token: CancelToken) -> None:
    growing.add(0, len(CONTENT))
    with serve_growing(growing, token) as address:
        parts = urlsplit(address)
        connection = http.client.HTTPConnection(parts.netloc, timeout=10)
        for start in (0, 100, 5):
            connection.request("GET", parts.path, headers={"Range": f"bytes={start}-{start}"})
            assert connection.getresponse().read() == CONTENT[start : start + 1]


@pytest.mark.parametrize("path", ["/", "/guess", "//", "/..%2f"])
def test_nobody_reads_it_without_the_token(
    growing: GrowingFile, token: CancelToken, path: str
) -> None:
    growing.add(0, len(CONTENT))
    with serve_growing(growing, token) as address:
        parts = urlsplit(address)
        connection = http.client.HTTPConnection(parts.netloc, timeout=10)
        connection.request("GET", path)
        assert connection.getresponse().status == 404


@pytest.mark.parametrize(
    "garbage", [b"\x00" * 70_000, b"GET /\r\n", b"\r\n\r\n", b"A: b\r\n" * 999]
)
def test_garbage_only_ends_its_own_connection(
    growing: GrowingFile, token: CancelToken, garbage: bytes
) -> None:
    import socket

    growing.add(0, len(CONTENT))
    with serve_growing(growing, token) as address:
        parts = urlsplit(address)
        with socket.create_connection((parts.hostname, parts.port), timeout=10) as peer:
            try:
                peer.sendall(garbage)
                peer.shutdown(socket.SHUT_WR)
                while peer.recv(65_536):
                    pass
            except TimeoutError:
                raise
            except OSError:
                pass  # it was cut before all of it was sent
        assert get(address, "bytes=0-3").read() == CONTENT[:4]


def test_a_file_of_unknown_size_is_streamed_to_its_end(tmp_path: Path, token: CancelToken) -> None:
    path = tmp_path / "file"
    path.write_bytes(CONTENT)
    file = GrowingFile(path, None, "file")
    file.add(0, 1000)
    with serve_growing(file, token) as address:
        response = get(address)
        assert response.status == 200
        assert response.read(1000) == CONTENT[:1000]
        file.add(1000, len(CONTENT))
        file.finish()
        assert response.read() == CONTENT[1000:]


def test_a_failed_download_cuts_the_answer_short(growing: GrowingFile, token: CancelToken) -> None:
    growing.add(0, 1000)
    with serve_growing(growing, token) as address:
        response = get(address)
        assert response.read(1000) == CONTENT[:1000]
        growing.fail("The line was cut.")
        with pytest.raises(http.client.IncompleteRead):
            response.read()


def test_closing_ends_every_connection_and_thread(growing: GrowingFile, token: CancelToken) -> None:
    with serve_growing(growing, token) as address:
        waiting = get(address)
    with pytest.raises((http.client.IncompleteRead, ConnectionError)):
        waiting.read()
    with pytest.raises(ConnectionError):
        get(address)
    assert not [t for t in threading.enumerate() if t.name.startswith("similubot-growing")]


def test_the_rest_is_expected_at_the_rate_so_far(tmp_path: Path) -> None:
    clock = iter([100.0, 102.0])
    growing = GrowingFile(tmp_path / "part", 1000, "file.mp4", clock=lambda: next(clock))
    told = [growing.seconds_left]
    for start, end in ((0, 100), (500, 600), (0, 1000)):
        growing.add(start, end)
        told.append(growing.seconds_left)
    assert told == [None, None, pytest.approx(800 * 2.0 / 100), 0.0], "one piece tells no rate"


def test_the_rest_of_a_file_of_unknown_size_is_not_expected_at_any_time(tmp_path: Path) -> None:
    growing = GrowingFile(tmp_path / "part", None, "file.mp4")
    growing.add(0, 100)
    growing.add(100, 200)
    assert growing.seconds_left is None
