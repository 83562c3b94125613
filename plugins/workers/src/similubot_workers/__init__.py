"""Workers: the bot's jobs on other machines. Dramatiq and Redis carry, the bot's queue decides."""

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING

from similubot_core import (
    Check,
    CommandContext,
    CommandSpec,
    ExtensionSpec,
    Settings,
    hookimpl,
)
from similubot_core.lazy import lazy_names
from similubot_workers.settings import WorkersSettings

if TYPE_CHECKING:
    from similubot_workers.executor import RedisExecutor

__version__ = "0.1.0"

__all__ = ["RedisExecutor", "WorkersSettings"]

__getattr__ = lazy_names(__name__, {"RedisExecutor": "executor"})


def _configure_worker(parser: argparse.ArgumentParser) -> None:
    from similubot_workers.command import configure_worker

    configure_worker(parser)


def _run_worker(arguments: argparse.Namespace, context: CommandContext) -> int:
    from similubot_workers.command import run_worker

    return run_worker(arguments, context)


def _configure_workers(parser: argparse.ArgumentParser) -> None:
    from similubot_workers.command import configure_workers

    configure_workers(parser)


def _run_workers(arguments: argparse.Namespace, context: CommandContext) -> int:
    from similubot_workers.command import run_workers

    return run_workers(arguments, context)


def _check(settings: Settings) -> Sequence[Check]:
    from similubot_workers.extension import check

    return check(settings)


def _extension(settings: Settings) -> object:
    from similubot_workers.extension import make_extension

    return make_extension(settings)


@hookimpl
def similubot_commands() -> list[CommandSpec]:
    """The commands `similubot worker` and `similubot workers`."""
    return [
        CommandSpec("worker", "carry jobs of a bot", _configure_worker, _run_worker),
        CommandSpec("workers", "list the workers of a bot", _configure_workers, _run_workers),
    ]


@hookimpl
def similubot_extensions() -> list[ExtensionSpec]:
    """The bot's executor."""
    return [
        ExtensionSpec(
            "workers",
            "runs the bot's jobs on other machines",
            "bot",
            _extension,
            WorkersSettings,
            check=_check,
        )
    ]
