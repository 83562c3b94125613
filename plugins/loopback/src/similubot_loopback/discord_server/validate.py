"""Discord's limits on a message's body, checked as its API does: 50035 with the path of each fault.

Lengths are counted in UTF-16 units, the stricter of the two ways Discord is seen to count.
Sources: Discord's API reference v10, "Embed Limits", "Create Message", "Component Reference".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from similubot_loopback.discord_server.errors import api_error

CONTENT = 2000
EMBEDS = 10
TITLE = 256
DESCRIPTION = 4096
FIELDS = 25
FIELD_NAME = 256
FIELD_VALUE = 1024
FOOTER = 2048
AUTHOR = 256
EMBED_TOTAL = 6000
ROWS = 5
BUTTONS_IN_ROW = 5
CUSTOM_ID = 100
LABEL = 80


def units(text: str) -> int:
    """The length of a text in UTF-16 units."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


class _Faults:
    """Collects faults by their path and raises them as one 50035."""

    def __init__(self) -> None:
        self.tree: dict[str, Any] = {}

    def add(self, path: Sequence[str | int], code: str, words: str) -> None:
        node = self.tree
        for step in path:
            node = node.setdefault(str(step), {})
        node.setdefault("_errors", []).append({"code": code, "message": words})

    def text(
        self, path: Sequence[str | int], value: object, most: int, *, required: bool = False
    ) -> int:
        """Check one text; returns its length in units."""
        if value is None or value == "":
            if required:
                self.add(path, "BASE_TYPE_REQUIRED", "This field is required")
            return 0
        if not isinstance(value, str):
            self.add(path, "STRING_TYPE_CONVERT", "Could not interpret as string.")
            return 0
        trimmed = value.strip()
        if required and not trimmed:
            self.add(path, "BASE_TYPE_REQUIRED", "This field is required")
        length = units(trimmed)
        if length > most:
            words = f"Must be {most} or fewer in length."
            self.add(path, "BASE_TYPE_MAX_LENGTH", words)
        return length

    def count(self, path: Sequence[str | int], value: Sequence[object], most: int) -> None:
        if len(value) > most:
            words = f"Must be {most} or fewer in length."
            self.add(path, "BASE_TYPE_BAD_LENGTH", words)

    def url(self, path: Sequence[str | int], value: object, schemes: tuple[str, ...]) -> None:
        if value is not None and not (isinstance(value, str) and value.startswith(schemes)):
            self.add(path, "URL_TYPE_INVALID_URL", "Not a well formed URL.")


def _check_embed(faults: _Faults, path: tuple[str | int, ...], embed: Mapping[str, Any]) -> int:
    total = faults.text((*path, "title"), embed.get("title"), TITLE)
    total += faults.text((*path, "description"), embed.get("description"), DESCRIPTION)
    fields = embed.get("fields") or ()
    faults.count((*path, "fields"), fields, FIELDS)
    for index, item in enumerate(fields):
        here = (*path, "fields", index)
        total += faults.text((*here, "name"), item.get("name"), FIELD_NAME, required=True)
        total += faults.text((*here, "value"), item.get("value"), FIELD_VALUE, required=True)
    if footer := embed.get("footer"):
        total += faults.text((*path, "footer", "text"), footer.get("text"), FOOTER, required=True)
    if author := embed.get("author"):
        total += faults.text((*path, "author", "name"), author.get("name"), AUTHOR, required=True)
    faults.url((*path, "url"), embed.get("url"), ("http://", "https://"))
    colour = embed.get("color")
    if colour is not None and not (isinstance(colour, int) and 0 <= colour <= 0xFFFFFF):
        faults.add((*path, "color"), "NUMBER_TYPE_MAX", "int value should be <= 16777215.")
    return total


def _check_components(faults: _Faults, rows: Sequence[Mapping[str, Any]]) -> None:
    faults.count(("components",), rows, ROWS)
    seen: set[str] = set()
    for index, row in enumerate(rows):
        path = ("components", index)
        if row.get("type") != 1:
            faults.add(path, "UNION_TYPE_CHOICES", 'Value of field "type" must be one of (1,).')
            continue
        parts = row.get("components") or ()
        faults.count((*path, "components"), parts, BUTTONS_IN_ROW)
        for place, part in enumerate(parts):
            here = (*path, "components", place)
            faults.text((*here, "label"), part.get("label"), LABEL)
            if part.get("style") == 5:
                faults.url((*here, "url"), part.get("url"), ("http://", "https://", "discord://"))
                continue
            custom_id = part.get("custom_id")
            faults.text((*here, "custom_id"), custom_id, CUSTOM_ID, required=True)
            if custom_id in seen:
                words = "Component custom id cannot be duplicated"
                faults.add((*here, "custom_id"), "COMPONENT_CUSTOM_ID_DUPLICATED", words)
            seen.add(str(custom_id))


def check_body(body: Mapping[str, Any], *, has_files: bool, new: bool) -> None:
    """Raise 50035 (or 50006 for nothing to show in a new message) unless Discord would take it."""
    faults = _Faults()
    faults.text(("content",), body.get("content"), CONTENT)
    embeds = body.get("embeds") or ()
    faults.count(("embeds",), embeds, EMBEDS)
    total = 0
    for index, embed in enumerate(embeds):
        total += _check_embed(faults, ("embeds", index), embed)
    if total > EMBED_TOTAL:
        words = f"Embed size exceeds maximum size of {EMBED_TOTAL}"
        faults.add(("embeds",), "MAX_EMBED_SIZE_EXCEEDED", words)
    _check_components(faults, body.get("components") or ())
    if faults.tree:
        raise api_error(50035, errors=faults.tree)
    shows = (body.get("content") or "").strip() or embeds or has_files or body.get("components")
    if new and not shows:
        raise api_error(50006)
