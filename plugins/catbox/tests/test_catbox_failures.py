"""A server that fails in each way there is: what the user reads, and how often it is tried."""

import logging
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from similubot_catbox import CatboxUploader
from similubot_catbox.attempts import Patience
from similubot_catbox.settings import CatboxSettings
from similubot_core import ProgressInfo, ProgressStatus
from similubot_http import Limits, MultipartBody
from similubot_loopback.catbox_server.faults import Fault, Reply, Reset, Stall
from similubot_loopback.catbox_server.process import CatboxProcess
from similubot_testkit.rules import assert_progress_keeps_the_rules

PAGE = "<!DOCTYPE html><html><body><script>alert(1)</script>Blocked</body></html>"


@pytest.mark.parametrize(
    ("faults", "said"),
    [
        ([Reply(412, "Invalid uploader")], "userhash"),
        ([Reply(412, "No request type given.")], "did not find the upload's form"),
        ([Reply(413, PAGE, after_bytes=0)], "too large (HTTP 413)"),
        ([Reply(413, PAGE, after_bytes=0, linger=True)], "too large (HTTP 413)"),
        ([Reply(403, PAGE)], "refuses the request (HTTP 403)"),
        ([Reply(200, PAGE)], "a web page instead of a link"),
        ([Reply(200, "https://example.org/a.m4a")], "no link of its own"),
        ([Reply(302, "", headers={"Location": "/elsewhere"})], "another address (HTTP 302)"),
        ([Reply(200, ""), Reply(200, "")], "answered with nothing (tried 2 times)"),
        ([Reply(500, PAGE), Reply(504, PAGE)], "trouble of its own (HTTP 504) (tried 2 times)"),
        ([Reset(), Reset()], "The whole file was sent to Catbox, but the connection was lost"),
        ([Reset(after_bytes=0)] * 5, "was lost before the file was sent (tried 5 times)"),
        ([Reply(412, "Uploads paused")] * 4, "has paused uploads (tried 4 times)"),
        ([Reply(429)] * 5, "asks to send less often (HTTP 429) (tried 5 times)"),
        ([Reply(503, headers={"Retry-After": "999"})], "HTTP 503): try again in 16m 39s."),
    ],
)
def test_a_failure_is_told_in_its_own_sentence_and_tried_as_the_table_says(
    server: CatboxProcess,
    settings: CatboxSettings,
    large_clip: Path,
    at_once: Patience,
    faults: list[Fault],
    said: str,
) -> None:
    server.script(*faults)
    states: list[ProgressInfo] = []
    uploader = CatboxUploader(settings=settings, patience=at_once)
    success, link, error = uploader.upload_with_progress(large_clip, states.append)
    assert (success, link) == (False, None)
    assert said in (error or "")
    assert server.wait_until(lambda s: len(s.requests) == len(faults))
    assert states[-1].status is ProgressStatus.FAILED
    assert_progress_keeps_the_rules(states)
    assert not any("<" in info.message for info in states)


@pytest.mark.parametrize(
    "fault",
    [
        Reply(503, "busy", headers={"Retry-After": "0"}),
        Reply(429, ""),
        Reply(412, "Uploads are paused"),
        Reset(after_bytes=5_000_000),
        Reply(500, PAGE),
    ],
)
def test_after_a_passing_failure_the_whole_file_is_sent_again(
    server: CatboxProcess,
    settings: CatboxSettings,
    large_clip: Path,
    at_once: Patience,
    fault: Fault,
    on_each_update: Callable[[Callable[[ProgressInfo], object]], None],
) -> None:
    server.script(fault)
    states: list[ProgressInfo] = []
    messages: set[str] = set()
    on_each_update(lambda info: messages.add(info.message))
    uploader = CatboxUploader(settings=settings, patience=at_once)
    assert uploader.upload_with_progress(large_clip, states.append)[0]
    assert server.wait_until(lambda s: len(s.requests) == 2)
    uploads = [request for request in server.requests if request.url]
    assert len(uploads) == 1
    assert uploads[0].file is not None
    assert uploads[0].file.size == large_clip.stat().st_size
    assert_progress_keeps_the_rules(states)
    assert any("Trying again from the start" in message for message in messages)


def test_what_may_have_landed_twice_is_told(
    server: CatboxProcess, settings: CatboxSettings, clip: Path, at_once: Patience
) -> None:
    server.script(Reset())
    states: list[ProgressInfo] = []
    uploader = CatboxUploader(settings=settings, patience=at_once)
    assert uploader.upload_with_progress(clip, states.append)[0]
    assert "a second copy may lie there" in states[-1].message


def test_a_connection_lost_in_mid_body_cannot_have_landed(
    server: CatboxProcess, settings: CatboxSettings, large_clip: Path, at_once: Patience
) -> None:
    server.script(Reset(after_bytes=1_000_000))
    states: list[ProgressInfo] = []
    uploader = CatboxUploader(settings=settings, patience=at_once)
    assert uploader.upload_with_progress(large_clip, states.append)[0]
    assert "second copy" not in states[-1].message


@pytest.mark.parametrize("linger", [False, True])
def test_an_early_refusal_is_understood_over_tls(
    tls_server: CatboxProcess, large_clip: Path, at_once: Patience, linger: bool
) -> None:
    tls_server.script(Reply(413, PAGE, after_bytes=100_000, linger=linger))
    settings = CatboxSettings(api_url=tls_server.catbox_url)
    _, _, error = CatboxUploader(settings=settings, patience=at_once).upload(large_clip)
    assert "too large (HTTP 413)" in (error or "")


@pytest.fixture
def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


def test_a_server_that_is_not_there_is_told(
    clip: Path, at_once: Patience, closed_port: int
) -> None:
    settings = CatboxSettings(api_url=f"http://127.0.0.1:{closed_port}/user/api.php")
    _, _, error = CatboxUploader(settings=settings, patience=at_once).upload(clip)
    assert error == (
        "Catbox takes no connection (tried 5 times): it may be down or blocked from here, so try "
        "again later."
    )


def test_a_name_without_an_address_is_told(clip: Path) -> None:
    settings = CatboxSettings(api_url="https://catbox.invalid/user/api.php")
    twice = Patience(attempts=2, first_wait=0)
    _, _, error = CatboxUploader(settings=settings, patience=twice).upload(clip)
    assert (error or "").startswith("The address of Catbox was not found (tried 2 times)")


def test_an_address_that_no_name_can_have_is_told(clip: Path, at_once: Patience) -> None:
    settings = CatboxSettings(api_url=f"https://{'a' * 70}.invalid/user/api.php")
    _, _, error = CatboxUploader(settings=settings, patience=at_once).upload(clip)
    assert error == "The address of Catbox in the settings is not one: check the table [catbox]."


def test_a_proxy_that_is_not_there_is_told(
    clip: Path, at_once: Patience, closed_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{closed_port}")
    settings = CatboxSettings(api_url="https://catbox.invalid/user/api.php")
    _, _, error = CatboxUploader(settings=settings, patience=at_once).upload(clip)
    assert (error or "").startswith("The proxy does not let the upload through to Catbox:")


def once(**limits: float) -> Patience:
    """One attempt, with limits short enough to be waited for."""
    return Patience(limits=Limits(**limits), attempts=1)


@pytest.mark.parametrize("tls", [False, True])
def test_a_server_that_stops_reading_is_given_up_after_the_silence(
    server: CatboxProcess, tls_server: CatboxProcess, large_clip: Path, tls: bool
) -> None:
    taking = tls_server if tls else server
    taking.script(Stall(after_bytes=1_000_000))
    settings = CatboxSettings(api_url=taking.catbox_url)
    uploader = CatboxUploader(settings=settings, patience=once(silence=0.5))
    _, _, error = uploader.upload(large_clip)
    assert (error or "").startswith("Catbox stopped taking bytes in the middle of the file:")


def test_a_server_that_never_answers_is_given_up_after_the_limit(
    server: CatboxProcess, settings: CatboxSettings, clip: Path
) -> None:
    server.script(Stall())
    uploader = CatboxUploader(settings=settings, patience=once(answer=0.5))
    _, _, error = uploader.upload(clip)
    assert (error or "").startswith("The whole file was sent to Catbox, but no answer came:")


def test_an_answer_that_trickles_is_given_up_after_the_limit(
    server: CatboxProcess, settings: CatboxSettings, clip: Path
) -> None:
    server.script(Reply(200, "x" * 1000, byte_pause=0.1))
    uploader = CatboxUploader(settings=settings, patience=once(answer=0.5))
    _, _, error = uploader.upload(clip)
    assert (error or "").startswith("The whole file was sent to Catbox, but no answer came:")


def test_a_server_that_refuses_early_and_reads_no_further_is_heard(
    server: CatboxProcess, settings: CatboxSettings, large_clip: Path, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        import threading

        done = threading.Event()

        def refuse() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(10_000)
                connection.sendall(b"HTTP/1.1 412 No\r\nContent-Length: 16\r\n\r\nInvalid uploader")
                done.wait(20)

        thread = threading.Thread(target=refuse)
        thread.start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/user/api.php"
        uploader = CatboxUploader(settings=CatboxSettings(api_url=url), patience=once(silence=0.5))
        _, _, error = uploader.upload(large_clip)
        done.set()
        thread.join(10)
    assert '(it says "Invalid uploader")' in (error or "")


def test_an_endless_answer_costs_no_memory_and_is_no_link(
    server: CatboxProcess, settings: CatboxSettings, clip: Path
) -> None:
    server.script(Reply(200, "https://" + "a" * 5_000_000))
    success, _, error = CatboxUploader(settings=settings, patience=once()).upload(clip)
    assert not success
    assert len(error or "") < 400


def test_a_mistake_of_our_own_is_no_lost_connection(
    settings: CatboxSettings, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(self: MultipartBody) -> int:
        raise TypeError("a mistake in the program")

    monkeypatch.setattr(MultipartBody, "__iter__", broken)
    states: list[ProgressInfo] = []
    with pytest.raises(TypeError):
        CatboxUploader(settings=settings).upload_with_progress(clip, states.append)
    assert states[-1].status is ProgressStatus.FAILED


@pytest.mark.parametrize("status", [200, 412, 500])
def test_the_userhash_appears_nowhere(
    server: CatboxProcess,
    settings: CatboxSettings,
    clip: Path,
    at_once: Patience,
    status: int,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    server.script(*[Reply(status, "who is 5ecre7userhash?")] * 5)
    states: list[ProgressInfo] = []
    uploader = CatboxUploader("5ecre7userhash", settings=settings, patience=at_once)
    _, _, error = uploader.upload_with_progress(clip, states.append)
    shown = [caplog.text, error, repr(states), repr(vars(uploader)), repr(uploader)]
    shown.append(repr(CatboxSettings(userhash="5ecre7userhash")))
    assert dict(server.requests[0].fields)["userhash"] == "5ecre7userhash"
    assert not any("5ecre7userhash" in (text or "") for text in shown)
