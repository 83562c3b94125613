"""The formats that results can have: what encodes them, what holds them, and what they are like."""

from dataclasses import dataclass

from similubot_ffmpeg.settings import HIGHEST_BITRATE, LOWEST_BITRATE


@dataclass(frozen=True, slots=True)
class Format:
    """A format.

    Attributes:
        name: What ``--format`` takes.
        summary: A few words for people.
        suffix: The ending of its files; "" for the one that depends on the source.
        muxer: FFmpeg's name of the container.
        codec: FFmpeg's name of the codec; "" for the one that takes any.
        encoder: FFmpeg's encoder; "" where everything is copied.
        bitrates: The lowest and the highest, in kilobits per second; None when it takes none.
        layouts: The layouts of channels that it holds, as FFmpeg's filter "aformat" takes them; ""
            is any.
        options: Further options of its muxer.
        holds_cover: Whether FFmpeg puts a cover into it.
    """

    name: str
    summary: str
    suffix: str
    muxer: str
    codec: str
    encoder: str
    bitrates: tuple[int, int] | None = None
    layouts: str = ""
    options: tuple[str, ...] = ()
    holds_cover: bool = False

    @property
    def cover_is_a_tag(self) -> bool:
        """Whether the cover is text among the tags, as in Ogg."""
        return self.muxer in ("opus", "ogg")


# What every decoder of AAC plays; others are made these: one without any layout (Speex, TTA) is
# taken as what its count suggests, and 2.1 becomes 5.1.
_SURROUND = "mono|stereo|3.0|4.0|5.0|5.1|7.1"
_ID3 = ("-id3v2_version", "3")

M4A = Format(
    "m4a",
    "AAC in an .m4a file",
    ".m4a",
    "ipod",
    "aac",
    "aac",
    (LOWEST_BITRATE, HIGHEST_BITRATE),
    _SURROUND,
    ("-movflags", "+faststart"),
    holds_cover=True,
)
ORIGINAL = Format("original", "the audio as it is, copied", "", "", "", "")
FORMATS = {
    made.name: made
    for made in (
        M4A,
        Format(
            *("mp3", "MP3", ".mp3", "mp3", "mp3", "libmp3lame"),
            *((32, 320), "mono|stereo", _ID3),
            holds_cover=True,
        ),
        Format(
            *("opus", "Opus in an .opus file", ".opus", "opus", "opus", "libopus"),
            *((16, 512), "mono|stereo|3.0|quad|5.0|5.1|6.1|7.1"),
            holds_cover=True,
        ),
        Format(
            *("flac", "FLAC, lossless", ".flac", "flac", "flac", "flac", None),
            "mono|stereo|3.0|quad|5.0|5.1|6.1|7.1",
            holds_cover=True,
        ),
        Format(
            "wav",
            "WAV, 16 bits",
            ".wav",
            "wav",
            "pcm_s16le",
            "pcm_s16le",
            options=("-rf64", "auto"),
        ),
        ORIGINAL,
    )
}
"""All of them by name."""

OTHER_SUFFIXES = {"m4a": (".m4b", ".mp4"), "opus": (".oga", ".ogg")}
"""Further endings that are right for a format."""

_WAV = (".wav", "wav", ("-rf64", "auto"))
_CONTAINERS: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "aac": (".m4a", "ipod", ("-movflags", "+faststart")),
    "alac": (".m4a", "ipod", ("-movflags", "+faststart")),
    "mp3": (".mp3", "mp3", _ID3),
    "opus": (".opus", "opus", ()),
    "vorbis": (".ogg", "ogg", ()),
    "flac": (".flac", "flac", ()),
    "ac3": (".ac3", "ac3", ()),
    "eac3": (".eac3", "eac3", ()),
    "dts": (".dts", "dts", ()),
}


def container_of(codec: str) -> Format:
    """The format that holds audio of a codec as it is; Matroska where nothing else does."""
    wav = codec.startswith("pcm_") and codec.endswith(("le", "u8", "alaw", "mulaw"))
    held = _WAV if wav else _CONTAINERS.get(codec, (".mka", "matroska", ()))
    suffix, muxer, options = held
    return Format(
        *("original", ORIGINAL.summary, suffix, muxer, codec, ""),
        options=options,
        holds_cover=muxer in ("ipod", "mp3", "flac", "opus", "ogg"),
    )
