"""The bundled Discord bot: a link in, a link out, with live progress."""

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING

from similubot_core import Check, CommandContext, CommandSpec, Settings, hookimpl

if TYPE_CHECKING:
    from similubot_bot.settings import BotSettings

__version__ = "0.1.0"


def _configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--check", action="store_true", help="say what is missing, without connecting"
    )


def _run(arguments: argparse.Namespace, context: CommandContext) -> int:
    from similubot_bot.ops.command import run

    return run(arguments, context)


def _settings() -> "type[BotSettings]":
    from similubot_bot.settings import BotSettings

    return BotSettings


def _check(settings: Settings) -> Sequence[Check]:
    from similubot_bot.ops.checks import bot_checks

    return bot_checks(settings)


@hookimpl
def similubot_commands() -> list[CommandSpec]:
    """The command `similubot bot`."""
    return [
        CommandSpec(
            "bot",
            "run the Discord bot",
            _configure,
            _run,
            settings=_settings,
            check=_check,
        )
    ]
