"""Whether a seek lands on the very sample that was asked for."""

from similubot_ffmpeg.media import AudioTrack, MediaInfo
from similubot_ffmpeg.mp4 import Mp4Track


def is_exact(
    info: MediaInfo, track: AudioTrack, index: Mp4Track | None, *, still_comes: bool
) -> bool:
    """Whether FFmpeg's time stamps after a seek say which samples of the track come.

    In MPEG-4 its index says where each packet lies and when it plays, in fractions of a sample; a
    frame of FLAC says its own number; in PCM a sample's number is its place. MP3 and AAC without a
    container are sought by guessing, Ogg says it once a page, and Matroska rounds to milliseconds.

    Args:
        info: What is in the file.
        track: What is to be sought.
        index: What an MPEG-4 file's index says of the track; None elsewhere.
        still_comes: Whether it is still being downloaded: a frame of FLAC is then looked for all
            over the file, which would have to come first.
    """
    if info.format.startswith("mov,"):
        if index is None or not index.packets or index.plays_nothing or not track.sample_rate:
            return False
        return track.sample_rate % index.rate == 0 or index.rate % track.sample_rate == 0
    if still_comes:
        return False
    return info.format == "flac" or (info.format == "wav" and track.codec.startswith("pcm_"))
