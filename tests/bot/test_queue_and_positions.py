"""The queue as people see it."""

import contextlib
import re
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from .conftest import (
    BotProcess,
    answers,
    description,
    final_answer,
    is_final,
    plain_answer,
    title,
    wait_until,
)

MakeSound = Callable[[float], Path]


def position_in(text: str) -> int | None:
    match = re.match(r"Position \*\*(\d+)\*\* in the queue \(<t:\d+:R>\)", text)
    return None if match is None else int(match[1])


@pytest.mark.slow
def test_the_place_in_the_queue_is_shown_and_kept_true(
    bot: BotProcess, make_sound: MakeSound
) -> None:
    bot.mega.limit = 20_000
    bot.start(BOT_JOBS="1")
    users = [bot.discord.add_user(name) for name in ("ann", "bob", "cid", "dan")]
    link = bot.mega.add_file("a.wav", make_sound(3))
    for number, user in enumerate(users, start=1):
        bot.discord.type_message(f"!convert {link}", author=user)
        bot.discord.wait(lambda: len(answers(bot)) == number)  # noqa: B023
    positions = [position_in(description(message)) for message in answers(bot)]
    assert positions == [None, 1, 2, 3]

    bot.discord.click(answers(bot)[1], "Cancel", user=users[1])

    def right() -> bool:
        _, second, third, fourth = answers(bot)
        return (
            is_final(second)
            and position_in(description(fourth)) == 2
            and not position_in(title(third))
        )

    bot.discord.wait(right, 30)


def test_the_queue_is_listed_for_those_who_ask(bot: BotProcess, make_sound: MakeSound) -> None:
    bot.mega.limit = 20_000
    bot.start(BOT_JOBS="1", BOT_OPEN_PER_USER="3")
    ann = bot.discord.add_user("ann")
    link = bot.mega.add_file("a.wav", make_sound(30))
    for author in (bot.discord.owner, ann, ann):
        bot.discord.type_message(f"!convert {link}", author=author)
    bot.discord.wait(lambda: len(answers(bot)) == 3)
    bot.discord.wait(lambda: bot.mega.counters.open_downloads > 0)

    bot.discord.slash("queue")
    told = bot.discord.wait(lambda: next((m for m in answers(bot) if title(m) == "Queue"), None))
    assert told.ephemeral
    lines = description(told).splitlines()
    stage = "(MEGA Download|Audio Conversion)"  # the conversion begins during the download
    assert re.fullmatch(rf"▶️ job 1 · <@{bot.discord.owner.id}> · {stage} [\d.]+%", lines[0])
    assert lines[1:] == [f"1. job 2 · <@{ann.id}>", f"2. job 3 · <@{ann.id}>"]
    assert not told.pinged


def test_a_slow_disk_holds_up_a_job_and_nobody_else(bot: BotProcess, make_sound: MakeSound) -> None:
    bot.start()
    wait_until(lambda: "Ready as" in bot.log_text())  # what a start reads and writes is over
    bot.discord.type_message("!ping")
    assert plain_answer(bot).startswith("Pong!")
    link = bot.mega.add_file("a.wav", make_sound(1))
    with contextlib.closing(sqlite3.connect(bot.folder / "jobs.db")) as other:
        other.execute("BEGIN IMMEDIATE")  # as long as this lasts, nothing can be written
        bot.discord.type_message(f"!convert {link}")
        bot.discord.type_message("!ping")
        assert plain_answer(bot, count=2).startswith("Pong!")
        other.rollback()
    job = bot.discord.wait(lambda: next((m for m in answers(bot) if is_final(m)), None))
    assert title(job) == "✅ Conversion Complete"


def test_it_works_in_direct_messages(bot: BotProcess, make_sound: MakeSound) -> None:
    bot.start()
    ann = bot.discord.add_user("ann")
    link = bot.mega.add_file("a.wav", make_sound(1))
    bot.discord.type_message(f"!convert {link}", author=ann, channel=bot.discord.dm(ann))
    assert title(final_answer(bot)) == "✅ Conversion Complete"
