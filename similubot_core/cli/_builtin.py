"""What the core brings itself, registered through the same hooks as any plugin's."""

import argparse
from collections.abc import Sequence
from dataclasses import replace
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING

from similubot_core.plugins.hookspecs import hookimpl
from similubot_core.plugins.specs import (
    Check,
    CommandContext,
    CommandSpec,
    ConverterSpec,
    OutputFormat,
    SinkSpec,
    StageSpec,
    TrackerSpec,
    UploaderSpec,
)

if TYPE_CHECKING:
    from similubot_core.settings import Settings, SettingsTable


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
    """The converter that leaves a file as it is, and the uploader into a folder."""
    from similubot_core.jobs.folder_uploader import open_folder_uploader
    from similubot_core.jobs.no_conversion import open_no_conversion
    from similubot_core.plugins.choice import NO_CONVERSION

    return [
        ConverterSpec(
            "none",
            "the file as it came",
            open_no_conversion,
            formats=(OutputFormat(NO_CONVERSION, copies=True, summary="the file as it came"),),
        ),
        UploaderSpec("folder", "a copy in a folder: folder=DIR", open_folder_uploader),
    ]


@hookimpl
def similubot_commands() -> list[CommandSpec]:
    """The core's commands."""
    return [
        _command(
            "convert", "a link or a file in, a link or a file out", "convert", "ConvertSettings"
        ),
        _command("download", "links in, files out", "download"),
        _command("upload", "files in, links out", "upload"),
        _command("watch", "show the progress of any command", "watch", "WatchSettings"),
        _command(
            "plugins", "what is installed, and whether it works", "list_plugins", "CoreSettings"
        ),
        replace(_command("doctor", "check this machine's setup", "doctor"), check=_check_sandbox),
        _command("config", "show each setting and where it comes from", "config"),
        _command("completion", "completion for bash, zsh and fish", "completion"),
        _command("new-plugin", "write a plugin to begin with", "new_plugin"),
    ]


def _check_sandbox(settings: "Settings") -> Sequence[Check]:
    from similubot_core.cli.doctor import check_sandbox

    return check_sandbox(settings)


def _command(name: str, summary: str, module: str, settings: str | None = None) -> CommandSpec:
    """A command whose module, and the class of whose settings, are imported only when needed."""

    def home() -> ModuleType:
        return import_module(f"similubot_core.cli.{module}")

    def configure(parser: argparse.ArgumentParser) -> None:
        home().configure(parser)

    def run(arguments: argparse.Namespace, context: CommandContext) -> int:
        status: int = home().run(arguments, context)
        return status

    def schema() -> "type[SettingsTable]":
        found: type[SettingsTable] = getattr(
            import_module("similubot_core.plugins.choice"), settings or ""
        )
        return found

    return CommandSpec(name, summary, configure, run, settings=None if settings is None else schema)
