"""Names for MEGA's files."""

from similubot_http import safe_name as _safe_name
from similubot_http.names import NAME_LIMIT, name_limit

FALLBACK = "mega-file"

__all__ = ["FALLBACK", "name_limit", "safe_name"]


def safe_name(raw: str, limit: int = NAME_LIMIT) -> str:
    """`similubot_http.safe_name`, with a name of ours where nothing is left."""
    return _safe_name(raw, limit, fallback=FALLBACK)
