"""The main job, typed or as a slash command, with nothing mocked between."""

import contextlib
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from .conftest import (
    BotProcess,
    answers,
    description,
    fetch_sound,
    fields,
    final_answer,
    is_final,
    notices,
    title,
    wait_until,
)


def test_a_typed_link_becomes_a_link_to_playable_aac(
    bot: BotProcess, make_sound: Callable[[float], Path], tmp_path: Path
) -> None:
    bot.start()
    link = bot.mega.add_file("My Song.wav", make_sound(3))
    asked = bot.discord.type_message(f"!convert {link} 128")

    answer = final_answer(bot)

    assert title(answer) == "✅ Conversion Complete"
    shown = fields(answer)
    sound = fetch_sound(shown["Download Link"], tmp_path)
    assert sound.codec == "aac"
    assert abs(sound.duration - 3) < 0.2
    assert shown["Length"] == "3s"
    assert shown["Bitrate"].startswith("128 kbps")
    assert answer.content == f"<@{asked.author_id}>"
    assert [button["label"] for button in answer.buttons] == ["Again with…"]
    assert bot.terminate() == 0
    assert bot.left_over() == []
    assert bot.discord.unknown_routes == []


def test_a_slash_command_is_answered_in_one_message_that_does_not_show_the_key(
    bot: BotProcess, make_sound: Callable[[float], Path]
) -> None:
    bot.start()
    link = bot.mega.add_file("song.wav", make_sound(1))
    key = link.partition("#")[2]
    bot.discord.slash("convert", {"link": link, "bitrate": 96})

    answer = final_answer(bot)

    assert title(answer) == "✅ Conversion Complete"
    assert key not in repr(answer.history)
    assert key not in bot.log_text()
    assert len(answers(bot)) == 1


def test_an_attached_file_takes_the_place_of_a_link(
    bot: BotProcess, make_sound: Callable[[float], Path], tmp_path: Path
) -> None:
    bot.start()
    content = make_sound(1).read_bytes()
    bot.discord.type_message("!convert 64", attachments=[("../My: Song.wav", content)])

    answer = final_answer(bot)

    assert fields(answer)["Bitrate"].startswith("64 kbps")
    assert fetch_sound(fields(answer)["Download Link"], tmp_path).codec == "aac"

    bot.discord.slash("convert", {"file": ("other.wav", content)})
    assert title(final_answer(bot, count=2)) == "✅ Conversion Complete"


def test_the_old_name_of_the_command_still_works(
    bot: BotProcess, make_sound: Callable[[float], Path]
) -> None:
    bot.start()
    link = bot.mega.add_file("song.wav", make_sound(1))
    bot.discord.type_message(f"!mega <{link}>")
    assert title(final_answer(bot)) == "✅ Conversion Complete"


def test_the_place_to_upload_to_can_be_chosen(
    bot: BotProcess, make_sound: Callable[[float], Path]
) -> None:
    bot.start()
    link = bot.mega.add_file("song.wav", make_sound(1))
    bot.discord.type_message(f"!convert {link} 96 litterbox")
    final_answer(bot)
    assert [upload.service for upload in bot.catbox.uploads] == ["litterbox"]


def test_all_stages_are_shown_live_in_the_one_message(
    bot: BotProcess, make_sound: Callable[[float], Path]
) -> None:
    bot.mega.limit = 256 * 1024
    bot.start()
    link = bot.mega.add_file("long.wav", make_sound(20))
    bot.discord.type_message(f"!convert {link}")

    answer = final_answer(bot)

    shown = [edit.payload["embeds"][0]["description"] for edit in answer.edits[:-1]]
    assert any("MEGA Download" in text and "%" in text for text in shown)
    assert any("✅ MEGA Download" in text for text in shown)
    assert all(edit.payload["components"] for edit in answer.edits[:-1]), "the Cancel button"
    mentions = [edit.payload["content"] for edit in answer.history]
    assert mentions == [""] * (len(mentions) - 1) + [f"<@{bot.discord.owner.id}>"]


def test_the_stages_to_come_are_shown_from_the_start(
    bot: BotProcess, make_sound: Callable[[float], Path]
) -> None:
    bot.mega.limit = 40_000
    bot.start()
    link = bot.mega.add_file("long.wav", make_sound(3))
    bot.discord.type_message(f"!convert {link}")
    bot.discord.wait(lambda: any("%" in description(message) for message in answers(bot)), 30)
    lines = description(answers(bot)[0]).splitlines()
    assert lines[0].endswith("**MEGA Download**")
    assert lines[-2:] == ["▫️ Audio Conversion", "▫️ Catbox Upload"]


@pytest.mark.slow
def test_the_programs_of_a_job_give_way_to_the_event_loop(
    bot: BotProcess, make_sound: Callable[[float], Path]
) -> None:
    bot.start()
    link = bot.mega.add_file("long.wav", make_sound(120))
    bot.discord.type_message(f"!convert {link}")
    assert bot.process is not None
    pid = bot.process.pid
    own = os.getpriority(os.PRIO_PROCESS, pid)
    wait_until(lambda: own + 10 in priorities_below(pid))
    final_answer(bot)


def priorities_below(pid: int) -> list[int]:
    """The priorities of a process's children, and of theirs."""
    found = []
    # A thread, or a child, can end while it is looked at.
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                found.append(os.getpriority(os.PRIO_PROCESS, int(child)))
                found += priorities_below(int(child))
    return found


def test_who_has_waited_is_notified_by_a_message_of_its_own(
    bot: BotProcess, make_sound: Callable[[float], Path]
) -> None:
    bot.start(BOT_NOTIFY_AFTER="0")
    link = bot.mega.add_file("@everyone.wav", make_sound(1))
    bot.discord.type_message(f"!convert {link}")

    told = bot.discord.wait(lambda: next(iter(notices(bot)), None))

    job = final_answer(bot)
    assert told.reply_to == job.id
    assert told.pinged == {bot.discord.owner.id}
    assert told.content.startswith(f"<@{bot.discord.owner.id}> ")
    assert told.content.endswith(f" is ready: {fields(job)['Download Link']}")
    assert not job.pinged

    bot.discord.type_message("!convert", attachments=[("song.mp3", b"this is only text" * 99)])
    failed = bot.discord.wait(lambda: next(iter(notices(bot)[1:]), None))
    assert failed.pinged == {bot.discord.owner.id}
    assert "song.mp3 failed: " in failed.content


def test_who_cancelled_a_job_is_not_notified_of_it(
    bot: BotProcess, make_sound: Callable[[float], Path]
) -> None:
    bot.mega.limit = 20_000
    bot.start(BOT_NOTIFY_AFTER="0")
    bot.discord.type_message(f"!convert {bot.mega.add_file('long.wav', make_sound(20))}")
    bot.discord.wait(lambda: bot.mega.counters.open_downloads > 0)
    bot.discord.click(answers(bot)[0], "Cancel")
    assert title(final_answer(bot)) == "🚫 Cancelled"
    assert bot.terminate() == 0
    assert notices(bot) == []


def test_the_cancel_button_ends_the_job_and_leaves_nothing(
    bot: BotProcess, make_sound: Callable[[float], Path]
) -> None:
    bot.mega.limit = 20_000
    bot.start()
    link = bot.mega.add_file("long.wav", make_sound(20))
    bot.discord.type_message(f"!convert {link}")
    bot.discord.wait(lambda: bot.mega.counters.open_downloads > 0)
    stranger = bot.discord.add_user("stranger")

    refused = bot.discord.click(answers(bot)[0], "Cancel", user=stranger)
    bot.discord.wait(lambda: bot.discord.interaction(refused.id).message_ids)
    whispered = bot.discord.message(bot.discord.interaction(refused.id).message_ids[0])
    assert whispered.ephemeral
    assert "or a moderator, can cancel it" in whispered.content

    bot.discord.click(answers(bot)[0], "Cancel")
    job = bot.discord.wait(lambda: next((m for m in answers(bot) if is_final(m)), None))
    assert title(job) == "🚫 Cancelled"
    wait_until(lambda: not bot.left_over())
    bot.discord.wait(lambda: bot.mega.counters.open_downloads == 0)


def test_a_job_is_cancelled_by_command(
    bot: BotProcess, make_sound: Callable[[float], Path]
) -> None:
    bot.mega.limit = 20_000
    bot.start()
    link = bot.mega.add_file("long.wav", make_sound(20))
    bot.discord.type_message(f"!convert {link}")
    bot.discord.wait(lambda: bot.mega.counters.open_downloads > 0)
    bot.discord.type_message("!cancel")
    job = bot.discord.wait(lambda: next((m for m in answers(bot) if is_final(m)), None))
    assert title(job) == "🚫 Cancelled"


def test_a_link_in_a_plain_message_is_offered_a_button_where_the_settings_say_so(
    bot: BotProcess, make_sound: Callable[[float], Path]
) -> None:
    bot.start(BOT_OFFER="true")
    link = bot.mega.add_file("song.wav", make_sound(1))
    bot.discord.type_message("look at https://example.org/song")
    bot.discord.type_message(f"nice: {link}")
    offer = bot.discord.wait(lambda: bot.discord.last_message(author=bot.discord.bot))
    assert [button["label"] for button in offer.buttons] == ["Convert"]

    ann = bot.discord.add_user("ann")
    bot.discord.click(offer, "Convert", user=ann)

    answer = final_answer(bot)
    assert answer.id == offer.id
    assert answer.content == f"<@{ann.id}>"
    assert title(answer) == "✅ Conversion Complete"


def test_a_result_goes_into_discord_where_it_fits_and_to_the_host_where_not(
    bot: BotProcess, make_sound: Callable[[float], Path]
) -> None:
    bot.start()
    small = bot.discord.add_guild("small", upload_limit=10_000)
    channel = bot.discord.add_channel("clips", guild=small)
    ann = bot.discord.add_user("ann", guilds=[bot.discord.guild, small])
    link = bot.mega.add_file("My Song.wav", make_sound(3))
    bot.discord.type_message(f"!convert {link} to discord", author=ann)
    answer = final_answer(bot)
    (attached,) = answer.attachments
    assert attached["filename"] == "My_Song.m4a"
    assert fields(answer)["Download Link"] == attached["url"]
    assert not bot.catbox.uploads
    bot.discord.type_message(f"!convert {link} to discord", author=ann, channel=channel)
    answer = final_answer(bot, count=2)
    assert not answer.attachments
    assert len(bot.catbox.uploads) == 1


def test_a_file_that_discord_refuses_although_it_should_fit_goes_to_the_host(
    bot: BotProcess, make_sound: Callable[[float], Path]
) -> None:
    bot.start(BOT_TO="discord")
    link = bot.mega.add_file("song.wav", make_sound(1))
    bot.discord.fail("PATCH", r"/messages/\d+$", code=40005, status=413, times=1)
    bot.discord.type_message(f"!convert {link}")
    assert title(final_answer(bot)) == "✅ Conversion Complete"
    assert len(bot.catbox.uploads) <= 1
