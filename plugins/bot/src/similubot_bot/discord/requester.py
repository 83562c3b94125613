"""Who asks, and where, as Discord tells it."""

from typing import Any

import discord
from discord.ext import commands

from similubot_bot.access import Requester


def requester_of(where: commands.Context[Any] | discord.Interaction[Any]) -> Requester:
    """Who made this request, and where."""
    user = where.author if isinstance(where, commands.Context) else where.user
    channel, guild = where.channel, where.guild
    permissions = where.permissions
    parent = getattr(channel, "parent_id", None)
    ids = frozenset(
        id_ for id_ in (channel.id if channel is not None else None, parent) if id_ is not None
    )

    def sees(channel_id: int) -> bool:
        if channel_id in ids:
            return True
        found = None if guild is None else guild.get_channel_or_thread(channel_id)
        if found is None or not isinstance(user, discord.Member):
            return False
        if isinstance(found, discord.Thread) and found.is_private():
            return False
        return found.permissions_for(user).view_channel

    return Requester(
        user.id,
        None if guild is None else guild.id,
        ids,
        frozenset(role.id for role in getattr(user, "roles", ())),
        moderates=guild is not None and permissions.manage_messages,
        manages=guild is not None and permissions.manage_guild,
        sees=sees,
    )
