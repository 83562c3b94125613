"""What the core brings itself, registered through the same hooks as any plugin's."""

import argparse
from importlib import import_module
from types import ModuleType

from similubot_core.plugins.hookspecs import hookimpl
from similubot_core.plugins.specs import (
    CommandContext,
    CommandSpec,
    SinkSpec,
    StageSpec,
    TrackerSpec,
    UploaderSpec,
)


@hookimpl
def similubot_trackers() -> list[TrackerSpec]:
    """The tracker of any tool that prints percentages."""
    from similubot_core.progress.percent_tracker import TRACKER_NAME, PercentTracker

    return [TrackerSpec(TRACKER_NAME, "any tool that prints percentages", PercentTracker)]


@hookimpl
def similubot_sinks() -> list[SinkSpec]:
    """Plain lines and JSON lines."""
    from similubot_core.sinks import open_json_sink, open_lines_sink

    return [
        SinkSpec("lines", "plain lines on stderr (or =stdout)", open_lines_sink),
        SinkSpec("json", "JSON lines on stdout (or =stderr)", open_json_sink),
    ]


@hookimpl
def similubot_stages() -> list[StageSpec]:
    """The uploader into a folder, for people who serve files themselves."""
    from similubot_core.jobs.folder_uploader import open_folder_uploader

    return [UploaderSpec("folder", "a copy in a folder: folder=DIR", open_folder_uploader)]


@hookimpl
def similubot_commands() -> list[CommandSpec]:
    """The core's commands."""
    return [
        _command("convert", "a link or a file in, a link or a file out", "convert"),
        _command("watch", "show the progress of any command", "watch"),
        _command("plugins", "what is installed, and whether it works", "list_plugins"),
        _command("doctor", "what this machine has and lacks", "doctor"),
        _command("new-plugin", "write a plugin to begin with", "new_plugin"),
    ]


def _command(name: str, summary: str, module: str) -> CommandSpec:
    """A command whose module is imported only when it is typed."""

    def home() -> ModuleType:
        return import_module(f"similubot_core.cli.{module}")

    def configure(parser: argparse.ArgumentParser) -> None:
        home().configure(parser)

    def run(arguments: argparse.Namespace, context: CommandContext) -> int:
        status: int = home().run(arguments, context)
        return status

    return CommandSpec(name, summary, configure, run)
