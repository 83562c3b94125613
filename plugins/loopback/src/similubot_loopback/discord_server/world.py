"""Who and what is on the loopback Discord: users, roles, channels, servers, and their payloads."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

DISCORD_EPOCH_MS = 1_420_070_400_000
ADMINISTRATOR = 1 << 3
MANAGE_MESSAGES = 1 << 13
VIEW_CHANNEL = 1 << 10
SEND_MESSAGES = 1 << 11
EMBED_LINKS = 1 << 14
ATTACH_FILES = 1 << 15
READ_MESSAGE_HISTORY = 1 << 16
USE_APPLICATION_COMMANDS = 1 << 31
EVERYONE_PERMISSIONS = (
    VIEW_CHANNEL
    | SEND_MESSAGES
    | EMBED_LINKS
    | ATTACH_FILES
    | READ_MESSAGE_HISTORY
    | USE_APPLICATION_COMMANDS
    | 1 << 6  # add reactions
)


class Snowflakes:
    """Makes ids that grow and carry their time, as Discord's do.

    `age` (seconds) dates them back: with 4000, everything made is over an hour old.
    """

    def __init__(self, age: float = 0.0) -> None:
        self.age = age
        self._last = 0

    def make(self) -> int:
        """A new id, greater than all before."""
        ms = int((time.time() - self.age) * 1000) - DISCORD_EPOCH_MS
        self._last = max(self._last + 1, ms << 22)
        return self._last


def snowflake_time(snowflake: int) -> float:
    """When an id was made, in seconds since 1970."""
    return ((snowflake >> 22) + DISCORD_EPOCH_MS) / 1000


def iso(seconds: float) -> str:
    """A time in seconds since 1970 as Discord writes it."""
    whole = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
    return f"{whole}.{int(seconds % 1 * 1_000_000):06d}+00:00"


@dataclass(frozen=True)
class User:
    """An account, a person's or a bot's."""

    id: int
    name: str
    bot: bool = False

    def payload(self) -> dict[str, Any]:
        """The user object."""
        return {
            "id": str(self.id),
            "username": self.name,
            "discriminator": "0",
            "global_name": None,
            "avatar": None,
            "bot": self.bot,
            "public_flags": 0,
        }


@dataclass(frozen=True)
class Role:
    """A role of a server; `permissions` is Discord's bit set."""

    id: int
    name: str
    permissions: int
    position: int

    def payload(self) -> dict[str, Any]:
        """The role object."""
        return {
            "id": str(self.id),
            "name": self.name,
            "color": 0,
            "colors": {"primary_color": 0, "secondary_color": None, "tertiary_color": None},
            "hoist": False,
            "position": self.position,
            "permissions": str(self.permissions),
            "managed": False,
            "mentionable": False,
            "flags": 0,
        }


@dataclass
class Channel:
    """A text channel of a server, or a direct message when `guild_id` is None.

    `hidden`: the bot may not see it (50001). `read_only`: it may not send there (50013).
    """

    id: int
    name: str
    guild_id: int | None
    recipients: tuple[User, ...] = ()
    hidden: bool = False
    read_only: bool = False
    last_message_id: int | None = None

    def payload(self, bot_id: int) -> dict[str, Any]:
        """The channel object; what is denied to the bot shows as an overwrite."""
        last = None if self.last_message_id is None else str(self.last_message_id)
        if self.guild_id is None:
            return {
                "id": str(self.id),
                "type": 1,
                "last_message_id": last,
                "recipients": [user.payload() for user in self.recipients],
                "flags": 0,
            }
        deny = (VIEW_CHANNEL if self.hidden else 0) | (SEND_MESSAGES if self.read_only else 0)
        overwrites = [{"id": str(bot_id), "type": 1, "allow": "0", "deny": str(deny)}]
        return {
            "id": str(self.id),
            "type": 0,
            "guild_id": str(self.guild_id),
            "name": self.name,
            "topic": None,
            "position": 0,
            "nsfw": False,
            "rate_limit_per_user": 0,
            "parent_id": None,
            "last_message_id": last,
            "permission_overwrites": overwrites if deny else [],
            "flags": 0,
        }


@dataclass
class Guild:
    """A server. `upload_limit` is the largest attachment in bytes."""

    id: int
    name: str
    owner_id: int
    upload_limit: int = 10 * 1024 * 1024
    roles: dict[int, Role] = field(default_factory=dict)
    channels: dict[int, Channel] = field(default_factory=dict)
    members: dict[int, tuple[User, tuple[int, ...]]] = field(default_factory=dict)

    def permissions(self, user_id: int) -> int:
        """What a member may do in the whole server, as Discord's bit set."""
        if user_id == self.owner_id:
            return (1 << 53) - 1
        allowed = self.roles[self.id].permissions
        for role_id in self.members[user_id][1]:
            allowed |= self.roles[role_id].permissions
        return (1 << 53) - 1 if allowed & ADMINISTRATOR else allowed

    def member_payload(self, user_id: int) -> dict[str, Any]:
        """The member object, with its user in it."""
        user, roles = self.members[user_id]
        return {
            "user": user.payload(),
            "nick": None,
            "avatar": None,
            "roles": [str(role) for role in roles],
            "joined_at": iso(snowflake_time(self.id)),
            "deaf": False,
            "mute": False,
            "flags": 0,
            "permissions": str(self.permissions(user_id)),
        }

    def payload(self, bot_id: int) -> dict[str, Any]:
        """The server as GUILD_CREATE carries it."""
        return {
            "id": str(self.id),
            "name": self.name,
            "icon": None,
            "splash": None,
            "owner_id": str(self.owner_id),
            "afk_channel_id": None,
            "afk_timeout": 300,
            "verification_level": 0,
            "default_message_notifications": 0,
            "explicit_content_filter": 0,
            "roles": [role.payload() for role in self.roles.values()],
            "emojis": [],
            "stickers": [],
            "features": [],
            "mfa_level": 0,
            "system_channel_id": None,
            "system_channel_flags": 0,
            "rules_channel_id": None,
            "description": None,
            "banner": None,
            "premium_tier": 0,
            "premium_subscription_count": 0,
            "preferred_locale": "en-US",
            "public_updates_channel_id": None,
            "nsfw_level": 0,
            "joined_at": iso(snowflake_time(self.id)),
            "large": False,
            "unavailable": False,
            "member_count": len(self.members),
            "members": [self.member_payload(user_id) for user_id in self.members],
            "channels": [channel.payload(bot_id) for channel in self.channels.values()],
            "threads": [],
            "voice_states": [],
            "presences": [],
            "stage_instances": [],
            "guild_scheduled_events": [],
            "soundboard_sounds": [],
        }
