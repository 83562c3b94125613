"""yt-dlp for real, against a page of a loopback server."""

import contextlib
import datetime
import http.server
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from similubot_core import (
    Cancelled,
    CancelToken,
    ProgressInfo,
    ProgressStatus,
    StageContext,
    StageError,
)
from similubot_testkit.stage_rules import assert_downloader_keeps_the_rules
from similubot_yt_dlp.checks import check
from similubot_yt_dlp.downloader import YtDlpDownloader
from similubot_yt_dlp.settings import YtDlpSettings

VIDEO = b"\x00\x00\x00\x18ftypmp42" + b"x" * 400_000
AUDIO = VIDEO[:300_000]
STREAM = """#EXTM3U
#EXT-X-STREAM-INF:BANDWIDTH=800000,CODECS="avc1.64001f,mp4a.40.2",RESOLUTION=640x360
/video.m3u8
#EXT-X-STREAM-INF:BANDWIDTH=64000,CODECS="mp4a.40.2"
/audio.m3u8
"""
PIECES = "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n{}\n#EXT-X-ENDLIST\n"


@pytest.fixture
def site() -> Iterator[str]:
    """A site with a video, two videos on a page, a refusal and a file that stalls."""
    released = threading.Event()

    class Site(http.server.BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.do_GET()

        def do_GET(self) -> None:
            pages = {
                "/one": b'<title>One</title><video src="/v.mp4"></video>',
                "/two": b"<title>Two</title>"
                + b'<video src="/v.mp4"></video><video src="/w.mp4"></video>',
                "/slow": b'<title>Slow</title><video src="/stall.mp4"></video>',
            }
            playlists = {
                "/both.m3u8": STREAM.encode(),
                "/video.m3u8": PIECES.format("/v.mp4").encode(),
                "/audio.m3u8": PIECES.format("/a.mp4").encode(),
            }
            media = self.path.endswith(".mp4")
            body = VIDEO if media else {**pages, **playlists}.get(self.path)
            body = AUDIO if self.path == "/a.mp4" else body
            kind = "application/vnd.apple.mpegurl" if self.path in playlists else "text/html"
            self.send_response(403 if body is None else 200)
            self.send_header("Content-Type", "video/mp4" if media else kind)
            self.send_header("Content-Length", str(len(body or b"")))
            self.end_headers()
            if self.command == "GET" and body:
                self.wfile.write(body[:200_000] if self.path == "/stall.mp4" else body)
                if self.path == "/stall.mp4":
                    self.wfile.flush()
                    released.wait(30)

        def log_message(self, *arguments: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Site) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        released.set()
        server.shutdown()
        thread.join()


def test_the_video_of_a_page_arrives_with_progress(site: str, tmp_path: Path) -> None:
    seen: list[ProgressInfo] = []
    file = YtDlpDownloader().run(f"{site}/one", StageContext(tmp_path, callbacks=(seen.append,)))
    assert file.read_bytes() == VIDEO
    assert file.suffix == ".mp4"
    assert [path.name for path in tmp_path.iterdir()] == [file.name]
    assert (seen[-1].status, seen[-1].total_size) == (ProgressStatus.COMPLETED, len(VIDEO))


@pytest.mark.slow
def test_of_a_playlist_the_first_item_is_taken_and_the_rest_is_told(
    site: str, tmp_path: Path
) -> None:
    seen: list[ProgressInfo] = []
    YtDlpDownloader().run(f"{site}/two", StageContext(tmp_path, callbacks=(seen.append,)))
    assert seen[-1].message.endswith("; the first of 2 items of a playlist")
    assert len(list(tmp_path.iterdir())) == 1


def test_a_refusal_is_a_sentence_without_the_link(site: str, tmp_path: Path) -> None:
    with pytest.raises(StageError, match=r"the site refuses it \(HTTP 403\)") as caught:
        YtDlpDownloader().run(f"{site}/none?token=s3cret", StageContext(tmp_path))
    assert "s3cret" not in caught.value.message


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "2130706433", "[::ffff:127.0.0.1]"])
def test_a_strangers_link_leads_to_no_private_address(site: str, tmp_path: Path, host: str) -> None:
    port = site.rpartition(":")[2]
    with pytest.raises(StageError, match="address of a private network"):
        YtDlpDownloader().run(f"http://{host}:{port}/one", StageContext(tmp_path, untrusted=True))


def test_a_cancel_ends_a_stalled_download_within_2_seconds(site: str, tmp_path: Path) -> None:
    cancel, began = CancelToken(), [0.0]

    def stop(info: ProgressInfo) -> None:
        if info.current_size:
            began[0] = began[0] or time.monotonic()
            cancel.cancel()

    with pytest.raises(Cancelled):
        YtDlpDownloader().run(f"{site}/slow", StageContext(tmp_path, cancel, (stop,)))
    assert time.monotonic() - began[0] < 10  # alone it takes a tenth of a second


def test_a_site_that_stalls_is_given_up(site: str, tmp_path: Path) -> None:
    settings = YtDlpSettings(stall_timeout=1.5)
    with pytest.raises(StageError, match="The site sent nothing"):
        YtDlpDownloader(settings).run(f"{site}/slow", StageContext(tmp_path))


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="finds child processes in /proc")
def test_one_that_is_killed_is_told_and_may_be_tried_again(site: str, tmp_path: Path) -> None:
    def kill(info: ProgressInfo) -> None:
        if info.current_size:
            for process in Path("/proc").glob("[0-9]*"):
                with contextlib.suppress(OSError):
                    words = (process / "cmdline").read_bytes().split(b"\0")
                    if f"{site}/slow".encode() in words and b"bwrap" not in words[0]:
                        os.kill(int(process.name), signal.SIGKILL)

    with pytest.raises(StageError, match="try again"):
        YtDlpDownloader().run(f"{site}/slow", StageContext(tmp_path, callbacks=(kill,)))


@pytest.mark.slow
def test_the_whole_file_is_asked_for_unless_the_audio_is_enough(site: str, tmp_path: Path) -> None:
    """The page offers a video with sound, and the sound alone."""
    for audio_only, size in ((True, 300_000), (False, len(VIDEO))):
        folder = tmp_path / str(audio_only)
        folder.mkdir()
        context = StageContext(folder, audio_only=audio_only)
        file = YtDlpDownloader().run(f"{site}/both.m3u8", context)
        assert file.stat().st_size == size


def test_doctor_says_when_it_is_stale() -> None:
    (fresh,) = check(datetime.date(2026, 11, 1))
    (stale,) = check(datetime.date(2030, 1, 1))
    assert fresh.ok
    assert not stale.ok


@pytest.mark.slow
def test_it_keeps_the_rules_of_downloaders(site: str) -> None:
    assert_downloader_keeps_the_rules(YtDlpDownloader(), f"{site}/one", stalled=f"{site}/slow")
