"""Slash commands, buttons and their answers on the loopback Discord."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from similubot_loopback.discord_server.errors import api_error
from similubot_loopback.discord_server.messages import EPHEMERAL, LOADING, StoredMessage
from similubot_loopback.discord_server.state import State, Upload
from similubot_loopback.discord_server.world import Channel, Role, User

COMMAND, COMPONENT, MODAL = 2, 3, 5
ANSWER_WITHIN = 3.0
LIFETIME = 900.0
SUB_COMMAND, SUB_GROUP, STRING, INTEGER, BOOLEAN, USER, CHANNEL, ROLE, NUMBER, ATTACHMENT = (
    1, 2, 3, 4, 5, 6, 7, 8, 10, 11,
)  # fmt: skip

OptionValue = str | int | float | bool | User | Role | Channel | Upload


@dataclass(frozen=True)
class Interaction:
    """What a test sees of an interaction: a snapshot.

    `response_type` is Discord's number of the first answer (4 message, 5 deferred, 6 deferred
    update, 7 update), None while there is none; `answered_after` its delay in seconds;
    `message_ids` the messages it led to, the first answer's first.
    """

    id: int
    user_id: int
    channel_id: int
    response_type: int | None
    answered_after: float | None
    message_ids: tuple[int, ...]
    modal: Mapping[str, Any] | None


@dataclass
class StoredInteraction:
    """An interaction as the server keeps it."""

    id: int
    token: str
    kind: int
    user: User
    channel: Channel
    name: str
    message: StoredMessage | None
    created: float = field(default_factory=time.monotonic)
    response_type: int | None = None
    answered_after: float | None = None
    original_id: int | None = None
    message_ids: list[int] = field(default_factory=list)
    modal: dict[str, Any] | None = None
    expired: bool = False

    def snapshot(self) -> Interaction:
        """The interaction for a test."""
        return Interaction(
            self.id,
            self.user.id,
            self.channel.id,
            self.response_type,
            self.answered_after,
            tuple(self.message_ids),
            self.modal,
        )


class Interactions:
    """Registered commands, and the interactions under way."""

    def __init__(self, state: State) -> None:
        self._state = state
        self.commands: dict[int | None, list[dict[str, Any]]] = {None: []}
        self.by_id: dict[int, StoredInteraction] = {}
        self.by_token: dict[str, StoredInteraction] = {}
        self.lifetime = LIFETIME

    # -- registering ------------------------------------------------------------------------

    def put_commands(
        self, guild_id: int | None, bodies: Sequence[Mapping[str, Any]]
    ) -> list[dict[str, Any]]:
        """Replace all commands of a server (None: everywhere)."""
        self.commands[guild_id] = [self._register(guild_id, body) for body in bodies]
        self._state.changed()
        return self.commands[guild_id]

    def add_command(self, guild_id: int | None, body: Mapping[str, Any]) -> dict[str, Any]:
        """Add or replace one command."""
        made = self._register(guild_id, body)
        known = self.commands.setdefault(guild_id, [])
        known[:] = [command for command in known if command["name"] != made["name"]]
        known.append(made)
        self._state.changed()
        return made

    def _register(self, guild_id: int | None, body: Mapping[str, Any]) -> dict[str, Any]:
        errors: dict[str, Any] = {}
        if not re.fullmatch(r"[-_'\w]{1,32}", str(body.get("name"))):
            words = {"code": "APPLICATION_COMMAND_INVALID_NAME", "message": "Invalid name"}
            errors["name"] = {"_errors": [words]}
        if body.get("type", 1) == 1 and not 1 <= len(str(body.get("description", ""))) <= 100:
            words = {"code": "BASE_TYPE_BAD_LENGTH", "message": "Must be between 1 and 100"}
            errors["description"] = {"_errors": [words]}
        if errors:
            raise api_error(50035, errors=errors)
        made = {
            "type": 1,
            "options": [],
            "default_member_permissions": None,
            "nsfw": False,
            **body,
            "id": str(self._state.ids.make()),
            "application_id": str(self._state.bot.id),
            "version": str(self._state.ids.make()),
        }
        if guild_id is not None:
            made["guild_id"] = str(guild_id)
        return made

    # -- invoking ---------------------------------------------------------------------------

    def slash(
        self, name: str, options: Mapping[str, OptionValue], user: User, channel: Channel
    ) -> StoredInteraction:
        """A user invokes a command; `name` may go on with a group's and subcommand's name.

        Raises LookupError for a command that is not registered, PermissionError for one that
        Discord would not show this user, ValueError for options the client would not send.
        """
        first, *deeper = name.split()
        command = self._find(first, channel)
        wanted = command["default_member_permissions"]
        guild = self._state.guilds.get(channel.guild_id or 0)
        if wanted is not None and guild is not None:
            held = guild.permissions(user.id)
            if held & int(wanted) != int(wanted):
                raise PermissionError(f"/{first} is not shown to {user.name}")
        resolved: dict[str, Any] = {}
        schema = command["options"]
        chain = []
        for step in deeper:
            schema_step = next((o for o in schema if o["name"] == step), None)
            if schema_step is None:
                raise LookupError(f"/{name} is not registered")
            chain.append(schema_step)
            schema = schema_step.get("options", [])
        sent: list[dict[str, Any]] = self._options(schema, options, channel, resolved)
        for part in reversed(chain):
            sent = [{"name": part["name"], "type": part["type"], "options": sent}]
        data = {
            "id": command["id"],
            "name": first,
            "type": command["type"],
            "options": sent,
            "resolved": resolved,
        }
        if "guild_id" in command:
            data["guild_id"] = command["guild_id"]
        return self._invoke(COMMAND, data, user, channel, name, None)

    def _find(self, name: str, channel: Channel) -> dict[str, Any]:
        for scope in (channel.guild_id, None):
            for command in self.commands.get(scope, ()):
                if command["name"] == name and command["type"] == 1:
                    return command
        raise LookupError(f"/{name} is not registered")

    def _options(
        self,
        schema: Sequence[Mapping[str, Any]],
        given: Mapping[str, OptionValue],
        channel: Channel,
        resolved: dict[str, Any],
    ) -> list[dict[str, Any]]:
        known = {option["name"]: option for option in schema}
        unknown = set(given) - set(known)
        missing = {n for n, o in known.items() if o.get("required") and n not in given}
        if unknown or missing:
            raise ValueError(f"unknown options {sorted(unknown)}, missing {sorted(missing)}")
        return [
            {
                "name": name,
                "type": known[name]["type"],
                "value": self._value(known[name], value, channel, resolved),
            }
            for name, value in given.items()
        ]

    def _value(
        self,
        option: Mapping[str, Any],
        value: OptionValue,
        channel: Channel,
        resolved: dict[str, Any],
    ) -> str | int | float | bool:
        kind = option["type"]
        if isinstance(value, User) and kind == USER:
            resolved.setdefault("users", {})[str(value.id)] = value.payload()
            guild = self._state.guilds.get(channel.guild_id or 0)
            if guild is not None and value.id in guild.members:
                member = guild.member_payload(value.id)
                del member["user"]
                resolved.setdefault("members", {})[str(value.id)] = member
            return str(value.id)
        if isinstance(value, tuple) and kind == ATTACHMENT:
            stored = self._state.store_file(channel, *value)
            resolved.setdefault("attachments", {})[stored["id"]] = stored
            return str(stored["id"])
        if isinstance(value, Channel) and kind == CHANNEL:
            body = value.payload(self._state.bot.id) | {"permissions": "0"}
            resolved.setdefault("channels", {})[str(value.id)] = body
            return str(value.id)
        if isinstance(value, Role) and kind == ROLE:
            resolved.setdefault("roles", {})[str(value.id)] = value.payload()
            return str(value.id)
        fits = (
            (kind == STRING and isinstance(value, str))
            or (kind == BOOLEAN and isinstance(value, bool))
            or (kind in (INTEGER, NUMBER) and type(value) is int)
            or (kind == NUMBER and isinstance(value, float))
        )
        if not fits or not isinstance(value, str | int | float):
            raise ValueError(f"option {option['name']} of type {kind} cannot be {value!r}")
        measure = len(value) if isinstance(value, str) else value
        bounds = ("min_length", "max_length") if kind == STRING else ("min_value", "max_value")
        low, high = option.get(bounds[0]), option.get(bounds[1])
        if (low is not None and measure < low) or (high is not None and measure > high):
            raise ValueError(f"option {option['name']} is outside {low} to {high}")
        choices = [choice["value"] for choice in option.get("choices", ())]
        if choices and value not in choices:
            raise ValueError(f"option {option['name']} must be one of {choices}")
        return value

    def menu(self, name: str, message: StoredMessage, user: User) -> StoredInteraction:
        """A user picks a command in a message's menu; LookupError when it is not registered."""
        channel = self._state.channels[message.channel_id]
        for scope in (channel.guild_id, None):
            for command in self.commands.get(scope, ()):
                if command["name"] == name and command["type"] == 3:
                    data = {
                        "id": command["id"],
                        "name": name,
                        "type": 3,
                        "target_id": str(message.id),
                        "resolved": {"messages": {str(message.id): message.payload()}},
                    }
                    return self._invoke(COMMAND, data, user, channel, name, None)
        raise LookupError(f"{name} is not registered for messages")

    def submit(
        self, interaction_id: int, values: Mapping[str, str], user: User
    ) -> StoredInteraction:
        """A user sends the form that answered an interaction."""
        asked = self.by_id[interaction_id]
        if asked.modal is None:
            raise LookupError("the interaction was not answered with a form")
        left = dict(values)
        rows = []
        for row in asked.modal["components"]:
            parts = row["components"] if "components" in row else [row["component"]]
            filled = []
            for part in parts:
                names = (part["custom_id"], part.get("label"), row.get("label"))
                key = next((name for name in names if name in left), None)
                value = part.get("value", "") if key is None else left.pop(key)
                if len(value) < part.get("min_length", 0) or (part.get("required") and not value):
                    raise ValueError(f"the field {part['custom_id']} is too short")
                entry = {"type": part["type"], "custom_id": part["custom_id"], "value": value}
                filled.append(entry)
            rows.append(
                {"type": 1, "components": filled}
                if "components" in row
                else {"type": row["type"], "component": filled[0]}
            )
        if left:
            raise LookupError(f"the form has no fields {sorted(left)}")
        data = {"custom_id": asked.modal["custom_id"], "components": rows}
        return self._invoke(MODAL, data, user, asked.channel, "form", asked.message)

    def select(
        self, message: StoredMessage, menu: str, values: Sequence[str], user: User
    ) -> StoredInteraction:
        """A user picks values in a select menu, named by its custom id.

        Raises LookupError when the message has no such menu, ValueError for values it does not
        offer.
        """
        channel = self._state.channels[message.channel_id]
        for row in message.shown["components"]:
            for part in row.get("components", ()):
                if part.get("custom_id") != menu or part["type"] not in (3, 5, 6, 7, 8):
                    continue
                offered = [option["value"] for option in part.get("options", ())]
                if part["type"] == 3 and not set(values) <= set(offered):
                    raise ValueError(f"the menu {menu} offers {offered}")
                data: dict[str, Any] = {
                    "custom_id": menu,
                    "component_type": part["type"],
                    "values": list(values),
                    "resolved": self._resolved(part["type"], values),
                }
                return self._invoke(COMPONENT, data, user, channel, menu, message)
        raise LookupError(f"the message has no menu {menu}")

    def _resolved(self, kind: int, values: Sequence[str]) -> dict[str, Any]:
        ids = [int(value) for value in values] if kind != 3 else []
        if kind == 8:
            found = {
                str(id_): self._state.channels[id_].payload(self._state.bot.id)
                | {"permissions": "0"}
                for id_ in ids
            }
            return {"channels": found}
        if kind == 6:
            roles = {r.id: r for g in self._state.guilds.values() for r in g.roles.values()}
            return {"roles": {str(id_): roles[id_].payload() for id_ in ids}}
        return {}

    def click(self, message: StoredMessage, button: str, user: User) -> StoredInteraction:
        """A user clicks a button, named by its custom id or its label.

        Raises LookupError when the message has no such button, PermissionError when disabled.
        """
        if message.deleted:
            raise LookupError("the message is deleted")
        parts = (p for row in message.shown["components"] for p in row.get("components", ()))
        for part in parts:
            if button in (part.get("custom_id"), part.get("label")) and "custom_id" in part:
                if part.get("disabled"):
                    raise PermissionError(f"the button {button} is disabled")
                data = {"custom_id": part["custom_id"], "component_type": part["type"]}
                channel = self._state.channels[message.channel_id]
                return self._invoke(COMPONENT, data, user, channel, button, message)
        raise LookupError(f"the message has no button {button}")

    def _invoke(
        self,
        kind: int,
        data: dict[str, Any],
        user: User,
        channel: Channel,
        name: str,
        message: StoredMessage | None,
    ) -> StoredInteraction:
        made = StoredInteraction(
            self._state.ids.make(), secrets.token_urlsafe(64), kind, user, channel, name, message
        )
        self.by_id[made.id] = self.by_token[made.token] = made
        bot = self._state.bot.id
        guild = self._state.guilds.get(channel.guild_id or 0)
        event: dict[str, Any] = {
            "id": str(made.id),
            "application_id": str(bot),
            "type": kind,
            "token": made.token,
            "version": 1,
            "data": data,
            "channel_id": str(channel.id),
            "channel": channel.payload(bot) | {"permissions": str((1 << 53) - 1)},
            "locale": "en-US",
            "app_permissions": str(guild.permissions(bot) if guild else (1 << 53) - 1),
            "entitlements": [],
            "authorizing_integration_owners": {},
            "attachment_size_limit": self._state.upload_limit(channel),
            "context": 0 if guild else 1,
        }
        if guild is not None:
            event["guild_id"] = str(guild.id)
            event["guild_locale"] = "en-US"
            event["guild"] = {"id": str(guild.id), "locale": "en-US", "features": []}
            event["member"] = guild.member_payload(user.id)
        else:
            event["user"] = user.payload()
        if message is not None:
            event["message"] = message.payload()
        self._state.gateway.dispatch("INTERACTION_CREATE", event)
        return made

    # -- answering --------------------------------------------------------------------------

    def answer(
        self, interaction_id: int, token: str, body: Mapping[str, Any], files: Sequence[Upload]
    ) -> dict[str, Any]:
        """The first answer; returns what discord.py reads of it."""
        made = self.by_id.get(interaction_id)
        late = made is not None and time.monotonic() - made.created > ANSWER_WITHIN
        if made is None or made.token != token or (late and made.response_type is None):
            raise api_error(10062)
        if made.response_type is not None:
            raise api_error(40060)
        kind = int(body.get("type") or 0)
        data = body.get("data") or {}
        message = self._first_message(made, kind, data, files)
        made.response_type = kind
        made.answered_after = time.monotonic() - made.created
        if kind == 9:
            made.modal = dict(data)
        answer: dict[str, Any] = {
            "interaction": {
                "id": str(made.id),
                "type": made.kind,
                "response_message_loading": kind == 5,
                "response_message_ephemeral": bool(int(data.get("flags") or 0) & EPHEMERAL),
            }
        }
        if message is not None:
            made.original_id = message.id
            made.message_ids.append(message.id)
            answer["interaction"]["response_message_id"] = str(message.id)
            answer["resource"] = {"type": kind, "message": message.payload()}
        self._state.changed()
        return answer

    def _first_message(
        self,
        made: StoredInteraction,
        kind: int,
        data: Mapping[str, Any],
        files: Sequence[Upload],
    ) -> StoredMessage | None:
        if kind in (4, 5):
            return self._post(made, data, files, flags=LOADING if kind == 5 else 0)
        if kind == 7 and made.message is not None:
            self._state.edit(made.message, data, files)
            return made.message
        if kind == 6:
            made.original_id = made.message.id if made.message else None
        return None

    def _post(
        self,
        made: StoredInteraction,
        data: Mapping[str, Any],
        files: Sequence[Upload],
        *,
        flags: int = 0,
    ) -> StoredMessage:
        about = {
            "id": str(made.id),
            "type": made.kind,
            "user": made.user.payload(),
            "authorizing_integration_owners": {},
        }
        return self._state.post(
            made.channel,
            self._state.bot,
            data,
            files,
            webhook_id=self._state.bot.id,
            interaction=about,
            flags=flags,
        )

    def by_webhook_token(self, token: str) -> StoredInteraction:
        """The interaction of a token that is still good, or 50027."""
        made = self.by_token.get(token)
        if made is None or made.expired or time.monotonic() - made.created > self.lifetime:
            raise api_error(50027)
        return made

    def follow_up(
        self, made: StoredInteraction, body: Mapping[str, Any], files: Sequence[Upload]
    ) -> StoredMessage:
        """A further message; the first one after a deferral fills the waiting message."""
        if made.response_type is None:
            raise api_error(10015)
        original = self._state.messages.get(made.original_id or 0)
        if original is not None and int(original.shown["flags"]) & LOADING:
            self._state.edit(original, body, files)
            return original
        message = self._post(made, body, files)
        made.message_ids.append(message.id)
        return message

    def message(self, made: StoredInteraction, which: str) -> StoredMessage:
        """A message of an interaction: "@original" or an id."""
        if which != "@original":
            return self._state.message(made.channel.id, int(which))
        if made.original_id is None:
            raise api_error(10015 if made.response_type is None else 10008)
        return self._state.message(made.channel.id, made.original_id)
