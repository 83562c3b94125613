"""Starting the bot without what it needs: a clear sentence, and what to do."""

from .conftest import TOKEN, BotProcess, run_bot


def test_without_a_token_the_three_steps_to_get_one_are_told(bot: BotProcess) -> None:
    ended = run_bot(bot, SIMILUBOT_DISCORD_TOKEN="")
    assert ended.returncode == 2
    assert ended.stdout == ""
    for step in ("  1. Open https://discord.com/developers/applications", "  2. ", "  3. "):
        assert step in ended.stderr
    assert "SIMILUBOT_DISCORD_TOKEN" in ended.stderr


def test_the_check_says_what_is_missing_without_connecting(bot: BotProcess) -> None:
    ended = run_bot(bot, "--check", SIMILUBOT_DISCORD_TOKEN="")
    assert ended.returncode == 1
    assert "LACK  Discord token" in ended.stdout
    for name in ("Discord intents", "FFmpeg", "MEGA", "Bot folder"):
        assert name in ended.stdout
    assert bot.discord.requests() == []

    complete = run_bot(bot, "--check")
    assert (complete.returncode, complete.stderr) == (0, "")
    assert TOKEN not in complete.stdout
    assert not bot.folder.exists(), "a check leaves nothing behind"


def test_a_disk_with_too_little_room_is_told_by_the_check(bot: BotProcess) -> None:
    bot.settings["BOT_MIN_FREE_DISK"] = str(2**62)
    ended = run_bot(bot, "--check")
    assert ended.returncode == 1
    assert "LACK  Bot folder" in ended.stdout


def test_a_token_that_discord_does_not_know_is_told(bot: BotProcess) -> None:
    ended = run_bot(bot, SIMILUBOT_DISCORD_TOKEN="another-token")
    assert ended.returncode == 2
    assert ended.stderr.splitlines()[-1].startswith(
        "similubot: Discord does not accept the token; copy it again"
    )
    assert "another-token" not in ended.stderr


def test_a_missing_intent_is_told_and_can_be_done_without(bot: BotProcess) -> None:
    bot.discord.set_gateway(privileged_intents=0)
    ended = run_bot(bot)
    assert ended.returncode == 2
    assert 'does not grant the intent "Message Content": switch it on' in ended.stderr
    bot.start(BOT_MESSAGE_CONTENT="false")
    bot.discord.slash("ping")
    bot.discord.wait(lambda: bot.discord.last_message(author=bot.discord.bot))
    assert bot.terminate() == 0


def test_a_bad_setting_is_told_at_once(bot: BotProcess) -> None:
    bot.settings["BOT_JOBS"] = "0"
    ended = run_bot(bot)
    assert ended.returncode == 2
    assert "SIMILUBOT_BOT_JOBS" in ended.stderr


def test_a_place_to_upload_to_that_is_none_is_told_at_once_and_by_the_check(
    bot: BotProcess,
) -> None:
    bot.settings["BOT_TARGETS"] = "litterbox=99h"
    ended = run_bot(bot)
    assert ended.returncode == 2
    assert "99h" in ended.stderr
    bot.settings["BOT_TARGETS"] = ""
    bot.settings["BOT_TO"] = "nowhere"
    checked = run_bot(bot, "--check")
    assert checked.returncode == 1
    assert "LACK  Uploads: " in checked.stdout


def test_a_log_file_is_written_where_the_settings_say(bot: BotProcess) -> None:
    file = bot.log.with_name("logs") / "similubot.log"
    bot.start(BOT_LOG_FILE=str(file))
    assert bot.terminate() == 0
    assert "Stopped" in file.read_text()
