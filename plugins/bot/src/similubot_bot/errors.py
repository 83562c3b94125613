"""What people are told when a command goes wrong: one sentence, never a traceback."""

import discord
from discord import app_commands
from discord.ext import commands

from similubot_core import SimilubotError, render


class Refused(commands.CheckFailure):
    """A person may not do something; the text is the sentence for them."""


def sentence_for(error: Exception, prefix: str) -> str | None:
    """The sentence for an error of discord.py or of ours.

    Args:
        error: What a command raised.
        prefix: What typed commands begin with.

    Returns:
        None when nobody needs to be told; "" when it is unexpected and belongs into the log.
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
    if isinstance(error, commands.CommandOnCooldown):
        return f"Not so fast, please: ask again in {render.duration(max(1, error.retry_after))}."
    if isinstance(error, commands.UserInputError):
        return f"I did not understand all of that; `{prefix}help` shows how to ask."
    if isinstance(error, commands.CheckFailure | app_commands.CheckFailure):
        return "You may not do that here."
    if isinstance(error, discord.Forbidden):
        return None  # there is nowhere we could say so
    return ""
