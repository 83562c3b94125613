"""Text from outside made harmless for Discord: it cannot ping, format, link or break a layout."""

from __future__ import annotations

import re

from similubot_core.render import sanitize_line

_MARKUP = re.compile(r"([\\*_~|`>#\[\]()<])")
_LIST = re.compile(r"^([-+]|\d+[.)])")
_LINK = re.compile(r"https?://[^\s<>`\\|]+")
ZERO_WIDTH = "\u200b"


def units(text: str) -> int:
    """The length as Discord may count it: in UTF-16 units, which is never less than characters."""
    return len(text) + sum(character > "\uffff" for character in text)


def cut(text: str, limit: int) -> str:
    """At most `limit` UTF-16 units of a text; "…" stands for what was cut."""
    if units(text) <= limit:
        return text
    kept, room = [], limit - 1
    for character in text:
        room -= units(character)
        if room < 0:
            break
        kept.append(character)
    return "".join(kept) + "…"


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
