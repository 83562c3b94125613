"""TelegramProgress beside the real python-telegram-bot and the real aiogram."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path

import aiogram
import pytest
import telegram
import telegram.request
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer

from similubot_core import CountingTracker, ProgressCallback
from similubot_loopback.telegram_server import LoopbackTelegram
from similubot_telegram import TelegramBot, TelegramProgress

NOW = datetime(2026, 11, 27, tzinfo=UTC)
README = Path(__file__).parents[1] / "README.md"


@contextlib.asynccontextmanager
async def python_telegram_bot(server: LoopbackTelegram) -> AsyncIterator[TelegramBot]:
    async with telegram.Bot(server.token, base_url=f"{server.url}/bot") as bot:
        yield bot


@contextlib.asynccontextmanager
async def aiogram_bot(server: LoopbackTelegram) -> AsyncIterator[TelegramBot]:
    session = AiohttpSession(api=TelegramAPIServer.from_base(server.url))
    async with aiogram.Bot(server.token, session=session) as bot:
        yield bot


Library = Callable[[LoopbackTelegram], contextlib.AbstractAsyncContextManager[TelegramBot]]
with_both = pytest.mark.parametrize("library", [python_telegram_bot, aiogram_bot])


def work(callback: ProgressCallback) -> None:
    with CountingTracker("Copy") as tracker:
        tracker.add_callback(callback)
        for done in range(1, 101):
            tracker.update(current_size=done, total_size=100)
        tracker.complete()


@with_both
async def test_three_lines_show_work_in_a_message_of_the_bots(
    server: LoopbackTelegram, library: Library
) -> None:
    chat = server.add_chat(group=True, threads=frozenset({7}))
    async with library(server) as bot:
        progress = TelegramProgress(bot, chat.id, title="clip.mp4", message_thread_id=7)
        await asyncio.to_thread(work, progress.create_callback())
        assert await progress.aclose(30)
    (message,) = chat.messages
    assert message.text.splitlines()[0] == "✅ clip.mp4"
    assert message.thread == 7
    assert {r.status for r in server.requests()} == {200}


@with_both
@pytest.mark.slow
async def test_its_errors_are_understood(server: LoopbackTelegram, library: Library) -> None:
    chat = server.add_chat()
    async with library(server) as bot:
        server.fail("sendMessage", 429, "Too Many Requests: retry after 1", 1)
        server.fail("editMessageText", 502, "Bad Gateway")
        server.fail("editMessageText", 400, "Bad Request: message is not modified: …")
        progress = TelegramProgress(bot, chat.id, update_interval=0.01)
        callback = progress.create_callback()
        with CountingTracker("Copy") as tracker:
            tracker.add_callback(callback)
            await server.until(lambda: chat.messages, 30)
            tracker.complete()
        assert await progress.aclose(30)
    assert [r.status for r in server.requests("sendMessage")] == [429, 200]
    assert [r.status for r in server.requests("edit")] == [502, 400]


@with_both
async def test_a_message_that_is_gone_ends_it_without_an_error(
    server: LoopbackTelegram, library: Library, caplog: pytest.LogCaptureFixture
) -> None:
    chat = server.add_chat()
    async with library(server) as bot:
        progress = TelegramProgress(bot, chat.id, update_interval=0.01)
        with CountingTracker("Copy") as tracker:
            tracker.add_callback(progress.create_callback())
            server.delete(chat, (await server.until(lambda: chat.messages, 30))[0])
            tracker.complete()
        assert not await progress.aclose(30)
    assert chat.messages == []
    assert [r.getMessage() for r in caplog.records if r.name == "similubot.telegram"] == []


@with_both
async def test_a_bot_that_is_blocked_is_told_once(
    server: LoopbackTelegram, library: Library, caplog: pytest.LogCaptureFixture
) -> None:
    chat = server.add_chat()
    chat.blocked = True
    async with library(server) as bot:
        progress = TelegramProgress(bot, chat.id, update_interval=0.01)
        await asyncio.to_thread(work, progress.create_callback())
        assert not await progress.aclose(30)
    (said,) = [r.getMessage() for r in caplog.records if r.name == "similubot.telegram"]
    assert "blocked by the user" in said


async def test_the_examples_of_the_readme_run(server: LoopbackTelegram) -> None:
    chat = server.add_chat()
    names: dict[str, object] = {}
    for block in README.read_text().split("```python\n")[1:]:
        code = block.partition("```")[0]
        exec(compile(code, str(README), "exec"), names)
        convert = names["convert"]
        assert callable(convert)
        if "aiogram" in code:
            async with aiogram_bot(server) as bot:
                assert isinstance(bot, aiogram.Bot)
                where = aiogram.types.Chat(id=chat.id, type="private")
                typed = aiogram.types.Message(message_id=1, date=NOW, chat=where)
                await convert(typed.as_(bot))
        else:
            async with python_telegram_bot(server) as bot:
                given = telegram.Message(1, NOW, telegram.Chat(chat.id, "private"))
                context = type("Context", (), {"bot": bot})
                await convert(telegram.Update(1, message=given), context)
    assert [message.text.splitlines()[0] for message in chat.messages] == ["✅ clip.mp4"] * 2
