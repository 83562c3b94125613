"""What a plugin registers, how plugins are found, and how a job's stages are chosen among them."""

from typing import TYPE_CHECKING

from similubot_core.lazy import lazy_names

if TYPE_CHECKING:
    from similubot_core.plugins.hookspecs import hookimpl
    from similubot_core.plugins.manager import HOOKS, load_from_environment, load_plugins
    from similubot_core.plugins.planning import plan_job
    from similubot_core.plugins.specs import (
        AnySpec,
        Check,
        CommandContext,
        CommandSpec,
        ConverterSpec,
        DownloaderSpec,
        LinkCheckerSpec,
        OutputFormat,
        PluginRecord,
        Plugins,
        Sink,
        SinkContext,
        SinkSpec,
        StageSpec,
        TrackerSpec,
        UploaderSpec,
    )

__all__ = [
    "HOOKS",
    "AnySpec",
    "Check",
    "CommandContext",
    "CommandSpec",
    "ConverterSpec",
    "DownloaderSpec",
    "LinkCheckerSpec",
    "OutputFormat",
    "PluginRecord",
    "Plugins",
    "Sink",
    "SinkContext",
    "SinkSpec",
    "StageSpec",
    "TrackerSpec",
    "UploaderSpec",
    "hookimpl",
    "load_from_environment",
    "load_plugins",
    "plan_job",
]

__getattr__ = lazy_names(
    __name__,
    {
        "AnySpec": "specs",
        "Check": "specs",
        "CommandContext": "specs",
        "CommandSpec": "specs",
        "ConverterSpec": "specs",
        "DownloaderSpec": "specs",
        "OutputFormat": "specs",
        "HOOKS": "manager",
        "PluginRecord": "specs",
        "Plugins": "specs",
        "Sink": "specs",
        "SinkContext": "specs",
        "SinkSpec": "specs",
        "StageSpec": "specs",
        "TrackerSpec": "specs",
        "LinkCheckerSpec": "specs",
        "UploaderSpec": "specs",
        "hookimpl": "hookspecs",
        "load_from_environment": "manager",
        "load_plugins": "manager",
        "plan_job": "planning",
    },
)
