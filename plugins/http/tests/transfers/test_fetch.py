"""A download goes on from what is there, is tried again, and keeps to its limits."""

import threading
from pathlib import Path

import pytest

from similubot_core import Cancelled, CancelToken, StageContext, StageError
from similubot_http import CancellableSession, FetchLimits, HttpDownloader, HttpSettings, fetch
from similubot_http.links import is_media_link

from .conftest import Handler, Server, content, status

BODY = bytes(range(256)) * 4096  # 1 MiB
stalled = threading.Event()
QUICK = FetchLimits(first_wait=0.001, longest_wait=0.01)


def got(server: Server, folder: Path, limits: FetchLimits = QUICK, path: str = "/a.mp3") -> Path:
    folder.mkdir(exist_ok=True)
    cancel = CancelToken()
    with CancellableSession(cancel) as session:
        return fetch(
            session, f"{server.url}{path}?token=s3cret", folder, cancel, lambda *_: None, limits,
            refuse_pages=True,
        )  # fmt: skip


def refused(server: Server, folder: Path, limits: FetchLimits = QUICK) -> str:
    with pytest.raises(StageError) as caught:
        got(server, folder, limits)
    assert "s3cret" not in caught.value.message + caught.value.detail
    return caught.value.message


def test_a_file_arrives_under_the_name_in_its_address(server: Server, tmp_path: Path) -> None:
    server.usual = content(BODY)
    file = got(server, tmp_path, path="/Ein%20Lied.mp3")
    assert (file.name, file.read_bytes()) == ("Ein Lied.mp3", BODY)
    assert [path.name for path in tmp_path.iterdir()] == [file.name]


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ('attachment; filename="song.flac"', "song.flac"),
        ("attachment; filename*=UTF-8''L%C3%ADed.mp3", "Líed.mp3"),
        ('attachment; filename="../../etc/passwd"', "passwd"),
        ('attachment; filename="..\\..\\evil.mp3"', "evil.mp3"),
        ("attachment", "a.mp3"),
    ],
)
def test_the_servers_name_wins_and_stays_in_the_folder(
    server: Server, tmp_path: Path, header: str, name: str
) -> None:
    server.usual = content(b"x", Content_Disposition=header)
    assert got(server, tmp_path) == tmp_path / name


@pytest.mark.parametrize("code", [408, 425, 429, 500, 502, 503, 504])
def test_a_failure_that_passes_is_tried_again(server: Server, tmp_path: Path, code: int) -> None:
    server.plan = [status(code, Retry_After="0")]
    server.usual = content(BODY)
    assert got(server, tmp_path).read_bytes() == BODY


@pytest.mark.parametrize(
    ("code", "reason"), [(404, "has no such file"), (403, "refuses to hand it out"), (418, "418")]
)
def test_a_refusal_ends_it_at_once(server: Server, tmp_path: Path, code: int, reason: str) -> None:
    server.usual = status(code)
    assert reason in refused(server, tmp_path)
    assert len(server.requests) == 1


def test_a_connection_that_breaks_goes_on_from_the_bytes_that_are_there(
    server: Server, tmp_path: Path
) -> None:
    server.plan = [content(BODY, cut_after=600_000, ETag='"1"')]
    server.usual = content(BODY, ETag='"1"')
    assert got(server, tmp_path).read_bytes() == BODY
    assert server.requests[1][2]["Range"] == "bytes=600000-"


@pytest.mark.parametrize(
    "changed",
    [content(BODY[::-1], ETag='"2"'), content(BODY[::-1], ranges=False), status(416)],
    ids=["another file", "no ranges", "no such range"],
)
def test_a_file_that_has_changed_is_fetched_from_its_beginning(
    server: Server, tmp_path: Path, changed: object
) -> None:
    server.plan = [content(BODY, cut_after=600_000, ETag='"1"'), changed]  # type: ignore[list-item]
    server.usual = content(BODY[::-1], ETag='"2"')
    assert got(server, tmp_path).read_bytes() == BODY[::-1]


def test_a_later_run_goes_on_from_the_bytes_that_are_there(server: Server, tmp_path: Path) -> None:
    server.usual = content(BODY, cut_after=100_000, ETag='"1"')
    limits = FetchLimits(attempts=1)
    refused(server, tmp_path, limits)
    server.usual = content(BODY, ETag='"1"')
    assert got(server, tmp_path).read_bytes() == BODY
    assert server.requests[-1][2]["Range"] == "bytes=100000-"


def test_a_server_that_brings_nothing_is_given_up(server: Server, tmp_path: Path) -> None:
    server.usual = status(503)
    assert refused(server, tmp_path) == (
        "I can't download from 127.0.0.1:"
        f"{server.url.rpartition(':')[2]}: it answered HTTP 503. Try again later."
    )
    assert len(server.requests) == QUICK.attempts


@pytest.mark.parametrize("length", [True, False])
def test_what_is_larger_than_allowed_is_refused_and_not_kept(
    server: Server, tmp_path: Path, length: bool
) -> None:
    server.usual = content(BODY, length=length)
    assert "more than the 512.0 KB" in refused(server, tmp_path, FetchLimits(max_size=512 * 1024))
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) < 1000


def test_pages_empty_files_and_endless_redirects_are_told(server: Server, tmp_path: Path) -> None:
    server.usual = content(b"<html>", Content_Type="text/html; charset=utf-8")
    assert "web page" in refused(server, tmp_path)
    server.usual = content(b"")
    assert "empty" in refused(server, tmp_path)
    server.usual = status(302, Location="/again")
    assert "redirects for ever" in refused(server, tmp_path)
    server.usual = content(b"x", Content_Encoding="gzip")
    assert "compressed" in refused(server, tmp_path)


def stall(handler: Handler) -> None:
    """Begin an answer, then say nothing until the test ends."""
    handler.send_response(200)
    handler.send_header("Content-Length", "1000000")
    handler.end_headers()
    handler.wfile.write(b"x" * 1000)
    handler.wfile.flush()
    stalled.wait(20)


def test_a_cancel_ends_a_stalled_download_and_keeps_what_has_come(
    server: Server, tmp_path: Path
) -> None:
    cancel = CancelToken()
    server.usual = stall
    downloader = HttpDownloader(HttpSettings())
    context = StageContext(
        tmp_path, cancel, (lambda info: cancel.cancel() if info.current_size else None,)
    )
    with pytest.raises(Cancelled):
        downloader.run(f"{server.url}/a.mp3", context)
    stalled.set()
    assert (tmp_path / "fetched.part").stat().st_size == 1000


@pytest.mark.parametrize(
    ("link", "right"),
    [
        ("https://a.example/song.mp3", True),
        ("HTTP://a.example/x/Clip.WEBM?token=1#t=1", True),
        ("https://a.example/%E9%9F%B3.flac", True),
        ("https://a.example/watch?v=song.mp3", False),
        ("https://a.example/page.html", False),
        ("ftp://a.example/song.mp3", False),
        ("file:///etc/song.mp3", False),
        ("https://[broken/song.mp3", False),
        ("song.mp3", False),
    ],
)
def test_links_that_end_like_media_are_accepted(link: str, right: bool) -> None:
    assert is_media_link(link) is right
