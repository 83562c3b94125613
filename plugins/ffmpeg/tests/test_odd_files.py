"""Files that people have, each of which a conversion once judged wrongly."""

import struct
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from similubot_ffmpeg import AudioConverter
from similubot_loopback.media import make_sound

Decoded = Callable[[Path], float]


@pytest.fixture(scope="module")
def m4a(tmp_path_factory: pytest.TempPathFactory, maker: Path) -> bytes:
    """AAC of 3 seconds in an MPEG-4 file with its index, and tags in it, at the end."""
    file = tmp_path_factory.mktemp("odd") / "a.m4a"
    return make_sound(file, 3.0, maker, "-c:a", "aac", "-metadata", "title=Odd").read_bytes()


def converted(converter: AudioConverter, file: Path) -> Path:
    ok, path, error = converter.convert_to_aac(file)
    assert ok, error
    assert path is not None
    return Path(path)


def refused(converter: AudioConverter, file: Path) -> str:
    ok, _, error = converter.convert_to_aac(file)
    assert not ok
    assert error is not None
    return error


def with_lengths(data: bytes, times: float, *boxes: bytes) -> bytes:
    """The file with the lengths in these boxes of its index multiplied."""
    changed = bytearray(data)
    for box in boxes:
        at = changed.find(box) + {b"mvhd": 20, b"tkhd": 24, b"mdhd": 20, b"elst": 12}[box]
        (length,) = struct.unpack_from(">I", changed, at)
        struct.pack_into(">I", changed, at, int(length * times))
    return bytes(changed)


@pytest.mark.parametrize("times", [0, 0.5, 10])
@pytest.mark.parametrize("boxes", [(b"mdhd",), (b"mvhd", b"tkhd", b"mdhd")])
def test_the_lengths_in_an_index_are_claims(
    times: float, boxes: tuple[bytes, ...], m4a: bytes, converter: AudioConverter,
    tmp_path: Path, decoded: Decoded,
) -> None:  # fmt: skip
    file = tmp_path / "a.m4a"
    file.write_bytes(with_lengths(m4a, times, *boxes))
    assert decoded(converted(converter, file)) == pytest.approx(3.0, abs=0.1)


def test_an_edit_list_that_plays_nothing_is_no_whole_file(
    m4a: bytes, converter: AudioConverter, tmp_path: Path
) -> None:
    file = tmp_path / "a.m4a"
    file.write_bytes(with_lengths(m4a, 0, b"elst"))
    assert refused(converter, file).startswith(("a.m4a is damaged: only 0.0s of 3.0s", "a.m4a hol"))


def test_an_index_that_is_cut_within_its_tags_lacks_no_audio(
    m4a: bytes, converter: AudioConverter, tmp_path: Path, decoded: Decoded
) -> None:
    file = tmp_path / "a.m4a"
    file.write_bytes(m4a[:-20])
    assert decoded(converted(converter, file)) == pytest.approx(3.0, abs=0.1)


def test_a_fragmented_file_without_the_end_of_its_index_lacks_no_audio(
    newest: AudioConverter, maker: Path, tmp_path: Path, decoded: Decoded
) -> None:
    pieces = ("-movflags", "+frag_keyframe+empty_moov", "-frag_duration", "500000")
    file = make_sound(tmp_path / "a.mp4", 3.0, maker, "-c:a", "aac", *pieces)
    data = file.read_bytes()
    file.write_bytes(data[: data.rfind(b"mfra") + 10])
    assert decoded(converted(newest, file)) == pytest.approx(3.0, abs=0.1)


@pytest.mark.parametrize("more", [b"\n", bytes(3000), b"TAG" + bytes(125)])
def test_what_follows_the_last_frame_is_no_damage(
    more: bytes, converter: AudioConverter, maker: Path, tmp_path: Path, decoded: Decoded
) -> None:
    file = make_sound(tmp_path / "a.aac", 3.0, maker, "-c:a", "aac")
    file.write_bytes(file.read_bytes() + more)
    assert decoded(converted(converter, file)) == pytest.approx(3.0, abs=0.1)


def test_aac_whose_rate_changes_on_the_way_is_not_copied_out_of_nut(
    newest: AudioConverter, maker: Path, tmp_path: Path
) -> None:
    frames = b"".join(
        make_sound(tmp_path / f"{rate}.aac", 2.0, maker, "-ar", rate, "-c:a", "aac").read_bytes()
        for rate in ("44100", "32000")
    )
    (tmp_path / "both.aac").write_bytes(frames)
    file = tmp_path / "a.nut"
    command: list[str | Path] = [
        maker,
        "-v",
        "error",
        "-i",
        tmp_path / "both.aac",
        "-c",
        "copy",
        file,
    ]
    subprocess.run(command, check=True, timeout=60, stdin=subprocess.DEVNULL)
    result = converted(newest, file)
    assert samples(result, maker) == pytest.approx(samples(file, maker), abs=4096)


def samples(file: Path, ffmpeg: Path) -> int:
    """How many samples FFmpeg decodes of a file, at 44,100 a second."""
    raw = ("-f", "s16le", "-ac", "1", "-ar", "44100", "-")
    run = subprocess.run(
        [ffmpeg, "-v", "quiet", "-i", file, *raw],
        stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=False,
    )  # fmt: skip
    return len(run.stdout) // 2


@pytest.mark.parametrize(
    ("suffix", "options"),
    [("flac", ()), ("ogg", ("-c:a", "libvorbis", "-page_duration", "100000"))],
)
def test_a_hole_in_a_file_whose_time_stamps_count_samples_is_missing_audio(
    suffix: str, options: tuple[str, ...], converter: AudioConverter, maker: Path, tmp_path: Path
) -> None:
    file = make_sound(tmp_path / f"a.{suffix}", 6.0, maker, *options)
    data = file.read_bytes()
    begin, end = len(data) * 4 // 10, len(data) * 6 // 10
    file.write_bytes(data[:begin] + bytes(end - begin) + data[end:])
    error = refused(converter, file)
    assert "is damaged: only 4." in error
    assert "of 6.0s could be converted" in error


def test_an_index_behind_the_frames_of_an_avi_file_may_be_missing(
    newest: AudioConverter, maker: Path, tmp_path: Path, decoded: Decoded
) -> None:
    file = make_sound(tmp_path / "a.avi", 3.0, maker, "-c:a", "libmp3lame")
    data = file.read_bytes()
    file.write_bytes(data[: data.rfind(b"idx1") + 20])
    assert decoded(converted(newest, file)) == pytest.approx(3.0, abs=0.1)


def test_encryption_of_a_fragmented_file_is_named(
    converter: AudioConverter, maker: Path, tmp_path: Path
) -> None:
    key = ("-encryption_scheme", "cenc-aes-ctr", "-encryption_key", "76" * 16)
    pieces = ("-movflags", "+frag_keyframe+empty_moov", "-frag_duration", "500000")
    file = tmp_path / "a.mp4"
    kid = ("-encryption_kid", "a7" * 16)
    make_sound(file, 3.0, maker, "-c:a", "aac", *pieces, *key, *kid)
    assert "is protected by Common Encryption (CENC)" in refused(converter, file)
