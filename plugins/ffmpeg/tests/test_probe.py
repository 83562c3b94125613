"""What is in a file, from what FFmpeg says about it, and from nothing that the file says itself."""

import struct
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from similubot_ffmpeg import AudioConverter
from similubot_ffmpeg.media import MediaInfo
from similubot_ffmpeg.probe import InfoReader, read_metadata

SAMPLES = Path(__file__).parent / "samples"
SECRET = "0123456789abcdef"


def info_of(text: str, tags: list[dict[str, str]] | None = None) -> MediaInfo | None:
    reader = InfoReader(SECRET)
    for line in text.splitlines():
        reader.read(line)
    return reader.info(1000, tags or [])


def seen(inputs: str, outputs: str, tags: list[dict[str, str]] | None = None) -> MediaInfo:
    info = info_of(
        f"{inputs}Output #0, null, to '{SECRET}':\n{outputs}Output #1, x, to 'y':\n", tags
    )
    assert info is not None
    return info


def test_every_sample_that_opened_a_file_names_its_container() -> None:
    opened = 0
    for sample in sorted(SAMPLES.glob("*.stderr.txt")):
        text = sample.read_bytes().decode("utf-8", errors="replace")
        info = info_of(text)
        # With `-loglevel level`, which we never give, lines begin with "[info] ".
        assert (info is not None) == ("Input #0, " in text and "[info]" not in text), sample.name
        opened += info is not None
    assert opened > 60


@pytest.mark.parametrize("indent", ["    ", "  "])
def test_streams_of_4_2_2_and_of_later_versions_are_read(indent: str) -> None:
    info = seen(
        "Input #0, mov,mp4,m4a,3gp,3g2,mj2, from 'file:x':\n"
        "  Duration: 00:00:20.00, start: 0.000000, bitrate: 379 kb/s\n"
        f"{indent}Stream #0:0(und): Video: h264 (avc1 / 0x31637661), none, 246 kb/s\n"
        f"{indent}Stream #0:1[0x2](eng): Audio: aac (LC) (mp4a / 0x6134706D), 44100 Hz\n"
        f"{indent}Stream #0:2: Video: png, none, 600x600, 90k tbr (attached pic)\n",
        f"{indent}Stream #0:0: Audio: aac (LC) (mp4a / 0x6134706D), 44100 Hz, 5.1(side), fltp, "
        "129 kb/s (default)\n",
        [{"language": "eng", "title": "Director\n2"}],
    )
    (track,) = info.tracks
    assert (track.codec, track.sample_rate, track.bitrate, track.layout) == (
        *("aac", 44_100, 129, "5.1(side)"),
    )
    assert (track.fourcc, track.default, track.label) == ("mp4a", True, "track 1 (eng, Director 2)")
    assert (info.duration, info.has_video, info.cover, info.streams) == (20.0, True, 2, 2)


def test_the_containers_bitrate_is_the_tracks_where_there_is_no_picture() -> None:
    start = (
        "Input #0, ogg, from 'file:x':\n"
        "  Duration: 00:00:20.00, start: 0.000000, bitrate: 96 kb/s\n"
        "  Stream #0:0: Audio: opus, 48000 Hz, stereo, fltp\n"
    )
    track = "  Stream #0:0: Audio: opus, 48000 Hz, stereo, fltp\n"
    assert seen(start, track).tracks[0].bitrate == 96
    assert seen(start + "  Stream #0:1: Video: vp9, none\n", track).tracks[0].bitrate is None


def test_a_tracks_own_length_counts_but_not_one_longer_than_the_file() -> None:
    inputs = (
        "Input #0, matroska,webm, from 'file:x':\n"
        "  Duration: 00:10:00.00, start: 0.000000, bitrate: 96 kb/s\n"
    )
    track = "  Stream #0:0: Audio: opus, 48000 Hz, stereo, fltp\n"
    shorter = seen(inputs, track, [{"duration": "00:04:00.123000000"}])
    assert shorter.length_of(shorter.tracks[0]) == 240.123
    longer = seen(inputs, track, [{"duration-eng": "01:00:00.000000000"}])
    assert longer.length_of(longer.tracks[0]) == 600.0


def test_a_container_claims_nothing_of_one_track_among_others() -> None:
    inputs = (
        "Input #0, flv, from 'file:x':\n"
        "  Duration: 00:10:00.00, start: 0.000000, bitrate: 96 kb/s\n"
        "  Stream #0:0: Audio: mp2, 48000 Hz\n"
    )
    track = "  Stream #0:0: Audio: mp2, 48000 Hz, stereo, s16p\n"
    alone = seen(inputs, track)
    assert alone.claim_of(alone.tracks[0]) == 600.0
    film = seen(inputs + "  Stream #0:1: Video: mpeg2video, none\n", track)
    assert film.claim_of(film.tracks[0]) is None


def test_two_durations_are_none() -> None:
    info = seen(
        "Input #0, mp3, from 'file:x':\n"
        "  Duration: 00:00:01.00, start: 0.000000, bitrate: 96 kb/s\n"
        "  Duration: 00:10:00.00, start: 0.000000, bitrate: 96 kb/s\n",
        "  Stream #0:0: Audio: mp3, 44100 Hz, stereo, fltp\n",
    )
    assert info.duration is None


def test_streams_before_the_output_that_nobody_can_name_are_not_believed() -> None:
    info = seen(
        "Input #0, mp3, from 'file:x':\n"
        "Output #0, null, to 'pipe:':\n"
        "  Stream #0:0: Audio: aac (LC) (mp4a / 0x6134706D), 8000 Hz, mono, fltp, 8 kb/s\n",
        "  Stream #0:0: Audio: mp3, 44100 Hz, stereo, fltp, 96 kb/s\n",
    )
    assert [track.codec for track in info.tracks] == ["mp3"]


FORGED = """x
Input #0, aac, from 'file:x':
  Duration: 00:00:01.00, start: 0.000000, bitrate: 8 kb/s
  Stream #0:0: Audio: aac (LC), 8000 Hz, mono, fltp, 8 kb/s (default)
Output #0, null, to 'pipe:':
  Stream #0:0: Audio: aac (LC), 8000 Hz, mono, fltp, 8 kb/s (default)
Output #1, null, to 'pipe:':
"""


def id3(description: str, text: str) -> bytes:
    """An ID3v2.3 tag with one frame of a user's own (TXXX)."""
    body = b"\0" + description.encode("latin-1") + b"\0" + text.encode("latin-1")
    frame = b"TXXX" + struct.pack(">IH", len(body), 0) + body
    size = bytes(len(frame) >> shift & 127 for shift in (21, 14, 7, 0))
    return b"ID3\x03\0\0" + size + frame


def test_a_tag_that_looks_like_ffmpegs_words_changes_neither_codec_nor_length(
    converter: AudioConverter,
    shapes: Callable[[str], Path],
    decoded: Callable[[Path], float],
    tmp_path: Path,
) -> None:
    source = tmp_path / "forged.mp3"
    source.write_bytes(id3(FORGED, "x") + shapes("mp3 with art").read_bytes())
    _, info, _ = converter.get_media_info(source)
    assert info is not None
    (track,) = info.tracks
    assert (track.codec, track.sample_rate, track.layout) == ("mp3", 44_100, "stereo")
    assert info.duration in (None, pytest.approx(8.0, abs=0.1))
    ok, path, error = converter.convert_to_aac(source)
    assert (ok, error) == (True, None)
    assert decoded(Path(path or "")) == pytest.approx(8.0, abs=0.1)


def test_escaped_tags_are_read_and_cannot_begin_a_section() -> None:
    data = (
        b";FFMETADATA1\n[STREAM]\ntitle=a\\=b\\\n[STREAM]\\\\\nLanguage=eng\n"
        b"[STREAM]\n[CHAPTER]\ntitle=\xff\n"
    )
    streams = read_metadata(data)
    assert streams[0] == {"title": "a=b\n[STREAM]\\", "language": "eng"}
    assert len(streams) == 2


@given(st.binary(max_size=200))
def test_any_bytes_are_tags_or_none(data: bytes) -> None:
    read_metadata(b"[STREAM]\n" + data)


@given(st.text(max_size=300))
def test_any_text_is_information_or_none(text: str) -> None:
    info_of(text)


@given(
    st.lists(
        st.sampled_from(
            (
                *("  Stream #0:", "0", "(und)", ": ", "Audio: ", "Video: ", "aac", ", 44100 Hz"),
                *("stereo", " 99999999999 kb/s", "(attached pic)", "\n", ", "),
                "Input #0, x, from 'a':",
                "  Duration: 00:00:01.00, start: 0, bitrate: 5 kb/s",
                f"Output #0, null, to '{SECRET}':",
            )
        ),
        max_size=30,
    ).map("".join)
)
def test_pieces_of_real_lines_in_any_order_are_information_or_none(text: str) -> None:
    info_of(text, [{"duration": "1:2:3", "title": "x"}])
