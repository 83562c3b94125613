"""similubot-loopback: servers of MEGA, Catbox and messengers on this machine, and the demo."""

import argparse

from similubot_core import CommandContext, CommandSpec, hookimpl


def _configure(parser: argparse.ArgumentParser) -> None:
    from similubot_loopback.demo import configure

    configure(parser)


def _run(arguments: argparse.Namespace, context: CommandContext) -> int:
    from similubot_loopback.demo import run  # imports the servers

    return run(arguments, context)


@hookimpl
def similubot_commands() -> list[CommandSpec]:
    """The command `similubot demo`."""
    return [CommandSpec("demo", "the main job, on servers of this machine", _configure, _run)]
