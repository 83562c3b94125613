"""What is to be done with a source: copied or encoded, and at which bitrate. Pure."""

from dataclasses import dataclass

from similubot_core import ConversionRequest, StageError
from similubot_core.render import duration, size
from similubot_ffmpeg.formats import M4A, Format
from similubot_ffmpeg.media import AudioTrack
from similubot_ffmpeg.settings import HIGHEST_BITRATE

SAME_BITRATE = 0.05
"""A track whose bitrate is this near to the one asked for counts as having it: 128 kb/s AAC is
shown as 127 to 131."""

_FRAME_SAMPLES = 1024
_INDEX_BYTES_PER_FRAME = 4.4  # measured 4.05 to 4.3 with 4.2.2 to 9.0.2 at 32 to 512 kb/s
_FIXED_BYTES = 16_384  # header, tags
_ENCODER_SLACK = 1.01  # the encoder keeps the bitrate on average; noise was 0.5 % over it


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done.

    Attributes:
        bitrate: Kilobits per second to encode with; None where the track is copied, or encoded in a
            format without a bitrate.
        copies: Whether the track is copied.
    """

    bitrate: int | None
    copies: bool = False


def check_request(request: ConversionRequest, format: Format = M4A) -> None:  # noqa: A002
    """Check what is asked before anything is read.

    Args:
        request: What is asked.
        format: What is to be made.

    Raises:
        StageError: The bitrate or the size cannot be.
    """
    bitrate: object = request.bitrate
    if bitrate is not None and format.bitrates is None:
        raise StageError(f"The format {format.name} takes no bitrate; leave it out.")
    lowest, highest = format.bitrates or (0, 0)
    if bitrate is not None and (
        not isinstance(bitrate, int)
        or isinstance(bitrate, bool)
        or not lowest <= bitrate <= highest
    ):
        raise StageError(
            f"A bitrate of {bitrate} kb/s is not possible; choose a whole number from "
            f"{lowest} to {highest}."
        )
    if request.max_size is not None and request.max_size <= 0:
        raise StageError("The size that the result may have must be more than nothing.")


def choose(
    track: AudioTrack,
    request: ConversionRequest,
    default_bitrate: int,
    length: float | None,
    *,
    cover_size: int = 0,
    may_copy: bool = True,
    format: Format = M4A,  # noqa: A002
) -> Plan:
    """The least work that gives what is asked.

    A track of the format's codec is copied where no other bitrate is asked for. Without a bitrate
    asked for, the default is taken (or, to fill a size, the highest), but not more than the source
    has. A size limit lowers the bitrate where it must.

    Args:
        track: The source's track.
        request: What is asked, checked by `check_request`.
        default_bitrate: Kilobits per second where none is asked for.
        length: Seconds of the track; None is unknown, and then a size limit cannot be planned for.
        cover_size: Bytes of the cover art.
        may_copy: Whether the track may be copied; not where that failed.
        format: What is to be made.

    Raises:
        StageError: Even the lowest bitrate is too large for the size limit.
    """
    has = track.bitrate
    if format.bitrates is None:
        return Plan(None, copies=may_copy and track.codec == format.codec)
    lowest, most = format.bitrates
    usual = most if request.fill else min(default_bitrate, most)
    wanted = request.bitrate or min(usual, max(has or usual, lowest))
    same = request.bitrate is None or (
        has is not None and abs(has - request.bitrate) <= SAME_BITRATE * request.bitrate
    )
    copies = may_copy and same and track.codec == format.codec
    if request.max_size is None or length is None:
        return Plan(None, copies=True) if copies else Plan(wanted)
    highest = highest_bitrate(request.max_size - cover_size, length, track.sample_rate)
    if copies and (has is None or has <= highest):
        return Plan(
            None, copies=True
        )  # where the bitrate is not known, copying costs little and shows it
    if highest < lowest:
        needed = estimated_size(lowest, length, track.sample_rate) + cover_size
        raise StageError(
            f"{duration(length)} of audio cannot be made to fit {size(request.max_size)}: even at "
            f"{lowest} kb/s, the lowest, it takes about {size(needed)}."
        )
    return Plan(min(wanted, highest))


def highest_bitrate(max_size: int, length: float, sample_rate: int | None) -> int:
    """The highest whole bitrate in kb/s, at most 512, whose result is at most `max_size` bytes."""
    left = max_size - _FIXED_BYTES - _index_size(length, sample_rate)
    if left <= 0:
        return 0
    return min(HIGHEST_BITRATE, int(left / (length * _ENCODER_SLACK * 1000 / 8)))


def estimated_size(bitrate: int, length: float, sample_rate: int | None) -> int:
    """Bytes that `length` seconds at `bitrate` kb/s take at most, by the rule above."""
    audio = bitrate * 1000 / 8 * length * _ENCODER_SLACK
    return int(audio + _index_size(length, sample_rate) + _FIXED_BYTES)


def _index_size(length: float, sample_rate: int | None) -> float:
    frames = length * min(sample_rate or 48_000, 96_000) / _FRAME_SAMPLES
    return frames * _INDEX_BYTES_PER_FRAME
