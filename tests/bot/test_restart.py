"""Nothing is lost on a restart: a stop, a crash, Discord away."""

import contextlib
import json
import sqlite3
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from .conftest import (
    POSTS,
    BotProcess,
    answers,
    description,
    fetch_sound,
    fields,
    final_answer,
    is_final,
    plain_answer,
    run_bot,
    title,
    wait_until,
)

MakeSound = Callable[[float], Path]


def begin_slowly(bot: BotProcess, file: Path) -> None:
    """Ask for a file that MEGA serves slowly, and wait until half a second of it is there."""
    bot.mega.limit = 40_000
    link = bot.mega.add_file("song.wav", file)
    bot.discord.type_message(f"!convert {link} 128")
    bot.discord.wait(lambda: bot.mega.counters.open_downloads > 0)
    bot.discord.wait(lambda: any("%" in description(m) for m in answers(bot)), 30)


def test_a_killed_bot_goes_on_in_the_same_message(
    bot: BotProcess, make_sound: MakeSound, tmp_path: Path
) -> None:
    bot.start()
    begin_slowly(bot, make_sound(10))
    (message,) = answers(bot)

    bot.kill()
    bot.mega.limit = None
    bot.start()

    answer = final_answer(bot)
    assert answer.id == message.id
    assert title(answer) == "✅ Conversion Complete"
    assert fetch_sound(fields(answer)["Download Link"], tmp_path).codec == "aac"
    assert len(bot.catbox.uploads) == 1
    wait_until(lambda: not bot.left_over())


def test_a_button_works_after_a_restart(bot: BotProcess, make_sound: MakeSound) -> None:
    bot.start()
    begin_slowly(bot, make_sound(60))  # long enough to be under way still when the bot is back
    bot.kill()
    bot.start()
    bot.discord.click(answers(bot)[0], "Cancel")
    assert title(final_answer(bot)) == "🚫 Cancelled"


def test_sigterm_lets_a_running_job_end(bot: BotProcess, make_sound: MakeSound) -> None:
    bot.start(BOT_STOP_SECONDS="60")
    begin_slowly(bot, make_sound(3))
    bot.mega.limit = None
    assert bot.terminate() == 0
    assert is_final(answers(bot)[0])
    assert title(answers(bot)[0]) == "✅ Conversion Complete"


def test_sigterm_keeps_what_does_not_end_in_time_and_says_so(
    bot: BotProcess, make_sound: MakeSound
) -> None:
    bot.start(BOT_STOP_SECONDS="0.2", BOT_OPEN_PER_USER="9")
    link = bot.mega.add_file("second.wav", make_sound(1))
    begin_slowly(bot, make_sound(10))
    bot.discord.type_message(f"!convert {link}")
    bot.discord.wait(lambda: len(answers(bot)) == 2)

    assert bot.terminate() == 0
    assert "I am restarting. This job continues by itself" in description(answers(bot)[0])
    assert [button["label"] for button in answers(bot)[0].buttons] == ["Cancel"]

    bot.mega.limit = None
    bot.start()
    final_answer(bot, count=2)
    assert [title(m) for m in answers(bot)] == ["✅ Conversion Complete"] * 2


def test_a_stopping_bot_takes_nothing_new(bot: BotProcess, make_sound: MakeSound) -> None:
    bot.start(BOT_STOP_SECONDS="60")
    begin_slowly(bot, make_sound(10))
    link = bot.mega.add_file("second.wav", make_sound(1))
    assert bot.process is not None
    bot.process.terminate()
    wait_until(lambda: "Stopping" in bot.log_text())
    bot.discord.type_message(f"!convert {link}")
    assert "I am restarting; try again in a minute." in plain_answer(bot, count=2)
    bot.process.terminate()  # the second time: do not wait for the job
    assert bot.process.wait(20) == 0


@pytest.mark.slow
def test_commands_under_way_at_the_stop_leave_no_error_in_the_log(bot: BotProcess) -> None:
    bot.discord.set_limit(POSTS, 1, 5.0)  # the second answer waits for Discord's limit
    bot.start()
    bot.discord.type_message("!cancel")
    bot.discord.type_message("!cancel")
    plain_answer(bot, count=2)
    assert bot.terminate() == 0
    assert "ERROR" not in bot.log_text()
    assert "Warning" not in bot.log_text()


def test_an_end_that_could_not_be_shown_is_shown_after_the_restart(
    bot: BotProcess, make_sound: MakeSound
) -> None:
    bot.start()
    link = bot.mega.add_file("song.wav", make_sound(1))
    bot.discord.fail("PATCH", status=503, times=None)
    bot.discord.type_message(f"!convert {link}")
    bot.discord.wait(lambda: bot.catbox.uploads)
    bot.kill()
    bot.discord.heal()
    bot.start()
    assert title(final_answer(bot)) == "✅ Conversion Complete"


@pytest.mark.slow
def test_a_message_whose_sending_was_not_noted_is_found_again(
    bot: BotProcess, make_sound: MakeSound
) -> None:
    bot.start()
    begin_slowly(bot, make_sound(10))
    bot.discord.type_message(f"!convert {bot.mega.add_file('b.wav', make_sound(1))}")
    bot.discord.wait(lambda: len(answers(bot)) == 2)
    bot.kill()
    with contextlib.closing(sqlite3.connect(bot.folder / "jobs.db")) as db, db:
        db.execute("UPDATE jobs SET message = NULL WHERE id = 2")
    bot.mega.limit = None
    bot.start()
    final_answer(bot, count=2)
    assert len(answers(bot)) == 2


def test_a_message_that_was_sent_though_the_answer_got_lost_is_not_sent_twice(
    bot: BotProcess, make_sound: MakeSound
) -> None:
    bot.start()
    bot.discord.fail("POST", "/channels/[0-9]+/messages$", reset=True, applied=True)
    bot.discord.type_message(f"!convert {bot.mega.add_file('a.wav', make_sound(1))}")
    assert title(final_answer(bot)) == "✅ Conversion Complete"
    assert len(answers(bot)) == 1


@pytest.mark.slow
def test_an_outage_of_discord_loses_nothing(bot: BotProcess, make_sound: MakeSound) -> None:
    bot.start()
    begin_slowly(bot, make_sound(3))
    with bot.discord.outage():
        bot.mega.limit = None
        bot.discord.wait(lambda: bot.catbox.uploads, 60)
    assert title(final_answer(bot)) == "✅ Conversion Complete"
    link = bot.mega.add_file("second.wav", make_sound(1))
    bot.discord.wait(lambda: bot.discord.sessions == 1, 60)
    bot.discord.type_message(f"!convert {link}")
    assert title(final_answer(bot, count=2)) == "✅ Conversion Complete"


def test_a_bot_started_while_discord_is_away_waits_for_it(bot: BotProcess) -> None:
    with bot.discord.outage():
        bot.start(ready=False)
        wait_until(lambda: "Discord cannot be reached" in bot.log_text())
    bot.discord.wait(lambda: bot.discord.sessions == 1, 60)
    bot.discord.type_message("!ping")
    assert plain_answer(bot).startswith("Pong!")


def test_a_second_bot_in_the_same_folder_is_refused(bot: BotProcess) -> None:
    bot.start()
    second = run_bot(bot)
    assert second.returncode == 2
    assert second.stderr.splitlines()[-1].startswith("similubot: Another bot works in ")


def test_keys_are_forgotten_with_the_end_of_the_job(bot: BotProcess, make_sound: MakeSound) -> None:
    bot.start()
    link = bot.mega.add_file("song.wav", make_sound(1))
    bot.discord.type_message(f"!convert {link}")
    final_answer(bot)
    assert bot.terminate() == 0
    key = link.partition("#")[2].encode()
    assert all(key not in file.read_bytes() for file in bot.folder.rglob("*") if file.is_file())
    assert (bot.folder / "jobs.db").stat().st_mode & 0o077 == 0


def test_health_and_metrics_answer_on_this_machine(
    bot: BotProcess, make_sound: MakeSound, free_port: int
) -> None:
    bot.start(BOT_HTTP_PORT=str(free_port))
    address = f"http://127.0.0.1:{free_port}"
    link = bot.mega.add_file("song.wav", make_sound(1))
    bot.discord.type_message(f"!convert {link}")
    final_answer(bot)
    wait_until(lambda: healthy(address))
    with urllib.request.urlopen(f"{address}/metrics") as answer:
        text = answer.read().decode()
    assert 'similubot_jobs_ended_total{outcome="done"} 1.0' in text
    assert "similubot_loop_late_seconds_bucket" in text
    assert "process_resident_memory_bytes" in text


def healthy(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"{address}/health") as answer:
            return bool(json.load(answer)["ok"])
    except urllib.error.URLError:
        return False


def test_a_stop_cuts_off_an_answer_under_way_without_an_error(bot: BotProcess) -> None:
    bot.start()
    held = bot.discord.fail("POST", r"/messages$", delay=10.0)
    bot.discord.type_message("!cancel")
    wait_until(lambda: held.hits > 0)
    assert bot.terminate() == 0
    assert "ERROR" not in bot.log_text()
