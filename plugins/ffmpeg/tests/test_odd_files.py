"""Files that people have, each of which a conversion once judged wrongly."""

import struct
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from similubot_core import CancelToken, ConversionRequest, StageContext
from similubot_ffmpeg import AudioConverter
from similubot_loopback.media import make_sound

Decoded = Callable[[Path], float]
MEDIA = Path(__file__).parent / "media"


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


def test_a_fragment_that_is_missing_between_others_is_missing_audio(
    converter: AudioConverter, maker: Path, tmp_path: Path
) -> None:
    pieces = (
        "-movflags",
        "+frag_keyframe+empty_moov+default_base_moof",
        "-frag_duration",
        "1000000",
    )
    file = make_sound(tmp_path / "a.mp4", 4.0, maker, "-c:a", "aac", *pieces)
    first, second, third, *rest = file.read_bytes().split(b"moof")
    # Each piece ends with the four bytes of the next one's length.
    file.write_bytes(b"moof".join([first, second[:-4] + third[-4:], *rest]))
    assert "is damaged: only 3.0s of 4.0s could be converted" in refused(converter, file)


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


@pytest.mark.parametrize(
    ("suffix", "options"),
    [
        ("aac", ("-c:a", "aac", "-b:a", "192k")),
        ("ac3", ()),
        ("mp3", ("-c:a", "libmp3lame", "-b:a", "192k", "-write_xing", "0")),
        ("mpg", ("-c:a", "mp2")),
        ("avi", ("-c:a", "mp2")),
        ("wma", ("-c:a", "wmav2")),
        ("webm", ("-c:a", "libvorbis", "-b:a", "192k")),
        ("opus", ("-c:a", "libopus", "-b:a", "128k")),
    ],
)
@pytest.mark.parametrize("end", [0.7, 1.0])
def test_what_a_downloader_left_empty_is_missing(
    suffix: str,
    options: tuple[str, ...],
    end: float,
    newest: AudioConverter,
    maker: Path,
    tmp_path: Path,
) -> None:
    file = make_sound(tmp_path / f"a.{suffix}", 4.0, maker, *options)
    data = bytearray(file.read_bytes())
    begins, ends = len(data) * 3 // 10, int(len(data) * end)
    data[begins:ends] = bytes(ends - begins)
    file.write_bytes(data)
    assert " is damaged: " in refused(newest, file)


def test_of_a_file_that_is_mostly_empty_the_rest_can_be_kept(
    converter: AudioConverter, maker: Path, tmp_path: Path, decoded: Decoded
) -> None:
    file = make_sound(tmp_path / "a.m4a", 4.0, maker, "-c:a", "aac", "-movflags", "+faststart")
    data = file.read_bytes()
    file.write_bytes(data[: len(data) * 3 // 10] + bytes(len(data) * 7 // 10))
    assert "is damaged: only 1." in refused(converter, file)
    request = ConversionRequest(64, keep_damaged=True)
    kept = converter.run(file, request, StageContext(tmp_path, CancelToken()))
    assert kept.name == "a (damaged).m4a"
    assert 0.5 < decoded(kept) < 2


def test_ogg_that_changes_its_codec_on_the_way_is_not_whole(
    converter: AudioConverter, maker: Path, tmp_path: Path
) -> None:
    parts = [
        make_sound(tmp_path / name, 2.0, maker, "-c:a", codec).read_bytes()
        for name, codec in (("a.ogg", "libvorbis"), ("b.opus", "libopus"))
    ]
    file = tmp_path / "both.ogg"
    file.write_bytes(b"".join(parts))
    error = refused(converter, file)
    assert "after its first 2.0s comes something that FFmpeg cannot read" in error


@pytest.mark.parametrize("name", ["he-aac-explicit.m4a", "he-aac-implicit.m4a", "he-aac-mono.m4a"])
@pytest.mark.parametrize("bitrate", [None, 64])
def test_he_aac_is_copied_or_encoded_at_its_full_rate(
    name: str, bitrate: int | None, converter: AudioConverter, decoded: Decoded
) -> None:
    ok, path, error = converter.convert_to_aac(MEDIA / name, bitrate)
    assert ok, error
    assert path is not None
    assert decoded(Path(path)) == pytest.approx(decoded(MEDIA / name), abs=0.2)
    _, info, _ = converter.get_media_info(path)
    assert info is not None
    assert info.audio is not None
    assert info.audio.sample_rate == 44_100


@pytest.mark.parametrize("name", ["he-aac-v2.aac", "he-aac-v2-implicit.m4a"])
@pytest.mark.parametrize("bitrate", [None, 64])
def test_parametric_stereo_stays_stereo(
    name: str, bitrate: int | None, converter: AudioConverter, decoded: Decoded
) -> None:
    ok, path, error = converter.convert_to_aac(MEDIA / name, bitrate)
    assert ok, error
    assert path is not None
    assert decoded(Path(path)) == pytest.approx(decoded(MEDIA / name), abs=0.2)
    _, info, _ = converter.get_media_info(path)
    assert info is not None
    assert info.audio is not None
    assert (info.audio.sample_rate, info.audio.layout) == (44_100, "stereo")


def test_a_kind_of_aac_that_ffmpeg_does_not_know_is_said_to_be_that(
    converter: AudioConverter,
) -> None:
    assert refused(converter, MEDIA / "aac-eld.m4a") == (
        "The audio of aac-eld.m4a is of a kind that this FFmpeg cannot decode."
    )
