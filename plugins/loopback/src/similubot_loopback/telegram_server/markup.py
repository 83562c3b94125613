"""Telegram's HTML as its server reads it: what it refuses, and what it makes of plain words.

Source: "Bot API", formatting options; the finding of mentions, commands and addresses follows what
clients show (TDLib), a little more eagerly: what is found here need not be found there.
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass

_TAG = re.compile(r"<(?P<end>/?)(?P<name>[a-z-]{1,20})(?P<rest>[^<>]{0,4000})>")
_ENTITY = re.compile(r"&(?:lt|gt|amp|quot|#\d{1,7}|#x[0-9a-f]{1,6});", re.IGNORECASE)
_HREF = re.compile(r'\s+href="([^"]*)"')
_TAGS = frozenset(
    {"b", "strong", "i", "em", "u", "ins", "s", "strike", "del", "a", "code", "pre", "blockquote"}
)
_AUTOMATIC = {
    "mention": re.compile(r"(?<!\w)@\w{3,32}"),
    "bot_command": re.compile(r"(?<![\w/])/\w{1,64}"),
    "hashtag": re.compile(r"(?<!\w)#\w+"),
    "cashtag": re.compile(r"(?<!\w)\$[A-Z]{1,8}\b"),
    "url": re.compile(r"(?:https?|ftp|tg)://[^\s<]+|(?<![\w.@-])(?:[\w-]{1,63}\.)+[a-z]{2,24}\b"),
}


class BadMarkupError(Exception):
    """What Telegram says of HTML that it does not take."""


@dataclass(frozen=True, slots=True)
class Entity:
    """A part of a text that means something.

    Attributes:
        type: As the Bot API names it.
        text: The part.
        url: Of a text_link.
    """

    type: str
    text: str
    url: str = ""


_NAMES = {"b": "bold", "strong": "bold", "i": "italic", "em": "italic", "a": "text_link"}


def parse_html(source: str) -> tuple[str, list[Entity]]:
    """The text and its entities.

    Raises:
        BadMarkupError: With Telegram's sentence.
    """
    text, entities, loose = "", list[Entity](), ""
    opened: list[tuple[str, int, str]] = []
    at = 0
    while at < len(source):
        if source[at] == "<":
            tag = _TAG.match(source, at)
            if tag is None or tag["name"] not in _TAGS:
                name = tag["name"] if tag else ""
                raise BadMarkupError(
                    f'Unsupported start tag "{name}" at byte offset {_offset(source, at)}'
                )
            if not tag["end"]:
                href = _HREF.fullmatch(tag["rest"]) if tag["name"] == "a" else None
                opened.append((tag["name"], len(text), html.unescape(href[1]) if href else ""))
            elif not opened or opened[-1][0] != tag["name"]:
                raise BadMarkupError(f"Unexpected end tag at byte offset {_offset(source, at)}")
            else:
                name, begin, url = opened.pop()
                entities.append(Entity(_NAMES.get(name, name), text[begin:], url))
            at = tag.end()
            continue
        entity = _ENTITY.match(source, at)
        piece = html.unescape(entity[0]) if entity else source[at]
        text += piece
        fixed = any(name in ("a", "code", "pre") for name, _, _ in opened)
        loose += " " if fixed else piece
        at = entity.end() if entity else at + 1
    if opened:
        raise BadMarkupError(f"Can't find end tag corresponding to start tag {opened[-1][0]}")
    return text, entities + found_in(loose)


def found_in(text: str) -> list[Entity]:
    """What Telegram finds in plain words by itself."""
    return [
        Entity(kind, found[0])
        for kind, pattern in _AUTOMATIC.items()
        for found in pattern.finditer(text)
    ]


def _offset(source: str, at: int) -> int:
    return len(source[:at].encode())
