"""Text from outside made harmless for Discord: it cannot ping, format, link or break a layout."""

from __future__ import annotations

import re

from similubot_core.live.text import ZERO_WIDTH, cut
from similubot_core.render import sanitize_line

_MARKUP = re.compile(r"([\\*_~|`>#\[\]()<])")
_LIST = re.compile(r"^([-+]|\d+[.)])")
_LINK = re.compile(r"https?://[^\s<>`\\|]+")


def escape(text: str, limit: int = 100, *, links: bool = False) -> str:
    """One line that Discord shows as it is written.

    Args:
        text: Anything: a file's name, a tag, a server's answer.
        limit: UTF-16 units of the text that are shown; the result may be twice as long, for the
            backslashes.
        links: Whether an http link in it stays one that can be clicked.

    Returns:
        The text without control characters and direction marks, its markup escaped, its mentions
        broken by a zero-width space.
    """
    line = cut(sanitize_line(text, limit), limit)
    if not links:
        return _escape(line).replace("://", f":{ZERO_WIDTH}//")
    parts, end = [], 0
    for link in _LINK.finditer(line):
        parts += [_escape(line[end : link.start()]), link[0].replace("@", "%40")]
        end = link.end()
    return "".join([*parts, _escape(line[end:])])


def _escape(text: str) -> str:
    escaped = _MARKUP.sub(r"\\\1", text).replace("@", f"@{ZERO_WIDTH}")
    return _LIST.sub(rf"{ZERO_WIDTH}\1", escaped)
