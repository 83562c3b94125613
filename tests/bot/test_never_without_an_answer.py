"""Where the bot may not answer as it would: text, direct messages, reactions; always an answer."""

from collections.abc import Callable
from pathlib import Path

import pytest

from similubot_loopback.discord_server import Message

from .conftest import BotProcess, answers, description, final_answer, is_final, title

MakeSound = Callable[[float], Path]
POSTS = r"/channels/\d+/messages$"


def final_text(bot: BotProcess) -> Message:
    """Wait until a message of plain text tells an outcome; that message."""

    def there() -> Message | None:
        return next((m for m in answers(bot) if " is ready: http" in m.content), None)

    try:
        return bot.discord.wait(there, 60)
    except TimeoutError:
        raise AssertionError(f"{answers(bot)}\n{bot.log_text()}") from None


def test_without_embed_links_the_job_is_told_in_plain_text(
    bot: BotProcess, make_sound: MakeSound
) -> None:
    bot.start()
    link = bot.mega.add_file("song.wav", make_sound(1))
    bot.discord.fail("POST", POSTS, code=50013, times=1)
    bot.discord.type_message(f"!convert {link}")
    told = final_text(bot)
    assert len(answers(bot)) == 1
    assert told.history[0].payload["content"].startswith("🔄 song.wav: ")


def test_where_the_bot_may_not_write_it_answers_directly_and_says_why(
    bot: BotProcess, make_sound: MakeSound
) -> None:
    channel = bot.discord.add_channel("quiet", read_only=True)
    bot.start()
    link = bot.mega.add_file("song.wav", make_sound(1))
    ann = bot.discord.add_user("ann")
    bot.discord.type_message(f"!convert {link}", author=ann, channel=channel)
    answer = final_answer(bot)
    assert answer.channel_id == bot.discord.dm(ann).id
    assert title(answer) == "✅ Conversion Complete"
    first = answer.history[0].payload["content"]
    assert first.startswith(f"I lack permissions in <#{channel.id}>: Send Messages")
    reactions = bot.discord.requests("PUT", "/reactions/")
    assert reactions
    bot.discord.type_message("!convert", author=ann, channel=channel)
    bot.discord.wait(lambda: len(answers(bot)) == 2)
    assert "Give a link" in answers(bot)[1].content


def test_where_nothing_can_be_sent_there_is_a_reaction(
    bot: BotProcess, make_sound: MakeSound
) -> None:
    bot.start()
    link = bot.mega.add_file("song.wav", make_sound(1))
    bot.discord.fail("POST", POSTS, code=50013, times=None)
    bot.discord.type_message(f"!convert {link}")
    bot.discord.wait(lambda: bot.discord.requests("PUT", "/reactions/"), 60)
    bot.discord.type_message("!convert")
    bot.discord.wait(lambda: len(bot.discord.requests("PUT", "/reactions/")) == 2, 60)


def test_a_forum_post_that_was_made_a_moment_ago_is_answered_once_it_is_there(
    bot: BotProcess, make_sound: MakeSound
) -> None:
    bot.start()
    link = bot.mega.add_file("song.wav", make_sound(1))
    bot.discord.fail("POST", POSTS, code=40058, status=403, times=2)
    bot.discord.type_message(f"!convert {link}")
    assert title(final_answer(bot)) == "✅ Conversion Complete"


def test_the_outcome_in_a_thread_that_was_archived_meanwhile_is_a_new_message(
    bot: BotProcess, make_sound: MakeSound
) -> None:
    bot.start()
    link = bot.mega.add_file("song.wav", make_sound(1))
    bot.discord.fail("PATCH", "/messages/", code=50083, status=400, times=None)
    bot.discord.type_message(f"!convert {link}")
    assert final_text(bot).channel_id == bot.discord.channel.id


@pytest.mark.parametrize("on_delete", ["deliver", "cancel"])
def test_a_message_that_is_deleted_in_mid_job(
    bot: BotProcess, make_sound: MakeSound, on_delete: str
) -> None:
    bot.mega.limit = 60_000
    bot.start(BOT_ON_DELETE=on_delete)
    ann = bot.discord.add_user("ann")
    bot.discord.type_message(f"!convert {bot.mega.add_file('s.wav', make_sound(3))}", author=ann)
    bot.discord.wait(lambda: bot.mega.counters.open_downloads > 0)
    bot.discord.delete_message(answers(bot)[0])
    if on_delete == "cancel":
        bot.discord.wait(lambda: bot.mega.counters.open_downloads == 0)
        assert not bot.catbox.uploads
        return
    bot.discord.wait(lambda: bot.discord.messages(channel=bot.discord.dm(ann)), 60)
    told = bot.discord.messages(channel=bot.discord.dm(ann))[0]
    assert " is ready: http" in told.content


def test_a_private_result_is_seen_by_its_requester_alone(
    bot: BotProcess, make_sound: MakeSound
) -> None:
    bot.start(BOT_NOTIFY_AFTER="0")
    link = bot.mega.add_file("song.wav", make_sound(1))
    ann = bot.discord.add_user("ann")
    bot.discord.type_message(f"!convert {link} private", author=ann)
    answer = final_answer(bot)
    assert answer.channel_id == bot.discord.dm(ann).id
    bot.discord.slash("convert", {"link": link, "private": True}, user=ann)
    bot.discord.wait(lambda: any(m.ephemeral and is_final(m) for m in answers(bot)), 60)
    direct = bot.discord.dm(ann)
    bot.discord.wait(
        lambda: (
            len([m for m in bot.discord.messages(channel=direct) if "ready: http" in m.content])
            == 2
        ),
        60,
    )
    public = bot.discord.messages(channel=bot.discord.channel, author=bot.discord.bot)
    assert [m for m in public if not m.ephemeral] == []


def test_a_job_list_that_cannot_be_written_is_one_sentence_and_passes(
    bot: BotProcess, make_sound: MakeSound, tmp_path: Path
) -> None:
    bot.start()
    link = bot.mega.add_file("song.wav", make_sound(1))
    away = tmp_path / "away"
    bot.folder.rename(away)
    bot.discord.type_message(f"!convert {link}")
    bot.discord.wait(lambda: answers(bot))
    assert answers(bot)[0].content in (
        "I can't save anything at the moment; try again in a few minutes.",
        "I am out of disk space at the moment; try again later.",
    )
    away.rename(bot.folder)
    bot.discord.type_message(f"!convert {link}")

    def done() -> bool:
        return any(title(message) == "✅ Conversion Complete" for message in answers(bot))

    bot.discord.wait(done, 60)


def test_the_first_message_has_the_files_name(bot: BotProcess, make_sound: MakeSound) -> None:
    bot.start()
    link = bot.mega.add_file("My Song.wav", make_sound(1))
    bot.discord.type_message(f"!convert {link}")
    answer = final_answer(bot)
    first = answer.history[0].payload["embeds"][0]
    assert [field["value"] for field in first["fields"]] == ["My Song.wav"]


def test_a_dead_link_is_refused_in_the_first_message_though_others_wait(
    bot: BotProcess, make_sound: MakeSound
) -> None:
    bot.mega.limit = 20_000
    bot.start(BOT_JOBS="1")
    bot.discord.type_message(f"!convert {bot.mega.add_file('long.wav', make_sound(20))}")
    bot.discord.wait(lambda: bot.mega.counters.open_downloads > 0)
    dead = "https://mega.nz/file/abcdefgh#" + "k" * 43
    bot.discord.type_message(f"!convert {dead}")
    answer = bot.discord.wait(lambda: next((m for m in answers(bot) if is_final(m)), None), 30)
    assert title(answer) == "❌ Error"
    assert description(answer)
    assert len(answer.history) == 1


def test_what_was_typed_while_the_bot_was_away_is_answered_once(
    bot: BotProcess, make_sound: MakeSound
) -> None:
    bot.start()
    bot.discord.type_message("!ping")
    bot.discord.wait(lambda: len(answers(bot)) == 1)
    bot.terminate()
    link = bot.mega.add_file("song.wav", make_sound(1))
    bot.discord.type_message("just talk")
    bot.discord.type_message(f"!convert {link}")
    bot.start()
    bot.discord.wait(lambda: len([m for m in answers(bot) if is_final(m)]) == 1, 60)
    bot.terminate()
    bot.start()
    bot.discord.type_message("!ping")
    bot.discord.wait(lambda: len(answers(bot)) == 3)
    assert [m.content.startswith("Pong!") for m in answers(bot)] == [True, False, True]


def test_a_message_that_is_edited_within_a_minute_is_read_again(
    bot: BotProcess, make_sound: MakeSound
) -> None:
    bot.start()
    link = bot.mega.add_file("song.wav", make_sound(1))
    message = bot.discord.type_message("!convert")
    bot.discord.wait(lambda: len(answers(bot)) == 1)
    bot.discord.edit_message(message, f"!convert {link}")
    bot.discord.wait(lambda: len([m for m in answers(bot) if is_final(m)]) == 1, 60)
    bot.discord.edit_message(message, f"!convert {link} 96")
    bot.discord.type_message("!ping")
    bot.discord.wait(lambda: len(answers(bot)) == 3)
    assert answers(bot)[-1].content.startswith("Pong!")
