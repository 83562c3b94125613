"""SlackSettings: the table [slack] of similubot.toml."""

from dataclasses import dataclass, field
from typing import ClassVar


@dataclass(frozen=True)
class SlackSettings:
    """What can be set.

    Attributes:
        webhook_url: The incoming webhook's address, which is a secret; None is none.
    """

    table_name: ClassVar[str] = "slack"
    webhook_url: str | None = field(default=None, repr=False)
