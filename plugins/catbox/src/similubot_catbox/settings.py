"""The table [catbox] of similubot.toml."""

from dataclasses import dataclass, field
from typing import ClassVar, Literal

LitterboxTime = Literal["1h", "12h", "24h", "72h"]
"""How long Litterbox keeps a file."""


@dataclass(frozen=True)
class CatboxSettings:
    """The settings of both uploaders.

    Attributes:
        api_url: The whole address that uploads to Catbox are posted to.
        litterbox_url: The whole address that uploads to Litterbox are posted to.
        userhash: The secret key of a Catbox account (catbox.moe, "Manage Account"); None uploads
            anonymously.
        litterbox_time: How long Litterbox keeps a file.
        litterbox_when_too_large: Whether a file that is too large for Catbox goes to Litterbox.
    """

    table_name: ClassVar[str] = "catbox"

    api_url: str = "https://catbox.moe/user/api.php"
    litterbox_url: str = "https://litterbox.catbox.moe/resources/internals/api.php"
    userhash: str | None = field(default=None, repr=False)
    litterbox_time: LitterboxTime = "72h"
    litterbox_when_too_large: bool = False
