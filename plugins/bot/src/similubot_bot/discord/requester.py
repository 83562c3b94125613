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
    ids = {channel.id if channel is not None else None, parent}
    return Requester(
        user.id,
        None if guild is None else guild.id,
        frozenset(id_ for id_ in ids if id_ is not None),
        frozenset(role.id for role in getattr(user, "roles", ())),
        moderates=guild is not None and permissions.manage_messages,
        manages=guild is not None and permissions.manage_guild,
    )
