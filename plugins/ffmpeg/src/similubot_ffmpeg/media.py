"""What is in a media file, as plain values."""

import re
from dataclasses import dataclass

_MEASURED = ("ogg", "mpegts", "mpeg", "nut")
"""Containers that do not say how long they are: FFmpeg reads the last time stamp that is there."""
_UNKNOWN_CHANNELS = re.compile(r"(\d{1,5}) channels")


@dataclass(frozen=True, slots=True)
class AudioTrack:
    """An audio track.

    Attributes:
        codec: FFmpeg's name of it, such as "aac" or "pcm_s16le"; "none" when it knows none.
        sample_rate: Hertz; None when it is not known.
        layout: Its channels as FFmpeg names them: "mono", "stereo", "5.1(side)", "3 channels".
        bitrate: Kilobits per second; None when neither the track nor the container says.
        duration: Seconds of this track where the file says so by itself (Matroska); else None.
        number: Its place among the audio tracks, from 0 on.
        fourcc: The four characters by which the container names its codec; "" when it has none.
        default: Whether it is marked to be played where nobody chooses.
        language: As the file names it, such as "eng"; "" when it does not.
        title: The track's own, such as "Commentary"; "" without one.
        encrypted: Whether a Matroska file says that it is.
    """

    codec: str
    sample_rate: int | None
    layout: str
    bitrate: int | None
    duration: float | None = None
    number: int = 0
    fourcc: str = ""
    default: bool = False
    language: str = ""
    title: str = ""
    encrypted: bool = False

    @property
    def unnamed_channels(self) -> int | None:
        """How many channels it has, where the file does not say which is which; else None."""
        match = _UNKNOWN_CHANNELS.match(self.layout)
        return int(match[1]) if match else None

    @property
    def label(self) -> str:
        """What tells it from the others, for people: "track 2 (eng, Commentary)"."""
        known = ", ".join(part for part in (self.language, self.title) if part and part != "und")
        return f"track {self.number + 1}" + (f" ({known})" if known else "")


@dataclass(frozen=True, slots=True)
class MediaInfo:
    """What is in a media file.

    Attributes:
        format: FFmpeg's name of the container, such as "mov,mp4,m4a,3gp,3g2,mj2".
        size: Bytes of the file; 0 of one that still grows.
        duration: Seconds; None when the file does not say (a live webm).
        start: Seconds at which the first track begins; above 0 in a file that begins with nothing.
        estimated: Whether the duration is FFmpeg's guess from the bitrate, which can be 20 % off.
        tracks: The audio tracks.
        has_video: Whether there is a moving picture.
        cover: The number of the stream that is the cover art (JPEG or PNG); None when there is
            none.
        streams: How many streams of any kind there are, covers not counted.
    """

    format: str
    size: int
    duration: float | None
    start: float
    estimated: bool
    tracks: tuple[AudioTrack, ...]
    has_video: bool
    cover: int | None
    streams: int = 1

    @property
    def audio(self) -> AudioTrack | None:
        """The first audio track; None when there is none."""
        return self.tracks[0] if self.tracks else None

    def length_of(self, track: AudioTrack) -> float | None:
        """Seconds of a track as far as the file says: its own length, else the container's."""
        if track.duration is None or self.duration is None:
            return track.duration or self.duration
        # What is left of a longer file keeps the old track's length.
        return min(track.duration, self.duration)

    def claim_of(self, track: AudioTrack) -> float | None:
        """The same, but None where it is a guess, or may be that of another track."""
        others = track.duration is None and self.streams > 1
        if self.estimated or others or self.format in _MEASURED:
            return None
        return self.length_of(track)

    def bitrate_over(self, track: AudioTrack, length: float | None) -> int | None:
        """Kilobits per second of the only track, from the file's size and a measured length.

        Where FFmpeg guesses the duration, it takes the first frame's bitrate for all of them.
        """
        if self.has_video or len(self.tracks) > 1 or not length:
            return track.bitrate
        return max(1, round(self.size * 8 / 1000 / length))
