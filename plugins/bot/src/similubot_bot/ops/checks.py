"""What the bot needs, as `similubot doctor` and `similubot bot --check` list it."""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from similubot_bot.settings import BotSettings
from similubot_core import Check, Settings, SettingsError, render
from similubot_discord_sink import DiscordSettings

STEPS = """\
The bot needs a token. Three steps to get one:
  1. Open https://discord.com/developers/applications, press "New Application", and give it a name.
  2. On its page "Bot": press "Reset Token" and copy the token; switch on "Message Content Intent".
  3. On its page "OAuth2": tick "bot" and "applications.commands", below them "Send Messages",
     "Send Messages in Threads", "Embed Links" and "Read Message History"; open the address shown
     there, and choose your server.
Then start it with the token in the environment:
  SIMILUBOT_DISCORD_TOKEN=… similubot bot
or put it into a file that nobody else may read, and name that in similubot.toml:
  [discord]
  token_file = "…"
`similubot bot --check` says what else is missing."""


def bot_checks(settings: Settings) -> Sequence[Check]:
    """Look at the token, the intents and the disk, without connecting anywhere."""
    table = settings.table(BotSettings)
    return [
        _token(settings.table(DiscordSettings)),
        _intents(table),
        _folder(table),
    ]


def _token(table: DiscordSettings) -> Check:
    try:
        token = table.bot_token
    except SettingsError as error:
        return Check("Discord token", False, error.message, "Correct it, or its mode.")
    if not token:
        cure = "Get one in three steps: `similubot bot` without a token shows them."
        return Check("Discord token", False, "none is set", cure)
    return Check("Discord token", True, "one is set; only Discord can say whether it is right")


def _intents(table: BotSettings) -> Check:
    if not table.message_content:
        return Check("Discord intents", True, "none that is privileged: slash commands, mentions")
    detail = (
        "asks for Message Content: have it switched on, on the page Bot of your application at "
        "https://discord.com/developers/applications, or set [bot] message_content = false"
    )
    return Check("Discord intents", True, detail)


def _folder(table: BotSettings) -> Check:
    folder = table.folder
    there = _nearest(folder)
    free = shutil.disk_usage(there).free
    detail = f"{folder}, {render.size(free)} free"
    if not os.access(there, os.W_OK | os.X_OK):
        return Check(
            "Bot folder", False, f"{folder} cannot be written", "Name another [bot] data_folder."
        )
    if free < table.min_free_disk:
        cure = f"Free some: below {render.size(table.min_free_disk)} no job starts."
        return Check("Bot folder", False, detail, cure)
    return Check("Bot folder", True, detail)


def _nearest(folder: Path) -> Path:
    """The folder, or the one above it that is there."""
    path = folder.absolute()
    while not path.is_dir() and path != path.parent:
        path = path.parent
    return path
