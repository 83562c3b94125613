"""The settings table [telegram]: the bot's token, and where it writes."""

from dataclasses import dataclass, field
from typing import Annotated, ClassVar

from msgspec import Meta


@dataclass(frozen=True)
class TelegramSettings:
    """What similubot.toml may say in [telegram], or SIMILUBOT_TELEGRAM_* in the environment.

    Attributes:
        token: The bot's token, from @BotFather. A secret.
        chat: Where `--sink telegram` writes when it is given no target.
        api_url: Where the Bot API is; another than Telegram's for a server of one's own.
        update_interval: Seconds from the end of one edit of a message to the next, up to an hour.
    """

    table_name: ClassVar[str] = "telegram"

    token: str | None = field(default=None, repr=False)
    chat: str | None = None
    api_url: str = "https://api.telegram.org"
    update_interval: Annotated[float, Meta(gt=0, le=3600)] = 5.0
