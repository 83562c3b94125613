"""FFmpeg's arguments, as lists of words: no shell ever sees them."""

import re
from pathlib import Path
from typing import TypeAlias

from similubot_ffmpeg.formats import M4A, Format
from similubot_ffmpeg.media import AudioTrack
from similubot_ffmpeg.plan import Plan

Source: TypeAlias = Path | str
"""A file; or, as text, the address of one that still grows, by `serve_growing`."""

# The containers that are read: none of them makes FFmpeg open another file or address. Left out on
# purpose are playlists and scripts (hls, dash, concat, sdp, imf, sbg, avisynth…), demuxers that
# look for sibling files (image2, vobsub, mlv) and text (tty, srt…).
FORMATS = (
    "aac",
    "ac3",
    "aiff",
    "amr",
    "amrnb",
    "amrwb",
    "ape",
    "asf",
    "asf_o",
    "au",
    "avi",
    "caf",
    "dsf",
    "dts",
    "dtshd",
    "dv",
    "eac3",
    "flac",
    "flv",
    "gsm",
    "iff",
    "live_flv",
    "loas",
    "matroska",
    "mlp",
    "mov",
    "mp3",
    "mpc",
    "mpc8",
    "mpeg",
    "mpegts",
    "mxf",
    "nut",
    "ogg",
    "oma",
    "rm",
    "tak",
    "truehd",
    "tta",
    "voc",
    "w64",
    "wav",
    "wv",
)

# FFmpeg decodes covers and a first frame of each video merely to look at them, `-vn` or not: a few
# covers of 16,000 x 16,000 points, 2.5 MB in all, take 2.3 GB. No decoder but these can be opened
# for an input of ours, so no picture is ever decoded (nor attacks a picture decoder). What 4.1 to
# 9.0.2 have for audio; a name that a build does not know is ignored.
AUDIO_DECODERS = (
    "8svx_exp,8svx_fib,aac,aac_fixed,aac_latm,ac3,ac3_fixed,acelp.kelvin,adpcm_4xm,"
    "adpcm_adx,adpcm_afc,adpcm_agm,adpcm_aica,adpcm_argo,adpcm_circus,adpcm_ct,"
    "adpcm_dtk,adpcm_ea,adpcm_ea_maxis_xa,adpcm_ea_r1,adpcm_ea_r2,adpcm_ea_r3,"
    "adpcm_ea_xas,adpcm_g722,adpcm_g726,adpcm_g726le,adpcm_ima_alp,adpcm_ima_amv,"
    "adpcm_ima_apc,adpcm_ima_apm,adpcm_ima_cunning,adpcm_ima_dat4,adpcm_ima_dk3,"
    "adpcm_ima_dk4,adpcm_ima_ea_eacs,adpcm_ima_ea_sead,adpcm_ima_iss,adpcm_ima_moflex,"
    "adpcm_ima_mtf,adpcm_ima_oki,adpcm_ima_qt,adpcm_ima_rad,adpcm_ima_smjpeg,"
    "adpcm_ima_ssi,adpcm_ima_wav,adpcm_ima_ws,adpcm_ima_xbox,adpcm_ms,adpcm_mtaf,"
    "adpcm_psx,adpcm_sanyo,adpcm_sbpro_2,adpcm_sbpro_3,adpcm_sbpro_4,adpcm_swf,adpcm_thp,"
    "adpcm_thp_le,adpcm_vima,adpcm_xa,adpcm_yamaha,adpcm_zork,alac,als,amrnb,amrwb,"
    "apac,ape,aptx,aptx_hd,atrac1,atrac3,atrac3al,atrac3plus,atrac3plusal,atrac9,"
    "bonk,comfortnoise,cook,dca,dfpwm,dolby_e,dsd_lsbf,dsd_lsbf_planar,dsd_msbf,"
    "dsd_msbf_planar,dss_sp,dst,dvaudio,eac3,evrc,fastaudio,flac,ftr,g722,g723_1,"
    "g726,g726le,g728,g729,gsm,gsm_ms,hca,iac,ilbc,imc,libcodec2,libfdk_aac,libgsm,"
    "libgsm_ms,libilbc,liblc3,libopencore_amrnb,libopencore_amrwb,libopus,libspeex,"
    "libvorbis,mace3,mace6,metasound,misc4,mlp,mp1,mp1float,mp2,mp2float,mp3,mp3adu,"
    "mp3adufloat,mp3float,mp3on4,mp3on4float,mpc7,mpc8,msnsiren,nellymoser,on2avc,"
    "opus,osq,pcm_alaw,pcm_bluray,pcm_dvd,pcm_f16le,pcm_f24le,pcm_f32be,pcm_f32le,"
    "pcm_f64be,pcm_f64le,pcm_lxf,pcm_mulaw,pcm_s16be,pcm_s16be_planar,pcm_s16le,"
    "pcm_s16le_planar,pcm_s24be,pcm_s24daud,pcm_s24le,pcm_s24le_planar,pcm_s32be,"
    "pcm_s32le,pcm_s32le_planar,pcm_s64be,pcm_s64le,pcm_s8,pcm_s8_planar,pcm_sga,"
    "pcm_u16be,pcm_u16le,pcm_u24be,pcm_u24le,pcm_u32be,pcm_u32le,pcm_u8,pcm_vidc,"
    "pcm_zork,qcelp,qdm2,qdmc,qoa,ralf,real_144,real_288,rka,s302m,sbc,shorten,"
    "sipr,siren,speex,tak,truehd,truespeech,tta,twinvq,vorbis,wavarc,wavpack,"
    "wmalossless,wmapro,wmav1,wmav2,wmavoice,xma1,xma2"
)

MOST_COVER_PIXELS = 40_000_000
"""A cover of this size takes 160 MB to decode, once."""


_LANGUAGE = re.compile(r"[A-Za-z]{2,3}")
MOST_UNNAMED_CHANNELS = 8
"""More channels than this have no usual order, so they are mixed into one."""


def source(file: Source, begin: float | None = None, seconds: float | None = None) -> list[str]:
    """An untrusted input: only this one file is opened, only as a container of `FORMATS`, and only
    decoders of audio read it.

    ``file:`` keeps a colon, a leading dash or ``subfile:`` in a name from meaning anything.

    Args:
        file: The source.
        begin: Seconds that are skipped; None is from the beginning.
        seconds: How many are read at most; None is all.
    """
    if isinstance(file, str):
        protocols, address = "http,tcp", file
    else:
        protocols, address = "file", f"file:{file.absolute()}"
    return [
        *(() if begin is None else ("-ss", f"{begin:.6f}")),
        *(() if seconds is None else ("-t", f"{seconds:.6f}")),
        *("-protocol_whitelist", protocols, "-format_whitelist", ",".join(FORMATS)),
        *("-codec_whitelist", AUDIO_DECODERS),
        *("-i", address),
    ]


def probe(file: Source, secret: str, tracks: str) -> list[str]:
    """Print what is in the file, and what its audio tracks are as an output called `secret`; and
    the tags of the tracks, escaped, on stdout. FFmpeg exits with an error when there are none.

    Args:
        file: The file.
        secret: What the output is called.
        tracks: Which tracks: "a" is all of audio, "a:0" the first.
    """
    copied = ("-map", f"0:{tracks}?", "-map_chapters", "-1", "-c", "copy", "-t", "0")
    return [
        *source(file),
        *(*copied, "-map_metadata", "-1", "-f", "null", secret),
        *(*copied, "-map_metadata:g", "-1", "-f", "ffmetadata", "pipe:1"),
    ]


def measure(file: Source, stream: str) -> list[str]:
    """Read a stream to its end without decoding it; the last ``out_time`` is its length."""
    return [*source(file), "-map", f"0:{stream}", "-c", "copy", "-f", "null", "-"]


def convert(
    file: Source,
    container: str,
    track: AudioTrack,
    bitrate: int | None,
    output: Path,
    *,
    final: bool,
) -> list[str]:
    """A track of `file`, its tags and chapters, as AAC in an MPEG-4 file.

    Args:
        file: The source.
        container: FFmpeg's name of its container.
        track: What is converted.
        bitrate: Kilobits per second; None copies the track, which is AAC already.
        output: What is written.
        final: Whether this is the last pass, which moves the index to the front.
    """
    return [
        *source(file),
        *("-map", f"0:a:{track.number}", "-vn", "-sn", "-dn"),
        *_tags("0", container, track),
        *(_codec(bitrate) if bitrate is None else (*_codec(bitrate), "-af", _channels(track))),
        *_index(final=final),
        *("-f", "ipod", f"file:{output.absolute()}"),
    ]


def make(
    file: Source,
    container: str,
    track: AudioTrack,
    format: Format,  # noqa: A002
    plan: Plan,
    output: Path,
    clip: tuple[float, float | None] | None,
) -> list[str]:
    """A track of `file`, or a part of it, with its tags and chapters, in a format.

    Args:
        file: The source.
        container: FFmpeg's name of its container.
        track: What is converted.
        format: What is made.
        plan: Whether it is copied, else at which bitrate it is encoded.
        output: What is written.
        clip: Seconds at which the part begins, and ends (None: at the source's end); None is all.
    """
    begin, end = clip or (None, None)
    seconds = end - (begin or 0.0) if end is not None else None
    bitrate = () if plan.bitrate is None else ("-b:a", f"{plan.bitrate}k")
    codec = (
        ("-c:a", "copy")
        if plan.copies
        else ("-c:a", format.encoder, *bitrate, "-af", _channels(track, format.layouts))
    )
    return [
        *source(file, begin, seconds),
        *("-map", f"0:a:{track.number}", "-vn", "-sn", "-dn"),
        *_tags("0", container, track),
        *codec,
        *format.options,
        *("-f", format.muxer, f"file:{output.absolute()}"),
    ]


def copy_frames(file: Source, track: AudioTrack, output: Path) -> list[str]:
    """A track of AAC as bare frames in ADTS, as they are."""
    return [
        *source(file),
        *("-map", f"0:a:{track.number}", "-c", "copy", "-f", "adts", f"file:{output.absolute()}"),
    ]


def decode_piece(file: Path, begin: float, seconds: float) -> list[str]:
    """Decode a part of a result of ours and throw it away."""
    return [*source(file, begin, seconds), "-map", "0:a:0", "-f", "null", "-"]


def encode_part(
    file: Source,
    track: AudioTrack,
    bitrate: int,
    cut: str,
    output: Path,
    begin: float | None = None,
) -> list[str]:
    """A part of a track, cut by the filter `cut`, as bare AAC frames; `begin` is `source`'s."""
    return [
        *source(file, begin),
        *("-map", f"0:a:{track.number}", "-vn", "-sn", "-dn"),
        *("-af", f"{cut},{_channels(track)}"),
        *_codec(bitrate),
        *("-f", "adts", f"file:{output.absolute()}"),
    ]


def wrap(
    frames: Path,
    delay: float,
    file: Source,
    container: str,
    track: AudioTrack,
    output: Path,
    *,
    final: bool,
) -> list[str]:
    """Bare AAC frames as an MPEG-4 file with the tags and chapters of `file`.

    Args:
        frames: AAC in ADTS.
        delay: Seconds at its begin that are not to be played: the encoder's delay.
        file: The source.
        container: FFmpeg's name of its container.
        track: The track that they were made of.
        output: What is written.
        final: Whether this is the last pass, which moves the index to the front.
    """
    return [
        # ADTS has no place for the delay: beginning before 0, it is cut by the MPEG-4 file's edit
        # list, as in a file that is encoded in one piece.
        *("-itsoffset", f"{-delay:.9f}", "-f", "aac"),
        *("-i", f"file:{frames.absolute()}", *source(file)),
        *("-map", "0:a:0", "-c", "copy", "-copypriorss", "1"),
        *(*_tags("1", container, track), "-map_chapters", "1"),
        *_index(final=final),
        *("-f", "ipod", f"file:{output.absolute()}"),
    ]


def add_cover(
    audio: Path,
    cover: Path,
    demuxer: str,
    output: Path,
    format: Format,  # noqa: A002
) -> list[str]:
    """`audio` as it is, with a picture of at most `MOST_COVER_PIXELS` as its cover art.

    A pass of its own, which copies: with a picture in the encode, 7.0.2 to 8.1.2 print no time.

    Args:
        audio: A result of ours.
        cover: The picture's file.
        demuxer: What reads it: "png_pipe" or "jpeg_pipe".
        output: What is written.
        format: What it is.
    """
    return [
        *("-i", f"file:{audio.absolute()}"),
        *("-protocol_whitelist", "file", "-codec_whitelist", "png,mjpeg"),
        *("-max_pixels", str(MOST_COVER_PIXELS), "-f", demuxer, "-i", f"file:{cover.absolute()}"),
        *("-map", "0:a:0", "-map", "1:v:0", "-c", "copy"),
        *("-map_metadata", "0", "-map_chapters", "0", "-disposition:v:0", "attached_pic"),
        *format.options,
        *("-f", format.muxer, f"file:{output.absolute()}"),
    ]


def check_cover(cover: Path, demuxer: str) -> list[str]:
    """Read a picture, unless it has more than `MOST_COVER_PIXELS`."""
    return [
        *("-protocol_whitelist", "file", "-codec_whitelist", "png,mjpeg"),
        *("-max_pixels", str(MOST_COVER_PIXELS), "-f", demuxer, "-i", f"file:{cover.absolute()}"),
        *("-map", "0:v:0", "-c", "copy", "-f", "null", "-"),
    ]


def add_tags(audio: Path, tags: Path, output: Path, format: Format) -> list[str]:  # noqa: A002
    """`audio`, a result of ours in Ogg, as it is, with further tags.

    Args:
        audio: The result.
        tags: The tags in FFmpeg's own form (ffmetadata).
        output: What is written.
        format: What it is.
    """
    return [
        *("-i", f"file:{audio.absolute()}", "-f", "ffmetadata", "-i", f"file:{tags.absolute()}"),
        *("-map", "0:a:0", "-c", "copy", "-map_chapters", "0"),
        # Of two sources, FFmpeg takes both, and of one name the first (4.2.2 to 9.0.2).
        *("-map_metadata:s:a:0", "0:s:a:0", "-map_metadata:s:a:0", "1:g"),
        *format.options,
        *("-f", format.muxer, f"file:{output.absolute()}"),
    ]


def extract_cover(file: Source, stream: int, output: Path) -> list[str]:
    """The bytes of the picture that is stream number `stream`."""
    return [
        *source(file),
        # Of the muxers that write a packet as it is, this one asks for no width and height.
        *("-map", f"0:{stream}", "-c", "copy", "-frames:v", "1", "-f", "image2pipe"),
        f"file:{output.absolute()}",
    ]


def _channels(track: AudioTrack, layouts: str = M4A.layouts) -> str:
    """The filter that gives the encoder channels that it takes."""
    count = track.unnamed_channels
    if not layouts:
        return "anull"
    if count is None or count <= MOST_UNNAMED_CHANNELS:
        return f"aformat=channel_layouts={layouts}"
    return "pan=mono|c0<" + "+".join(f"c{number}" for number in range(count))


def _tags(source: str, container: str, track: AudioTrack) -> list[str]:
    """The file's tags, and the track's language.

    Elsewhere than in Ogg, which keeps a file's tags with its stream, a track's tags are its own:
    its title may be "Commentary".
    """
    own = ["-map_metadata", f"{source}:s:a:{track.number}"] if container == "ogg" else []
    known = _LANGUAGE.fullmatch(track.language)
    language = ["-metadata:s:a:0", f"language={track.language}"] if known else []
    return ["-map_metadata", source, *own, *language]


def _index(*, final: bool) -> tuple[str, ...]:
    return ("-movflags", "+faststart") if final else ()


def _codec(bitrate: int | None) -> tuple[str, ...]:
    return ("-c:a", "copy") if bitrate is None else ("-c:a", "aac", "-b:a", f"{bitrate}k")
