"""The bundled Discord bot: a link in, a link out, with live progress."""

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING

from similubot_core import Check, CommandContext, CommandSpec, Settings, hookimpl
from similubot_core.lazy import lazy_names

if TYPE_CHECKING:
    from similubot_bot.access import Requester
    from similubot_bot.extensions import BotExtension, ExecutorContext
    from similubot_bot.jobs.executor import AttemptListener, Executor, JobTask, Machine
    from similubot_bot.jobs.records import JobOutcome, JobRecord, JobRequest, JobStatus
    from similubot_bot.jobs.requests import plan_task
    from similubot_bot.jobs.running_job import RunningJob
    from similubot_bot.ops.condition import Condition
    from similubot_bot.service import BotService, QueueEntry
    from similubot_bot.settings import BotSettings

__version__ = "0.1.0"

__all__ = [
    "AttemptListener",
    "BotExtension",
    "BotService",
    "BotSettings",
    "Condition",
    "Executor",
    "ExecutorContext",
    "JobOutcome",
    "JobRecord",
    "JobRequest",
    "JobStatus",
    "JobTask",
    "Machine",
    "QueueEntry",
    "Requester",
    "RunningJob",
    "plan_task",
]

__getattr__ = lazy_names(
    __name__,
    {
        "AttemptListener": "jobs.executor",
        "BotExtension": "extensions",
        "BotService": "service",
        "BotSettings": "settings",
        "Condition": "ops.condition",
        "Executor": "jobs.executor",
        "ExecutorContext": "extensions",
        "JobOutcome": "jobs.records",
        "JobRecord": "jobs.records",
        "JobRequest": "jobs.records",
        "JobStatus": "jobs.records",
        "JobTask": "jobs.executor",
        "Machine": "jobs.executor",
        "QueueEntry": "service",
        "Requester": "access",
        "RunningJob": "jobs.running_job",
        "plan_task": "jobs.requests",
    },
)


def _configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--check", action="store_true", help="print what is missing, without connecting"
    )
    parser.add_argument(
        "words",
        nargs="*",
        metavar="ctl VERB",
        help="do something to the running bot: `ctl help` lists what",
    )
    parser.add_argument(
        "--recover",
        action="store_true",
        help="first put a broken job list aside and take the newest good backup",
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
