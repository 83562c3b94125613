"""ProgressBoard: many jobs in one message, page by page."""

from __future__ import annotations

import asyncio
from functools import partial

import discord
import pytest

from similubot_core import ProgressInfo, ProgressStatus
from similubot_discord_sink import ProgressBoard
from similubot_loopback.discord_server import LoopbackDiscord, Message

MIB = 1024 * 1024


def working(percentage: float, operation: str = "MEGA Download") -> ProgressInfo:
    status = ProgressStatus.IN_PROGRESS
    return ProgressInfo(operation, status, percentage, speed=2.4 * MIB, eta=138.0)


def done(operation: str = "MEGA Download") -> ProgressInfo:
    return ProgressInfo(operation, ProgressStatus.COMPLETED, 100.0)


def text(message: Message) -> str:
    return str(message.embeds[0]["description"]) if message.embeds else ""


def shows(server: LoopbackDiscord, message: discord.Message, words: str) -> bool:
    return words in text(server.message(message.id))


async def test_every_job_has_its_place_and_its_bar(
    server: LoopbackDiscord, message: discord.Message
) -> None:
    board = ProgressBoard(message, update_interval=0.01)
    first, second = board.add("one.mp4"), board.add("two_2.mp4")
    first(working(50))
    second(working(25, "Catbox Upload"))
    assert await board.aclose()
    assert text(server.message(message.id)).splitlines() == [
        "⏳ **one.mp4** · MEGA Download",
        "`██████████░░░░░░░░░░` 50.0% · 2.4 MB/s · ETA 2m 18s",
        r"⏳ **two\_2.mp4** · Catbox Upload",
        "`█████░░░░░░░░░░░░░░░` 25.0% · 2.4 MB/s · ETA 2m 18s",
    ]
    assert server.message(message.id).buttons == ()


async def test_people_turn_its_pages(server: LoopbackDiscord, message: discord.Message) -> None:
    board = ProgressBoard(message, update_interval=0.01, per_page=2)
    for number in range(5):
        board.add(f"job {number}")(working(number))
    await server.until(lambda: "job 1" in text(server.message(message.id)))
    await server.until(lambda: len(server.message(message.id).buttons) == 2)
    assert [b["disabled"] for b in server.message(message.id).buttons] == [True, False]
    for shown, disabled in (("job 2", [False, False]), ("job 4", [False, True])):
        server.click(server.message(message.id), "Next", user=server.add_user("ann"))
        await server.until(partial(shows, server, message, shown))
        assert [b["disabled"] for b in server.message(message.id).buttons] == disabled
    server.click(server.message(message.id), "Back")
    await server.until(lambda: "job 2" in text(server.message(message.id)))
    assert "Page 2 of 3" in server.message(message.id).embeds[0]["footer"]["text"]
    await board.aclose()


async def test_a_page_that_is_gone_is_left(
    server: LoopbackDiscord, message: discord.Message
) -> None:
    board = ProgressBoard(message, update_interval=0.01, per_page=1)
    callbacks = [board.add(f"job {number}") for number in range(3)]
    board.turn(2)
    board.remove(callbacks[2])
    board.remove(callbacks[2])
    board.remove(callbacks[1])
    assert await board.aclose()
    shown = server.message(message.id)
    assert "job 0" in text(shown)
    assert shown.buttons == ()


async def test_jobs_under_way_come_first_and_the_last_end_is_shown_at_once(
    server: LoopbackDiscord, message: discord.Message
) -> None:
    board = ProgressBoard(message, update_interval=3600)
    first, second = board.add("one"), board.add("two")
    first(working(5))
    await server.until(lambda: server.message(message.id).edits)
    first(done())
    second(done())
    await server.until(lambda: len(server.message(message.id).edits) == 2)
    assert [line[:1] for line in text(server.message(message.id)).splitlines()] == ["✅", "✅"]
    second(ProgressInfo("MEGA Download", ProgressStatus.STARTING))
    assert board.frame().embed is not None
    assert await board.aclose()
    assert text(server.message(message.id)).splitlines()[0].startswith("⏳ **two**")


async def test_fifty_jobs_told_by_threads_all_end_on_one_board(
    server: LoopbackDiscord, message: discord.Message
) -> None:
    board = ProgressBoard(message, update_interval=0.05, per_page=10)
    callbacks = [board.add("x" * 200 + str(number)) for number in range(50)]

    def work(number: int) -> None:
        for percentage in range(100):
            callbacks[number](working(percentage))
        callbacks[number](done())

    await asyncio.gather(*(asyncio.to_thread(work, number) for number in range(50)))
    assert await board.aclose()
    embed = server.message(message.id).embeds[0]
    assert embed["title"] == "✅ Progress"
    assert "50 of 50 ended" in embed["footer"]["text"]
    assert {request.status for request in server.requests("PATCH")} == {200}


async def test_the_worst_end_is_the_boards_colour_and_mark(message: discord.Message) -> None:
    board = ProgressBoard(message)
    board.add("good")(done())
    board.add("bad")(ProgressInfo("Upload", ProgressStatus.FAILED, message="No."))
    embed = board.frame().embed
    assert embed is not None
    assert str(embed.title).startswith("❌")
    await board.aclose()


async def test_an_empty_board_says_so(message: discord.Message) -> None:
    embed = ProgressBoard(message).frame().embed
    assert embed is not None
    assert embed.description == "Nothing is under way."


async def test_values_out_of_range_are_refused(message: discord.Message) -> None:
    for interval, length, per_page in ((0, 20, 5), (5, 0, 5), (5, 101, 5), (5, 20, 0), (5, 20, 11)):
        with pytest.raises(ValueError, match="must be"):
            ProgressBoard(message, interval, length, per_page=per_page)
