"""The table [ffmpeg] of similubot.toml."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

from msgspec import Meta

MIB = 1024 * 1024
LOWEST_BITRATE = 32
HIGHEST_BITRATE = 512
"""Kilobits per second: what FFmpeg's own AAC encoder makes use of in stereo at 44,100 Hz."""


@dataclass(frozen=True, slots=True)
class FFmpegSettings:
    """How this plugin runs FFmpeg.

    Attributes:
        program: The FFmpeg to use, a path or a name on PATH; None is "ffmpeg" on PATH, else the one
            in imageio-ffmpeg.
        default_bitrate: Kilobits per second where none is asked for, 32 to 512.
        threads: How many parts of a long source are encoded at once; 1 is never more than one, 0
            is as many as there are processors, where that is faster. Conversions of one process
            share them: each has one at least.
        languages: Preferred languages of the audio, the first one most, as files name them ("eng");
            they count where a file marks no track as its default, or several.
        keep_damaged: Whether a result that lacks something is kept, as `--keep-damaged` does.
        max_duration: Seconds of audio that a source may have at most.
        max_output_size: Bytes that a result may have at most.
        stall_timeout: Seconds without any progress after which FFmpeg is taken for hung.
        max_memory: Bytes of address space that each FFmpeg may have; a conversion takes about
            300 MB of it, most of which are libraries.
        max_cpu_time: Seconds of processor time that each FFmpeg may use; an hour of sound takes
            about 60.
    """

    table_name: ClassVar[str] = "ffmpeg"
    program: str | None = None
    default_bitrate: Annotated[int, Meta(ge=LOWEST_BITRATE, le=HIGHEST_BITRATE)] = 128
    threads: Annotated[int, Meta(ge=0, le=64)] = 0
    languages: tuple[str, ...] = ()
    keep_damaged: bool = False
    max_duration: Annotated[float, Meta(gt=0)] = 86_400.0
    max_output_size: Annotated[int, Meta(gt=0)] = 4 * 1024**3
    stall_timeout: Annotated[float, Meta(gt=0)] = 60.0
    max_memory: Annotated[int, Meta(ge=256 * MIB)] = 1024 * MIB
    max_cpu_time: Annotated[int, Meta(ge=1)] = 7200
