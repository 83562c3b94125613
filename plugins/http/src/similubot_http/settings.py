"""The tables [http] and [webdav] of similubot.toml."""

from dataclasses import dataclass, field
from typing import Annotated, ClassVar

from msgspec import Meta


@dataclass(frozen=True)
class HttpSettings:
    """How plain links are downloaded.

    Attributes:
        stall_timeout: Seconds without a new byte after which a download is given up, 1 or more.
        attempts: How often in a row it is tried without a new byte, 1 or more.
        max_size: Bytes that a file may have at most; None is no limit.
        allow_networks: Private networks that links of other people (in the bot) may lead to, such
            as "192.168.1.0/24"; without one no private or loopback address is connected to.
    """

    table_name: ClassVar[str] = "http"

    stall_timeout: Annotated[float, Meta(ge=1)] = 30.0
    attempts: Annotated[int, Meta(ge=1, le=20)] = 5
    max_size: Annotated[int, Meta(ge=1)] | None = None
    allow_networks: tuple[str, ...] = ()


@dataclass(frozen=True)
class WebdavSettings:
    """Where files are put, and with which secrets. They are sent to that host only.

    Attributes:
        url: The folder's address, for ``--to webdav`` without one.
        user: The user's name; None is none.
        password: The user's password, or an app password.
        token: A bearer token, instead of user and password.
        public_url: The address of the folder for other people, where it differs from `url`.
    """

    table_name: ClassVar[str] = "webdav"

    url: str | None = None
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    token: str | None = field(default=None, repr=False)
    public_url: str | None = None
