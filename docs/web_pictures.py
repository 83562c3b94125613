"""Takes the pictures of the pages: a real bot on loopback servers, a real sink, a real browser.

`python docs/web_pictures.py [FOLDER]` writes those of the guide into docs/images, and all of them,
in both widths, light and dark, into the folder.
"""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Browser, Page, expect, sync_playwright

from similubot_core import ProgressInfo, ProgressStatus, Settings, SinkContext
from similubot_ffmpeg.program import find_program
from similubot_ffmpeg.settings import FFmpegSettings
from similubot_loopback import media
from similubot_loopback.catbox_server import LoopbackCatbox
from similubot_loopback.discord_server import LoopbackDiscord
from similubot_loopback.mega_server import LoopbackMega
from similubot_web import open_web_sink

TOKEN = "a-token-of-the-pictures"
FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
IMAGES = Path(__file__).parent / "images"

expect.set_options(timeout=120_000)


def show_operations(browser: Browser, folder: Path) -> None:
    """The sink's page: a job with its parts, a failure, something that counts files."""
    sink = open_web_sink(SinkContext(None, Settings(environ={}), "3 sources"))
    now = time.time()

    def show(
        name: str, status: ProgressStatus, share: float = 0.0, ago: float = 0.0, **more: Any
    ) -> None:
        kept = {key: more[key] for key in ("id", "parent", "unit") if key in more}
        begun = ProgressInfo(name, ProgressStatus.STARTING, timestamp=now - ago, **kept)
        sink.show(begun)
        sink.show(ProgressInfo(name, status, share, timestamp=now, **more))

    running, done, failed = (
        ProgressStatus.IN_PROGRESS,
        ProgressStatus.COMPLETED,
        ProgressStatus.FAILED,
    )
    show("Live at Wembley.mp4", running, 64.1, 241, id="1", unit="stages", eta=140.0)
    size = 888_000_000
    show("MEGA Download", done, 100.0, 190, parent="1", current_size=size, total_size=size)
    show("Audio Conversion", running, 61.0, 51, parent="1", id="2", eta=33.0)
    show("Catbox Upload", ProgressStatus.STARTING, parent="1", id="3")
    told = "The source ends before its audio does: it is damaged. Get it again."
    show("interview.mov", failed, 31.0, 12, message=told)
    link = {"link": "https://files.catbox.moe/k3v9qa.m4a"}
    show("Konzert.mkv", done, 100.0, 63, message="Konzert.m4a, 3.1 MB", details=link)
    for width, scheme in ((1280, "light"), (375, "dark")):
        page = open_page(browser, sink.address, width, scheme)
        expect(page.locator(".operation")).to_have_count(6)
        take(page, folder / f"tree-{width}.png")
    sink.close()


@contextmanager
def bot(folder: Path) -> Iterator[tuple[LoopbackDiscord, LoopbackMega, str]]:
    """A bot with a page; the address of its page."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with (
        LoopbackDiscord("token-of-the-pictures") as discord,
        LoopbackMega() as mega,
        LoopbackCatbox(folder / "catbox") as catbox,
    ):
        values = {
            "DISCORD_TOKEN": discord.token,
            "DISCORD_API_URL": discord.api_url,
            "DISCORD_GATEWAY_URL": discord.gateway_url,
            "MEGA_API_URL": mega.url,
            "MEGA_BACKEND": "embedded",
            "CATBOX_API_URL": catbox.catbox_url,
            "CATBOX_LITTERBOX_URL": catbox.litterbox_url,
            "BOT_DATA_FOLDER": str(folder / "bot"),
            "BOT_COOLDOWN": "0",
            "BOT_MIN_FREE_DISK": "0",
            "BOT_JOBS": "2",
            "BOT_PAGE": "true",
            "BOT_HTTP_PORT": str(port),
            "WEB_TOKEN": TOKEN,
        }
        process = subprocess.Popen(
            [sys.executable, "-m", "similubot_core", "bot"],
            env=os.environ | {f"SIMILUBOT_{key}": value for key, value in values.items()},
            cwd=folder,
            stderr=subprocess.DEVNULL,
        )
        try:
            discord.wait(lambda: "convert" in discord.commands(), 120)
            yield discord, mega, f"http://127.0.0.1:{port}/page/"
        finally:
            process.kill()
            process.wait()


def show_bot(browser: Browser, folder: Path, work: Path) -> None:
    """The bot's page: login, queue, a job, the history."""
    program = find_program(FFmpegSettings()).path
    sound = media.make_sound(work / "sound.wav", 30, program)
    short = media.make_sound(work / "short.wav", 1, program)
    with bot(work) as (discord, mega, address):
        people = [discord.add_user(name) for name in ("ann", "bob", "cid", "dan")]

        def ask(name: str, file: Path | bytes, person: int, options: str = "") -> None:
            link = mega.add_file(name, file)
            discord.type_message(f"!convert {link} {options}", author=people[person])

        page = open_page(browser, address, 1280, "light")
        take(page, folder / "login-1280.png")
        page.get_by_label("Token").fill(TOKEN)
        page.keyboard.press("Enter")
        ended = page.locator("#recent .job")
        ask("Live at Wembley.wav", short, 0, "128")
        expect(ended).to_have_count(1)
        ask("interview.wav", b"no sound at all" * 1000, 1)
        expect(ended).to_have_count(2)
        mega.limit = 25_000
        names = ("Konzert 1974.wav", "podcast_042.wav", "Album – Disc 1.wav", "lecture.wav")
        for person, name in enumerate(names):
            ask(name, sound, person, "192")
            expect(page.get_by_text(name, exact=True)).to_be_visible()
        expect(page.locator("#waiting .job")).to_have_count(2)
        page.locator("#waiting .job").nth(1).get_by_role("button", name="Cancel").click()
        page.get_by_role("button", name="Cancel the job").click()
        expect(ended).to_have_count(3)
        page.wait_for_function("() => document.querySelector('#running progress').value > 20")
        state = page.context.storage_state()
        for width, scheme in ((1280, "light"), (375, "light"), (375, "dark"), (1280, "dark")):
            context = browser.new_context(
                viewport={"width": width, "height": 900},
                color_scheme=scheme,  # type: ignore[arg-type]
                storage_state=state,
            )
            page = context.new_page()
            for view in ("queue", "job-3", "history", "job-2"):
                page.goto("about:blank")
                page.goto(f"{address}#{view}")
                expect(page.locator("#line")).to_have_text("Live")
                expect(page.locator(".job:visible").first).to_be_visible()
                take(page, folder / f"{view}-{width}-{scheme}.png")
            context.close()
        take(open_page(browser, address, 375, "dark"), folder / "login-375.png")


def open_page(browser: Browser, address: str, width: int, scheme: str) -> Page:
    """A new window on an address."""
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)  # type: ignore[arg-type]
    page = context.new_page()
    page.goto(address)
    return page


def take(page: Page, file: Path) -> None:
    """A picture of the whole page, with few colours so that it is small."""
    page.wait_for_timeout(700)  # bars come to where they belong
    page.screenshot(path=file, full_page=True)
    with Image.open(file) as picture:
        picture.convert("RGB").quantize(160).save(file, optimize=True)
    print(file)


def main() -> None:
    """Take all."""
    with tempfile.TemporaryDirectory() as made, sync_playwright() as playwright:
        folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(made)
        folder.mkdir(parents=True, exist_ok=True)
        work = Path(made) / "work"
        work.mkdir()
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium") or shutil.which("google-chrome"), args=FLAGS
        )
        show_operations(browser, folder)
        show_bot(browser, folder, work)
        browser.close()
        for name, shown in (("tree-1280", "web-tree"), ("queue-1280-light", "web-queue"),
                            ("queue-375-dark", "web-queue-phone")):  # fmt: skip
            shutil.copy(folder / f"{name}.png", IMAGES / f"{shown}.png")


if __name__ == "__main__":
    main()
