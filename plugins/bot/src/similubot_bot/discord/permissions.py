"""Who may use the bot, and who may cancel whose job."""

from dataclasses import dataclass

from similubot_bot.settings import BotSettings


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who asks for something, and where.

    Attributes:
        user: Their id.
        server: The server's id; None in direct messages.
        channels: The ids of the channel and, for a thread, of the channel it belongs to.
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


def refusal(settings: BotSettings, person: Person) -> str | None:
    """Why this person may not use the bot here, in a sentence; None when they may."""
    if is_admin(settings, person):
        return None
    if settings.servers and person.server not in settings.servers:
        return "I do not work here; ask in a server that I was set up for."
    if settings.channels and not person.channels & frozenset(settings.channels):
        first = settings.channels[0]
        return f"I do not answer in this channel; ask in <#{first}>."
    if (settings.roles or settings.users) and not (
        person.user in settings.users or person.roles & frozenset(settings.roles)
    ):
        return "You are not among those who may use me here; ask the people who run this server."
    return None


def is_admin(settings: BotSettings, person: Person) -> bool:
    """Whether this person may do everything."""
    return person.user in settings.admins


def may_cancel(settings: BotSettings, person: Person, owner: int, server: int | None) -> bool:
    """Whether this person may cancel a job of `owner` that was asked for in `server`."""
    if person.user == owner or is_admin(settings, person):
        return True
    return server is not None and person.server == server and person.moderates


def may_see_status(settings: BotSettings, person: Person) -> bool:
    """Whether this person may see how the bot and its machine are."""
    return is_admin(settings, person) or person.manages
