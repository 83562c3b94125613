"""The table [yt-dlp] of similubot.toml."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

from msgspec import Meta


@dataclass(frozen=True)
class YtDlpSettings:
    """How sites are downloaded from.

    Attributes:
        format: yt-dlp's words for the format; None is the best audio alone, else the best file.
        stall_timeout: Seconds without a word of yt-dlp after which it is ended, 5 or more.
        max_size: Bytes that a file may have at most; None is no limit.
    """

    table_name: ClassVar[str] = "yt-dlp"

    format: str | None = None
    stall_timeout: Annotated[float, Meta(ge=5)] = 120.0
    max_size: Annotated[int, Meta(ge=1)] | None = None
