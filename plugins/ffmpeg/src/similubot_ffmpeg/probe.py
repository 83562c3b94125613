"""What is in a file, read from what FFmpeg prints about it; ffprobe is not needed."""

import re
from dataclasses import dataclass, replace
from pathlib import Path

from similubot_core import CancelToken, StageError
from similubot_ffmpeg import arguments
from similubot_ffmpeg.faults import cannot_read
from similubot_ffmpeg.output import OutputReader, seconds
from similubot_ffmpeg.runs import FFmpeg

# 4.2.2 indents streams by four blanks, later versions by two; `[0x1]` and `(eng)` may follow.
_STREAM = re.compile(r" {2,6}Stream #0:(\d{1,4})(?:\[0x[0-9a-f]+\])?(?:\([^)]*\))?: (\w+): (.*)")
_TRACK_LENGTH = re.compile(r" {4,}DURATION(?:-\w+)? +: (\d+:\d\d:\d\d\.\d{1,9})\d*$")  # Matroska's
_FORMAT = re.compile(r"Input #0, ([\w,]+), from '")
_DURATION = re.compile(
    r"  Duration: [^,]*,(?: start: (-?\d{1,12}\.\d{1,9}),)? bitrate: (?:(\d{1,9}) kb/s|N/A)$"
)
# Shown by 4.2.2 to 9.0.2 for ADTS, wav, and mp3 without a Xing header.
_ESTIMATED = re.compile(r"\[[^\]]+\] Estimating duration from bitrate, this may be inaccurate$")
_COVERS = re.compile(r"(?:mjpeg|png)\b")
"""The pictures that an MPEG-4 file takes as cover art."""


@dataclass(frozen=True, slots=True)
class AudioTrack:
    """The sound track that is converted: the first.

    Attributes:
        codec: FFmpeg's name of it, such as "aac" or "pcm_s16le".
        sample_rate: Hertz; None when it is not known.
        layout: Its channels as FFmpeg names them: "mono", "stereo", "5.1(side)", "3 channels".
        bitrate: Kilobits per second; None when neither the track nor the container says.
        duration: Seconds of this track where the file says so by itself (Matroska); else None.
    """

    codec: str
    sample_rate: int | None
    layout: str
    bitrate: int | None
    duration: float | None = None


@dataclass(frozen=True, slots=True)
class MediaInfo:
    """What is in a media file.

    Attributes:
        format: FFmpeg's name of the container, such as "mov,mp4,m4a,3gp,3g2,mj2".
        size: Bytes of the file.
        duration: Seconds; None when the file does not say (a live webm).
        start: Seconds at which the first track begins; above 0 in a file that begins with nothing.
        estimated: Whether the duration is FFmpeg's guess from the bitrate, which can be 20 % off.
        audio: The first sound track; None when there is none.
        has_video: Whether there is a moving picture.
        cover: The number of the stream that is the cover art (JPEG or PNG); None when there is
            none.
    """

    format: str
    size: int
    duration: float | None
    start: float
    estimated: bool
    audio: AudioTrack | None
    has_video: bool
    cover: int | None

    @property
    def sound_duration(self) -> float | None:
        """Seconds of the sound track as far as known: its own length, else the container's."""
        own = self.audio.duration if self.audio else None
        if own is None or self.duration is None:
            return own or self.duration
        return min(own, self.duration)  # what is left of a longer file keeps the old track's length

    def with_bitrate_over(self, length: float | None) -> "MediaInfo":
        """The same, its sound's bitrate worked out from the file's size and a measured length.

        Where FFmpeg guesses the duration, it takes the first frame's bitrate for all of them.
        """
        if self.audio is None or self.has_video or not length:
            return self
        bitrate = max(1, round(self.size * 8 / 1000 / length))
        return replace(self, audio=replace(self.audio, bitrate=bitrate))


def probe(ffmpeg: FFmpeg, file: Path, name: str, cancel: CancelToken) -> MediaInfo:
    """What is in `file`, which is called `name` in errors.

    Raises:
        StageError: It is not a media file, damaged beyond reading, or not there.
        Cancelled: The token was set.
    """
    try:
        size = file.stat().st_size
    except OSError as error:
        raise StageError(f"{name} cannot be read: {error.strerror}.") from error
    reader = InfoReader()
    run = ffmpeg.run(arguments.probe(file), cancel, on_line=reader.read)
    info = reader.info(size)
    if info is None:
        raise cannot_read(name, run)
    return info


class InfoReader:
    """Reads what FFmpeg's stderr says is in its first input, line by line.

    A tag can hold any text, but not at a stream's place in a line; one that looks like a stream
    all the same makes FFmpeg fail at most, since it reads the file for itself.
    """

    def __init__(self) -> None:
        self._output = OutputReader()
        self._container = ""
        self._start = 0.0
        self._bitrate: int | None = None
        self._estimated = False
        self._has_video = False
        self._cover: int | None = None
        self._audio: AudioTrack | None = None
        self._in_audio = False

    def read(self, line: str) -> None:
        """Take one line."""
        self._output.read(line)
        if match := _FORMAT.match(line):
            self._container = self._container or match[1]
        elif (match := _DURATION.match(line)) and not self._start:
            self._start = float(match[1] or 0)
            self._bitrate = int(match[2]) if match[2] else None
        elif _ESTIMATED.match(line):
            self._estimated = True
        elif match := _STREAM.match(line):
            self._take_stream(int(match[1]), match[2], match[3])
        elif self._in_audio and self._audio and (match := _TRACK_LENGTH.match(line)):
            self._audio = replace(self._audio, duration=seconds(match[1]))

    def _take_stream(self, number: int, kind: str, text: str) -> None:
        self._in_audio = kind == "Audio" and self._audio is None
        if self._in_audio:
            self._audio = _track(text)
        elif kind == "Video" and not text.rstrip().endswith("(attached pic)"):
            self._has_video = True
        elif kind == "Video" and self._cover is None and _COVERS.match(text):
            self._cover = number

    def info(self, size: int) -> MediaInfo | None:
        """What was read of a file of `size` bytes; None when FFmpeg could not open it."""
        if not self._container or 0 not in self._output.durations:
            return None
        audio = self._audio
        if audio and audio.bitrate is None and not self._has_video:
            audio = replace(audio, bitrate=self._bitrate)
        return MediaInfo(
            format=self._container,
            size=size,
            duration=self._output.durations[0] or None,
            start=self._start,
            estimated=self._estimated,
            audio=audio,
            has_video=self._has_video,
            cover=self._cover,
        )


def measure(ffmpeg: FFmpeg, file: Path, stream: str, cancel: CancelToken) -> float | None:
    """Seconds of a stream ("a:0"), found by reading it to its end; None when it cannot be read.

    It takes about a five hundredth of the time that encoding it takes.
    """
    run = ffmpeg.run(arguments.measure(file, stream), cancel)
    return run.out_time if run.returncode == 0 else None


def _track(text: str) -> AudioTrack:
    codec = re.match(r"\w*", text)
    rate = re.search(r", (\d{1,9}) Hz, ([^,]*)", text)
    bitrate = re.search(r", (\d{1,9}) kb/s", text)
    return AudioTrack(
        codec=codec[0] if codec else "",
        sample_rate=int(rate[1]) if rate else None,
        layout=rate[2].strip() if rate else "",
        bitrate=int(bitrate[1]) if bitrate else None,
    )
