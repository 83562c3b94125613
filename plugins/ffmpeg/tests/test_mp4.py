"""What the index of an MPEG-4 file says of its audio, of a result to its last box."""

import contextlib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from similubot_ffmpeg.mp4 import Mp4Track, read_source_tracks, read_tracks
from similubot_loopback.media import make_sound, run_ffmpeg

LENGTH = 3.0


def only_track(file: Path) -> Mp4Track:
    (track,) = read_tracks(file)
    return track


@pytest.fixture(scope="module")
def m4a(tmp_path_factory: pytest.TempPathFactory, maker: Path) -> Path:
    path = tmp_path_factory.mktemp("mp4") / "audio.m4a"
    return make_sound(path, LENGTH, maker, "-c:a", "aac", "-movflags", "+faststart")


def test_codec_packets_and_length_of_what_ffmpeg_wrote(m4a: Path) -> None:
    track = only_track(m4a)
    assert track.codecs == ("mp4a",)
    assert track.rate == 44_100
    assert track.packets == 131  # 130 of 1,024 samples, and the encoder's delay
    assert track.plays == pytest.approx(LENGTH, abs=0.001)
    assert track.seconds == pytest.approx(131 * 1024 / 44_100, abs=0.03)


def test_another_codec_is_named(tmp_path: Path, maker: Path) -> None:
    alac = make_sound(tmp_path / "a.m4a", 1, maker, "-c:a", "alac")
    assert only_track(alac).codecs == ("alac",)


def test_audio_beside_a_picture_is_found(shapes: Callable[[str], Path]) -> None:
    for shape in ("mp4 with its index last", "mp4 with its index first", "m4a with art"):
        assert only_track(shapes(shape)).codecs == ("mp4a",)


def test_a_clip_cut_without_encoding_plays_what_its_edit_list_says(
    m4a: Path, tmp_path: Path, maker: Path
) -> None:
    clip = tmp_path / "clip.m4a"
    run_ffmpeg(maker, "-ss", "1.01", "-i", str(m4a), "-t", "1.5", "-c", "copy", str(clip))
    track = only_track(clip)
    assert track.plays == pytest.approx(1.5, abs=0.05)


def test_audio_that_begins_late_plays_no_longer(m4a: Path, tmp_path: Path, maker: Path) -> None:
    late = tmp_path / "late.m4a"
    run_ffmpeg(maker, "-itsoffset", "2", "-i", str(m4a), "-c", "copy", str(late))
    assert only_track(late).plays == pytest.approx(LENGTH, abs=0.05)


def test_every_cut_of_a_result_is_seen(m4a: Path, tmp_path: Path) -> None:
    data, cut = m4a.read_bytes(), tmp_path / "cut.m4a"
    for size in (0, 1, 7, 20, 100, len(data) // 2, len(data) - 1):
        cut.write_bytes(data[:size])
        with pytest.raises(ValueError, match="it "):
            read_tracks(cut)


def test_a_cut_source_still_says_what_it_should_hold(m4a: Path, tmp_path: Path) -> None:
    cut = tmp_path / "cut.m4a"
    cut.write_bytes(m4a.read_bytes()[:-5000])
    (track,) = read_source_tracks(cut)
    assert track.packets == 131
    assert track.plays == pytest.approx(LENGTH, abs=0.001)


def test_a_file_without_audio_has_no_track(tmp_path: Path, maker: Path) -> None:
    picture = tmp_path / "picture.mp4"
    run_ffmpeg(maker, "-f", "lavfi", "-i", "testsrc2=d=1", "-c:v", "mpeg4", str(picture))
    assert read_tracks(picture) == ()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=st.lists(st.tuples(st.integers(0), st.integers(0, 255)), min_size=1, max_size=8))
def test_changed_bytes_give_tracks_or_a_reason(
    changes: list[tuple[int, int]], m4a: Path, tmp_path: Path
) -> None:
    content = bytearray(m4a.read_bytes())
    end = content.index(b"mdat")
    for place, byte in changes:
        content[place % end] = byte
    broken = tmp_path / "broken.m4a"
    broken.write_bytes(content)
    with contextlib.suppress(ValueError):
        assert all(track.plays >= 0 for track in read_tracks(broken))
    assert all(track.plays >= 0 for track in read_source_tracks(broken))
