"""FFmpeg for SimiluBot: conversions to AAC with true progress and a checked result."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from similubot_core import Check, Converter, ConverterSpec, Settings, TrackerSpec, hookimpl
from similubot_core.lazy import lazy_names

if TYPE_CHECKING:
    from similubot_ffmpeg.converter import AudioConverter
    from similubot_ffmpeg.media import MediaInfo
    from similubot_ffmpeg.settings import FFmpegSettings
    from similubot_ffmpeg.tracker import FFmpegProgressTracker

__version__ = "0.1.0"
__all__ = ["AudioConverter", "FFmpegProgressTracker", "FFmpegSettings", "MediaInfo"]

__getattr__ = lazy_names(
    __name__,
    {
        "AudioConverter": "converter",
        "FFmpegProgressTracker": "tracker",
        "FFmpegSettings": "settings",
        "MediaInfo": "media",
    },
)


def _tracker() -> "FFmpegProgressTracker":
    from similubot_ffmpeg.tracker import FFmpegProgressTracker

    return FFmpegProgressTracker()


def _converter(settings: Settings) -> Converter:
    from similubot_ffmpeg.converter import AudioConverter
    from similubot_ffmpeg.settings import FFmpegSettings

    table = settings.table(FFmpegSettings)
    return AudioConverter(default_bitrate=table.default_bitrate, settings=table)


def _check(settings: Settings) -> Sequence[Check]:
    from similubot_ffmpeg.program import check

    return check(settings)


@hookimpl
def similubot_trackers() -> list[TrackerSpec]:
    """The tracker of FFmpeg's output."""
    return [TrackerSpec("ffmpeg", "what FFmpeg 4 to 9 prints", _tracker, ("ffmpeg",))]


@hookimpl
def similubot_stages() -> list[ConverterSpec]:
    """The converter to AAC."""
    from similubot_ffmpeg.settings import HIGHEST_BITRATE, LOWEST_BITRATE, FFmpegSettings

    return [
        ConverterSpec(
            name="aac",
            summary="AAC audio in an .m4a file, by FFmpeg",
            factory=_converter,
            bitrates=(LOWEST_BITRATE, HIGHEST_BITRATE),
            suffix=".m4a",
            settings=FFmpegSettings,
            check=_check,
            operation="Audio Conversion",
            options=("track", "keep_damaged"),
        )
    ]
