"""The loopback Discord serves bots of other libraries: they log in, edit and answer."""

import subprocess
import sys
from pathlib import Path

import pytest

from similubot_loopback.discord_server import LoopbackDiscord

ROOT = Path(__file__).parents[3]
BOT = Path(__file__).with_name("other_library_bot.py")
LIBRARIES = {
    "nextcord": ("nextcord==2.6.0", "setuptools<80"),  # it imports pkg_resources
    "py-cord": ("py-cord==2.8.1",),
    "disnake": ("disnake==2.12.2",),
}
PATIENCE = 60.0


@pytest.mark.slow
@pytest.mark.parametrize("library", LIBRARIES)
def test_a_bot_of_another_library_is_served(library: str, tmp_path: Path) -> None:
    python = tmp_path / "environment/bin/python"
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "environment"], check=True)
    install = (python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
    subprocess.run([*install, *LIBRARIES[library]], check=True)
    guide = (ROOT / "docs/in-your-own-program.md").read_text(encoding="utf-8")
    example = guide.partition("```python\n# progress_message.py\n")[2].partition("```")[0]
    (tmp_path / "progress_message.py").write_text(example, encoding="utf-8")
    with LoopbackDiscord() as discord:
        there = (discord.api_url, discord.gateway_url, discord.token)
        argv = [str(python), str(BOT), library, *there, str(tmp_path), str(ROOT)]
        bot = subprocess.Popen(argv, stderr=subprocess.DEVNULL)
        try:
            discord.wait(lambda: discord.commands() or None, PATIENCE)
            discord.type_message("!hello")
            discord.wait(lambda: last_content(discord) == "hello, edited", PATIENCE)
            discord.type_message("!copy")
            done = "✅ Copy  100.0%  3 / 3 files"
            discord.wait(lambda: last_content(discord) == done, PATIENCE)
            discord.slash("ping")
            discord.wait(lambda: last_content(discord) == "pong", PATIENCE)
            assert discord.unknown_routes == []
        finally:
            bot.kill()
            bot.wait()


def last_content(discord: LoopbackDiscord) -> str | None:
    message = discord.last_message(author=discord.bot)
    return None if message is None else message.content
