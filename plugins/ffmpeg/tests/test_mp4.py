"""A result is read to its last box: what FFmpeg wrote is told from what is cut or no sound."""

import contextlib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from similubot_ffmpeg.mp4 import read_sound
from similubot_loopback.media import make_sound, run_ffmpeg

LENGTH = 3.0


@pytest.fixture(scope="module")
def m4a(tmp_path_factory: pytest.TempPathFactory, maker: Path) -> Path:
    path = tmp_path_factory.mktemp("mp4") / "sound.m4a"
    return make_sound(path, LENGTH, maker, "-c:a", "aac", "-movflags", "+faststart")


def test_codec_and_length_of_what_ffmpeg_wrote(m4a: Path) -> None:
    sound = read_sound(m4a)
    assert (sound.codec, sound.start) == ("mp4a", 0)
    assert sound.seconds == pytest.approx(LENGTH, abs=0.1)


def test_another_codec_is_told(tmp_path: Path, maker: Path) -> None:
    assert read_sound(make_sound(tmp_path / "a.m4a", 1, maker, "-c:a", "alac")).codec == "alac"


def test_sound_beside_a_picture_is_found(shapes: Callable[[str], Path]) -> None:
    for shape in ("mp4 with its index last", "mp4 with its index first", "m4a with art"):
        assert read_sound(shapes(shape)).codec == "mp4a"


def test_sound_that_begins_late_says_when(m4a: Path, tmp_path: Path, maker: Path) -> None:
    late = tmp_path / "late.m4a"
    run_ffmpeg(maker, "-itsoffset", "2", "-i", str(m4a), "-c", "copy", str(late))
    sound = read_sound(late)
    assert sound.start == pytest.approx(2, abs=0.1)
    assert sound.seconds == pytest.approx(LENGTH, abs=0.1)


def test_every_cut_is_seen(m4a: Path, tmp_path: Path) -> None:
    data, cut = m4a.read_bytes(), tmp_path / "cut.m4a"
    for size in (0, 1, 7, 20, 100, len(data) // 2, len(data) - 1):
        cut.write_bytes(data[:size])
        with pytest.raises(ValueError, match="it "):
            read_sound(cut)


def test_a_file_without_sound_is_refused(tmp_path: Path, maker: Path) -> None:
    picture = tmp_path / "picture.mp4"
    run_ffmpeg(maker, "-f", "lavfi", "-i", "testsrc2=d=1", "-c:v", "mpeg4", str(picture))
    with pytest.raises(ValueError, match="no sound track"):
        read_sound(picture)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=st.lists(st.tuples(st.integers(0), st.integers(0, 255)), min_size=1, max_size=8))
def test_changed_bytes_give_a_sound_or_a_reason(
    changes: list[tuple[int, int]], m4a: Path, tmp_path: Path
) -> None:
    content = bytearray(m4a.read_bytes())
    end = content.index(b"mdat")
    for place, byte in changes:
        content[place % end] = byte
    broken = tmp_path / "broken.m4a"
    broken.write_bytes(content)
    with contextlib.suppress(ValueError):
        assert read_sound(broken).seconds >= 0
