"""The table [mega] of similubot.toml."""

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from msgspec import Meta

OFFICIAL_API = "https://g.api.mega.co.nz"

Backend = Literal["auto", "megacmd", "embedded"]


@dataclass(frozen=True)
class MegaSettings:
    """How MEGA links are downloaded.

    Attributes:
        backend: "megacmd" runs mega-get; "embedded" needs nothing but this plugin; "auto" takes
            MEGAcmd where it is installed, and the embedded one where it is not or cannot do it.
        api_url: MEGA's API, the address before ``/cs``. MEGAcmd knows no other than MEGA's own, so
            "auto" is the embedded one when this is changed.
        connections: Data connections at once, 1 to 16 (embedded).
        stall_timeout: Seconds without a new byte after which a download is given up, 1 or more.
        max_size: Bytes that a file may have at most; None is no limit.
    """

    table_name: ClassVar[str] = "mega"

    backend: Backend = "auto"
    api_url: str = OFFICIAL_API
    connections: Annotated[int, Meta(ge=1, le=16)] = 8
    stall_timeout: Annotated[float, Meta(ge=1)] = 120.0
    max_size: Annotated[int, Meta(ge=1)] | None = None
