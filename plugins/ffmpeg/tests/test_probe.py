"""What is in a file, from what FFmpeg says about it."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from similubot_ffmpeg.probe import InfoReader, MediaInfo

SAMPLES = Path(__file__).parent / "samples"


def info_of(text: str) -> MediaInfo | None:
    reader = InfoReader()
    for line in text.splitlines():
        reader.read(line)
    return reader.info(1000)


def test_every_sample_that_opened_a_file_says_what_was_in_it() -> None:
    opened = 0
    for sample in sorted(SAMPLES.glob("*.stderr.txt")):
        text = sample.read_bytes().decode("utf-8", errors="replace")
        info = info_of(text)
        # With `-loglevel level`, which we never give, lines begin with "[info] ".
        assert (info is not None) == ("Input #0, " in text and "[info]" not in text), sample.name
        if info is not None:
            opened += 1
            assert (info.audio is None) == ("noaudio" in sample.name or "text" in sample.name)
    assert opened > 60


def test_streams_of_4_2_2_and_of_later_versions_are_read() -> None:
    for indent in ("    ", "  "):
        info = info_of(
            "Input #0, mov,mp4,m4a,3gp,3g2,mj2, from 'file:x':\n"
            "  Duration: 00:00:20.00, start: 0.000000, bitrate: 379 kb/s\n"
            f"{indent}Stream #0:0(und): Video: h264 (avc1 / 0x31637661), yuv420p, 246 kb/s\n"
            f"{indent}Stream #0:1[0x2](eng): Audio: aac (LC) (mp4a / 0x6134706D), 44100 Hz, "
            "5.1(side), fltp, 129 kb/s (default)\n"
            f"{indent}Stream #0:2: Video: png, rgb24, 600x600, 90k tbr (attached pic)\n"
        )
        assert info is not None
        assert info.audio is not None
        assert (info.audio.codec, info.audio.sample_rate, info.audio.bitrate) == ("aac", 44100, 129)
        assert info.audio.layout == "5.1(side)"
        assert (info.duration, info.has_video, info.cover) == (20.0, True, 2)


def test_the_containers_bitrate_is_the_sounds_where_there_is_no_picture() -> None:
    start = (
        "Input #0, ogg, from 'file:x':\n"
        "  Duration: 00:00:20.00, start: 0.000000, bitrate: 96 kb/s\n"
        "  Stream #0:0: Audio: opus, 48000 Hz, stereo, fltp\n"
    )
    info = info_of(start)
    assert info is not None
    assert info.audio is not None
    assert info.audio.bitrate == 96
    info = info_of(start + "  Stream #0:1: Video: vp9, yuv420p\n")
    assert info is not None
    assert info.audio is not None
    assert info.audio.bitrate is None


def test_the_sound_tracks_own_length_counts_but_not_one_longer_than_the_file() -> None:
    text = (
        "Input #0, matroska,webm, from 'file:x':\n"
        "  Duration: 00:10:00.00, start: 0.000000, bitrate: 96 kb/s\n"
        "  Stream #0:0: Audio: opus, 48000 Hz, stereo, fltp\n"
        "      Metadata:\n        DURATION        : {}\n"
    )
    shorter = info_of(text.format("00:04:00.123000000"))
    assert shorter is not None
    assert shorter.sound_duration == 240.123
    longer = info_of(text.format("01:00:00.000000000"))
    assert longer is not None
    assert longer.sound_duration == 600.0


def test_a_tag_is_no_stream() -> None:
    info = info_of(
        "Input #0, mp3, from 'file:x':\n"
        "  Metadata:\n"
        "    title           : Stream #0:0: Audio: aac, 8000 Hz, mono\n"
        "                    :   Stream #0:0: Audio: aac, 8000 Hz, mono\n"
        "  Duration: 00:10:00.00, start: 0.000000, bitrate: 96 kb/s\n"
        "  Stream #0:0: Audio: mp3, 44100 Hz, stereo, fltp, 96 kb/s\n"
    )
    assert info is not None
    assert info.audio is not None
    assert info.audio.codec == "mp3"


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
                "        DURATION  : 0:00:01.0",
            )
        ),
        max_size=30,
    ).map("".join)
)
def test_pieces_of_real_lines_in_any_order_are_information_or_none(text: str) -> None:
    info_of(text)
