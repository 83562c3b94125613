"""A long source encoded in parts at once: when, how it is cut, and that the joins are as good."""

import array
import itertools
import math
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from similubot_core import ProgressInfo, ProgressStatus
from similubot_ffmpeg import AudioConverter, FFmpegSettings, parts
from similubot_ffmpeg.media import AudioTrack
from similubot_ffmpeg.parts import PRE_ROLL, SHORTEST_PART, Encoders, cut, how_many
from similubot_loopback.media import make_cover, make_sound, run_ffmpeg
from similubot_testkit.rules import assert_progress_keeps_the_rules

RATE = 44_100
STEREO = AudioTrack("mp3", RATE, "stereo", 192)
LENGTH = 120.0


def test_it_is_done_only_where_it_pays() -> None:
    assert how_many(2, 3600.0, STEREO) == 2
    assert how_many(1, 3600.0, STEREO) == 1
    assert how_many(8, 3600.0, STEREO) == 8
    two_parts = 2 * SHORTEST_PART * 1024 / RATE
    assert how_many(8, two_parts + 1, STEREO) == 2
    assert how_many(8, two_parts - 1, STEREO) == 1
    assert how_many(2, None, STEREO) == 1


def test_all_processors_are_used_where_no_number_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "_processors", lambda: 3)
    assert how_many(0, 36_000.0, STEREO) == 3


def test_what_adts_has_no_number_for_or_would_be_resampled_is_done_in_one_piece() -> None:
    for rate, layout in ((192_000, "stereo"), (RATE, "7.1"), (None, "stereo"), (RATE, "")):
        assert how_many(2, 3600.0, AudioTrack("flac", rate, layout, 900)) == 1
    for layout in ("mono", "2 channels", "5.1", "5.1(side)"):
        assert how_many(2, 3600.0, AudioTrack("flac", RATE, layout, 900)) == 2


@given(st.integers(2, 64), st.floats(1.0, 40.0), st.sampled_from([8000, 44_100, 96_000]))
def test_the_parts_are_the_whole_and_each_has_as_much_to_do(
    count: int, times: float, rate: int
) -> None:
    length = count * SHORTEST_PART * 1024 / rate * times
    cuts = cut(count, length, rate)
    assert len(cuts) == count
    assert cuts[0].begin == 0
    assert cuts[-1].end is None
    for before, after in itertools.pairwise(cuts):
        assert before.end == after.begin
    frames = int(length * rate / 1024)
    work = [(part.end or frames) - part.encoded_from for part in cuts]
    assert max(work) - min(work) <= count
    assert all(part.begin - part.encoded_from == PRE_ROLL for part in cuts[1:])


def test_a_source_that_comes_slower_than_it_is_encoded_is_done_in_one_piece() -> None:
    minutes = 30 * 60.0
    assert how_many(2, minutes, STEREO, still_comes=60.0) == 1
    assert how_many(2, minutes, STEREO, still_comes=8.0) == 2
    assert how_many(8, minutes, STEREO, still_comes=8.0) == 3
    assert how_many(2, minutes, STEREO, still_comes=0.0) == 2


def test_a_conversion_beside_others_takes_the_processors_that_are_free() -> None:
    encoders = Encoders()
    with encoders.take(4, 4) as alone, encoders.take(4, 4) as second:
        assert (alone, second) == (4, 1)
    with encoders.take(1, 4), encoders.take(2, 4) as some, encoders.take(4, 4) as rest:
        assert (some, rest) == (2, 1)
    with encoders.take(4, 4) as again:
        assert again == 4


def test_a_part_that_is_sought_is_read_from_a_little_before_its_begin() -> None:
    first, second = cut(2, 600.0, RATE, sought=True)
    assert first.seek(RATE) is None
    skipped = second.seek(RATE)
    assert skipped is not None
    assert 0.3 < second.encoded_from * 1024 / RATE - skipped < 0.5
    assert cut(2, 600.0, RATE)[1].seek(RATE) is None


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory, maker: Path) -> Path:
    """A FLAC file with tags and a picture, long enough for two parts with their pre-roll."""
    folder = tmp_path_factory.mktemp("parts")
    sound = make_sound(folder / "sound.flac", LENGTH, maker, "-c:a", "flac")
    path = folder / "long.flac"
    run_ffmpeg(
        maker,
        *("-i", str(sound), "-i", str(make_cover(folder / "cover.png", maker))),
        *("-map", "0:a", "-map", "1:v", "-c", "copy", "-disposition:v", "attached_pic", str(path)),
    )
    return path


def in_parts(
    program: Path, threads: int, source: Path, folder: Path
) -> tuple[Path, list[ProgressInfo]]:
    seen: list[ProgressInfo] = []
    settings = FFmpegSettings(program=str(program), threads=threads)
    converter = AudioConverter(temp_dir=folder / str(threads), settings=settings)
    ok, path, error = converter.convert_to_aac_with_progress(
        source, 128, progress_callback=seen.append
    )
    assert (ok, error) == (True, None)
    return Path(path or ""), seen


def samples(file: Path, ffmpeg: Path) -> "array.array[int]":
    result = subprocess.run(
        [ffmpeg, "-v", "error", "-i", file, "-map", "0:a:0", "-f", "s16le", "-ac", "1", "-"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=120,
        check=True,
    )
    return array.array("h", result.stdout)


def signal_to_noise(
    source: "array.array[int]", result: "array.array[int]", begin: int, end: int
) -> float:
    signal = sum(x * x for x in source[begin:end])
    noise = sum(
        (x - y) * (x - y) for x, y in zip(source[begin:end], result[begin:end], strict=True)
    )
    return 10 * math.log10(signal / max(noise, 1))


def check_parts(program: Path, maker: Path, source: Path, count: int, folder: Path) -> None:
    serial, _ = in_parts(program, 1, source, folder)
    joined, seen = in_parts(program, count, source, folder)
    assert any(f"in {count} parts" in info.message for info in seen)
    assert_progress_keeps_the_rules(seen)
    assert seen[-1].status is ProgressStatus.COMPLETED
    original, one, several = (samples(file, maker) for file in (source, serial, joined))
    assert 0 <= len(several) - len(original) < 2048
    for part in cut(count, LENGTH, RATE)[1:]:
        join = part.begin * 1024
        for half in (2048, 8192):
            whole = signal_to_noise(original, one, join - half, join + half)
            parted = signal_to_noise(original, several, join - half, join + half)
            assert whole > 15
            assert parted > whole - 1.0, (part.begin, half)
    infos = [AudioConverter().get_media_info(file)[1] for file in (serial, joined)]
    assert infos[0] is not None
    assert infos[1] is not None
    assert infos[0].cover == infos[1].cover
    assert infos[1].audio is not None
    assert infos[1].audio.bitrate == pytest.approx(128, abs=5)


@pytest.mark.slow
@pytest.mark.parametrize("count", [2, 3])
@pytest.mark.parametrize(
    "kind", ["flac", "mp4 whose index is last", "quicktime of alac", "wav", "mkv", "mp3"]
)
def test_joins_are_within_1_db_of_one_piece_with_every_version(
    kind: str,
    count: int,
    ffmpeg: Path,
    maker: Path,
    source: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    video = ("-f", "lavfi", "-i", "testsrc2=s=64x64:r=10:d=121", "-map", "0:a", "-map", "1:v")
    made = {
        "mp4 whose index is last": (".mp4", *video, "-c:v", "mpeg4", "-c:a", "aac", "-b:a", "200k"),
        "quicktime of alac": (".mov", "-map", "0:a", "-c:a", "alac"),
        "wav": (".wav",),
        "mkv": (".mkv", *video, "-c:v", "mpeg4", "-c:a", "flac"),
        "mp3": (".mp3", "-map", "0:a", "-b:a", "256k"),
    }
    monkeypatch.setattr(parts, "SHORTEST_PART", 1000)
    if kind != "flac":
        suffix, *options = made[kind]
        run_ffmpeg(maker, "-i", str(source), *options, str(tmp_path / f"source{suffix}"))
        source = tmp_path / f"source{suffix}"
    check_parts(ffmpeg, maker, source, count, tmp_path)


def test_audio_that_ends_within_the_first_part_is_converted_whole(
    maker: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, decoded: Callable[[Path], float]
) -> None:
    video = tmp_path / "mostly silent.avi"
    run_ffmpeg(
        maker,
        *("-f", "lavfi", "-i", "testsrc2=s=64x64:r=1:d=200", "-f", "lavfi", "-i", "sine=d=20"),
        *("-ac", "2", "-c:v", "mpeg4", "-c:a", "libmp3lame", "-b:a", "200k", str(video)),
    )
    monkeypatch.setattr(parts, "SHORTEST_PART", 1000)
    path, seen = in_parts(maker, 2, video, tmp_path)
    assert any("in 2 parts" in info.message for info in seen)
    assert decoded(path) == pytest.approx(20.0, abs=0.1)


def test_a_gap_in_the_time_stamps_costs_no_audio(
    maker: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, decoded: Callable[[Path], float]
) -> None:
    gap = tmp_path / "gap.mka"
    run_ffmpeg(
        maker,
        *("-f", "lavfi", "-i", "sine=d=80", "-ac", "2", "-af", "asetpts=PTS+gt(T\\,40)*60/TB"),
        *("-c:a", "flac", str(gap)),
    )
    monkeypatch.setattr(parts, "SHORTEST_PART", 1000)
    path, seen = in_parts(maker, 2, gap, tmp_path)
    assert any("in 2 parts" in info.message for info in seen)
    assert decoded(path) == pytest.approx(80.0, abs=0.1)


def test_audio_whose_rate_changes_is_encoded_in_one_piece(
    maker: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, decoded: Callable[[Path], float]
) -> None:
    source = tmp_path / "changing.mp3"
    with source.open("wb") as joined:
        for rate in (44_100, 48_000):
            piece = tmp_path / f"{rate}.mp3"
            options = ("-ac", "2", "-ar", str(rate), "-write_xing", "0", "-id3v2_version", "0")
            run_ffmpeg(maker, "-f", "lavfi", "-i", "sine=d=40", *options, str(piece))
            joined.write(piece.read_bytes())
    monkeypatch.setattr(parts, "SHORTEST_PART", 1000)
    path, seen = in_parts(maker, 2, source, tmp_path)
    messages = list(dict.fromkeys(info.message for info in seen))
    assert messages[-3:-1] == ["Encoding at 128 kb/s in 2 parts", "Encoding at 128 kb/s"]
    assert decoded(path) == pytest.approx(80.0, abs=0.2)
