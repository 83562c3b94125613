"""SimiluBot's core: any tracker, any sink. It knows no tool, no screen and no host.

The public names are imported when they are first used, so that finding the plugins stays light.
"""

from typing import TYPE_CHECKING

from similubot_core.lazy import lazy_names

if TYPE_CHECKING:
    from similubot_core.cancel import CancelToken
    from similubot_core.counting_tracker import CountingTracker
    from similubot_core.descriptors import (
        Check,
        CommandContext,
        CommandSpec,
        ConverterSpec,
        DownloaderSpec,
        Sink,
        SinkContext,
        SinkSpec,
        TrackerSpec,
        UploaderSpec,
    )
    from similubot_core.errors import (
        Cancelled,
        PluginError,
        SettingsError,
        SimilubotError,
        StageError,
        UsageError,
    )
    from similubot_core.hookspecs import hookimpl
    from similubot_core.progress import (
        ProgressCallback,
        ProgressInfo,
        ProgressStatus,
        ProgressTracker,
    )
    from similubot_core.rate import RateMeter
    from similubot_core.settings import Settings
    from similubot_core.stages import (
        ConversionRequest,
        Converter,
        Downloader,
        StageContext,
        Uploader,
    )

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
    "Downloader",
    "DownloaderSpec",
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
    "StageContext",
    "StageError",
    "TrackerSpec",
    "Uploader",
    "UploaderSpec",
    "UsageError",
    "hookimpl",
]

__getattr__ = lazy_names(
    __name__,
    {
        "CancelToken": "cancel",
        "CountingTracker": "counting_tracker",
        "Check": "descriptors",
        "CommandContext": "descriptors",
        "CommandSpec": "descriptors",
        "ConverterSpec": "descriptors",
        "DownloaderSpec": "descriptors",
        "Sink": "descriptors",
        "SinkContext": "descriptors",
        "SinkSpec": "descriptors",
        "TrackerSpec": "descriptors",
        "UploaderSpec": "descriptors",
        "Cancelled": "errors",
        "PluginError": "errors",
        "SettingsError": "errors",
        "SimilubotError": "errors",
        "StageError": "errors",
        "UsageError": "errors",
        "hookimpl": "hookspecs",
        "ProgressCallback": "progress",
        "ProgressInfo": "progress",
        "ProgressStatus": "progress",
        "ProgressTracker": "progress",
        "RateMeter": "rate",
        "Settings": "settings",
        "ConversionRequest": "stages",
        "Converter": "stages",
        "Downloader": "stages",
        "StageContext": "stages",
        "Uploader": "stages",
    },
)
