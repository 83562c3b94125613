"""The settings table [discord]: where Discord is, and how often a message is edited."""

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, ClassVar

from msgspec import Meta

from similubot_core import SettingsError
from similubot_core.redact import keep_secret

_LONGEST_TOKEN = 1000


@dataclass(frozen=True)
class DiscordSettings:
    """What similubot.toml may say in [discord], or SIMILUBOT_DISCORD_* in the environment.

    Attributes:
        token: The bot's token; only the bot needs one. A secret.
        token_file: A file that holds the token instead, which nobody else may read, such as a
            credential of systemd.
        api_url: The base of Discord's REST API, ending in /api/v10; None is Discord's own.
        gateway_url: The gateway's address, beginning with ws; None is Discord's own.
        webhook_url: Where `--sink discord` posts when it is given no target. A secret.
        update_interval: Seconds from the end of one edit of a message to the next, up to an hour.
    """

    table_name: ClassVar[str] = "discord"

    token: str | None = field(default=None, repr=False)
    token_file: Path | None = None
    api_url: str | None = None
    gateway_url: str | None = None
    webhook_url: str | None = field(default=None, repr=False)
    update_interval: Annotated[float, Meta(gt=0, le=3600)] = 5.0

    @property
    def bot_token(self) -> str | None:
        """The token, from the setting or its file; None where neither is set.

        Raises:
            SettingsError: The file cannot be read, is empty, or others may read it.
        """
        if self.token or self.token_file is None:
            return self.token
        where = f"The file {self.token_file} of [discord] token_file"
        try:
            with self.token_file.open(encoding="utf-8") as file:
                mode = os.fstat(file.fileno()).st_mode
                token = file.read(_LONGEST_TOKEN + 1).strip()
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is no text"
            raise SettingsError(f"{where} cannot be read: {reason}.") from error
        if mode & 0o077:
            raise SettingsError(f"{where} may be read by others; `chmod 600` it.")
        if not token or len(token) > _LONGEST_TOKEN:
            raise SettingsError(f"{where} holds no token.")
        keep_secret(token)
        return token
