"""SimiluBot's core: any tracker, any sink. It knows no tool, no screen and no host.

The public names are imported when they are first used, so that finding the plugins stays light.
"""

from typing import TYPE_CHECKING

from similubot_core.lazy import lazy_names

if TYPE_CHECKING:
    from similubot_core._track import track, tracked
    from similubot_core.cancel import CancelToken
    from similubot_core.errors import (
        Cancelled,
        DamagedError,
        PluginError,
        SettingsError,
        SimilubotError,
        StageError,
        StorageError,
        UsageError,
    )
    from similubot_core.jobs.stages import (
        ConversionRequest,
        Converter,
        DescribingDownloader,
        Downloader,
        LinkChecker,
        SourceInfo,
        StageContext,
        Uploader,
    )
    from similubot_core.plugins.hookspecs import hookimpl
    from similubot_core.plugins.specs import (
        Check,
        CommandContext,
        CommandSpec,
        ConverterSpec,
        DownloaderSpec,
        ExtensionSpec,
        LinkCheckerSpec,
        OutputFormat,
        Sink,
        SinkContext,
        SinkSpec,
        TrackerSpec,
        UploaderSpec,
    )
    from similubot_core.progress.counting_tracker import CountingTracker
    from similubot_core.progress.info import ProgressInfo, ProgressStatus
    from similubot_core.progress.rate import RateMeter
    from similubot_core.progress.tracker import ProgressCallback, ProgressTracker
    from similubot_core.settings import Settings
    from similubot_core.sinks import default_sink

__version__ = "0.1.0"

__all__ = [
    "CancelToken",
    "Cancelled",
    "Check",
    "CommandContext",
    "CommandSpec",
    "ConversionRequest",
    "Converter",
    "ConverterSpec",
    "CountingTracker",
    "DamagedError",
    "DescribingDownloader",
    "Downloader",
    "DownloaderSpec",
    "ExtensionSpec",
    "LinkChecker",
    "LinkCheckerSpec",
    "OutputFormat",
    "PluginError",
    "ProgressCallback",
    "ProgressInfo",
    "ProgressStatus",
    "ProgressTracker",
    "RateMeter",
    "Settings",
    "SettingsError",
    "SimilubotError",
    "Sink",
    "SinkContext",
    "SinkSpec",
    "SourceInfo",
    "StageContext",
    "StageError",
    "StorageError",
    "TrackerSpec",
    "Uploader",
    "UploaderSpec",
    "UsageError",
    "default_sink",
    "hookimpl",
    "track",
    "tracked",
]

__getattr__ = lazy_names(
    __name__,
    {
        "CancelToken": "cancel",
        "default_sink": "sinks",
        "track": "_track",
        "tracked": "_track",
        "CountingTracker": "progress.counting_tracker",
        "Check": "plugins.specs",
        "CommandContext": "plugins.specs",
        "CommandSpec": "plugins.specs",
        "ConverterSpec": "plugins.specs",
        "DownloaderSpec": "plugins.specs",
        "OutputFormat": "plugins.specs",
        "ExtensionSpec": "plugins.specs",
        "Sink": "plugins.specs",
        "SinkContext": "plugins.specs",
        "SinkSpec": "plugins.specs",
        "TrackerSpec": "plugins.specs",
        "LinkCheckerSpec": "plugins.specs",
        "UploaderSpec": "plugins.specs",
        "Cancelled": "errors",
        "DamagedError": "errors",
        "PluginError": "errors",
        "SettingsError": "errors",
        "SimilubotError": "errors",
        "StageError": "errors",
        "StorageError": "errors",
        "UsageError": "errors",
        "hookimpl": "plugins.hookspecs",
        "ProgressCallback": "progress.tracker",
        "ProgressInfo": "progress.info",
        "ProgressStatus": "progress.info",
        "ProgressTracker": "progress.tracker",
        "RateMeter": "progress.rate",
        "Settings": "settings",
        "ConversionRequest": "jobs.stages",
        "Converter": "jobs.stages",
        "DescribingDownloader": "jobs.stages",
        "Downloader": "jobs.stages",
        "SourceInfo": "jobs.stages",
        "StageContext": "jobs.stages",
        "LinkChecker": "jobs.stages",
        "Uploader": "jobs.stages",
    },
)
