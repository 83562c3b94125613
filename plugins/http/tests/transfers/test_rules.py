"""The downloader and the uploader are put through the checks of every stage."""

from pathlib import Path

from similubot_core import Settings
from similubot_http import HttpDownloader, HttpSettings
from similubot_http.uploader import open_webdav
from similubot_testkit.stage_rules import (
    assert_downloader_keeps_the_rules,
    assert_uploader_keeps_the_rules,
)

from .conftest import Handler, Server, content

BODY = bytes(range(256)) * 4096


def test_the_downloader_keeps_the_rules(server: Server) -> None:
    def behave(handler: Handler) -> None:
        if "stalled" not in handler.path:
            content(BODY)(handler)
            return
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(BODY)))
        handler.end_headers()
        handler.wfile.write(BODY[:1000])
        handler.wfile.flush()
        server.released.wait(60)

    server.usual = behave
    assert_downloader_keeps_the_rules(
        HttpDownloader(HttpSettings()), f"{server.url}/a.mp3", stalled=f"{server.url}/stalled.mp3"
    )
    server.released.set()


def test_the_uploader_keeps_the_rules(server: Server, tmp_path: Path) -> None:
    def behave(handler: Handler) -> None:
        if handler.path.startswith("/stalled"):
            server.released.wait(60)
        handler.rfile.read(int(handler.headers.get("Content-Length", 0)))
        handler.send_response(201)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    server.usual = behave
    file = tmp_path / "a.mp3"
    file.write_bytes(BODY)
    there, stalled = (
        open_webdav(Settings(environ={}), f"{server.url}/{name}") for name in ("there", "stalled")
    )
    assert_uploader_keeps_the_rules(there, file, stalled=stalled)
    server.released.set()
