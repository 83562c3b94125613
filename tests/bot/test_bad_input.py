"""Bad input and bad luck: a clear answer each time, and the bot lives."""

from collections.abc import Callable
from pathlib import Path

import pytest

from .conftest import (
    BotProcess,
    answers,
    description,
    final_answer,
    plain_answer,
    title,
)


def still_works(bot: BotProcess, make_sound: Callable[[float], Path]) -> None:
    link = bot.mega.add_file("good.wav", make_sound(1))
    bot.discord.type_message(f"!convert {link} 96")

    def done() -> bool:
        return any(title(message) == "✅ Conversion Complete" for message in answers(bot))

    bot.discord.wait(done, 60)
    assert bot.alive


LINK = "https://mega.nz/file/abcdefgh#" + "k" * 43


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("!convert", "Give a link, attach a file, or reply to a message that has one: `!convert"),
        ("!convert https://example.org/page", "I can't download from example.org. Supported: "),
        ("!convert /etc/passwd", "Give a link, attach a file"),
        ("!convert file:///etc/passwd", "Give a link, attach a file"),
        (f"!convert {LINK} 9999", "takes 32 to 512 kb/s; 9999 is outside"),
        (f"!convert {LINK} -5", "A bitrate is 1 kb/s or more"),
        (f"!convert {LINK} 128 to nowhere", "can't upload to 'nowhere'. Choose one of catbox, l"),
        (f"!convert {LINK} 128 litterbix", "Did you mean litterbox?"),
        (f"!convert {LINK} 128 folder=/etc", "can't upload to 'folder=/etc'"),
        (f"!convert {LINK} to folder", "can't upload to 'folder'"),
        (f"!convrt {LINK} -5", "A bitrate is 1 kb/s or more"),
        ("!convert " + "x" * 1990, "Give a link, attach a file"),
        ("!convert https://mega.nz/" + "x" * 1001, "too long for a link"),
        ("!convert https://@everyone/<@1>", "can't download from"),
        ("!cancel", "You have no job to cancel"),
        ("!cancel 7", "no job 7 that is waiting or running here"),
        ("!cancel everything", "didn't understand that"),
        (f"!convert {999999999999999999999999} 1", "Give a link, attach a file"),
    ],
)
def test_a_bad_request_gets_a_sentence_that_says_what_is_wrong(
    shared_bot: BotProcess, typed: str, told: str
) -> None:
    before = len(answers(shared_bot))
    shared_bot.discord.type_message(typed)
    answer = plain_answer(shared_bot, count=before + 1)
    assert told in answer
    assert "k" * 43 not in answer
    assert not shared_bot.discord.last_message().pinged  # type: ignore[union-attr]
    assert shared_bot.alive


def test_a_command_that_is_not_ours_is_not_answered(bot: BotProcess) -> None:
    bot.start()
    bot.discord.type_message("!play something")
    bot.discord.type_message("!ping")
    assert plain_answer(bot).startswith("Pong!")
    assert len(answers(bot)) == 1


def test_an_attachment_that_is_not_media_is_an_error_in_its_message(
    bot: BotProcess, make_sound: Callable[[float], Path]
) -> None:
    bot.start()
    bot.discord.type_message("!convert", attachments=[("song.mp3", b"this is only text\n" * 99)])
    answer = final_answer(bot)
    assert title(answer) == "❌ Error"
    assert description(answer)
    still_works(bot, make_sound)
    assert bot.left_over() == []


def test_a_mistake_in_a_slash_command_is_told_to_that_person_alone(bot: BotProcess) -> None:
    bot.start()
    bot.discord.slash("convert", {"link": "https://example.org/"})
    answer = bot.discord.wait(lambda: bot.discord.last_message(author=bot.discord.bot))
    assert answer.ephemeral
    assert "I can't download from example.org" in answer.content


def test_who_is_not_among_the_users_is_refused_and_an_admin_is_not(bot: BotProcess) -> None:
    role = bot.discord.add_role("listeners")
    ann = bot.discord.add_user("ann")
    bob = bot.discord.add_user("bob", roles=[role])
    eve = bot.discord.add_user("eve")
    bot.start(BOT_ROLES=str(role.id), BOT_ADMINS=str(eve.id))
    for number, (user, told) in enumerate(
        [(ann, "You do not have permission to use me"), (bob, "Pong!"), (eve, "Pong!")], start=1
    ):
        bot.discord.type_message("!ping", author=user)
        assert plain_answer(bot, count=number).startswith(told)


def test_other_channels_and_servers_are_not_served(bot: BotProcess) -> None:
    other = bot.discord.add_channel("other")
    bot.start(BOT_CHANNELS=str(bot.discord.channel.id))
    bot.discord.type_message("!ping", channel=other)
    assert plain_answer(bot) == (
        f"I do not answer in this channel; ask in <#{bot.discord.channel.id}>."
    )


def test_who_asks_too_quickly_waits(bot: BotProcess, make_sound: Callable[[float], Path]) -> None:
    bot.start(BOT_COOLDOWN="60")
    link = bot.mega.add_file("a.wav", make_sound(1))
    bot.discord.type_message("!convert nonsense")  # a mistake costs nothing
    bot.discord.type_message(f"!convert {link}")
    bot.discord.type_message(f"!convert {link}")
    bot.discord.wait(lambda: len(answers(bot)) == 3)
    told = [m.content for m in answers(bot) if "You are asking too fast" in m.content]
    assert len(told) == 1


def test_a_user_with_too_many_jobs_is_refused(
    bot: BotProcess, make_sound: Callable[[float], Path]
) -> None:
    bot.mega.limit = 20_000
    bot.start(BOT_OPEN_PER_USER="2")
    link = bot.mega.add_file("a.wav", make_sound(20))
    for _ in range(3):
        bot.discord.type_message(f"!convert {link}")
    bot.discord.wait(lambda: len(answers(bot)) == 3)
    refused = [m.content for m in answers(bot) if m.content]
    assert refused == [
        "You already have 2 jobs here; wait for one to end, or cancel one.",
    ]


def test_a_file_over_the_limit_is_refused_before_it_is_fetched(
    bot: BotProcess, make_sound: Callable[[float], Path]
) -> None:
    bot.start(BOT_MAX_SIZE="100000")
    link = bot.mega.add_file("a.wav", make_sound(20))
    bot.discord.type_message(f"!convert {link}")
    answer = final_answer(bot)
    assert "more than the 97.7 KB that are allowed here" in description(answer)
    bot.discord.type_message("!convert", attachments=[("a.wav", bytes(200_000))])
    assert "more than the 97.7 KB" in plain_answer(bot, count=2)


def test_a_disk_that_is_nearly_full_takes_no_job(bot: BotProcess) -> None:
    bot.start(BOT_MIN_FREE_DISK=str(2**62))
    bot.discord.type_message(f"!convert {LINK}")
    assert plain_answer(bot) == "I am out of disk space at the moment; try again later."


def test_a_dead_link_is_told_and_nothing_is_left(bot: BotProcess) -> None:
    bot.start()
    bot.discord.type_message(f"!convert {LINK}")
    answer = final_answer(bot)
    assert title(answer) == "❌ Error"
    assert bot.left_over() == []


def test_the_help_names_every_command_and_what_is_supported(bot: BotProcess) -> None:
    bot.start()
    bot.discord.type_message("!help")
    text = str(bot.discord.wait(lambda: bot.discord.last_message(author=bot.discord.bot)).embeds)
    for word in ("!convert [link] [bitrate] [to]`", "!queue`", "!cancel [job]`", "!status`"):
        assert word in text
    for word in ("!about`", "!ping`", "mega.nz", "`catbox`", "`litterbox`"):
        assert word in text
    assert "folder" not in text, "nobody may name a folder of the bot's machine"
    assert set(bot.discord.commands()) == {
        *("convert", "queue", "cancel", "status", "about", "help", "ping", "Convert"),
        *("mine", "settings", "forget", "setup", "admin"),
    }


def test_the_status_is_for_those_who_manage_the_server(bot: BotProcess) -> None:
    ann = bot.discord.add_user("ann")
    bot.start()
    with pytest.raises(PermissionError):
        bot.discord.slash("status", user=ann)
    bot.discord.type_message("!status", author=ann)
    assert plain_answer(bot) == "Only people who manage this server can see that."
    bot.discord.slash("status")
    told = bot.discord.wait(lambda: next((m for m in answers(bot) if m.embeds), None))
    assert told.ephemeral
    names = [field["name"] for field in told.embeds[0]["fields"]]
    assert names == ["Up for", "Jobs", "Free disk", "Load", "Plugins", "Versions"]
