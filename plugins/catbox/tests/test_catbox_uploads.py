"""A file goes up as it is and comes back by the link; what is sent is what was meant."""

import hashlib
import os
import re
from pathlib import Path

import pytest
import requests

from similubot_catbox import CatboxUploader, LitterboxUploader
from similubot_catbox.settings import CatboxSettings
from similubot_core import CancelToken, ProgressInfo, ProgressStatus, Settings, StageContext
from similubot_loopback.catbox_server.faults import Fault, Reply, Reset
from similubot_loopback.catbox_server.process import CatboxProcess


def test_the_link_brings_the_file_back(
    server: CatboxProcess, settings: CatboxSettings, clip: Path
) -> None:
    success, link, error = CatboxUploader(settings=settings).upload(clip)
    assert (success, error) == (True, None)
    assert link is not None
    assert link.startswith(server.files_url)
    assert requests.get(link, timeout=20).content == clip.read_bytes()


def test_run_returns_the_link_and_leaves_the_file(
    server: CatboxProcess, settings: CatboxSettings, clip: Path, tmp_path: Path
) -> None:
    before = clip.read_bytes()
    link = CatboxUploader(settings=settings).run(clip, StageContext(tmp_path, CancelToken()))
    assert link.startswith(server.files_url)
    assert clip.read_bytes() == before


def test_the_form_is_catboxs(server: CatboxProcess, settings: CatboxSettings, clip: Path) -> None:
    CatboxUploader(settings=settings).upload(clip)
    (request,) = server.requests
    assert request.service == "catbox"
    assert request.fields == (("reqtype", "fileupload"),)
    assert request.file is not None
    assert (request.file.field, request.file.name) == ("fileToUpload", "clip.m4a")
    assert request.file.sha256 == hashlib.sha256(clip.read_bytes()).hexdigest()


def test_the_program_says_honestly_who_it_is(
    server: CatboxProcess, settings: CatboxSettings, clip: Path
) -> None:
    CatboxUploader(settings=settings).upload(clip)
    headers = dict(server.requests[0].headers)
    assert headers["user-agent"].startswith("similubot-catbox/")
    assert headers["content-length"] == str(server.requests[0].body_bytes)
    assert "transfer-encoding" not in headers


def test_the_userhash_is_sent_when_there_is_one(
    server: CatboxProcess, settings: CatboxSettings, clip: Path
) -> None:
    CatboxUploader("1234abcd", settings=settings).upload(clip)
    assert server.requests[0].fields == (("reqtype", "fileupload"), ("userhash", "1234abcd"))


def test_the_environment_sets_the_userhash_and_the_addresses(
    server: CatboxProcess, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIMILUBOT_CATBOX_API_URL", server.catbox_url)
    monkeypatch.setenv("SIMILUBOT_CATBOX_LITTERBOX_URL", server.litterbox_url)
    monkeypatch.setenv("SIMILUBOT_CATBOX_USERHASH", "from-environment")
    assert CatboxUploader().upload(clip)[0]
    assert LitterboxUploader("1h").upload(clip)[0]
    assert ("userhash", "from-environment") in server.requests[0].fields
    assert server.requests[1].service == "litterbox"


def test_the_readmes_example_runs(
    server: CatboxProcess, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    readme = Path(__file__).parent.parent / "README.md"
    (example,) = re.findall(r"```python\n(.*?)```", readme.read_text(encoding="utf-8"), re.S)
    monkeypatch.chdir(clip.parent)
    monkeypatch.setenv("SIMILUBOT_CATBOX_API_URL", server.catbox_url)
    names: dict[str, object] = {}
    exec(example, names)
    assert (names["success"], names["error"]) == (True, None)
    assert str(names["link"]).startswith(server.files_url)


@pytest.mark.parametrize("time", ["1h", "12h", "24h", "72h"])
def test_litterbox_is_told_how_long_to_keep_the_file(
    server: CatboxProcess, settings: CatboxSettings, clip: Path, time: str
) -> None:
    from similubot_catbox.uploader import open_litterbox

    environment = {"SIMILUBOT_CATBOX_LITTERBOX_URL": server.litterbox_url}
    uploader = open_litterbox(Settings(environ=environment), time)
    success, link, _ = uploader.upload(clip)
    assert success
    assert requests.get(link or "", timeout=20).content == clip.read_bytes()
    (request,) = server.requests
    assert request.service == "litterbox"
    assert request.fields == (("reqtype", "fileupload"), ("time", time))


@pytest.mark.parametrize(
    ("name", "arrives"),
    [
        (b'say "hi"; filename=x.exe.m4a', "say 'hi'; filename=x.exe.m4a"),
        (b"a\r\nX-Evil: 1\r\n\r\n--b.m4a", "a__X-Evil: 1____--b.m4a"),
        ("中文 ünï 🎵.m4a".encode(), "中文 ünï 🎵.m4a"),
        (b"back\\slash\\", "back_slash_"),
        (b"no-utf-8-\xff.m4a", "no-utf-8-_.m4a"),
        (b"x" * 251 + b".m4a", "x" * 251 + ".m4a"),
        ("é".encode() * 127 + b"x", "é" * 127 + "x"),
    ],
)
def test_a_file_name_arrives_as_it_is_or_safely_changed_and_adds_nothing(
    server: CatboxProcess, settings: CatboxSettings, tmp_path: Path, name: bytes, arrives: str
) -> None:
    file = tmp_path / os.fsdecode(name)
    file.write_bytes(b"content")
    success, link, _ = CatboxUploader(settings=settings).upload(file)
    assert success
    assert requests.get(link or "", timeout=20).content == b"content"
    (request,) = server.requests
    assert request.file is not None
    assert request.file.name == arrives
    assert request.fields == (("reqtype", "fileupload"),)
    assert "x-evil" not in dict(request.headers)


def test_progress_begins_ends_and_carries_the_link(settings: CatboxSettings, clip: Path) -> None:
    states: list[ProgressInfo] = []
    _, link, _ = CatboxUploader(settings=settings).upload_with_progress(clip, states.append)
    assert states[0].status is ProgressStatus.STARTING
    assert [info.status for info in states if info.status.is_final] == [ProgressStatus.COMPLETED]
    assert states[-1].percentage == 100
    assert states[-1].current_size == states[-1].total_size == clip.stat().st_size
    assert states[-1].details["url"] == link
    assert {info.operation for info in states} == {"Catbox Upload"}


def test_a_file_is_deleted_with_the_userhash(
    server: CatboxProcess, settings: CatboxSettings, clip: Path
) -> None:
    uploader = CatboxUploader("1234abcd", settings=settings)
    link = uploader.upload(clip)[1]
    assert link is not None
    assert uploader.delete(link) == (True, link, None)
    assert requests.get(link, timeout=20).status_code == 404
    assert server.requests[1].fields == (
        ("reqtype", "deletefiles"),
        ("userhash", "1234abcd"),
        ("files", link.rsplit("/", 1)[1]),
    )


def test_deleting_without_a_userhash_says_what_is_missing(
    server: CatboxProcess, settings: CatboxSettings
) -> None:
    success, value, error = CatboxUploader(settings=settings).delete(server.files_url + "abc.m4a")
    assert (success, value) == (False, None)
    assert "userhash" in (error or "")
    assert server.requests == ()


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (Reply(412, "Not signed in!"), "check the userhash"),
        (Reply(200, "File doesn't exist?"), 'did not say that it deleted abc.m4a, "File doesn'),
        (Reset(), "could not be asked to delete abc.m4a: the connection was lost; try again"),
    ],
)
def test_a_deletion_that_fails_is_told(
    server: CatboxProcess, settings: CatboxSettings, fault: Fault, said: str
) -> None:
    server.script(fault)
    uploader = CatboxUploader("1234abcd", settings=settings)
    success, value, error = uploader.delete(server.files_url + "abc.m4a")
    assert (success, value) == (False, None)
    assert said in (error or "")
    assert "1234abcd" not in (error or "")


@pytest.mark.parametrize(
    "tail", ["", "a/", "a/..", "a b.m4a", "a?b=c&reqtype=x", "a%2fb", ".hidden"]
)
def test_deleting_what_is_no_link_of_catboxs_sends_nothing(
    server: CatboxProcess, settings: CatboxSettings, tail: str
) -> None:
    uploader = CatboxUploader("1234abcd", settings=settings)
    assert uploader.delete(server.files_url + tail)[0] is False
    assert uploader.delete("https://example.org/abc.m4a")[0] is False
    assert server.requests == ()


def test_over_tls_it_is_the_same(tls_server: CatboxProcess, clip: Path) -> None:
    settings = CatboxSettings(api_url=tls_server.catbox_url)
    success, link, error = CatboxUploader(settings=settings).upload(clip)
    assert (success, error) == (True, None)
    assert (link or "").startswith("https://127.0.0.1:")
    (request,) = tls_server.requests
    assert request.file is not None
    assert request.file.sha256 == hashlib.sha256(clip.read_bytes()).hexdigest()


def test_a_certificate_that_nobody_vouches_for_is_told_and_not_tried_again(
    tls_server: CatboxProcess, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("REQUESTS_CA_BUNDLE")
    settings = CatboxSettings(api_url=tls_server.catbox_url)
    success, _, error = CatboxUploader(settings=settings).upload(clip)
    assert not success
    assert "certificate" in (error or "")
    assert tls_server.requests == ()
