"""The settings table [discord]: where Discord is, and how often a message is edited."""

from dataclasses import dataclass, field
from typing import Annotated, ClassVar

from msgspec import Meta


@dataclass(frozen=True)
class DiscordSettings:
    """What similubot.toml may say in [discord], or SIMILUBOT_DISCORD_* in the environment.

    Attributes:
        token: The bot's token; only the bot needs one. A secret.
        api_url: The base of Discord's REST API, ending in /api/v10; None is Discord's own.
        gateway_url: The gateway's address, beginning with ws; None is Discord's own.
        webhook_url: Where `--sink discord` posts when it is given no target. A secret.
        update_interval: Seconds from the end of one edit of a message to the next, up to an hour.
    """

    table_name: ClassVar[str] = "discord"

    token: str | None = field(default=None, repr=False)
    api_url: str | None = None
    gateway_url: str | None = None
    webhook_url: str | None = field(default=None, repr=False)
    update_interval: Annotated[float, Meta(gt=0, le=3600)] = 5.0
