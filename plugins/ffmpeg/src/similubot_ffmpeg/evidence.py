"""What is seen of a source and of its conversion, gathered for the verdict."""

from dataclasses import replace
from pathlib import Path

from similubot_core import CancelToken
from similubot_ffmpeg.media import AudioTrack, MediaInfo
from similubot_ffmpeg.mp4 import Mp4Track
from similubot_ffmpeg.probe import measure
from similubot_ffmpeg.runs import Counts, FFmpeg
from similubot_ffmpeg.source_end import (
    blank_share,
    mp4_lacks_fragments,
    ogg_lacks_pages,
    source_end,
)
from similubot_ffmpeg.verdict import EXACT, Evidence, tolerance

_BARE_FRAMES = ("aac", "ac3", "eac3", "dts", "mp3", "mlp", "truehd", "loas", "gsm", "amr")
"""FFmpeg's names of what holds nothing but frames, one after the other, and tags at its ends."""
_NO_PAUSES = (("flac", "flac"), ("ogg", "flac"), ("ogg", "vorbis"))
"""Containers and codecs whose time stamps count samples, so that a jump in them is missing audio.
Recorders of calls leave silence out of Opus and Speex, so there it may be a pause."""
_NO_PADDING = (*_BARE_FRAMES, "mpegts", "mpeg", "nut", "mov,mp4,m4a,3gp,3g2,mj2")
"""What has no place for a long run of zeros, so that one is missing audio; of MPEG-4 files, those
in fragments, which claim nothing."""
_MOST_REST = 64 * 1024
"""Bytes after the last frame of those that may be tags, or noise at the end of a recording."""


def gather(
    ffmpeg: FFmpeg,
    file: Path,
    info: MediaInfo,
    track: AudioTrack,
    index: Mp4Track | None,
    counts: Counts,
    converted: float,
    cancel: CancelToken,
) -> Evidence:
    """What was seen of a source.

    Args:
        ffmpeg: What reads it once more, where a jump of its time stamps tells of missing audio.
        file: The source.
        info: What is in it.
        track: What was converted of it.
        index: What the index of an MPEG-4 source says of the track; None elsewhere.
        counts: What FFmpeg counted on the way.
        converted: Seconds that are in the result.
        cancel: Ends it.

    Raises:
        OSError: The source cannot be read.
        StageError, Cancelled: As of any run of FFmpeg.
    """
    end = source_end(file, info.format)
    claimed, listed = info.claim_of(track), None
    if info.format.startswith("mov,"):
        # Of a fragmented file, whose index is empty, FFmpeg adds up what fragments are there.
        claimed = index.plays if index is not None and index.packets else None
        listed = index.packets if index is not None and index.plays_nothing else None
    if info.format == "flv" and claimed is not None and converted > claimed - EXACT:
        end = None  # "filesize" and "duration" are two claims, of which one is met
    rest = info.size - counts.packet_bytes
    tags = info.format in _BARE_FRAMES and rest <= _MOST_REST
    return Evidence(
        converted=converted,
        claimed=claimed,
        end_is_missing=(counts.cut_short and not tags) or (end is not None and not end.there),
        share=end.share if end is not None else None,
        last_packet_is_cut=counts.last_packet_is_cut,
        packets=counts.packets,
        errors=counts.errors,
        listed=listed,
        reaches=_reaches(ffmpeg, file, info, track, converted, cancel),
        stopped=counts.stopped and not tags,
        passed_over=counts.passed_over,
        blank=blank_share(file) if _may_lack(info, track, claimed, converted) else 0.0,
    )


def _may_lack(info: MediaInfo, track: AudioTrack, claimed: float | None, converted: float) -> bool:
    """Whether zeros in the file would be audio that is missing."""
    if claimed is None and info.format in _NO_PADDING:
        return not track.codec.startswith(("pcm_", "dsd_"))  # whose silence is zeros
    length = claimed or info.duration
    if length is None or info.format == "ogg":  # whose pages have numbers
        return False
    return length - converted > tolerance(length)


def _reaches(
    ffmpeg: FFmpeg,
    file: Path,
    info: MediaInfo,
    track: AudioTrack,
    converted: float,
    cancel: CancelToken,
) -> float | None:
    """Up to which second packets come, where that tells of missing ones and may be more than
    was converted; else None.
    """
    if info.format.startswith("mov,") and mp4_lacks_fragments(file):
        return measure(ffmpeg, file, f"a:{track.number}", cancel)
    says = info.duration
    if says is None or says < converted + tolerance(converted):
        return None
    if info.format == "ogg" and ogg_lacks_pages(file):
        return says  # by the last page that is there
    if (info.format, track.codec) not in _NO_PAUSES:
        return None
    return measure(ffmpeg, file, f"a:{track.number}", cancel)


def of_clip(seen: Evidence, clip: tuple[float, float | None] | None) -> Evidence:
    """What was seen of the part that was asked for: what comes after it may be missing."""
    if clip is None:
        return seen
    begin, end = clip
    claimed = None if seen.claimed is None else max(0.0, seen.claimed - begin)
    seen = replace(seen, reaches=None, blank=0.0)
    if end is None:
        return replace(seen, claimed=claimed, share=None)
    wanted = end - begin
    reached = seen.converted >= wanted - tolerance(wanted)
    claimed = wanted if claimed is None or reached else min(wanted, claimed)
    return replace(
        seen,
        claimed=claimed,
        share=None,
        end_is_missing=seen.end_is_missing and not reached,
        last_packet_is_cut=seen.last_packet_is_cut and not reached,
        stopped=seen.stopped and not reached,
    )
