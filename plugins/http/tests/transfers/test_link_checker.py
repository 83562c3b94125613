"""The file behind an uploaded link is looked at: there, not there, or not to be seen."""

import threading
import time
from pathlib import Path

import pytest

from similubot_core import Cancelled, CancelToken, StageContext, StageError
from similubot_http import HttpLinkChecker, HttpSettings
from similubot_http.link_checker import CheckTimes

from .conftest import Behaviour, Handler, Server, content, status

BODY = bytes(range(256)) * 40
QUICK = CheckTimes(answer=30.0, whole=60.0, waits=(0.001, 0.001))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    made = tmp_path / "song.m4a"
    made.write_bytes(BODY)
    return made


def look(server: Server, file: Path, times: CheckTimes = QUICK, *, untrusted: bool = False) -> str:
    context = StageContext(file.parent, untrusted=untrusted)
    return HttpLinkChecker(times=times).run(f"{server.url}/a.m4a?token=s3cret", file, context)


def failure(server: Server, file: Path) -> str:
    with pytest.raises(StageError) as caught:
        look(server, file)
    assert "s3cret" not in caught.value.message + caught.value.detail
    return caught.value.message


def ranged(body: bytes, total: object = None) -> Behaviour:
    """The bytes that are asked for, and the length of the whole."""
    part = body[:1024]
    told = len(body) if total is None else total
    return status(206, part, Content_Range=f"bytes 0-{len(part) - 1}/{told}")


@pytest.mark.parametrize(
    "behaviour",
    [ranged(BODY), ranged(BODY, "*"), content(BODY), content(BODY, length=False)],
    ids=["a range", "a range of unknown length", "the whole", "the whole without its length"],
)
def test_a_file_that_is_there_needs_one_request_without_credentials(
    behaviour: Behaviour, server: Server, file: Path
) -> None:
    server.usual = behaviour
    assert look(server, file) == ""
    ((method, _, headers),) = server.requests
    assert (method, headers["Range"], headers.get("Authorization")) == (
        "GET",
        "bytes=0-1023",
        None,
    )


@pytest.mark.parametrize(
    ("behaviour", "says"),
    [
        (status(404), "it answers HTTP 404"),
        (status(410), "it answers HTTP 410"),
        (content(b""), "the file there has 0 B, not the 10.0 KB that were sent"),
        (content(BODY[:5000]), "the file there has 4.9 KB, not the 10.0 KB that were sent"),
        (ranged(BODY * 2), "the file there has 20.0 KB, not the 10.0 KB that were sent"),
        (status(416, Content_Range="bytes */0"), "the file there has 0 B"),
        (ranged(BODY[::-1]), "the file there is another one"),
        (content(BODY[:500], length=False), "the file there is another one"),
    ],
)
def test_a_file_that_is_not_there_is_a_failure_that_says_what_is(
    behaviour: Behaviour, says: str, server: Server, file: Path
) -> None:
    server.usual = behaviour
    message = failure(server, file)
    assert says in message
    assert message.startswith("127.0.0.1")
    assert len(server.requests) == 3  # it may appear late


def test_a_file_that_appears_late_is_there(server: Server, file: Path) -> None:
    server.plan = [status(404), content(BODY[:7])]
    server.usual = content(BODY)
    assert look(server, file) == ""


@pytest.mark.parametrize("code", [401, 403, 405, 429, 451, 500, 501, 503])
def test_a_host_that_forbids_a_look_is_noted(code: int, server: Server, file: Path) -> None:
    server.usual = status(code)
    assert look(server, file).endswith(f" answered HTTP {code}")


def test_a_page_about_the_file_is_noted(server: Server, file: Path) -> None:
    server.usual = status(200, b"<html>Download</html>", Content_Type="text/html; charset=utf-8")
    assert look(server, file).endswith(" shows a page there, not the file itself")


def test_a_broken_connection_is_noted(server: Server, file: Path) -> None:
    server.usual = content(BODY, cut_after=100)
    assert look(server, file).endswith(" broke the connection")


def test_redirects_are_followed_but_not_for_ever(server: Server, file: Path) -> None:
    server.plan = [status(302, Location="/elsewhere.m4a")]
    server.usual = content(BODY)
    assert look(server, file) == ""
    server.usual = status(302, Location="/again")
    assert look(server, file).endswith(" redirects for ever")


def drip(handler: Handler) -> None:
    """Send the head of an answer byte by byte, for ever."""
    handler.close_connection = True
    while True:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-A: b\r\n"[:1] * 1)
        handler.wfile.flush()
        time.sleep(0.05)


def test_a_host_that_drips_its_answer_takes_bounded_time(server: Server, file: Path) -> None:
    server.usual = drip
    began = time.monotonic()
    times = CheckTimes(answer=60.0, whole=1.0, waits=(0.001,))
    assert look(server, file, times).endswith(" took too long to answer")
    assert time.monotonic() - began < 30


def test_a_cancel_ends_it(server: Server, file: Path) -> None:
    cancel = CancelToken()

    def silent(_: Handler) -> None:
        cancel.cancel()
        server.released.wait(60)

    server.usual = silent
    checker, link = HttpLinkChecker(times=QUICK), f"{server.url}/a"
    with pytest.raises(Cancelled):
        checker.run(link, file, StageContext(file.parent, cancel))


def test_a_link_of_the_bot_leads_to_no_private_address(server: Server, file: Path) -> None:
    server.usual = content(BODY)
    assert look(server, file, untrusted=True).endswith(" has an address of a private network")
    assert server.requests == []
    allowed = HttpLinkChecker(HttpSettings(allow_networks=("127.0.0.0/8",)), QUICK)
    context = StageContext(file.parent, untrusted=True)
    assert allowed.run(f"{server.url}/a", file, context) == ""


def test_nobody_at_home_is_noted(server: Server, file: Path) -> None:
    note = HttpLinkChecker(times=QUICK).run("http://127.0.0.1:1/a", file, StageContext(file.parent))
    assert note.endswith(" takes no connection")


def test_a_path_is_no_link(file: Path) -> None:
    assert HttpLinkChecker().run(str(file), file, StageContext(file.parent)) == ""


def test_threads_of_a_check_end_with_it(server: Server, file: Path) -> None:
    server.usual = content(BODY)
    look(server, file)
    assert not any(isinstance(thread, threading.Timer) for thread in threading.enumerate())
