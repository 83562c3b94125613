"""What others on the machine can learn from the bot's own process and folder."""

import os
import stat
import sys
from pathlib import Path

import pytest

from .conftest import TOKEN, BotProcess, run_bot


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
@pytest.mark.skipif(os.geteuid() != 0, reason="nobody but root may look into the bot")
def test_the_token_is_not_in_the_environment_of_a_bot_that_has_started(bot: BotProcess) -> None:
    bot.start(CATBOX_USERHASH="s3cret-userhash")
    assert bot.process
    environ = Path(f"/proc/{bot.process.pid}/environ").read_bytes()
    assert TOKEN.encode() not in environ
    assert b"s3cret-userhash" not in environ
    assert b"SIMILUBOT_BOT_DATA_FOLDER=" in environ, "what is no secret stays"


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
@pytest.mark.skipif(os.geteuid() == 0, reason="root may look into every process")
def test_no_other_program_of_the_same_user_may_look_into_the_bot(bot: BotProcess) -> None:
    bot.start()
    assert bot.process
    with pytest.raises(PermissionError):
        Path(f"/proc/{bot.process.pid}/environ").read_bytes()


def modes(folder: Path) -> dict[str, str]:
    """The mode of a folder and of all that is in it, of each that others may use."""
    return {
        str(path): oct(mode)
        for path in (folder, *folder.rglob("*"))
        if not stat.S_ISSOCK(path.lstat().st_mode)
        and (mode := stat.S_IMODE(path.lstat().st_mode)) & 0o077
    }


def test_the_data_folder_is_for_nobody_else_whatever_the_umask_and_whatever_was_there(
    bot: BotProcess,
) -> None:
    bot.folder.mkdir(mode=0o777)
    bot.folder.chmod(0o777)
    (bot.folder / "jobs").mkdir(mode=0o777)
    (bot.folder / "lock").touch()
    (bot.folder / "lock").chmod(0o666)
    umask = os.umask(0)
    try:
        bot.start(BOT_LOG_FILE=str(bot.folder / "bot.log"))
    finally:
        os.umask(umask)
    assert modes(bot.folder) == {}


def test_a_token_can_come_from_a_file(bot: BotProcess, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n")
    file.chmod(0o600)
    bot.start(DISCORD_TOKEN="", DISCORD_TOKEN_FILE=str(file))
    assert TOKEN not in bot.log_text()


@pytest.mark.parametrize(
    ("mode", "text", "sentence"),
    [
        (0o640, TOKEN, "may be read by others; `chmod 600` it."),
        (0o600, "", "holds no token."),
        (None, "", "cannot be read: No such file or directory."),
    ],
)
def test_a_token_file_that_is_no_secret_or_no_token_is_refused(
    bot: BotProcess, tmp_path: Path, mode: int | None, text: str, sentence: str
) -> None:
    file = tmp_path / "token"
    if mode is not None:
        file.write_text(text)
        file.chmod(mode)
    ended = run_bot(bot, SIMILUBOT_DISCORD_TOKEN="", SIMILUBOT_DISCORD_TOKEN_FILE=str(file))
    assert ended.returncode != 0
    assert f"{sentence}\n" in ended.stderr
    assert TOKEN not in ended.stderr
