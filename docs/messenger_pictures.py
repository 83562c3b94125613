"""Takes the pictures of what messengers show: real sinks, servers of this machine, a real browser.

`python docs/messenger_pictures.py` writes docs/images/matrix.png, telegram.png and notice.png, from
the HTML and the text that the servers got. It needs Chromium and the font Noto Color Emoji.
"""

import html
import http.server
import json
import shutil
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, sync_playwright

from similubot_core import ProgressInfo, ProgressStatus, Settings, Sink, SinkContext
from similubot_loopback.matrix_server import LoopbackMatrix
from similubot_loopback.telegram_server import LoopbackTelegram
from similubot_matrix import open_matrix_sink
from similubot_notify import NotifySettings, NotifySink
from similubot_telegram import open_telegram_sink

IMAGES = Path(__file__).with_name("images")
FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
STARTING, RUNNING = ProgressStatus.STARTING, ProgressStatus.IN_PROGRESS
DONE, FAILED = ProgressStatus.COMPLETED, ProgressStatus.FAILED
TITLE = "Live at Wembley <1986>.mp4"
FROM_SCREEN = "font: 15px/1.45 'Noto Sans', 'DejaVu Sans', 'Noto Color Emoji', sans-serif"
STYLES = {
    "matrix": f"body {{ background: #fff; color: #1b1d22; {FROM_SCREEN} }}"
    " code { background: #f0f2f5; padding: 1px 3px; border-radius: 3px } a { color: #0a7ea4 }"
    " .sender { color: #0a7ea4; font-weight: 600 } .edited { color: #737d8c; font-size: 12px }"
    " .message { margin: 0 0 18px 46px; position: relative }"
    " .message::before { content: 'S'; position: absolute; left: -46px; width: 32px; height: 32px;"
    " border-radius: 16px; background: #0a7ea4; color: #fff; text-align: center;"
    " line-height: 32px }",
    "telegram": f"body {{ background: #c5d8b8; color: #000; {FROM_SCREEN} }}"
    " .message { background: #fff; border-radius: 12px 12px 12px 2px; padding: 8px 12px;"
    " margin-bottom: 12px; width: fit-content; white-space: pre-wrap }"
    " .sender { color: #3a8ccf; font-weight: 600 } code { color: #8a3b3b }"
    " a { color: #2a7fbf } .edited { color: #8a9a7c; font-size: 12px; text-align: right }",
    "notice": f"body {{ background: #3b4a63; color: #1b1d22; {FROM_SCREEN} }}"
    " .message { background: #f7f7f8; border-radius: 14px; padding: 12px 16px;"
    " margin-bottom: 12px; white-space: pre-wrap } .sender { font-weight: 600 }",
}


def states(name: str, status: ProgressStatus, took: float, **more: object) -> list[ProgressInfo]:
    """An operation's beginning, and how it stands `took` seconds later."""
    now = time.time()
    begun = ProgressInfo(name, STARTING, timestamp=now - took)
    return [begun, replace(begun, status=status, timestamp=now, **more)]  # type: ignore[arg-type]


SIZE = 888_000_000
DOWNLOADED = {"percentage": 100.0, "current_size": SIZE, "total_size": SIZE}
JOB = [
    *states("MEGA Download", DONE, 190, **DOWNLOADED),
    *states("Audio Conversion", RUNNING, 51, percentage=61.0, current_size=17_400_000,
            total_size=28_500_000, eta=33.0, details={"speed_factor": 29.7}),
]  # fmt: skip
LINK = {"link": "https://files.example/k3v9qa.m4a"}
UPLOADED = {"percentage": 100.0, "current_size": 28_500_000, "details": LINK}
END = [
    *states("MEGA Download", DONE, 190, **DOWNLOADED),
    *states("Audio Conversion", DONE, 84, percentage=100.0),
    *states("Catbox Upload", DONE, 12, **UPLOADED),
]
FAILURE = states("make", FAILED, 760, percentage=43.2, message="make ended with exit status 2.")


def show(opened: Callable[[str], Sink], shown: Callable[[], object]) -> None:
    """A job in its midst, another at its end, a command that failed; waits until they are there."""
    for title, told, expected in ((TITLE, JOB, "61.0%"), ("Konzert.mkv", END, "k3v9qa"),
                                  ("", FAILURE, "exit status 2")):  # fmt: skip
        sink = opened(title)
        for info in told:
            sink.show(info)
        until = time.monotonic() + 30
        while expected not in str(shown()):
            assert time.monotonic() < until, shown()
            time.sleep(0.05)
        sink.close()


def matrix() -> list[str]:
    """The HTML of each event as it is after its edits."""
    with LoopbackMatrix() as server:
        room = server.add_room("#builds")
        environ = {
            "SIMILUBOT_MATRIX_TOKEN": server.token,
            "SIMILUBOT_MATRIX_UPDATE_INTERVAL": "0.1",
        }
        address, settings = f"{server.url}/{room.alias}", Settings(environ=environ)
        show(
            lambda title: open_matrix_sink(SinkContext(address, settings, title)),
            lambda: [message.html for message in room.messages],
        )
        return [f'<div class="sender">similubot</div>{m.html}{_edited(m.edits)}'
                for m in room.messages]  # fmt: skip


def telegram() -> list[str]:
    """The HTML of each message as it is after its edits."""
    with LoopbackTelegram() as server:
        server.limited = False
        chat = server.add_chat()
        environ = {
            "SIMILUBOT_TELEGRAM_TOKEN": server.token,
            "SIMILUBOT_TELEGRAM_API_URL": server.url,
            "SIMILUBOT_TELEGRAM_UPDATE_INTERVAL": "0.1",
        }
        settings = Settings(environ=environ)
        show(
            lambda title: open_telegram_sink(SinkContext(str(chat.id), settings, title)),
            lambda: [message.source for message in chat.messages],
        )
        return [f"{m.source}{_edited(m.edits)}" for m in chat.messages]


def _edited(edits: int) -> str:
    return '<div class="edited">edited</div>' if edits else ""


def notice() -> list[str]:
    """Title and body of each notice that a service got."""
    got: list[dict[str, str]] = []

    class Service(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *arguments: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Service) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"json://127.0.0.1:{server.server_port}"
        for told, start in ((states(TITLE, DONE, 286, **UPLOADED), True), (FAILURE, False)):
            sink = NotifySink([url], NotifySettings(start=start))
            for info in told:
                sink.show(info)
            sink.close()
        server.shutdown()
    return [f'<div class="sender">{html.escape(n["title"])}</div>{html.escape(n["message"])}'
            for n in got]  # fmt: skip


def draw(browser: Browser, name: str, messages: Sequence[str]) -> None:
    """The messages one below the other, as a picture of few colours."""
    page = browser.new_page(viewport={"width": 520, "height": 100}, device_scale_factor=2)
    shown = "".join(f'<div class="message">{message}</div>' for message in messages)
    page.set_content(f"<style>{STYLES[name]} body {{ margin: 18px }}</style>{shown}")
    file = IMAGES / f"{name}.png"
    page.screenshot(path=file, full_page=True)
    page.close()
    with Image.open(file) as picture:
        picture.convert("RGB").quantize(96).save(file, optimize=True)


def main() -> None:
    """Take all."""
    with sync_playwright() as playwright:
        program = shutil.which("chromium") or shutil.which("google-chrome")
        browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
        for take in (matrix, telegram, notice):
            draw(browser, take.__name__, take())
        browser.close()


if __name__ == "__main__":
    main()
