"""What `similubot doctor` says of yt-dlp: its version, and whether that is stale."""

import datetime
import importlib.metadata

from similubot_core import Check

STALE_DAYS = 90


def check(today: datetime.date | None = None) -> list[Check]:
    """The check; `today` None is the clock's."""
    version = importlib.metadata.version("yt-dlp")
    try:
        released = datetime.date(*map(int, version.split(".")[:3]))
    except (ValueError, TypeError):
        return [Check("yt-dlp", True, version)]
    days = ((today or datetime.datetime.now(datetime.UTC).date()) - released).days
    detail = f"{version}, {max(days, 0)} days old"
    return [Check("yt-dlp", days <= STALE_DAYS, detail, "Update it: pip install -U yt-dlp.")]
