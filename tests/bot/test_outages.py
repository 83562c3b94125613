"""Discord, MEGA or Catbox down for a minute: a clear answer each time, and the bot lives."""

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from similubot_loopback.catbox_server.faults import Reply

from .conftest import BotProcess, answers, description, final_answer, is_final, title

MakeSound = Callable[[float], Path]
MINUTE = 60.0


def report(bot: BotProcess, what: str) -> None:
    shown = [(title(message), description(message)) for message in answers(bot)]
    print(f"\n{what} down for a minute: {shown}")


def works(bot: BotProcess, make_sound: MakeSound) -> None:
    before = len(answers(bot))
    bot.discord.wait(lambda: bot.discord.sessions == 1, 150)  # discord.py waits longer each time
    link = bot.mega.add_file("after.wav", make_sound(1))
    bot.discord.type_message(f"!convert {link}")
    assert title(final_answer(bot, count=before + 1)) == "✅ Conversion Complete"


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_discord_down_for_a_minute(bot: BotProcess, make_sound: MakeSound) -> None:
    bot.start()
    bot.mega.limit = 40_000
    link = bot.mega.add_file("song.wav", make_sound(10))
    bot.discord.type_message(f"!convert {link}")
    bot.discord.wait(lambda: bot.mega.counters.open_downloads > 0)
    with bot.discord.outage():
        bot.mega.limit = None
        threading.Event().wait(MINUTE)  # the minute is what is tested
    assert title(final_answer(bot, timeout=90)) == "✅ Conversion Complete"
    report(bot, "Discord")
    works(bot, make_sound)


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_mega_down_for_a_minute(bot: BotProcess, make_sound: MakeSound) -> None:
    bot.start()
    link = bot.mega.add_file("song.wav", make_sound(3))
    bot.mega.fail_api(status=500, times=None)
    bot.mega.fail_data("status", status=503, times=None)
    bot.discord.type_message(f"!convert {link}")
    threading.Event().wait(MINUTE)
    bot.mega.heal()
    answer = final_answer(bot, timeout=200)
    assert is_final(answer)
    report(bot, "MEGA")
    works(bot, make_sound)


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_catbox_down_for_a_minute(bot: BotProcess, make_sound: MakeSound) -> None:
    bot.start()
    link = bot.mega.add_file("song.wav", make_sound(3))
    refusals = [Reply(503, "Service Unavailable")] * 50
    bot.catbox.script(*refusals)
    for number in (1, 2):
        bot.discord.type_message(f"!convert {link}")
        assert is_final(final_answer(bot, count=number, timeout=200))
    report(bot, "Catbox")
    assert bot.alive
