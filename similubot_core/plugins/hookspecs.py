"""The five hooks of a plugin.

A plugin is an installed distribution with an entry point in the group ``similubot`` that names a
module with functions marked by `hookimpl`. The hooks take no arguments, are called once, when a
program starts, and return plain descriptors. They import nothing heavy: what is heavy is imported
by the descriptors' factories.
"""

from collections.abc import Sequence

import pluggy

from similubot_core.plugins.specs import (
    CommandSpec,
    ExtensionSpec,
    SinkSpec,
    StageSpec,
    TrackerSpec,
)

PROJECT = "similubot"
"""The name of the entry point group and of pluggy's project."""

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def similubot_trackers() -> Sequence[TrackerSpec]:  # type: ignore[empty-body]
    """The trackers of this plugin.

    Examples:
        >>> from similubot_core import ProgressTracker, TrackerSpec, hookimpl
        >>> class Dots(ProgressTracker):
        ...     def parse_output(self, text: str) -> bool:
        ...         self.update(percentage=text.count("."))
        ...         return "." in text
        >>> @hookimpl
        ... def similubot_trackers():
        ...     return [TrackerSpec("dots", "a dot a per cent", lambda: Dots("Dots"), ("dotter",))]
    """


@hookspec
def similubot_sinks() -> Sequence[SinkSpec]:  # type: ignore[empty-body]
    """The sinks of this plugin.

    Examples:
        >>> from similubot_core import SinkSpec, hookimpl
        >>> class Printer:
        ...     def show(self, info):
        ...         print(info.operation, info.status.value)
        ...     def close(self):
        ...         pass
        >>> @hookimpl
        ... def similubot_sinks():
        ...     return [SinkSpec("printer", "prints each state", lambda context: Printer())]
    """


@hookspec
def similubot_stages() -> Sequence[StageSpec]:  # type: ignore[empty-body]
    """The downloaders, converters and uploaders of this plugin.

    Examples:
        >>> import shutil
        >>> from pathlib import Path
        >>> from similubot_core import DownloaderSpec, hookimpl
        >>> class Copier:
        ...     def run(self, source, context):
        ...         return Path(shutil.copy(source.removeprefix("copy:"), context.folder))
        >>> @hookimpl
        ... def similubot_stages():
        ...     return [
        ...         DownloaderSpec(
        ...             name="copy",
        ...             summary="copy:PATH",
        ...             factory=lambda settings: Copier(),
        ...             accepts=lambda source: source.startswith("copy:"),
        ...         )
        ...     ]
    """


@hookspec
def similubot_commands() -> Sequence[CommandSpec]:  # type: ignore[empty-body]
    """The commands that this plugin adds to the `similubot` command line.

    Examples:
        >>> from similubot_core import CommandSpec, hookimpl
        >>> def greet(arguments, context):
        ...     print(f"Hello, {arguments.who}.")
        ...     return 0
        >>> @hookimpl
        ... def similubot_commands():
        ...     return [CommandSpec("greet", "say hello", lambda p: p.add_argument("who"), greet)]
    """


@hookspec
def similubot_extensions() -> Sequence[ExtensionSpec]:  # type: ignore[empty-body]
    """What this plugin adds to other plugins, such as commands of the bot.

    Examples:
        >>> from similubot_core import ExtensionSpec, hookimpl
        >>> def greeting(settings):
        ...     from similubot_bot import BotExtension
        ...     async def add_commands(bot, service):
        ...         @bot.hybrid_command()
        ...         async def greet(ctx):
        ...             await ctx.send("Hello.")
        ...     return BotExtension("greeting", add_commands)
        >>> @hookimpl
        ... def similubot_extensions():
        ...     return [ExtensionSpec("greeting", "the command greet", "bot", greeting)]
    """
