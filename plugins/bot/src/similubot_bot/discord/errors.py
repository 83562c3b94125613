"""The sentence that people get when a command goes wrong; never a traceback."""

import aiohttp
import discord
from discord import app_commands
from discord.ext import commands

from similubot_bot.i18n import _
from similubot_core import SimilubotError


class Refused(commands.CheckFailure):
    """The requester may not do something; the text is a sentence for them."""


def user_sentence(error: Exception, prefix: str) -> str | None:
    """The sentence for an error of discord.py or of ours.

    Args:
        error: What a command raised.
        prefix: What typed commands begin with.

    Returns:
        None when there is nothing to say; "" when it is unexpected and belongs in the log.
    """
    while isinstance(
        error,
        commands.HybridCommandError | commands.CommandInvokeError | app_commands.CommandInvokeError,
    ):
        error = error.original
    if isinstance(error, SimilubotError):
        return error.message
    if isinstance(error, commands.CommandNotFound | app_commands.CommandNotFound):
        return None
    if isinstance(error, Refused):
        return str(error)
    if isinstance(error, commands.UserInputError):
        command = f"`{prefix}help`"
        return _("I didn't understand that; {command} shows how to ask.", command=command)
    if type(error) is app_commands.CheckFailure and str(error):
        return str(error)  # ours; what discord.py raises itself is derived from it
    if isinstance(error, commands.CheckFailure | app_commands.CheckFailure):
        return _("You don't have permission to do that here.")
    if isinstance(error, discord.HTTPException) and error.code in (10062, 10003, 10008):
        return None  # the interaction, the channel or the message is gone: nobody is there
    if isinstance(error, aiohttp.ClientError):
        return None  # the answer was cut off, as at a stop: another would be too
    return ""
