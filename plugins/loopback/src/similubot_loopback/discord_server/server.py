"""A Discord on loopback: REST and gateway over real sockets, for tests of bots and sinks.

    with LoopbackDiscord() as server:           # or: async with
        point_the_client_at(server.api_url, server.gateway_url)
        ...
        server.type_message("!convert https://...", author=server.add_user("ann"))
        message = server.wait(lambda: server.last_message(author=server.bot))

Every method may be called from any thread.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Self, TypeVar

from aiohttp import web

from similubot_loopback.discord_server.interactions import Interaction, Interactions, OptionValue
from similubot_loopback.discord_server.messages import Message
from similubot_loopback.discord_server.rest import Request, Rest
from similubot_loopback.discord_server.state import State, Webhook
from similubot_loopback.discord_server.troubles import Troubles
from similubot_loopback.discord_server.world import Channel, Guild, Role, User
from similubot_loopback.serving import LoopbackServer

T = TypeVar("T")


class LoopbackDiscord(LoopbackServer):
    """The server. It starts with one server ("guild"), its channel #general and its owner.

    Args:
        token: The bot token it accepts.
        application_id: The bot's id; None makes one.
        age: Seconds by which all ids are dated back; 4000 makes every message over an hour old.
        upload_limit: Largest attachment of the first server, in bytes.
        clock: Seconds that only grow, by which it limits.
    """

    def __init__(
        self,
        token: str = "loopback-token",  # noqa: S107  (a token for tests)
        *,
        application_id: int | None = None,
        age: float = 0.0,
        upload_limit: int = 10 * 1024 * 1024,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.token = token
        self._state = State(token, application_id, age)
        self._interactions = Interactions(self._state)
        self._rest = Rest(self._state, self._interactions, clock)
        app = web.Application(client_max_size=64 * 1024 * 1024)
        app.add_routes(self._rest.routes())
        app.router.add_get("/gateway/ws", self._state.gateway.handle)
        super().__init__(app, self._state.gateway.drop)
        self._state.changed = self._thread.changed
        troubles = Troubles(self._thread, self._state, self._interactions, self._rest)
        self.set_limit = troubles.set_limit
        self.set_global_limit = troubles.set_global_limit
        self.set_old_message_limit = troubles.set_old_message_limit
        self.fail = troubles.fail
        self.heal = troubles.heal
        self.outage = troubles.outage
        self.drop_gateway = troubles.drop_gateway
        self.ask_reconnect = troubles.ask_reconnect
        self.invalidate_sessions = troubles.invalidate_sessions
        self.set_gateway = troubles.set_gateway
        self.expire_interactions = troubles.expire_interactions
        self.guild: Guild = self._state.add_guild("Loopback", upload_limit)
        self.channel: Channel = self._state.add_channel(
            self.guild, "general", hidden=False, read_only=False
        )

    # -- starting and stopping --------------------------------------------------------------

    def start(self) -> Self:
        """Serve on a free port of 127.0.0.1."""
        super().start()
        self._state.base_url = self.url
        return self

    @property
    def api_url(self) -> str:
        """The base of REST, ending in /api/v10 (for SIMILUBOT_DISCORD_API_URL)."""
        return f"{self.url}/api/v10"

    @property
    def gateway_url(self) -> str:
        """The gateway's address, beginning with ws (for SIMILUBOT_DISCORD_GATEWAY_URL)."""
        return f"ws{self.url.removeprefix('http')}/gateway/ws"

    @property
    def cdn_url(self) -> str:
        """Where attachments are fetched from."""
        return f"{self.url}/cdn"

    @property
    def bot(self) -> User:
        """The bot's account."""
        return self._state.bot

    @property
    def owner(self) -> User:
        """The owner of the application and of the first server."""
        return self._state.owner

    # -- asking -----------------------------------------------------------------------------

    def messages(
        self, *, channel: Channel | None = None, author: User | None = None, deleted: bool = False
    ) -> list[Message]:
        """The messages in their order; those deleted only when asked for."""

        def read() -> list[Message]:
            return [
                message.snapshot()
                for message in self._state.messages.values()
                if (channel is None or message.channel_id == channel.id)
                and (author is None or message.author.id == author.id)
                and (deleted or not message.deleted)
            ]

        return self._thread.call(read)

    def last_message(
        self, *, channel: Channel | None = None, author: User | None = None
    ) -> Message | None:
        """The newest message, None while there is none."""
        found = self.messages(channel=channel, author=author)
        return found[-1] if found else None

    def message(self, message_id: int) -> Message:
        """One message, deleted or not; KeyError when there never was one."""
        return self._thread.call(lambda: self._state.messages[message_id].snapshot())

    def interaction(self, interaction_id: int) -> Interaction:
        """What has become of an interaction."""
        return self._thread.call(lambda: self._interactions.by_id[interaction_id].snapshot())

    def commands(self, guild: Guild | None = None) -> dict[str, Mapping[str, object]]:
        """The registered slash commands by name, global or of a server."""
        scope = None if guild is None else guild.id
        return self._thread.call(
            lambda: {c["name"]: dict(c) for c in self._interactions.commands.get(scope, ())}
        )

    def requests(self, method: str = "", route: str = "") -> list[Request]:
        """The log of requests, filtered by method and by a part of the route's pattern."""
        return self._thread.call(
            lambda: [
                request
                for request in self._rest.log
                if method in ("", request.method) and route in request.route
            ]
        )

    @property
    def unknown_routes(self) -> list[str]:
        """Requests this server has no route for; a test should find it empty."""
        return self._thread.call(lambda: list(self._rest.unknown))

    @property
    def sessions(self) -> int:
        """How many gateway connections are live."""
        return self._thread.call(lambda: len(self._state.gateway.connected()))

    @property
    def identified(self) -> int:
        """How often a client has identified."""
        return self._state.gateway.identified

    @property
    def resumed(self) -> int:
        """How often a client has resumed a session."""
        return self._state.gateway.resumed

    @property
    def heartbeats(self) -> int:
        """How many heartbeats have come."""
        return self._state.gateway.heartbeats

    # -- making the world -------------------------------------------------------------------

    def add_guild(self, name: str, *, upload_limit: int = 10 * 1024 * 1024) -> Guild:
        """Another server, with the bot in it and no channel yet."""
        return self._thread.call(lambda: self._state.add_guild(name, upload_limit))

    def add_channel(
        self,
        name: str,
        *,
        guild: Guild | None = None,
        hidden: bool = False,
        read_only: bool = False,
    ) -> Channel:
        """Another text channel; `hidden` from the bot (50001) or `read_only` for it (50013)."""
        return self._thread.call(
            lambda: self._state.add_channel(
                guild or self.guild, name, hidden=hidden, read_only=read_only
            )
        )

    def add_role(self, name: str, *, guild: Guild | None = None, permissions: int = 0) -> Role:
        """A role; `permissions` is Discord's bit set."""
        return self._thread.call(
            lambda: self._state.add_role(guild or self.guild, name, permissions)
        )

    def add_user(
        self,
        name: str,
        *,
        guilds: Sequence[Guild] | None = None,
        roles: Sequence[Role] = (),
        bot: bool = False,
        admin: bool = False,
    ) -> User:
        """A person, a member of the first server unless `guilds` says otherwise."""
        where = (self.guild,) if guilds is None else tuple(guilds)
        return self._thread.call(
            lambda: self._state.add_user(name, where, roles, bot=bot, admin=admin)
        )

    def add_webhook(self, channel: Channel | None = None, name: str = "Progress") -> Webhook:
        """A webhook; its `url` is what a user copies from Discord."""
        return self._thread.call(lambda: self._state.add_webhook(channel or self.channel, name))

    def dm(self, user: User) -> Channel:
        """The direct messages between the bot and a user."""
        return self._thread.call(lambda: self._state.dm(user))

    def set_access(
        self, channel: Channel, *, hidden: bool = False, read_only: bool = False
    ) -> None:
        """Change what the bot may do in a channel, with the event that tells it."""

        def change() -> None:
            channel.hidden, channel.read_only = hidden, read_only
            payload = channel.payload(self._state.bot.id)
            self._state.gateway.dispatch("CHANNEL_UPDATE", payload, needs=1)

        self._thread.call(change)

    def delete_channel(self, channel: Channel) -> None:
        """Remove a channel; what is asked of it then answers 10003."""

        def remove() -> None:
            payload = channel.payload(self._state.bot.id)
            self._state.channels.pop(channel.id, None)
            self._state.gateway.dispatch("CHANNEL_DELETE", payload, needs=1)

        self._thread.call(remove)

    # -- what people do ---------------------------------------------------------------------

    def type_message(
        self,
        content: str = "",
        *,
        author: User | None = None,
        channel: Channel | None = None,
        attachments: Sequence[tuple[str, bytes]] = (),
        reply_to: Message | None = None,
        forward: Message | None = None,
        embeds: Sequence[Mapping[str, object]] = (),
    ) -> Message:
        """A person (the owner unless said otherwise) sends a message, with files if given.

        `forward` makes it a forward of another message, which has no text of its own; `embeds` are
        what a bot among the users, or Discord itself, puts below the text.
        """
        body: dict[str, object] = {"content": content, "embeds": list(embeds)}
        if reply_to is not None:
            body["message_reference"] = {"message_id": str(reply_to.id)}

        def send() -> Message:
            where = channel or self.channel
            who = author or self._state.owner
            forwarded = None if forward is None else self._state.messages[forward.id]
            return self._state.post(
                where, who, body, attachments, forwarded=forwarded, check=False
            ).snapshot()

        return self._thread.call(send)

    def edit_message(self, message: Message, content: str) -> None:
        """A person changes the text of their message."""
        stored = self._state.messages[message.id]
        self._thread.call(lambda: self._state.edit(stored, {"content": content}, check=False))

    def delete_message(self, message: Message) -> None:
        """A moderator deletes a message."""
        self._thread.call(lambda: self._state.delete(self._state.messages[message.id]))

    def slash(
        self,
        command: str,
        options: Mapping[str, OptionValue] | None = None,
        *,
        user: User | None = None,
        channel: Channel | None = None,
    ) -> Interaction:
        """A person invokes a registered slash command, such as "convert" or "queue show".

        A value of an attachment option is a pair (name, content). Raises LookupError for a
        command that is not registered, PermissionError for one not shown to this person,
        ValueError for options that Discord's own client would not send.
        """
        return self._thread.call(
            lambda: self._interactions.slash(
                command, options or {}, user or self._state.owner, channel or self.channel
            ).snapshot()
        )

    def menu(self, command: str, message: Message, *, user: User | None = None) -> Interaction:
        """A person picks a registered command in a message's menu; see `slash` for errors."""
        return self._thread.call(
            lambda: self._interactions.menu(
                command, self._state.messages[message.id], user or self._state.owner
            ).snapshot()
        )

    def submit(
        self, interaction: Interaction, values: Mapping[str, str], *, user: User | None = None
    ) -> Interaction:
        """A person fills in the form that answered an interaction, by the ids or labels of its
        fields, and sends it. Raises LookupError where there is no such form or field.
        """
        return self._thread.call(
            lambda: self._interactions.submit(
                interaction.id, values, user or self._state.owner
            ).snapshot()
        )

    def select(
        self, message: Message, menu: str, values: Sequence[str], *, user: User | None = None
    ) -> Interaction:
        """A person picks values in a select menu, named by its custom id; see `slash` for errors.

        For a menu of channels or roles the values are their ids.
        """
        return self._thread.call(
            lambda: self._interactions.select(
                self._state.messages[message.id], menu, values, user or self._state.owner
            ).snapshot()
        )

    def click(self, message: Message, button: str, *, user: User | None = None) -> Interaction:
        """A person clicks a button, named by its custom id or label; see `slash` for errors."""
        return self._thread.call(
            lambda: self._interactions.click(
                self._state.messages[message.id], button, user or self._state.owner
            ).snapshot()
        )
