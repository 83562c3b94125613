"""The table [workers] of similubot.toml, the same for the bot and for its workers."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, ClassVar

from msgspec import Meta


@dataclass(frozen=True)
class WorkersSettings:
    """Where the bot and its workers meet.

    Attributes:
        url: The address of Redis, such as ``rediss://:PASSWORD@redis.example:6379/0``; None keeps
            all jobs in the bot's own process. A secret, for the password in it.
        key: What the bot and its workers encrypt their messages with; ``similubot workers
            --new-key`` makes one. A secret.
        queue: The name under which a bot and its workers find each other: one for each bot.
        local: Whether the bot runs jobs itself as well, when no worker has a free slot.
        folder: Where a worker keeps its jobs' files; None is the user's cache folder.
    """

    table_name: ClassVar[str] = "workers"

    url: str | None = field(default=None, repr=False)
    key: str | None = field(default=None, repr=False)
    queue: Annotated[str, Meta(min_length=1, max_length=40)] = "jobs"
    local: bool = True
    folder: Path | None = None
