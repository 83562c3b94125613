"""The examples of docs/migration.md run, against real clients and loopback servers."""

import asyncio
import contextlib
import logging
import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import cast

import discord
import pytest
from discord.ext import commands

import similubot_core
from similubot_core import ProgressInfo, ProgressStatus
from similubot_discord_sink import DiscordProgressUpdater
from similubot_discord_sink.endpoint import pointed_at
from similubot_ffmpeg import AudioConverter, FFmpegSettings
from similubot_ffmpeg.program import find_program
from similubot_loopback.catbox_server import LoopbackCatbox
from similubot_loopback.discord_server import LoopbackDiscord
from similubot_loopback.media import make_video
from similubot_loopback.mega_server import LoopbackMega

GUIDE = (Path(__file__).parent.parent / "docs" / "migration.md").read_text(encoding="utf-8")
SECONDS = 3
ADDRESSES = {"link": "https://mega.nz/file/...", "video": "input.mp4", "sound": "output.m4a"}

Names = dict[str, object]


def example(heading: str) -> str:
    """The code block below a heading of the guide."""
    match = re.search(rf"^### {re.escape(heading)}\n.*?^```python\n(.*?)^```", GUIDE, re.M | re.S)
    assert match, heading
    return match[1]


def run(heading: str, names: Names, **replaced: str) -> Names:
    """Run an example with `names` at hand; `replaced` texts stand for its own addresses."""
    code = example(heading)
    for old, new in replaced.items():
        text = {"link": "https://mega.nz/file/...", "video": "input.mp4", "sound": "output.m4a"}[
            old
        ]
        assert text in code
        code = code.replace(text, new)
    exec(compile(code, heading, "exec"), names)
    return names


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    program = find_program(FFmpegSettings()).path
    return make_video(tmp_path_factory.mktemp("media") / "clip.mp4", SECONDS, program)


@pytest.fixture
def catbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LoopbackCatbox]:
    with LoopbackCatbox(tmp_path / "catbox") as server:
        monkeypatch.setenv("SIMILUBOT_CATBOX_API_URL", server.catbox_url)
        yield server


@pytest.fixture
def link(video: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SIMILUBOT_MEGA_BACKEND", "embedded")
    with LoopbackMega() as server:
        monkeypatch.setenv("SIMILUBOT_MEGA_API_URL", server.url)
        yield server.add_file(video.name, video)


@pytest.fixture
def loopback() -> Iterator[LoopbackDiscord]:
    with LoopbackDiscord() as server, pointed_at(server.api_url, server.gateway_url):
        yield server


@contextlib.asynccontextmanager
async def connected(client: discord.Client) -> AsyncIterator[None]:
    """The client logged in and ready, closed at the end."""
    await client.login("loopback-token")
    connection = asyncio.create_task(client.connect())
    try:
        async with asyncio.timeout(10):
            await client.wait_until_ready()
        yield
    finally:
        await client.close()
        await asyncio.gather(connection, return_exceptions=True)


@pytest.fixture
async def message(loopback: LoopbackDiscord) -> AsyncIterator[discord.Message]:
    client = commands.Bot("!", intents=discord.Intents.default(), guild_ready_timeout=0.05)
    async with connected(client):
        channel = client.get_channel(loopback.channel.id)
        assert isinstance(channel, discord.TextChannel)
        yield await channel.send("…")


async def shown(loopback: LoopbackDiscord, names: Names) -> str:
    """What the message of an example's updater shows in the end."""
    updater = cast("DiscordProgressUpdater", names["discord_updater"])
    assert await updater.aclose()
    return _last(loopback)


def test_the_table_names_where_each_name_is_imported_from() -> None:
    rows = re.findall(r"^\| `(\w+)` \| `[\w.]+` \| `(\w+)` \|", GUIDE, re.M)
    assert len(rows) == 11
    for name, package in rows:
        assert getattr(__import__(package), name).__name__ or name == "ProgressCallback"


def test_callbacks(capsys: pytest.CaptureFixture[str]) -> None:
    names = run("Callbacks", {})
    tracker = cast("similubot_core.ProgressTracker", names["tracker"])
    tracker.parse_output("TRANSFERRING ||####......||(43/86 MB:  50.00 %) ")
    assert "Progress: 50.0%" in capsys.readouterr().out


async def test_a_discord_message_as_callback(
    message: discord.Message, loopback: LoopbackDiscord
) -> None:
    names = run("Callbacks", {"message": message})
    run("A Discord message as callback", names)
    tracker = cast("similubot_core.ProgressTracker", names["tracker"])
    tracker.complete("Here it is.")
    assert "MEGA Download" in await shown(loopback, names)


async def test_download_conversion_and_upload_with_progress(
    message: discord.Message, loopback: LoopbackDiscord, link: str, catbox: LoopbackCatbox
) -> None:
    names = run("Download with progress", {"discord_message": message}, link=link)
    assert names["success"] is True, names["error"]
    video = str(names["file_path"])
    run("Conversion with progress", names, video=video)
    assert names["success"] is True, names["error"]
    run("Upload with progress", names, sound=str(names["output_file"]))
    assert names["success"] is True, names["error"]
    assert str(names["file_url"]).startswith(catbox.files_url)
    assert "Catbox Upload" in await shown(loopback, names)


async def test_pace_and_length_of_the_bar(message: discord.Message) -> None:
    names: Names = {"discord_message": message, "DiscordProgressUpdater": DiscordProgressUpdater}
    run("Pace and length of the bar", names)
    await cast("DiscordProgressUpdater", names["discord_updater"]).aclose()


def test_a_failure_that_goes_on_with_something_else() -> None:
    seen: list[ProgressInfo] = []

    def operation_with_progress(callback: object) -> tuple[bool, str, str]:
        raise OSError("the disk is full")

    names = run("Callbacks", {})
    tracker = cast("similubot_core.ProgressTracker", names["tracker"])
    tracker.add_callback(seen.append)
    names |= {"operation_with_progress": operation_with_progress, "progress_tracker": tracker}
    run("A failure that goes on with something else", names)
    assert seen[-1].status is ProgressStatus.FAILED
    assert seen[-1].message == "Operation failed: the disk is full"


async def test_from_the_basic_to_the_progress_methods(
    message: discord.Message, loopback: LoopbackDiscord, link: str
) -> None:
    names = run("Download with progress", {"discord_message": message}, link=link)
    names |= {"url": link, "message": message}
    run("From the basic to the progress methods", names)
    assert names["success"] is True, names["error"]
    assert "MEGA Download" in await shown(loopback, names)


async def test_a_handler_of_ones_own(message: discord.Message, loopback: LoopbackDiscord) -> None:
    names: Names = {
        "ProgressInfo": ProgressInfo,
        "ProgressStatus": ProgressStatus,
        "logger": logging.getLogger("example"),
    }
    run("A handler of one's own", names)
    handler = names["CustomProgressHandler"](message.channel)  # type: ignore[operator]
    await handler.handle_progress(ProgressInfo("Upload", ProgressStatus.COMPLETED, 100.0))
    await handler.handle_progress(ProgressInfo("Copy", ProgressStatus.FAILED, message="no disk"))
    said = [m.content for m in loopback.messages(author=loopback.bot)][-2:]
    assert said == ["✅ Upload completed!", "❌ Copy failed: no disk"]
    assert handler.current_operation == "Copy"


@pytest.mark.parametrize(("bitrate", "title"), [(96, "✅ Conversion Complete"), (9999, "❌ Error")])
async def test_a_whole_bot(
    loopback: LoopbackDiscord, link: str, catbox: LoopbackCatbox, bitrate: int, title: str
) -> None:
    names = run("A whole bot", {})
    bot: commands.Bot = names["MediaBot"]()  # type: ignore[operator]
    bot.add_command(bot.convert_media)  # type: ignore[attr-defined]
    async with connected(bot):
        # Without the message content intent only what mentions the bot arrives whole, so the
        # command is called as discord.py would call it.
        channel = bot.get_channel(loopback.channel.id)
        assert isinstance(channel, discord.TextChannel)
        typed = await channel.fetch_message(loopback.type_message(f"!convert {link}").id)
        context = await bot.get_context(typed)
        await bot.get_command("convert").callback(bot, context, link, bitrate)  # type: ignore[arg-type, union-attr]
        final = await loopback.until(lambda: _with_title(loopback, title), 30)
    if title.startswith("✅"):
        url = re.search(r"http://[^'\"]+\.m4a", final)
        assert url, final
        stored = next(catbox.folder.rglob(url[0].rsplit("/", 1)[-1]))
        ok, info, error = AudioConverter().get_media_info(stored)
        assert ok, error
        assert info is not None
        assert info.audio is not None
        assert info.audio.codec == "aac"
    else:
        assert "9999" in final
        assert not catbox.uploads


def _with_title(loopback: LoopbackDiscord, title: str) -> str | None:
    last = _last(loopback)
    return last if title in last else None


def _last(loopback: LoopbackDiscord) -> str:
    message = loopback.last_message(author=loopback.bot)
    assert message is not None
    return str(message.embeds)
