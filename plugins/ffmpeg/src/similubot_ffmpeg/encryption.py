"""What the containers that FFmpeg reads to noise, without a word, say of their audio's encryption.

MPEG-4 files name it by a track's four characters, and may hold clear audio all the same, or begin
with some; see `similubot_ffmpeg.faults.ENCRYPTIONS`.
"""

from pathlib import Path

from similubot_ffmpeg.media import AudioTrack
from similubot_ffmpeg.source_end import asf_objects

_CONTENT_ENCRYPTION = frozenset(
    {
        bytes.fromhex("fbb3112223bdd211b4b700a0c955fc6e"),  # Content Encryption
        bytes.fromhex("14e68a292226174cb935dae07ee9289c"),  # Extended Content Encryption
    }
)


def encryption_of(file: Path, container: str, track: AudioTrack) -> str | None:
    """What `track` is encrypted with, for people; None when nothing says that it is.

    Args:
        file: The source.
        container: FFmpeg's name of it.
        track: The track.

    Raises:
        OSError: The file cannot be read.
    """
    if track.encrypted:
        return "the encryption of Matroska and WebM"
    if container == "asf" and not _CONTENT_ENCRYPTION.isdisjoint(asf_objects(file)):
        return "Windows Media DRM"
    return None
