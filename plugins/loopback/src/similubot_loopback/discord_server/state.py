"""What the loopback Discord knows and how it changes, and the events that tell of it."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from similubot_loopback.discord_server.errors import api_error
from similubot_loopback.discord_server.gateway import Gateway
from similubot_loopback.discord_server.messages import (
    EPHEMERAL,
    LOADING,
    StoredMessage,
    pinged_by,
)
from similubot_loopback.discord_server.validate import check_body
from similubot_loopback.discord_server.world import (
    ADMINISTRATOR,
    EVERYONE_PERMISSIONS,
    Channel,
    Guild,
    Role,
    Snowflakes,
    User,
)

Upload = tuple[str, bytes]
"""An uploaded file: its name and its content."""


@dataclass(frozen=True)
class Webhook:
    """A channel's webhook; `url` is what a user would copy."""

    id: int
    token: str
    channel_id: int
    name: str
    url: str


class State:
    """Everything the server knows. Only the server's own thread touches it."""

    def __init__(self, token: str, application_id: int | None, age: float) -> None:
        self.ids = Snowflakes(age)
        self.token = token
        self.bot = User(application_id or self.ids.make(), "Simi", bot=True)
        self.owner = User(self.ids.make(), "owner")
        self.users: dict[int, User] = {self.bot.id: self.bot, self.owner.id: self.owner}
        self.guilds: dict[int, Guild] = {}
        self.channels: dict[int, Channel] = {}
        self.messages: dict[int, StoredMessage] = {}
        self.webhooks: dict[int, Webhook] = {}
        self.files: dict[str, bytes] = {}
        self.base_url = ""
        self.changed: Callable[[], None] = lambda: None
        self.gateway = Gateway(
            token,
            self.ready,
            lambda: [guild.payload(self.bot.id) for guild in self.guilds.values()],
            lambda: self.changed(),
        )

    def ready(self, session_id: str, shard: Sequence[int] = (0, 1)) -> dict[str, Any]:
        """READY's payload."""
        return {
            "shard": list(shard),
            "v": 10,
            "user": {**self.bot.payload(), "verified": True, "mfa_enabled": False, "flags": 0},
            "guilds": [{"id": str(guild), "unavailable": True} for guild in self.guilds],
            "session_id": session_id,
            "resume_gateway_url": f"ws{self.base_url.removeprefix('http')}/gateway/ws",
            "application": {"id": str(self.bot.id), "flags": 1 << 18 | 1 << 19},
            "private_channels": [],
        }

    def application(self) -> dict[str, Any]:
        """The bot's application, which discord.py asks for at login."""
        return {
            "id": str(self.bot.id),
            "name": self.bot.name,
            "icon": None,
            "description": "",
            "bot_public": True,
            "bot_require_code_grant": False,
            "verify_key": "0" * 64,
            "flags": 1 << 18 | 1 << 19,
            "owner": self.owner.payload(),
            "team": None,
            "rpc_origins": [],
            "hook": True,
            "approximate_guild_count": len(self.guilds),
        }

    # -- making the world -------------------------------------------------------------------

    def add_guild(self, name: str, upload_limit: int) -> Guild:
        """A new server with its @everyone role, the owner and the bot."""
        guild = Guild(self.ids.make(), name, self.owner.id, upload_limit)
        guild.roles[guild.id] = Role(guild.id, "@everyone", EVERYONE_PERMISSIONS, 0)
        guild.members[self.owner.id] = (self.owner, ())
        guild.members[self.bot.id] = (self.bot, ())
        self.guilds[guild.id] = guild
        self.gateway.dispatch("GUILD_CREATE", guild.payload(self.bot.id))
        return guild

    def add_channel(self, guild: Guild, name: str, *, hidden: bool, read_only: bool) -> Channel:
        """A new text channel."""
        channel = Channel(self.ids.make(), name, guild.id, hidden=hidden, read_only=read_only)
        guild.channels[channel.id] = self.channels[channel.id] = channel
        self.gateway.dispatch("CHANNEL_CREATE", channel.payload(self.bot.id), needs=1)
        return channel

    def dm(self, user: User) -> Channel:
        """The direct messages between the bot and a user, made when new."""
        for channel in self.channels.values():
            if channel.guild_id is None and channel.recipients == (user,):
                return channel
        channel = Channel(self.ids.make(), "", None, recipients=(user,))
        self.channels[channel.id] = channel
        return channel

    def add_role(self, guild: Guild, name: str, permissions: int) -> Role:
        """A new role."""
        role = Role(self.ids.make(), name, permissions, len(guild.roles))
        guild.roles[role.id] = role
        data = {"guild_id": str(guild.id), "role": role.payload()}
        self.gateway.dispatch("GUILD_ROLE_CREATE", data, needs=1)
        return role

    def add_user(
        self, name: str, guilds: Sequence[Guild], roles: Sequence[Role], *, bot: bool, admin: bool
    ) -> User:
        """A new account, a member of `guilds`."""
        user = User(self.ids.make(), name, bot)
        self.users[user.id] = user
        for guild in guilds:
            held = [role.id for role in roles if role.id in guild.roles]
            if admin:
                held.append(self.add_role(guild, f"admin {name}", ADMINISTRATOR).id)
            guild.members[user.id] = (user, tuple(held))
            data = {**guild.member_payload(user.id), "guild_id": str(guild.id)}
            self.gateway.dispatch("GUILD_MEMBER_ADD", data, needs=1 << 1)
        return user

    def add_webhook(self, channel: Channel, name: str) -> Webhook:
        """A new webhook of a channel."""
        made = self.ids.make()
        token = secrets.token_urlsafe(51)
        url = f"{self.base_url}/api/webhooks/{made}/{token}"
        webhook = Webhook(made, token, channel.id, name, url)
        self.webhooks[made] = webhook
        return webhook

    # -- what requests name -----------------------------------------------------------------

    def channel(self, channel_id: int) -> Channel:
        """A channel the bot may see, or 10003 / 50001."""
        channel = self.channels.get(channel_id)
        if channel is None:
            raise api_error(10003)
        if channel.hidden:
            raise api_error(50001)
        return channel

    def message(self, channel_id: int, message_id: int) -> StoredMessage:
        """A message that is still there, or 10008."""
        message = self.messages.get(message_id)
        if message is None or message.deleted or message.channel_id != channel_id:
            raise api_error(10008)
        return message

    def upload_limit(self, channel: Channel) -> int:
        """The largest attachment in bytes."""
        guild = self.guilds.get(channel.guild_id or 0)
        return guild.upload_limit if guild else 10 * 1024 * 1024

    # -- messages ---------------------------------------------------------------------------

    def post(
        self,
        channel: Channel,
        author: User,
        body: Mapping[str, Any],
        files: Sequence[Upload] = (),
        *,
        webhook_id: int | None = None,
        interaction: dict[str, Any] | None = None,
        flags: int = 0,
        forwarded: StoredMessage | None = None,
        check: bool = True,
    ) -> StoredMessage:
        """Send a message, as whoever: check it, store it, and announce it on the gateway."""
        if check:
            check_body(body, has_files=bool(files), new=not flags & LOADING)
        made = self.ids.make()
        replied = self._replied(channel, body)
        content = (body.get("content") or "").strip()
        allowed = body.get("allowed_mentions")
        message = StoredMessage(
            id=made,
            channel_id=channel.id,
            guild_id=channel.guild_id,
            author=author,
            shown={},
            webhook_id=webhook_id,
            application_id=self.bot.id if interaction is not None else None,
            interaction=interaction,
            reply_to=None if replied is None else replied.id,
            pinged=pinged_by(content, allowed, None if replied is None else replied.author.id),
            mentions=self._mentions(content),
            forwarded=forwarded,
        )
        first = {
            "content": content,
            "embeds": self._embeds(body),
            "components": list(body.get("components") or ()),
            "attachments": self._store(channel, body, files),
            "flags": int(body.get("flags") or 0) & (EPHEMERAL | 1 << 2 | 1 << 12) | flags,
        }
        message.apply(first, body)
        self.messages[made] = message
        channel.last_message_id = made
        self._tell("MESSAGE_CREATE", message)
        return message

    def edit(
        self,
        message: StoredMessage,
        body: Mapping[str, Any],
        files: Sequence[Upload] = (),
        *,
        check: bool = True,
    ) -> None:
        """Change a message; what the body does not name stays."""
        if check:
            check_body(body, has_files=bool(files), new=False)
        change: dict[str, Any] = {"flags": int(message.shown["flags"]) & ~LOADING}
        if "content" in body:
            change["content"] = (body["content"] or "").strip()
            message.mentions = self._mentions(change["content"])
        if "embeds" in body:
            change["embeds"] = self._embeds(body)
        if "components" in body:
            change["components"] = list(body["components"] or ())
        if "attachments" in body or files:
            channel = self.channels[message.channel_id]
            kept = {str(a["id"]) for a in body.get("attachments") or () if "id" in a}
            stay = [a for a in message.shown["attachments"] if a["id"] in kept]
            change["attachments"] = stay + self._store(channel, body, files)
        shown = {**message.shown, **change}
        if not any(shown[key] for key in ("content", "embeds", "components", "attachments")):
            raise api_error(50006)
        message.apply(change, body)
        self._tell("MESSAGE_UPDATE", message)

    def delete(self, message: StoredMessage) -> None:
        """Remove a message; its history stays for the test."""
        message.deleted = True
        data = {"id": str(message.id), "channel_id": str(message.channel_id)}
        if message.guild_id is not None:
            data["guild_id"] = str(message.guild_id)
        self.gateway.dispatch_message("MESSAGE_DELETE", data, self.bot.id)
        self.changed()

    def _tell(self, event: str, message: StoredMessage) -> None:
        if not int(message.shown["flags"]) & EPHEMERAL:
            self.gateway.dispatch_message(event, self.event_payload(message), self.bot.id)
        self.changed()

    def event_payload(self, message: StoredMessage) -> dict[str, Any]:
        """The message object with the server and member that events carry."""
        data = message.payload()
        guild = self.guilds.get(message.guild_id or 0)
        if guild is not None:
            data["guild_id"] = str(guild.id)
            if message.author.id in guild.members:
                member = guild.member_payload(message.author.id)
                data["member"] = {k: v for k, v in member.items() if k != "user"}
        replied = self.messages.get(message.reply_to or 0)
        if replied is not None:
            data["referenced_message"] = replied.payload()
        return data

    def _replied(self, channel: Channel, body: Mapping[str, Any]) -> StoredMessage | None:
        reference = body.get("message_reference")
        if not reference:
            return None
        found = self.messages.get(int(reference["message_id"]))
        if found is None or found.deleted or found.channel_id != channel.id:
            if reference.get("fail_if_not_exists", True):
                raise api_error(
                    50035,
                    errors={
                        "message_reference": {
                            "_errors": [
                                {
                                    "code": "REPLIES_UNKNOWN_MESSAGE",
                                    "message": "Unknown message",
                                }
                            ]
                        }
                    },
                )
            return None
        return found

    def _mentions(self, content: str) -> tuple[User, ...]:
        named = (int(found) for found in re.findall(r"<@!?(\d{1,20})>", content))
        return tuple(self.users[user] for user in dict.fromkeys(named) if user in self.users)

    @staticmethod
    def _embeds(body: Mapping[str, Any]) -> list[dict[str, Any]]:
        return [{"type": "rich", **embed} for embed in body.get("embeds") or ()]

    def _store(
        self, channel: Channel, body: Mapping[str, Any], files: Sequence[Upload]
    ) -> list[dict[str, Any]]:
        """Keep uploaded files where they can be fetched; returns the attachment objects."""
        stored = []
        for name, content in files:
            if len(content) > self.upload_limit(channel):
                raise api_error(40005)
            stored.append(self.store_file(channel, name, content))
        return stored

    def store_file(self, channel: Channel, name: str, content: bytes) -> dict[str, Any]:
        """Keep one file under /cdn; returns its attachment object."""
        made = self.ids.make()
        safe = re.sub(r"[^\w.-]", "_", name) or "file"
        path = f"/cdn/attachments/{channel.id}/{made}/{safe}"
        self.files[path] = content
        return {
            "id": str(made),
            "filename": safe,
            "size": len(content),
            "url": self.base_url + path,
            "proxy_url": self.base_url + path,
            "content_type": _media_type(safe),
        }


def _media_type(name: str) -> str:
    suffix = name.rpartition(".")[2].lower()
    known = {
        "mp4": "video/mp4",
        "mkv": "video/x-matroska",
        "webm": "video/webm",
        "mp3": "audio/mpeg",
        "m4a": "audio/mp4",
        "txt": "text/plain; charset=utf-8",
        "png": "image/png",
    }
    return known.get(suffix, "application/octet-stream")
