"""What is in a file, as FFmpeg itself describes it; ffprobe is not needed.

FFmpeg prints the tags of an input as they are: a tag's name may hold line ends, and after them
lines like FFmpeg's own, which made an MP3 pass for AAC of one second. So what matters is read where
a file's text cannot stand:

* codec, rate, channels and markings of the tracks from the lines about an *output*, to which they
  are copied without any tag, and whose name is a random number that no file can know;
* titles and languages from FFmpeg's escaped form of tags (``-f ffmetadata``).

Not used: ffprobe (imageio-ffmpeg has none), PyAV (a second FFmpeg of its own, which would decode
strangers' files within this process), mutagen (reads a third of the containers).

What FFmpeg says of the input itself (its container, its duration, whether there is a picture) may
be forged. Nothing rests on it but the plan, and a duration that is given twice counts as unknown.
"""

import re
import secrets
from dataclasses import replace
from pathlib import Path

from similubot_core import CancelToken, StageError
from similubot_ffmpeg import arguments
from similubot_ffmpeg.faults import cannot_read, no_decodable_audio
from similubot_ffmpeg.media import AudioTrack, MediaInfo
from similubot_ffmpeg.output import seconds
from similubot_ffmpeg.runs import FFmpeg

# 4.2.2 indents streams by four blanks, later versions by two; `[0x1]` and `(eng)` may follow.
_STREAM = re.compile(
    r" {2,6}Stream #0:(\d{1,4})(?:\[0x[0-9a-f]{1,8}\])?(?:\([^)]{0,100}\))?: (\w{1,20}): (.*)"
)
_FORMAT = re.compile(r"Input #0, ([\w,]{1,200}), from '")
_DURATION = re.compile(
    r"  Duration: (?:N/A|(\d{1,12}:\d\d:\d\d\.\d\d)),(?: start: (-?\d{1,12}\.\d{1,9}),)?"
    r" bitrate: (?:(\d{1,9}) kb/s|N/A)$"
)
# Shown by 4.2.2 to 9.0.2 for ADTS, wav, and mp3 without a Xing header.
_ESTIMATED = re.compile(
    r"\[[^\]]{1,200}\] Estimating duration from bitrate, this may be inaccurate$"
)
_COVERS = re.compile(r"(?:mjpeg|png)\b")
"""The pictures that an MPEG-4 file takes as cover art."""

_CODEC = re.compile(r"(\w{1,40})")
_FOURCC = re.compile(r"\(([ -~]{4}) / 0x[0-9A-Fa-f]{4,8}\)")
_RATE = re.compile(r", (\d{1,9}) Hz, ([^,]{0,100})")
_BITRATE = re.compile(r", (\d{1,9}) kb/s")

# A line of ffmetadata ends at a line end that no backslash stands before.
_METADATA_LINE = re.compile(r"((?:[^\\\n]|\\.)*)(?:\n|\Z|\\\Z)", re.DOTALL)
_METADATA_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_METADATA_PAIR = re.compile(r"((?:[^\\=]|\\.)*)=(.*)", re.DOTALL)
_LONGEST_TAG = 300
_MOST_SINGLE_TRACKS = 16


def probe(ffmpeg: FFmpeg, file: arguments.Source, name: str, cancel: CancelToken) -> MediaInfo:
    """What is in `file`, which is called `name` in errors.

    Raises:
        StageError: It is not a media file, damaged beyond reading, or not there.
        Cancelled: The token was set.
    """
    try:
        size = file.stat().st_size if isinstance(file, Path) else 0
    except OSError as error:
        raise StageError(f"{name} cannot be read: {error.strerror}.") from error
    reader = InfoReader(secrets.token_hex(16))
    run = ffmpeg.run(
        arguments.probe(file, reader.secret, "a"), cancel, on_line=reader.read, keep_stdout=True
    )
    info = reader.info(size, read_metadata(run.stdout))
    if info is None:
        raise cannot_read(name, run)
    if info.tracks or not reader.audio_streams:
        return info
    # One track that lacks a sample rate keeps FFmpeg from copying the others.
    tracks = []
    for number in range(min(reader.audio_streams, _MOST_SINGLE_TRACKS)):
        single = InfoReader(secrets.token_hex(16))
        run = ffmpeg.run(
            arguments.probe(file, single.secret, f"a:{number}"),
            cancel,
            on_line=single.read,
            keep_stdout=True,
        )
        one = single.info(size, read_metadata(run.stdout))
        tracks += [replace(track, number=number) for track in (one.tracks if one else ())]
    if not tracks:
        raise no_decodable_audio(name, run)
    return replace(info, tracks=tuple(tracks))


class InfoReader:
    """Reads what FFmpeg's stderr says of an input and of the output that it is copied to.

    Args:
        secret: The output's name, which nobody outside can know.
    """

    def __init__(self, secret: str) -> None:
        self.secret = secret
        self._output = re.compile(rf"Output #0, null, to '{secret}':$")
        self._in_output = False
        self._container = ""
        self._durations: list[float | None] = []
        self._start = 0.0
        self._bitrate: int | None = None
        self._estimated = False
        self._has_video = False
        self._cover: int | None = None
        self._tracks: list[AudioTrack] = []
        self._streams = 0
        self.audio_streams = 0

    def read(self, line: str) -> None:
        """Take one line."""
        if self._output.match(line):
            self._in_output = True
        elif self._in_output:
            match = _STREAM.match(line)
            if match and match[2] == "Audio":
                self._tracks.append(_track(match[3], len(self._tracks)))
            self._in_output = not line.startswith("Output #")  # other threads' lines lie between
        elif match := _FORMAT.match(line):
            self._container = self._container or match[1]
        elif match := _DURATION.match(line):
            self._durations.append(seconds(match[1]))
            self._start = float(match[2] or 0)
            self._bitrate = int(match[3]) if match[3] else None
        elif _ESTIMATED.match(line):
            self._estimated = True
        elif (match := _STREAM.match(line)) and not self._tracks:
            self._take_stream(int(match[1]), match[2], match[3])

    def _take_stream(self, number: int, kind: str, text: str) -> None:
        picture = kind == "Video" and text.rstrip().endswith("(attached pic)")
        self._streams += not picture
        self.audio_streams += kind == "Audio"
        self._has_video = self._has_video or (kind == "Video" and not picture)
        if picture and self._cover is None and _COVERS.match(text):
            self._cover = number

    def info(self, size: int, tags: list[dict[str, str]]) -> MediaInfo | None:
        """What was read; None when FFmpeg could not open the file.

        Args:
            size: Bytes of the file.
            tags: Those of each audio track.
        """
        if not self._container:
            return None
        known = len(self._durations) == 1  # of two, one may be a stranger's
        tags = [*tags, *({} for _ in self._tracks)]
        tracks = tuple(_with_tags(*pair) for pair in zip(self._tracks, tags, strict=False))
        if known and len(tracks) == 1 and tracks[0].bitrate is None and not self._has_video:
            tracks = (replace(tracks[0], bitrate=self._bitrate),)
        return MediaInfo(
            format=self._container,
            size=size,
            duration=(self._durations[0] or None) if known else None,
            start=self._start if known else 0.0,
            estimated=self._estimated,
            tracks=tracks,
            has_video=self._has_video,
            cover=self._cover,
            streams=self._streams,
        )


def read_metadata(data: bytes) -> list[dict[str, str]]:
    """The tags of each stream in FFmpeg's own form (ffmetadata), their names in lower case."""
    streams: list[dict[str, str]] = []
    text = data.decode("utf-8", errors="replace")
    for line in (match[1] for match in _METADATA_LINE.finditer(text)):
        if line == "[STREAM]":
            streams.append({})
        elif streams and (pair := _METADATA_PAIR.fullmatch(line)):
            key, value = (_METADATA_ESCAPE.sub(r"\1", part) for part in pair.groups())
            streams[-1][key.lower()] = value[:_LONGEST_TAG]
    return streams


def _with_tags(track: AudioTrack, tags: dict[str, str]) -> AudioTrack:
    # "DURATION" is Matroska's, with nine digits behind the point; "DURATION-eng" of old mkvmerge.
    lengths = [tags[key] for key in tags if key == "duration" or key.startswith("duration-")]
    return replace(
        track,
        duration=seconds(lengths[0].strip()[:18]) if lengths else None,
        language=" ".join(tags.get("language", "").split()),
        title=" ".join(tags.get("title", "").split()),
        encrypted="enc_key_id" in tags,  # FFmpeg's own, of Matroska's ContentEncKeyID
    )


def measure(
    ffmpeg: FFmpeg, file: arguments.Source, stream: str, cancel: CancelToken
) -> float | None:
    """Seconds of a stream ("a:0"), found by reading it to its end; None when it cannot be read.

    It takes about a five hundredth of the time that encoding it takes.
    """
    run = ffmpeg.run(arguments.measure(file, stream), cancel)
    return run.out_time if run.returncode == 0 else None


def _track(text: str, number: int) -> AudioTrack:
    codec, fourcc = _CODEC.match(text), _FOURCC.search(text)
    rate, bitrate = _RATE.search(text), _BITRATE.search(text)
    return AudioTrack(
        codec=codec[1] if codec else "",
        sample_rate=int(rate[1]) if rate else None,
        layout=rate[2].strip() if rate else "",
        bitrate=int(bitrate[1]) if bitrate else None,
        number=number,
        fourcc=fourcc[1] if fourcc else "",
        default="(default)" in text,
    )
