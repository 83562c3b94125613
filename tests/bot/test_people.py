"""What members, servers and operators set for themselves, and see."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from similubot_loopback.discord_server import Interaction, Message

from .conftest import PATIENCE, BotProcess, answers, fields, is_final, run_bot, title

MakeSound = Callable[[float], Path]


def reply_to(bot: BotProcess, interaction: Interaction) -> Message:
    """Wait for the first answer to an interaction."""
    ids = bot.discord.wait(lambda: bot.discord.interaction(interaction.id).message_ids, PATIENCE)
    return bot.discord.message(ids[0])


def finals(bot: BotProcess, count: int) -> list[Message]:
    """Wait for so many ended jobs; their messages."""

    def there() -> list[Message] | None:
        found = [m for m in bot.discord.messages(author=bot.discord.bot) if is_final(m)]
        return found if len(found) >= count else None

    return bot.discord.wait(there, PATIENCE)


def test_a_finished_job_is_repeated_with_another_bitrate(
    bot: BotProcess, make_sound: MakeSound
) -> None:
    bot.start()
    link = bot.mega.add_file("song.wav", make_sound(1))
    bot.discord.type_message(f"!convert {link} 64")
    first = finals(bot, 1)[-1]
    asked = reply_to(bot, bot.discord.click(first, "Again with…"))
    assert asked.ephemeral
    bot.discord.select(asked, "similubot-pick:1", ["192"])
    second = finals(bot, 2)[-1]
    assert fields(second)["Bitrate"].startswith("192 kbps")
    stranger = bot.discord.add_user("stranger")
    refused = reply_to(bot, bot.discord.click(first, "Again with…", user=stranger))
    assert refused.content == "Only who asked for this can repeat it."


def test_a_failed_job_is_retried_and_a_forgotten_link_is_told(
    bot: BotProcess, make_sound: MakeSound
) -> None:
    bot.start()
    bot.discord.type_message("!convert", attachments=[("a.mp3", b"this is only text\n" * 99)])
    failed = finals(bot, 1)[-1]
    bot.discord.click(failed, "Retry")
    finals(bot, 2)
    bot.terminate()
    bot.start(BOT_RETRY_MINUTES="0")
    told = ""
    while told != "It is too late to repeat this; send the link again.":
        assert told in ("", "Retried"), told
        asked = bot.discord.click(failed, "Retry")
        told = reply_to(bot, asked).content or "Retried"


def test_what_there_is_of_a_damaged_file_is_kept_by_a_button_for_who_asked(
    bot: BotProcess, make_sound: MakeSound
) -> None:
    bot.start()
    whole = make_sound(3).read_bytes()
    bot.discord.type_message("!convert", attachments=[("cut.wav", whole[: len(whole) // 2])])
    failed = finals(bot, 1)[-1]
    assert "is damaged: only 1.5s of 3.0s could be converted" in str(failed.embeds)
    assert "--keep-damaged" not in str(failed.embeds)
    stranger = bot.discord.add_user("stranger")
    refused = reply_to(bot, bot.discord.click(failed, "Keep what there is", user=stranger))
    assert refused.content == "Only who asked for this can repeat it."
    bot.kill()  # the button works after a restart too
    bot.start()
    bot.discord.click(failed, "Keep what there is")
    kept = finals(bot, 2)[-1]
    assert kept.embeds[0]["description"] == r"cut \(damaged\).m4a"
    assert len(bot.catbox.uploads) == 1


def test_members_see_their_jobs_with_links_and_forget_them(
    bot: BotProcess, make_sound: MakeSound
) -> None:
    bot.start()
    link = bot.mega.add_file("song.wav", make_sound(1))
    bot.discord.type_message(f"!convert {link}")
    url = fields(finals(bot, 1)[-1])["Download Link"]
    mine = reply_to(bot, bot.discord.slash("mine"))
    assert mine.ephemeral
    assert url in str(mine.embeds)
    stranger = bot.discord.add_user("stranger")
    theirs = reply_to(bot, bot.discord.slash("mine", user=stranger))
    assert "You have no jobs." in str(theirs.embeds)
    bot.discord.type_message("!mine")
    bot.discord.wait(lambda: bot.discord.messages(channel=bot.discord.dm(bot.discord.owner)))
    forgot = reply_to(bot, bot.discord.slash("forget"))
    assert forgot.content == "Deleted 1 ended job."
    mine = reply_to(bot, bot.discord.slash("mine"))
    assert "You have no jobs." in str(mine.embeds)


def test_a_members_settings_are_their_defaults(bot: BotProcess, make_sound: MakeSound) -> None:
    bot.start()
    link = bot.mega.add_file("song.wav", make_sound(1))
    shown = reply_to(bot, bot.discord.slash("settings", {"key": "bitrate", "value": "96"}))
    assert shown.ephemeral
    assert fields(shown)["bitrate"] == "96\n-# yours"
    reply_to(bot, bot.discord.slash("settings", {"key": "to", "value": "litterbox"}))
    bot.discord.type_message(f"!convert {link}")
    assert fields(finals(bot, 1)[-1])["Bitrate"].startswith("96 kbps")
    assert [upload.service for upload in bot.catbox.uploads] == ["litterbox"]
    wrong = reply_to(bot, bot.discord.slash("settings", {"key": "to", "value": "nowhere"}))
    assert "can't upload to 'nowhere'" in wrong.content


def test_a_members_own_catbox_account_is_used_and_kept_encrypted(
    bot: BotProcess, make_sound: MakeSound
) -> None:
    bot.start()
    shown = reply_to(bot, bot.discord.slash("settings"))
    pressed = bot.discord.click(shown, "Catbox account…")
    bot.discord.wait(lambda: bot.discord.interaction(pressed.id).modal)
    sent = bot.discord.submit(pressed, {"userhash": "abcdef0123456789abcdef012"})
    assert reply_to(bot, sent).content == "Saved."
    link = bot.mega.add_file("song.wav", make_sound(1))
    bot.discord.type_message(f"!convert {link}")
    finals(bot, 1)
    (upload,) = bot.catbox.uploads
    assert dict(upload.fields)["userhash"] == "abcdef0123456789abcdef012"
    for file in bot.folder.rglob("*"):
        if file.is_file():
            assert b"abcdef0123456789abcdef012" not in file.read_bytes()
    assert "abcdef0123456789abcdef012" not in bot.log_text()


def test_who_manages_a_server_sets_it_up_and_nobody_else(
    bot: BotProcess, make_sound: MakeSound
) -> None:
    bot.start()
    ann = bot.discord.add_user("ann")
    shown = reply_to(bot, bot.discord.slash("setup", {"key": "prefix", "value": "?"}))
    assert fields(shown)["prefix"] == "?\n-# this server’s"
    assert fields(shown)["open_per_user"] == "5\n-# the bot’s"
    bot.discord.type_message("?ping", author=ann)
    bot.discord.wait(lambda: any("Pong!" in m.content for m in answers(bot)))
    bot.discord.type_message("?setup prefix !", author=ann)
    bot.discord.wait(lambda: any("Only people who manage" in m.content for m in answers(bot)))

    exported = reply_to(bot, bot.discord.slash("setup", {"key": "export"}))
    assert [file["filename"] for file in exported.attachments] == ["similubot-server.toml"]
    new = ("x.toml", b'prefix = "$"\nopen_per_user = 1\n')
    reply_to(bot, bot.discord.slash("setup", {"key": "import", "file": new}))
    bot.kill()
    bot.start()
    count = len(answers(bot))
    bot.discord.type_message("$ping", author=ann)
    bot.discord.wait(lambda: len(answers(bot)) > count)
    wrong = ("x.toml", b"prefix = 5\n")
    told = reply_to(bot, bot.discord.slash("setup", {"key": "import", "file": wrong}))
    assert "not a file of settings" in told.content


def test_an_operator_runs_the_bot_from_discord_and_from_the_shell(
    bot: BotProcess, make_sound: MakeSound
) -> None:
    ann = bot.discord.add_user("ann")
    bot.start(BOT_ADMINS=str(bot.discord.owner.id))

    def ctl(*words: str) -> "subprocess.CompletedProcess[str]":
        return run_bot(bot, "ctl", *words)

    assert ctl("pause").stdout == "Paused: jobs are accepted, and none starts.\n"
    link = bot.mega.add_file("song.wav", make_sound(1))
    bot.discord.type_message(f"!convert {link}", author=ann)
    bot.discord.wait(lambda: len(answers(bot)) == 1)
    assert ctl("status").stdout == "paused: 0 running, 1 waiting\n"
    assert "Resumed" in reply_to(bot, bot.discord.slash("admin", {"verb": "resume"})).content
    assert title(finals(bot, 1)[-1]) == "✅ Conversion Complete"

    assert ctl("block", "user", str(ann.id), "spam").stdout == f"Blocked user {ann.id}.\n"
    bot.discord.type_message("!ping", author=ann)
    bot.discord.wait(lambda: any("has blocked this: spam" in m.content for m in answers(bot)))
    assert ctl("unblock", "user", str(ann.id)).returncode == 0
    assert ctl("backup").stdout.startswith("Backed up: jobs-")
    audit = ctl("audit").stdout.splitlines()
    assert [line.split(maxsplit=2)[2].split()[0] for line in audit] == [
        "shell", "shell", "shell", "user", "shell",
    ]  # fmt: skip
    wrong = ctl("block", "nobody")
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert "block user|server ID REASON" in wrong.stderr
    with pytest.raises(PermissionError):  # it is not shown to who is no administrator
        bot.discord.slash("admin", {"verb": "status"}, user=ann)
    bot.discord.type_message("!admin status", author=ann)
    bot.discord.wait(lambda: any("Only the bot's admins" in m.content for m in answers(bot)))
    bot.terminate()
    assert "No bot is running" in ctl("status").stderr


def test_a_broken_job_list_is_recovered_from_the_newest_backup(
    bot: BotProcess, make_sound: MakeSound
) -> None:
    bot.start()
    link = bot.mega.add_file("song.wav", make_sound(1))
    bot.discord.type_message(f"!convert {link}")
    finals(bot, 1)
    assert run_bot(bot, "ctl", "backup").returncode == 0
    bot.terminate()
    (bot.folder / "jobs.db").write_bytes(b"broken" * 9999)
    broken = run_bot(bot)
    assert broken.returncode == 2
    assert "`similubot bot --recover`" in broken.stderr
    bot.recover = True
    bot.start()
    mine = reply_to(bot, bot.discord.slash("mine"))
    assert "song.m4a" in str(mine.embeds)
    assert "took its place" in bot.log_text()


def test_answers_are_in_the_members_language(bot: BotProcess, make_sound: MakeSound) -> None:
    bot.start()
    ann = bot.discord.add_user("ann")
    command = bot.discord.commands()["queue"]
    assert command["name_localizations"]["de"] == "warteschlange"  # type: ignore[index]
    reply_to(bot, bot.discord.slash("settings", {"key": "language", "value": "de"}, user=ann))
    link = bot.mega.add_file("song.wav", make_sound(1))
    bot.discord.type_message(f"!convert {link}", author=ann)
    done = bot.discord.wait(
        lambda: next((m for m in answers(bot) if title(m) == "✅ Umwandlung fertig"), None),
        PATIENCE,
    )
    assert "Link zum Herunterladen" in fields(done)
    bot.discord.type_message("!convert", author=ann)
    bot.discord.wait(lambda: any("Gib einen Link an" in m.content for m in answers(bot)))
    reply_to(bot, bot.discord.slash("setup", {"key": "language", "value": "fr"}))
    bob = bot.discord.add_user("bob")
    bot.discord.type_message("!convert", author=bob)
    bot.discord.wait(lambda: any("Donnez un lien" in m.content for m in answers(bot)))


def test_a_servers_own_limits_hold_below_the_operators(
    bot: BotProcess, make_sound: MakeSound
) -> None:
    bot.start()
    link = bot.mega.add_file("song.wav", make_sound(3))
    reply_to(bot, bot.discord.slash("setup", {"key": "max_size", "value": "1000"}))
    bot.discord.type_message(f"!convert {link}")
    refused = finals(bot, 1)[-1]
    assert "more than the 1,000 B that are allowed here" in str(refused.embeds)
    ann = bot.discord.dm(bot.discord.owner)
    bot.discord.type_message(link, channel=ann)
    assert title(finals(bot, 2)[-1]) == "✅ Conversion Complete"
