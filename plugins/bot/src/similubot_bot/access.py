"""Who may use the bot, and who may cancel whose job: the one place that decides."""

from dataclasses import dataclass

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
    """

    user: int
    server: int | None = None
    channels: frozenset[int] = frozenset()
    roles: frozenset[int] = frozenset()
    moderates: bool = False
    manages: bool = False


def refusal(settings: BotSettings, requester: Requester) -> str | None:
    """Why this person may not use the bot here, in a sentence; None when they may."""
    if is_admin(settings, requester):
        return None
    if settings.servers and requester.server not in settings.servers:
        return "I am not set up for this server; ask me in one where I am."
    if settings.channels and not requester.channels & frozenset(settings.channels):
        first = settings.channels[0]
        return f"I do not answer in this channel; ask in <#{first}>."
    if (settings.roles or settings.users) and not (
        requester.user in settings.users or requester.roles & frozenset(settings.roles)
    ):
        return "You do not have permission to use me; ask the people who run this server."
    return None


def is_admin(settings: BotSettings, requester: Requester) -> bool:
    """Whether this person may do everything, everywhere."""
    return requester.user in settings.admins


def may_cancel(settings: BotSettings, requester: Requester, owner: int, server: int | None) -> bool:
    """Whether this person may cancel a job of `owner` that was requested in `server`."""
    if requester.user == owner or is_admin(settings, requester):
        return True
    return server is not None and requester.server == server and requester.moderates


def may_see_status(settings: BotSettings, requester: Requester) -> bool:
    """Whether this person may see the state of the bot and its machine."""
    return is_admin(settings, requester) or requester.manages
