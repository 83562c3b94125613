"""Uploads by PUT: what arrives, what the user reads, and who gets the secrets."""

from pathlib import Path

import pytest

from similubot_core import (
    ProgressInfo,
    ProgressStatus,
    Settings,
    StageContext,
    StageError,
    UsageError,
)
from similubot_http.uploader import PutUploader, open_put, open_webdav

from .conftest import Handler, Server, status

SONG = b"song" * 50_000


@pytest.fixture
def song(tmp_path: Path) -> Path:
    path = tmp_path / "Ein Lied 音.mp3"
    path.write_bytes(SONG)
    return path


def keep(server: Server) -> None:
    """Have the server keep what is put, and refuse what is there."""

    def behave(handler: Handler) -> None:
        body = (
            handler.rfile.read(int(handler.headers["Content-Length"]))
            if ("Content-Length" in handler.headers)
            else b""
        )
        taken = handler.path in server.stored and handler.headers.get("If-None-Match") == "*"
        if not taken:
            server.stored[handler.path] = body
        status(412 if taken else 201, b"")(handler)

    server.usual = behave


def webdav(server: Server, target: str | None = None, **more: str) -> PutUploader:
    environ = {f"SIMILUBOT_WEBDAV_{key.upper()}": value for key, value in more.items()}
    return open_webdav(Settings(environ=environ), target)


def test_a_file_arrives_with_true_progress(server: Server, song: Path) -> None:
    keep(server)
    seen: list[ProgressInfo] = []
    context = StageContext(song.parent, callbacks=(seen.append,))
    link = webdav(server, f"{server.url}/dav").run(song, context)
    assert link == f"{server.url}/dav/Ein%20Lied%20%E9%9F%B3.mp3"
    assert server.stored == {"/dav/Ein%20Lied%20%E9%9F%B3.mp3": SONG}
    assert seen[-1].status is ProgressStatus.COMPLETED
    assert seen[-1].total_size == len(SONG)


def test_secrets_go_to_the_settings_host_only(server: Server, song: Path) -> None:
    keep(server)
    secrets = {"user": "me", "password": "s3cret"}
    webdav(server, url=f"{server.url}/dav/", **secrets).run(song, StageContext(song.parent))
    assert server.requests[-1][2]["Authorization"] == "Basic bWU6czNjcmV0"
    webdav(server, f"{server.url}/b/", url="https://cloud.example/", **secrets).run(
        song, StageContext(song.parent)
    )
    assert "Authorization" not in server.requests[-1][2]
    webdav(server, url=f"{server.url}/c/", token="t0ken").run(song, StageContext(song.parent))
    assert server.requests[-1][2]["Authorization"] == "Bearer t0ken"


def test_the_address_for_people_can_be_another(server: Server, song: Path) -> None:
    keep(server)
    uploader = webdav(server, url=f"{server.url}/dav/", public_url="https://files.example/x/")
    link = uploader.run(song, StageContext(song.parent))
    assert link == "https://files.example/x/Ein%20Lied%20%E9%9F%B3.mp3"


def test_a_presigned_address_is_taken_whole_and_its_signature_is_not_shown(
    server: Server, song: Path
) -> None:
    keep(server)
    uploader = open_put(Settings(environ={}), f"{server.url}/bucket/x.mp3?signature=s3cret")
    assert uploader.run(song, StageContext(song.parent)) == f"{server.url}/bucket/x.mp3"
    assert server.stored == {"/bucket/x.mp3?signature=s3cret": SONG}


def test_a_file_that_is_there_is_not_overwritten(server: Server, song: Path) -> None:
    keep(server)
    uploader = webdav(server, f"{server.url}/dav/")
    uploader.run(song, StageContext(song.parent))
    with pytest.raises(StageError, match=r"is on 127\.0\.0\.1 already"):
        uploader.run(song, StageContext(song.parent))


def drain(code: int) -> object:
    def behave(handler: Handler) -> None:
        handler.rfile.read(len(SONG))
        status(code, b"")(handler)

    return behave


def test_a_failure_that_passes_is_tried_again(server: Server, song: Path) -> None:
    keep(server)
    server.plan = [drain(503)]  # type: ignore[list-item]
    PutUploader(f"{server.url}/x/", first_wait=0.001).run(song, StageContext(song.parent))
    assert len(server.stored) == 1


@pytest.mark.parametrize(
    ("code", "reason"), [(401, "the user, the password"), (507, "disk is full"), (302, "redirects")]
)
def test_a_refusal_is_a_sentence(server: Server, song: Path, code: int, reason: str) -> None:
    server.usual = drain(code)  # type: ignore[assignment]
    with pytest.raises(StageError, match=reason):
        webdav(server, f"{server.url}/dav/").run(song, StageContext(song.parent))
    assert len(server.requests) == 1


@pytest.mark.parametrize("target", ["ftp://a.example/", "nonsense", "https://me:pw@a.example/", ""])
def test_what_is_not_an_address_is_refused(server: Server, target: str) -> None:
    with pytest.raises(UsageError) as caught:
        webdav(server, target)
    assert "pw" not in caught.value.message.replace("password", "")
