"""What other plugins add to the bot: commands, an executor, pages on the health port.

A plugin returns a `similubot_core.ExtensionSpec` with ``extends="bot"`` from the hook
`similubot_extensions`; its factory returns a `BotExtension`.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from similubot_core import ExtensionSpec, Settings, SimilubotError
from similubot_core.plugins.specs import Plugins

if TYPE_CHECKING:
    from aiohttp import web
    from discord.ext import commands

    from similubot_bot.jobs.executor import Executor
    from similubot_bot.service import BotService

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ExecutorContext:
    """What an executor gets from the bot.

    Attributes:
        plugins: What is installed.
        settings: The settings of this run.
        folder: The bot's data folder; the executor may make one folder of its own in it.
        slots_changed: To be called, from any thread, when `Executor.slots` has grown.
    """

    plugins: Plugins
    settings: Settings
    folder: Path
    slots_changed: Callable[[], None]


@dataclass(frozen=True, slots=True)
class BotExtension:
    """What a plugin adds to the bot; None adds nothing of the kind.

    Attributes:
        name: The name of the `ExtensionSpec`, for the log.
        add_commands: Adds cogs or commands to the client, once it is logged in and before the
            slash commands are registered. It may raise: then the bot runs without them.
        make_executor: Makes an executor; called in the bot's event loop before the login. Jobs go
            to it before they go to this process's threads.
        local_slots: Whether jobs go to this process's threads as well.
        add_routes: Adds pages to the health port's application before it is served.
    """

    name: str
    add_commands: Callable[[commands.Bot, BotService], Awaitable[None]] | None = None
    make_executor: Callable[[ExecutorContext], Executor] | None = None
    local_slots: bool = True
    add_routes: Callable[[web.Application, BotService], None] | None = None


def bot_extensions(plugins: Plugins, settings: Settings) -> list[BotExtension]:
    """What the installed plugins add to the bot; one that fails is logged and left out.

    Raises:
        SimilubotError: A plugin's settings are wrong; says how.
    """
    found = []
    for spec in plugins.all(ExtensionSpec):
        if spec.extends != "bot":
            continue
        try:
            extension = spec.factory(settings)
        except SimilubotError:
            raise
        except Exception:
            logger.exception("The plugin %s cannot extend the bot", spec.name)
            continue
        if isinstance(extension, BotExtension):
            found.append(extension)
        else:
            kind = type(extension).__name__
            logger.error("The plugin %s returned %s, not a BotExtension", spec.name, kind)
    return found
