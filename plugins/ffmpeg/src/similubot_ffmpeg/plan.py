"""What is to be done with a source: copied or encoded, and at which bitrate. Pure."""

from dataclasses import dataclass

from similubot_core import ConversionRequest, StageError
from similubot_core.render import duration, size
from similubot_ffmpeg.media import AudioTrack
from similubot_ffmpeg.settings import HIGHEST_BITRATE, LOWEST_BITRATE

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
        bitrate: Kilobits per second to encode with; None copies the track.
    """

    bitrate: int | None


def check_request(request: ConversionRequest) -> None:
    """Check what is asked before anything is read.

    Raises:
        StageError: The bitrate or the size cannot be.
    """
    bitrate: object = request.bitrate
    if bitrate is not None and (
        not isinstance(bitrate, int)
        or isinstance(bitrate, bool)
        or not LOWEST_BITRATE <= bitrate <= HIGHEST_BITRATE
    ):
        raise StageError(
            f"A bitrate of {bitrate} kb/s is not possible; choose a whole number from "
            f"{LOWEST_BITRATE} to {HIGHEST_BITRATE}."
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
) -> Plan:
    """The least work that gives what is asked.

    AAC is copied where no other bitrate is asked for. Without a bitrate asked for, the default is
    taken (or, to fill a size, the highest), but not more than the source has. A size limit lowers
    the bitrate where it must.

    Args:
        track: The source's track.
        request: What is asked, checked by `check_request`.
        default_bitrate: Kilobits per second where none is asked for.
        length: Seconds of the track; None is unknown, and then a size limit cannot be planned for.
        cover_size: Bytes of the cover art.
        may_copy: Whether AAC may be copied; not where that failed.

    Raises:
        StageError: Even the lowest bitrate is too large for the size limit.
    """
    has = track.bitrate
    usual = HIGHEST_BITRATE if request.fill else default_bitrate
    wanted = request.bitrate or min(usual, max(has or usual, LOWEST_BITRATE))
    same = request.bitrate is None or (
        has is not None and abs(has - request.bitrate) <= SAME_BITRATE * request.bitrate
    )
    copies = may_copy and same and track.codec == "aac"
    if request.max_size is None or length is None:
        return Plan(None if copies else wanted)
    highest = highest_bitrate(request.max_size - cover_size, length, track.sample_rate)
    if copies and (has is None or has <= highest):
        return Plan(None)  # where the bitrate is not known, copying costs little and shows it
    if highest < LOWEST_BITRATE:
        needed = estimated_size(LOWEST_BITRATE, length, track.sample_rate) + cover_size
        raise StageError(
            f"{duration(length)} of audio cannot be made to fit {size(request.max_size)}: even at "
            f"{LOWEST_BITRATE} kb/s, the lowest, it takes about {size(needed)}."
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
