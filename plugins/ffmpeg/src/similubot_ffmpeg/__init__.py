"""FFmpeg for SimiluBot: conversions to AAC with true progress and a checked result."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from similubot_core import (
    Check,
    Converter,
    ConverterSpec,
    OutputFormat,
    Settings,
    TrackerSpec,
    hookimpl,
)
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


def _tracker(command: Sequence[str] = ()) -> "FFmpegProgressTracker":
    from similubot_ffmpeg.tracker import FFmpegProgressTracker

    return FFmpegProgressTracker(command=command)


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
    summary = "what FFmpeg 4 to 9 prints"
    return [TrackerSpec("ffmpeg", summary, _tracker, ("ffmpeg",), for_command=_tracker)]


@hookimpl
def similubot_stages() -> list[ConverterSpec]:
    """The converter of audio."""
    from similubot_ffmpeg.formats import FORMATS, OTHER_SUFFIXES
    from similubot_ffmpeg.settings import FFmpegSettings

    return [
        ConverterSpec(
            name="ffmpeg",
            summary="AAC, MP3, Opus, FLAC, WAV or the audio as it is, by FFmpeg",
            factory=_converter,
            formats=tuple(
                OutputFormat(
                    made.name,
                    made.suffix,
                    made.bitrates,
                    copies=not made.encoder,
                    other_suffixes=OTHER_SUFFIXES.get(made.name, ()),
                    summary=made.summary,
                )
                for made in FORMATS.values()
            ),
            settings=FFmpegSettings,
            check=_check,
            operation="Audio Conversion",
            options=("track", "clip", "keep_damaged"),
        )
    ]
