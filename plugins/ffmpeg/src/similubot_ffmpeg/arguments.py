"""FFmpeg's arguments, as lists of words: no shell ever sees them."""

import os
from pathlib import Path

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


def source(file: Path) -> list[str]:
    """An untrusted input: only this one file is opened, only as a container of `FORMATS`, and only
    decoders of audio read it.

    ``file:`` keeps a colon, a leading dash or ``subfile:`` in a name from meaning anything.
    """
    return [
        *("-protocol_whitelist", "file", "-format_whitelist", ",".join(FORMATS)),
        *("-codec_whitelist", AUDIO_DECODERS),
        *("-i", f"file:{file.absolute()}"),
    ]


def probe(file: Path) -> list[str]:
    """Print what is in the file. FFmpeg exits with 1 then, since no output is named."""
    return source(file)


def measure(file: Path, stream: str) -> list[str]:
    """Read a stream to its end without decoding it; the last ``out_time`` is its length."""
    # Unlike "null", this muxer asks for no width and height, which a video lacks undecoded.
    output = ("-f", "image2pipe", f"file:{os.devnull}")
    return [*source(file), "-map", f"0:{stream}", "-c", "copy", *output]


def convert(file: Path, bitrate: int | None, output: Path, *, final: bool) -> list[str]:
    """The first sound track of `file`, its tags and chapters, as AAC in an MPEG-4 file.

    Args:
        file: The source.
        bitrate: Kilobits per second; None copies the track, which is AAC already.
        output: What is written.
        final: Whether this is the last pass, which moves the index to the front.
    """
    return [
        *source(file),
        *("-map", "0:a:0", "-vn", "-sn", "-dn"),
        *_tags("0"),
        *_codec(bitrate),
        *_index(final=final),
        *("-f", "ipod", f"file:{output.absolute()}"),
    ]


def encode_part(file: Path, bitrate: int, cut: str, output: Path) -> list[str]:
    """A part of the first sound track of `file`, cut by the filter `cut`, as bare AAC frames."""
    return [
        *source(file),
        *("-map", "0:a:0", "-vn", "-sn", "-dn", "-af", cut),
        *_codec(bitrate),
        *("-f", "adts", f"file:{output.absolute()}"),
    ]


def wrap(frames: Path, sample_rate: int, file: Path, output: Path, *, final: bool) -> list[str]:
    """Bare AAC frames as an MPEG-4 file with the tags and chapters of `file`.

    Args:
        frames: What FFmpeg's encoder wrote in ADTS, whose first frame is the encoder's delay.
        sample_rate: Hertz of the frames.
        file: The source.
        output: What is written.
        final: Whether this is the last pass, which moves the index to the front.
    """
    return [
        # ADTS has no place for the delay: beginning before 0, it is cut by the MPEG-4 file's edit
        # list, as in a file that is encoded in one piece.
        *("-itsoffset", f"{-1024 / sample_rate:.9f}", "-f", "aac"),
        *("-i", f"file:{frames.absolute()}", *source(file)),
        *("-map", "0:a:0", "-c", "copy", "-copypriorss", "1", *_tags("1"), "-map_chapters", "1"),
        *_index(final=final),
        *("-f", "ipod", f"file:{output.absolute()}"),
    ]


def add_cover(audio: Path, cover: Path, demuxer: str, output: Path) -> list[str]:
    """`audio` as it is, with a picture of at most `MOST_COVER_PIXELS` as its cover art.

    A pass of its own, which copies: with a picture in the encode, 7.0.2 to 8.1.2 print no time.

    Args:
        audio: A result of ours.
        cover: The picture's file.
        demuxer: What reads it: "png_pipe" or "jpeg_pipe".
        output: What is written.
    """
    return [
        *("-i", f"file:{audio.absolute()}"),
        *("-protocol_whitelist", "file", "-codec_whitelist", "png,mjpeg"),
        *("-max_pixels", str(MOST_COVER_PIXELS), "-f", demuxer, "-i", f"file:{cover.absolute()}"),
        *("-map", "0:a:0", "-map", "1:v:0", "-c", "copy"),
        *("-map_metadata", "0", "-map_chapters", "0", "-disposition:v:0", "attached_pic"),
        *("-movflags", "+faststart", "-f", "ipod", f"file:{output.absolute()}"),
    ]


def extract_cover(file: Path, stream: int, output: Path) -> list[str]:
    """The bytes of the picture that is stream number `stream`."""
    return [
        *source(file),
        # Of the muxers that write a packet as it is, this one asks for no width and height.
        *("-map", f"0:{stream}", "-c", "copy", "-frames:v", "1", "-f", "image2pipe"),
        f"file:{output.absolute()}",
    ]


def _tags(source: str) -> tuple[str, ...]:
    # Ogg and Opus keep their tags with the stream; the container's own win where both are there.
    return "-map_metadata", source, "-map_metadata", f"{source}:s:a:0"


def _index(*, final: bool) -> tuple[str, ...]:
    return ("-movflags", "+faststart") if final else ()


def _codec(bitrate: int | None) -> tuple[str, ...]:
    return ("-c:a", "copy") if bitrate is None else ("-c:a", "aac", "-b:a", f"{bitrate}k")
