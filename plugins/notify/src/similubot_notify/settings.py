"""The settings table [notify]: who is told, and of what."""

from dataclasses import dataclass, field
from typing import Annotated, ClassVar

from msgspec import Meta


@dataclass(frozen=True)
class NotifySettings:
    """What similubot.toml may say in [notify], or SIMILUBOT_NOTIFY_* in the environment.

    Attributes:
        urls: Addresses of services as Apprise writes them, for `--sink notify` without one; in the
            environment with commas between them (one within an address is %2C). Secrets.
        start: Whether the start is told too.
        quarters: Whether 25, 50 and 75 percent are told too.
        failures_only: Whether only failures are told.
        most_an_hour: Notices that one address gets in an hour at most, from all sinks of this
            program; what was left out is counted in the next. None is no limit.
    """

    table_name: ClassVar[str] = "notify"

    urls: tuple[str, ...] = field(default=(), repr=False)
    start: bool = False
    quarters: bool = False
    failures_only: bool = False
    most_an_hour: Annotated[int, Meta(ge=1, le=3600)] | None = None
