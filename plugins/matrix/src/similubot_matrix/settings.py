"""The settings table [matrix]: the account's token, the room, and how often a message is edited."""

from dataclasses import dataclass, field
from typing import Annotated, ClassVar

from msgspec import Meta


@dataclass(frozen=True)
class MatrixSettings:
    """What similubot.toml may say in [matrix], or SIMILUBOT_MATRIX_* in the environment.

    Attributes:
        token: The access token of the account that writes. A secret.
        room: Where `--sink matrix` writes when it is given no target.
        update_interval: Seconds from the end of one edit of a message to the next, up to an hour.
            Each edit stays in the room's history.
        encrypting_proxy: Whether the server of the address is a proxy that encrypts, such as
            Pantalaimon; encrypted rooms are refused where it is none.
        seconds_per_event: What the server allows an account: one event in so many seconds ...
        burst: ... and so many at once before that. The defaults are Synapse's.
    """

    table_name: ClassVar[str] = "matrix"

    token: str | None = field(default=None, repr=False)
    room: str | None = None
    update_interval: Annotated[float, Meta(gt=0, le=3600)] = 15.0
    encrypting_proxy: bool = False
    seconds_per_event: Annotated[float, Meta(ge=0, le=3600)] = 5.0
    burst: Annotated[int, Meta(ge=1, le=1000)] = 10
