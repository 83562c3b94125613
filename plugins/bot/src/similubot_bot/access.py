"""Who may use the bot, and who may cancel whose job: the one place that decides."""

from collections.abc import Callable
from dataclasses import dataclass, field

from similubot_bot.i18n import _
from similubot_bot.preferences import ServerSettings
from similubot_bot.settings import BotSettings


@dataclass(frozen=True, slots=True)
class Requester:
    """Somebody who asks the bot for something, and where they ask.

    Attributes:
        user: Their id.
        server: The server's id; None in direct messages.
        channels: The ids of the channel and, for a thread, of the channel that the thread is in.
        roles: The ids of their roles.
        moderates: Whether they may manage messages in this channel.
        manages: Whether they may manage this server.
        sees: Whether they can see a channel of this server, by its id.
    """

    user: int
    server: int | None = None
    channels: frozenset[int] = frozenset()
    roles: frozenset[int] = frozenset()
    moderates: bool = False
    manages: bool = False
    sees: Callable[[int], bool] = field(default=lambda channel: False, compare=False)


def refusal(
    settings: BotSettings, requester: Requester, server: ServerSettings | None = None
) -> str | None:
    """Why this person may not use the bot here, in a sentence; None when they may.

    Args:
        settings: The operator's.
        requester: Who asks.
        server: What the people who manage the server narrowed further; they themselves pass.
    """
    if is_admin(settings, requester):
        return None
    if settings.servers is not None and requester.server not in settings.servers:
        return _("I am not set up for this server; ask me in one where I am.")
    if settings.channels is not None and not requester.channels & frozenset(settings.channels):
        if not settings.channels:
            return _("I do not answer in this channel.")
        first = f"<#{settings.channels[0]}>"
        return _("I do not answer in this channel; ask in {channel}.", channel=first)
    anybody = settings.roles is None and settings.users is None
    named = requester.user in (settings.users or ()) or requester.roles & set(settings.roles or ())
    if not anybody and not named:
        return _("You do not have permission to use me; ask the people who run this server.")
    if server is None or requester.manages:
        return None
    if server.channels is not None and not requester.channels & set(server.channels):
        where = " ".join(f"<#{channel}>" for channel in server.channels[:5])
        return _("I do not answer in this channel; ask in {channel}.", channel=where)
    if server.roles is not None and not requester.roles & set(server.roles):
        return _("You do not have permission to use me; ask the people who run this server.")
    return None


def is_admin(settings: BotSettings, requester: Requester) -> bool:
    """Whether this person may do everything, everywhere."""
    return requester.user in settings.admins


def may_cancel(
    settings: BotSettings, requester: Requester, owner: int, server: int | None, channel: int
) -> bool:
    """Whether this person may cancel a job that `owner` requested in a channel of `server`.

    Who may manage messages may cancel the jobs of that channel, and who manages the server all of
    its jobs.
    """
    if requester.user == owner or is_admin(settings, requester):
        return True
    if server is None or requester.server != server:
        return False
    return requester.manages or (requester.moderates and channel in requester.channels)


def may_see_status(settings: BotSettings, requester: Requester) -> bool:
    """Whether this person may see the state of the bot and its machine."""
    return is_admin(settings, requester) or requester.manages
