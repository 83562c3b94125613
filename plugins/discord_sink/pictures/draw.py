"""Draws docs/images/discord-*.png from the payloads that the loopback Discord received.

    python plugins/discord_sink/pictures/draw.py docs/images

Needs the testkit, and a `chromium` on PATH for the screenshots. Nothing in the pictures is made
up: a real discord.py client edits real messages, and what is drawn is what the server keeps.
"""

from __future__ import annotations

import asyncio
import html
import re
import subprocess
import sys
import tempfile
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import discord

from similubot_core import CancelToken, ProgressInfo, ProgressStatus
from similubot_discord_sink import CancelView, DiscordProgressUpdater, ProgressBoard
from similubot_discord_sink.endpoint import pointed_at
from similubot_loopback.discord_server import LoopbackDiscord, Message

MIB = 1024 * 1024
STAGES = ("MEGA Download", "Audio Conversion", "Catbox Upload")
NOON = 1_795_000_000.0

STYLE = """
* { box-sizing: border-box; margin: 0; }
body { background: #313338; color: #dbdee1; width: 640px; padding: 14px 16px;
       font: 15px/1.375 "gg sans", "Noto Sans", "Liberation Sans", "DejaVu Sans", sans-serif,
             "Noto Color Emoji"; }
.message { display: flex; gap: 14px; }
.face { width: 40px; height: 40px; border-radius: 50%; background: #5865f2; color: #fff;
        display: grid; place-items: center; font-weight: 700; flex: none; }
.who { font-weight: 600; color: #f2f3f5; }
.app { background: #5865f2; color: #fff; border-radius: 3px; font-size: 10px; padding: 1px 4px;
       margin-left: 4px; vertical-align: 1px; }
.when { color: #949ba4; font-size: 12px; margin-left: 6px; }
.embed { margin-top: 6px; background: #2b2d31; border-left: 4px solid; border-radius: 4px;
         padding: 10px 16px 14px 12px; width: 516px; }
.title { font-weight: 600; color: #f2f3f5; font-size: 16px; margin-bottom: 6px; }
.description { font-size: 14px; white-space: pre-wrap; overflow-wrap: anywhere; }
.fields { display: grid; grid-template-columns: repeat(3, 1fr); gap: 8px; margin-top: 8px;
          font-size: 14px; }
.name { font-weight: 600; color: #f2f3f5; }
.footer { color: #b5bac1; font-size: 12px; margin-top: 8px; }
code { background: #1e1f22; border-radius: 3px; padding: 1px 3px;
       font: 13px "DejaVu Sans Mono", monospace; }
a { color: #00a8fc; text-decoration: none; }
.buttons { display: flex; gap: 8px; margin-top: 8px; }
.button { border-radius: 4px; padding: 6px 14px; font-size: 14px; font-weight: 500; color: #fff;
          background: #4e5058; }
.style4 { background: #da373c; } .off { opacity: 0.5; }
"""


def markdown(text: str) -> str:
    """The part of Discord's markup that our embeds use: `code`, **bold**, links and escapes."""
    pattern = re.compile(r"\\([^A-Za-z0-9\s])|`([^`]+)`|\*\*(.+?)\*\*(?!\*)|(https?://[^\s<]+)")

    def draw(found: re.Match[str]) -> str:
        escaped, code, bold, link = found.groups()
        if escaped is not None:
            return html.escape(escaped)
        if code is not None:
            return f"<code>{html.escape(code)}</code>"
        if bold is not None:
            return f"<b>{markdown(bold)}</b>"
        return f"<a>{html.escape(link)}</a>"

    drawn, end = [], 0
    for found in pattern.finditer(text):
        drawn += [html.escape(text[end : found.start()]), draw(found)]
        end = found.end()
    return "".join([*drawn, html.escape(text[end:])])


def page(message: Message) -> str:
    """A message as Discord's own client shows it."""
    parts = [f"<style>{STYLE}</style><div class=message><div class=face>S</div><div>"]
    parts.append("<span class=who>Simi</span><span class=app>APP</span>")
    parts.append("<span class=when>Today at 12:00</span>")
    if message.content:
        parts.append(f"<div>{markdown(message.content)}</div>")
    parts += [embed(shown) for shown in message.embeds]
    if message.buttons:
        parts.append("<div class=buttons>")
        for button in message.buttons:
            off = " off" if button.get("disabled") else ""
            emoji = (button.get("emoji") or {}).get("name") or ""
            label = html.escape(f"{emoji} {button['label']}".strip())
            parts.append(f'<span class="button style{button["style"]}{off}">{label}</span>')
        parts.append("</div>")
    return "".join(parts) + "</div></div>"


def embed(shown: Mapping[str, Any]) -> str:
    """One embed."""
    parts = [f'<div class=embed style="border-color:#{shown["color"]:06x}">']
    parts.append(f"<div class=title>{markdown(shown['title'])}</div>")
    parts.append(f"<div class=description>{markdown(shown.get('description', ''))}</div>")
    if shown.get("fields"):
        parts.append("<div class=fields>")
        for field in shown["fields"]:
            name, value = markdown(field["name"]), markdown(field["value"])
            parts.append(f"<div><div class=name>{name}</div>{value}</div>")
        parts.append("</div>")
    parts.append(f"<div class=footer>{html.escape(shown['footer']['text'])} • 12:00</div></div>")
    return "".join(parts)


def info(operation: str, status: ProgressStatus, at: float, **rest: Any) -> ProgressInfo:
    """A state of an operation, `at` seconds after it all began."""
    return ProgressInfo(operation, status, timestamp=NOON + at, **rest)


def begin(operation: str, at: float, **rest: Any) -> ProgressInfo:
    """An operation begins."""
    return info(operation, ProgressStatus.STARTING, at, **rest)


def half(operation: str, at: float, **rest: Any) -> ProgressInfo:
    """An operation is under way."""
    return info(operation, ProgressStatus.IN_PROGRESS, at, **rest)


def end(operation: str, at: float, size: int | None = None) -> ProgressInfo:
    """An operation is done."""
    done = ProgressStatus.COMPLETED
    return info(operation, done, at, percentage=100.0, current_size=size, total_size=size)


DOWNLOAD = half(
    STAGES[0],
    16,
    percentage=60.5,
    current_size=int(512.3 * MIB),
    total_size=int(847.2 * MIB),
    speed=2.4 * MIB,
    eta=138.0,
)
CONVERSION = half(
    STAGES[1], 362, percentage=43.2, eta=14.0, details={"speed_factor": 29.7}, message="128 kbit/s"
)
DOWNLOADED = [begin(STAGES[0], 0), end(STAGES[0], 351, int(847.2 * MIB)), begin(STAGES[1], 351)]
CONVERTED = [*DOWNLOADED, end(STAGES[1], 376), begin(STAGES[2], 376)]

SINGLE: dict[str, list[ProgressInfo]] = {
    "starting": [begin(STAGES[0], 0)],
    "in-progress": [begin(STAGES[0], 0), DOWNLOAD],
    "unknown": [begin("Backup", 0), half("Backup", 3, message="Looking at the files …")],
}
JOBS: dict[str, list[ProgressInfo]] = {
    "job": [*DOWNLOADED, CONVERSION],
    "completed": [*CONVERTED, end(STAGES[2], 381, int(31.6 * MIB))],
    "failed": [
        *DOWNLOADED,
        info(
            STAGES[1],
            ProgressStatus.FAILED,
            353,
            percentage=0.0,
            message="The file has no sound; send one that has.",
        ),
    ],
    "cancelled": [
        *DOWNLOADED,
        CONVERSION,
        info(
            STAGES[1], ProgressStatus.CANCELLED, 363, percentage=43.2, message="Cancelled by ann."
        ),
    ],
}


async def draw_single(channel: discord.TextChannel, states: list[ProgressInfo]) -> int:
    """A message of one operation; returns its id."""
    message = await channel.send("…")
    updater = DiscordProgressUpdater(message, update_interval=0.01)
    return await tell(updater, message, states)


async def draw_job(channel: discord.TextChannel, states: list[ProgressInfo]) -> int:
    """A message of a job with its Cancel button; returns its id."""
    view = CancelView(CancelToken())
    message = await channel.send("…", view=view)
    updater = DiscordProgressUpdater(
        message, update_interval=0.01, title="Holiday_in_Rome.mp4", operations=STAGES, view=view
    )
    return await tell(updater, message, states)


async def tell(
    updater: DiscordProgressUpdater, message: discord.Message, states: list[ProgressInfo]
) -> int:
    """Tell an updater all states; returns the message's id."""
    await message.edit(content=None, embed=discord.Embed(title="…"))
    for state in states:
        updater.create_callback()(state)
    await updater.aclose()
    return message.id


async def draw_board(channel: discord.TextChannel) -> int:
    """A board of eight jobs; returns the message's id."""
    message = await channel.send("…")
    await message.edit(content=None, embed=discord.Embed(title="…"))
    board = ProgressBoard(message, update_interval=0.01, title="Queue of Loopback", per_page=3)
    board.add("Holiday_in_Rome.mp4")(DOWNLOAD)
    board.add("lecture 7.mkv")(CONVERSION)
    for number in range(5):
        board.add(f"interview {number + 1}.mp4")
    callback = board.add("jingle.wav")
    for state in (begin("Catbox Upload", 0), end("Catbox Upload", 4)):
        callback(state)
    await board.aclose()
    return message.id


async def draw_all(folder: Path) -> None:
    """Draw every picture into a folder."""
    async with LoopbackDiscord() as server:
        with pointed_at(server.api_url, server.gateway_url):
            client = discord.Client(intents=discord.Intents.default(), guild_ready_timeout=0.05)
            await client.login(server.token)
            connected = asyncio.create_task(client.connect())
            await client.wait_until_ready()
            channel = client.get_channel(server.channel.id)
            assert isinstance(channel, discord.TextChannel)
            pictures: dict[str, Callable[[], Awaitable[int]]] = {
                "board": partial(draw_board, channel),
                **{name: partial(draw_single, channel, told) for name, told in SINGLE.items()},
                **{name: partial(draw_job, channel, told) for name, told in JOBS.items()},
            }
            for name, draw in pictures.items():
                message = server.message(await draw())
                screenshot(page(message), folder / f"discord-{name}.png")
            await client.close()
            await asyncio.gather(connected, return_exceptions=True)


def screenshot(body: str, picture: Path) -> None:
    """Photograph a page twice as fine, and cut it to its height."""
    measure = "<script>document.title = document.documentElement.scrollHeight</script>"
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "page.html"
        source.write_text(f"<!doctype html><meta charset=utf-8><body>{body}{measure}", "utf-8")
        browser = [
            "chromium",
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--hide-scrollbars",
        ]
        probe = [*browser, "--window-size=640,20", "--dump-dom", source.as_uri()]
        dom = subprocess.run(probe, capture_output=True, text=True, check=True, timeout=60).stdout
        found = re.search(r"<title>(\d+)</title>", dom)
        height = int(found[1]) if found else 300
        shot = [*browser, f"--window-size=640,{height}", "--force-device-scale-factor=2"]
        subprocess.run(
            [*shot, f"--screenshot={picture}", source.as_uri()],
            capture_output=True,
            check=True,
            timeout=60,
        )


if __name__ == "__main__":
    target = Path(sys.argv[1] if len(sys.argv) > 1 else "docs/images")
    target.mkdir(parents=True, exist_ok=True)
    asyncio.run(draw_all(target))
