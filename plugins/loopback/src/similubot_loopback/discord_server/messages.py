"""The messages of the loopback Discord, each with the history of its edits."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from similubot_loopback.discord_server.world import User, iso, snowflake_time

EPHEMERAL = 1 << 6
LOADING = 1 << 7
KEPT_FIELDS = ("content", "embeds", "components", "attachments", "flags")


@dataclass(frozen=True)
class Edit:
    """One state of a message: when it came (`time.monotonic()` seconds) and what it then showed.

    `payload` has the keys content, embeds, components, attachments and flags. `sent` is the
    body of the request just as the client sent it.
    """

    at: float
    payload: Mapping[str, Any]
    sent: Mapping[str, Any]


@dataclass(frozen=True)
class Message:
    """What a test sees of a message: a snapshot, not changed by later edits.

    `history[0]` is the message as it was sent, each further one an edit. `pinged` are the ids
    of users and roles it notified, and "everyone".
    """

    id: int
    channel_id: int
    author_id: int
    content: str
    embeds: tuple[Mapping[str, Any], ...]
    components: tuple[Mapping[str, Any], ...]
    attachments: tuple[Mapping[str, Any], ...]
    ephemeral: bool
    loading: bool
    deleted: bool
    reply_to: int | None
    pinged: frozenset[int | str]
    history: tuple[Edit, ...]

    @property
    def edits(self) -> tuple[Edit, ...]:
        """The edits alone, oldest first."""
        return self.history[1:]

    @property
    def buttons(self) -> tuple[Mapping[str, Any], ...]:
        """All buttons, row by row."""
        return tuple(
            button
            for row in self.components
            for button in row.get("components", ())
            if button.get("type") == 2
        )


@dataclass
class StoredMessage:
    """A message as the server keeps it; changed by edits."""

    id: int
    channel_id: int
    guild_id: int | None
    author: User
    shown: dict[str, Any]
    webhook_id: int | None = None
    application_id: int | None = None
    interaction: dict[str, Any] | None = None
    reply_to: int | None = None
    deleted: bool = False
    edited: float | None = None
    pinged: frozenset[int | str] = frozenset()
    mentions: tuple[User, ...] = ()
    forwarded: StoredMessage | None = None
    history: list[Edit] = field(default_factory=list)

    def apply(self, change: Mapping[str, Any], sent: Mapping[str, Any]) -> None:
        """Put the fields of an edit (or of the first sending) in, and remember the state."""
        shown = dict(self.shown)
        for key in KEPT_FIELDS:
            if key in change:
                shown[key] = change[key]
        if self.history:
            self.edited = time.time()
        self.shown = shown
        self.history.append(Edit(time.monotonic(), shown, sent))

    def payload(self) -> dict[str, Any]:
        """The message object."""
        body: dict[str, Any] = {
            "id": str(self.id),
            "channel_id": str(self.channel_id),
            "author": self.author.payload(),
            "timestamp": iso(snowflake_time(self.id)),
            "edited_timestamp": None if self.edited is None else iso(self.edited),
            "tts": False,
            "mention_everyone": "everyone" in self.pinged,
            "mentions": [user.payload() for user in self.mentions],
            "mention_roles": [],
            "pinned": False,
            "type": 20 if self.interaction else 19 if self.reply_to else 0,
            **self.shown,
        }
        if self.webhook_id is not None:
            body["webhook_id"] = str(self.webhook_id)
        if self.application_id is not None:
            body["application_id"] = str(self.application_id)
        if self.interaction is not None:
            body["interaction_metadata"] = self.interaction
        if self.forwarded is not None:
            original = self.forwarded
            body["message_reference"] = {
                "type": 1,
                "message_id": str(original.id),
                "channel_id": str(original.channel_id),
            }
            kept = ("type", "timestamp", "edited_timestamp", "mentions", "mention_roles")
            snapshot = {key: original.payload()[key] for key in kept} | original.shown
            body["message_snapshots"] = [{"message": snapshot}]
        if self.reply_to is not None:
            body["message_reference"] = {
                "type": 0,
                "message_id": str(self.reply_to),
                "channel_id": str(self.channel_id),
            }
        return body

    def snapshot(self) -> Message:
        """The message for a test."""
        flags = int(self.shown["flags"])
        return Message(
            id=self.id,
            channel_id=self.channel_id,
            author_id=self.author.id,
            content=self.shown["content"],
            embeds=tuple(self.shown["embeds"]),
            components=tuple(self.shown["components"]),
            attachments=tuple(self.shown["attachments"]),
            ephemeral=bool(flags & EPHEMERAL),
            loading=bool(flags & LOADING),
            deleted=self.deleted,
            reply_to=self.reply_to,
            pinged=self.pinged,
            history=tuple(self.history),
        )


def pinged_by(
    content: str, allowed: Mapping[str, Any] | None, replied_author: int | None
) -> frozenset[int | str]:
    """Whom a text notifies under `allowed_mentions` (None: Discord's default, everybody named)."""
    users = {int(found) for found in re.findall(r"<@!?(\d{1,20})>", content)}
    roles = {int(found) for found in re.findall(r"<@&(\d{1,20})>", content)}
    everyone = "@everyone" in content or "@here" in content
    reply = replied_author is not None
    if allowed is not None:
        parse = allowed.get("parse", ())
        named_users = {int(user) for user in allowed.get("users") or ()}
        named_roles = {int(role) for role in allowed.get("roles") or ()}
        users = users if "users" in parse else users & named_users
        roles = roles if "roles" in parse else roles & named_roles
        everyone = everyone and "everyone" in parse
        reply = reply and bool(allowed.get("replied_user"))
    pinged: set[int | str] = {*users, *roles}
    if everyone:
        pinged.add("everyone")
    if reply and replied_author is not None:
        pinged.add(replied_author)
    return frozenset(pinged)
