"""What members and servers set for themselves, and what the operator blocks."""

import json
import time
from dataclasses import dataclass, fields, replace
from typing import Annotated, Any, cast

import msgspec
from msgspec import Meta

from similubot_bot.i18n import _
from similubot_bot.jobs.store import Store
from similubot_core import UsageError

_Ids = tuple[Annotated[int, Meta(ge=1)], ...] | None


@dataclass(frozen=True, slots=True)
class MemberSettings:
    """What a member chose for their own jobs; None leaves it to the server and the operator.

    Attributes:
        bitrate: Kilobits per second.
        format: The result's format.
        to: Where results go.
        private: Whether only they see results.
        notify: Whether a message of its own tells them of a job's end.
        language: The language of answers, such as "de".
    """

    bitrate: Annotated[int, Meta(ge=1, le=10_000)] | None = None
    format: str | None = None
    to: str | None = None
    private: bool | None = None
    notify: bool | None = None
    language: str | None = None


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """What the people who manage a server chose for it; None leaves it to the operator.

    Attributes:
        channels: Where the bot answers, among the operator's channels.
        roles: Who may use it, among the operator's users.
        prefix: What typed commands begin with.
        offer: Whether links in plain messages get a "Convert" button.
        to: Where results go.
        bitrate: Kilobits per second.
        open_per_user: How many jobs of one user may wait or run; at most the operator's.
        open_per_server: How many jobs of the server may wait or run; at most the operator's.
        max_size: Bytes that a source may have; at most the operator's.
        language: The language of answers where a member has no other.
    """

    channels: _Ids = None
    roles: _Ids = None
    prefix: Annotated[str, Meta(min_length=1, max_length=10)] | None = None
    offer: bool | None = None
    to: str | None = None
    bitrate: Annotated[int, Meta(ge=1, le=10_000)] | None = None
    open_per_user: Annotated[int, Meta(ge=1, le=1000)] | None = None
    open_per_server: Annotated[int, Meta(ge=1, le=1000)] | None = None
    max_size: Annotated[int, Meta(ge=1)] | None = None
    language: str | None = None


Settings = MemberSettings | ServerSettings


def change(settings: Any, key: str, text: str) -> Any:
    """A copy of settings with one value set as people write it; "" or "default" unsets it.

    Args:
        settings: `MemberSettings` or `ServerSettings`.
        key: The field's name.
        text: The value: a number, "yes" or "no", a name, ids or mentions with commas or spaces.

    Raises:
        UsageError: There is no such key, or the value is not one for it.
    """
    known = {field.name: field for field in fields(settings)}
    if key not in known:
        raise UsageError(
            _("There is no setting of that name; there are {names}.", names=", ".join(known))
        )
    text = text.strip()
    if text.lower() in ("", "default", "none"):
        return replace(settings, **{key: None})
    value: object = text
    if known[key].type in (bool | None, "bool | None"):
        if text.lower() not in ("yes", "no", "true", "false", "on", "off", "1", "0"):
            raise UsageError(_("Write yes or no for {key}.", key=key))
        value = text.lower() in ("yes", "true", "on", "1")
    elif key in ("channels", "roles"):
        words = text.replace(",", " ").split()
        ids = [word.strip("<#@&!>") for word in words]
        if not all(word.isdecimal() for word in ids):
            raise UsageError(_("Mention {key}, or write their ids.", key=key))
        value = [int(word) for word in ids]
    elif key not in ("format", "to", "prefix", "language"):
        if not text.isdecimal():
            raise UsageError(_("Write a number for {key}.", key=key))
        value = int(text)
    try:
        return msgspec.convert({**_told(settings), key: value}, type(settings))
    except msgspec.ValidationError as error:
        raise UsageError(f"{key}: {error}") from error


def _told(settings: Any) -> dict[str, object]:
    built: dict[str, object] = msgspec.to_builtins(settings)
    return {key: value for key, value in built.items() if value is not None}


def to_toml(settings: ServerSettings) -> str:
    """A server's settings as TOML, for `from_toml`."""
    # What JSON writes for numbers, texts, yes and no, and lists of numbers is TOML too.
    return "".join(f"{key} = {json.dumps(value)}\n" for key, value in _told(settings).items())


def from_toml(text: str) -> ServerSettings:
    """Read what `to_toml` wrote.

    Raises:
        UsageError: It is not that.
    """
    try:
        return msgspec.toml.decode(text.encode(), type=ServerSettings, strict=True)
    except msgspec.MsgspecError as error:
        raise UsageError(_("That is not a file of settings: {error}", error=error)) from error


# -- in the job list, in its thread -------------------------------------------------------------


def load_member(store: Store, user: int) -> MemberSettings:
    """A member's settings."""
    rows = store.db.select("SELECT settings FROM members WHERE user = ?", (user,))
    if not rows:
        return MemberSettings()
    return msgspec.json.decode(str(rows[0][0]), type=MemberSettings, strict=False)


def save_member(store: Store, user: int, settings: MemberSettings) -> None:
    """Keep a member's settings."""
    store.db.change(
        "INSERT INTO members (user, settings) VALUES (?, ?) "
        "ON CONFLICT (user) DO UPDATE SET settings = excluded.settings",
        (user, msgspec.json.encode(settings).decode()),
    )


def save_userhash(store: Store, user: int, userhash: str) -> None:
    """Keep a member's own Catbox user hash, encrypted; "" removes it."""
    store.db.change(
        "INSERT INTO members (user, settings, userhash) VALUES (?, '{}', ?) "
        "ON CONFLICT (user) DO UPDATE SET userhash = excluded.userhash",
        (user, store.box.seal(userhash)),
    )


def load_userhash(store: Store, user: int) -> str:
    """A member's own Catbox user hash; "" without one."""
    rows = store.db.select("SELECT userhash FROM members WHERE user = ?", (user,))
    return store.box.open(str(rows[0][0])) if rows else ""


def forget_member(store: Store, user: int) -> tuple[int, bool]:
    """Delete what is stored about a member, but for jobs that have not ended.

    Returns:
        How many jobs were deleted, and whether there were settings.
    """
    jobs = store.db.change("DELETE FROM jobs WHERE user = ? AND outcome IS NOT NULL", (user,))
    settings = store.db.change("DELETE FROM members WHERE user = ?", (user,))
    store.db.change("UPDATE audit SET subject = '' WHERE subject = ?", (f"user {user}",))
    store.db.change("UPDATE audit SET actor = '' WHERE actor = ?", (f"user {user}",))
    store.db.empty_log()
    return jobs.rowcount, settings.rowcount > 0


def load_servers(store: Store) -> dict[int, ServerSettings]:
    """The settings of all servers."""
    rows = cast("list[tuple[int, str]]", store.db.select("SELECT server, settings FROM servers"))
    return {
        server: msgspec.json.decode(text, type=ServerSettings, strict=False)
        for server, text in rows
    }


def save_server(store: Store, server: int, settings: ServerSettings) -> None:
    """Keep a server's settings."""
    store.db.change(
        "INSERT OR REPLACE INTO servers (server, settings) VALUES (?, ?)",
        (server, msgspec.json.encode(settings).decode()),
    )


def load_blocks(store: Store) -> dict[tuple[str, int], str]:
    """What is blocked: ("user" or "server", id), and the reason."""
    rows = cast(
        "list[tuple[str, int, str]]", store.db.select("SELECT kind, id, reason FROM blocks")
    )
    return {(kind, id_): reason for kind, id_, reason in rows}


def save_block(store: Store, kind: str, id_: int, reason: str | None) -> None:
    """Block a user or a server, or (without a reason) unblock it."""
    if reason is None:
        store.db.change("DELETE FROM blocks WHERE kind = ? AND id = ?", (kind, id_))
    else:
        store.db.change(
            "INSERT OR REPLACE INTO blocks VALUES (?, ?, ?, ?)", (kind, id_, reason, store.clock())
        )


def note_audit(store: Store, actor: str, action: str, subject: str = "", detail: str = "") -> None:
    """Note who did what to whom."""
    store.db.change(
        "INSERT INTO audit (created, actor, action, subject, detail) VALUES (?, ?, ?, ?, ?)",
        (store.clock(), actor, action, subject, detail),
    )


def load_audit(store: Store, limit: int) -> list[str]:
    """The newest entries of the audit log, as lines."""
    rows = store.db.select(
        "SELECT created, actor, action, subject, detail FROM audit ORDER BY id DESC LIMIT ?",
        (limit,),
    )
    lines = []
    for created, *words in cast("list[tuple[float, str, str, str, str]]", rows):
        moment = time.strftime("%Y-%m-%d %H:%M", time.gmtime(created))
        lines.append(" ".join([moment, *(word for word in words if word)]))
    return lines


def prune_audit(store: Store, moment: float) -> None:
    """Forget the audit log's entries of before `moment`."""
    store.db.change("DELETE FROM audit WHERE created < ?", (moment,))


def note_channel(store: Store, channel: int, server: int | None, message: int) -> None:
    """Note the newest message that was read in a channel where the bot is used."""
    store.db.change(
        "INSERT OR REPLACE INTO channels VALUES (?, ?, ?, ?)",
        (channel, server, message, store.clock()),
    )


def used_channels(store: Store, since: float) -> list[tuple[int, int | None, int]]:
    """The channels that were in use since then: channel, server, newest message read."""
    rows = store.db.select(
        "SELECT channel, server, last_message FROM channels WHERE used >= ?", (since,)
    )
    return cast("list[tuple[int, int | None, int]]", rows)
