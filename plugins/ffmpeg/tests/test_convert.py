"""Conversions of real media by real FFmpegs: what comes out, and what is told on the way."""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from similubot_core import (
    ConversionRequest,
    ProgressInfo,
    ProgressStatus,
    StageContext,
    StageError,
)
from similubot_ffmpeg import AudioConverter
from similubot_loopback.media import SHAPES, TAGS, run_ffmpeg
from similubot_testkit.rules import assert_progress_keeps_the_rules

Shapes = Callable[[str], Path]
Decoded = Callable[[Path], float]
LENGTH = 8.0
PADDING = 0.1
"""Seconds that encoders add at the ends."""


@pytest.mark.parametrize("shape", SHAPES)
def test_each_shape_becomes_playable_aac_of_the_right_length(
    shape: str, shapes: Shapes, converter: AudioConverter, decoded: Decoded
) -> None:
    source = shapes(shape)
    seen: list[ProgressInfo] = []
    ok, path, error = converter.convert_to_aac_with_progress(source, progress_callback=seen.append)
    assert (ok, error) == (True, None)
    result = Path(path or "")
    assert result == converter.temp_dir / f"{source.stem}.m4a"
    _, info, _ = converter.get_media_info(result)
    assert info is not None
    assert info.audio is not None
    assert (info.audio.codec, info.has_video) == ("aac", False)
    assert decoded(result) == pytest.approx(LENGTH, abs=PADDING)
    assert_progress_keeps_the_rules(seen)
    assert seen[-1].status is ProgressStatus.COMPLETED
    assert seen[-1].current_size == result.stat().st_size
    assert names_in(converter.temp_dir) == [result.name]


def test_a_job_gets_its_result_in_its_own_folder(
    shapes: Shapes, newest: AudioConverter, tmp_path: Path
) -> None:
    seen: list[ProgressInfo] = []
    context = StageContext(tmp_path, callbacks=(seen.append,))
    result = newest.run(shapes("mp3 with art"), ConversionRequest(bitrate=96), context)
    assert result == tmp_path / "art.m4a"
    assert_progress_keeps_the_rules(seen)


@pytest.mark.parametrize(
    "name",
    [
        "with blanks in it.flac",
        "ünïcödé 音楽 🎵.flac",
        "a:b.flac",
        "-leading-dash.flac",
        "%d %s %03d.flac",
        "two\nlines.flac",
        "quotes ' \" `$(x)`;.flac",
        "no ending",
        os.fsdecode(b"latin-1 \xe4\xf6\xfc.flac"),
        "n" * 250 + ".flac",
    ],
)
def test_any_name_is_just_a_name(
    name: str, shapes: Shapes, newest: AudioConverter, tmp_path: Path
) -> None:
    source = tmp_path / name
    shutil.copy(shapes("flac"), source)
    ok, path, error = newest.convert_to_aac(source)
    assert (ok, error) == (True, None)
    assert Path(path or "").stem == source.stem[:240]
    assert Path(path or "").is_file()


def test_an_output_file_is_used_and_nothing_else_is_left_beside_it(
    shapes: Shapes, newest: AudioConverter, tmp_path: Path
) -> None:
    target = tmp_path / "here" / "result.m4a"
    target.parent.mkdir()
    assert newest.convert_to_aac(shapes("wav"), 64, target) == (True, str(target), None)
    assert names_in(target.parent) == ["result.m4a"]
    assert not newest.temp_dir.exists()


def test_an_output_that_exists_is_never_written_over(
    shapes: Shapes, newest: AudioConverter, tmp_path: Path
) -> None:
    target = tmp_path / "there.m4a"
    target.write_bytes(b"mine")
    ok, path, error = newest.convert_to_aac(shapes("wav"), output_file=target)
    assert (ok, path) == (False, None)
    assert "is there already" in (error or "")
    assert target.read_bytes() == b"mine"
    assert names_in(tmp_path) == ["there.m4a"]


def test_a_name_that_is_taken_gets_a_number(shapes: Shapes, newest: AudioConverter) -> None:
    names = [Path(newest.convert_to_aac(shapes("wav"))[1] or "").name for _ in range(3)]
    assert names == ["sound.m4a", "sound (2).m4a", "sound (3).m4a"]


def test_the_environment_changes_nothing(
    shapes: Shapes, newest: AudioConverter, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    source = shapes("mp3 with art")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AV_LOG_FORCE_COLOR", "1")
    monkeypatch.setenv("FFREPORT", "file=report.log:level=32")
    assert newest.convert_to_aac(source)[0]
    assert names_in(tmp_path) == ["results"]


def test_formats_are_told_by_the_names_ending() -> None:
    converter = AudioConverter()
    assert converter.is_supported_format("Clip.MP4")
    assert converter.is_supported_format(Path("a.opus"))
    assert not converter.is_supported_format("mp4")
    assert not converter.is_supported_format("notes.txt")
    assert AudioConverter(supported_formats=[".xyz"]).is_supported_format("a.xyz")
    assert not AudioConverter(supported_formats=["xyz"]).is_supported_format("a.mp4")


def test_media_info_says_what_is_in_a_file(shapes: Shapes, converter: AudioConverter) -> None:
    ok, info, error = converter.get_media_info(shapes("mp3 with art"))
    assert (ok, error) == (True, None)
    assert info is not None
    assert info.audio is not None
    assert (info.audio.codec, info.audio.sample_rate, info.audio.layout, info.audio.bitrate) == (
        "mp3",
        44_100,
        "stereo",
        192,
    )
    assert info.duration == pytest.approx(LENGTH, abs=PADDING)
    assert (info.has_video, info.cover, info.estimated) == (False, 1, False)
    _, video, _ = converter.get_media_info(shapes("mkv"))
    assert video is not None
    assert (video.has_video, video.cover) == (True, None)
    _, live, _ = converter.get_media_info(shapes("webm without a duration"))
    assert live is not None
    assert live.duration is None
    _, adts, _ = converter.get_media_info(shapes("ADTS"))
    assert adts is not None
    assert adts.estimated


def test_media_info_of_what_is_none_is_a_sentence(newest: AudioConverter, tmp_path: Path) -> None:
    ok, info, error = newest.get_media_info(tmp_path / "not there.mp3")
    assert (ok, info, error) == (False, None, "There is no file not there.mp3.")


@pytest.mark.parametrize("shape", ["mp3 with art", "m4a with art"])
def test_tags_and_cover_art_are_kept(
    shape: str, shapes: Shapes, converter: AudioConverter, maker: Path, tmp_path: Path
) -> None:
    _, path, _ = converter.convert_to_aac(shapes(shape))
    _, info, _ = converter.get_media_info(path or "")
    assert info is not None
    assert info.cover is not None
    assert tags_of(Path(path or ""), maker).items() >= TAGS.items()


@pytest.mark.parametrize("shape", ["ogg", "opus", "flac", "mkv", "mp4 with its index first"])
def test_tags_are_kept_wherever_a_container_has_them(
    shape: str, shapes: Shapes, converter: AudioConverter, maker: Path
) -> None:
    _, path, _ = converter.convert_to_aac(shapes(shape), 64)
    assert tags_of(Path(path or ""), maker).items() >= TAGS.items()


def test_chapters_are_kept(
    shapes: Shapes, converter: AudioConverter, maker: Path, tmp_path: Path
) -> None:
    chapters = tmp_path / "chapters.txt"
    chapters.write_text(
        ";FFMETADATA1\n"
        "[CHAPTER]\nTIMEBASE=1/1000\nSTART=0\nEND=3000\ntitle=First\n"
        "[CHAPTER]\nTIMEBASE=1/1000\nSTART=3000\nEND=8000\ntitle=Second\n"
    )
    book = tmp_path / "book.mp3"
    inputs = ("-i", str(shapes("mp3 with art")), "-i", str(chapters))
    run_ffmpeg(maker, *inputs, "-map", "0", "-map_chapters", "1", "-c", "copy", str(book))
    _, path, _ = converter.convert_to_aac(book)
    result = subprocess.run(
        [maker, "-v", "error", "-i", path or "", "-f", "ffmetadata", "-"],
        capture_output=True,
        check=True,
        timeout=60,
    )
    assert result.stdout.count(b"[CHAPTER]") == 2
    assert b"title=Second" in result.stdout


def test_the_index_of_a_result_lies_at_its_front(shapes: Shapes, converter: AudioConverter) -> None:
    for shape in ("wav", "mp3 with art", "ADTS"):
        data = Path(converter.convert_to_aac(shapes(shape))[1] or "").read_bytes()
        assert 0 < data.find(b"moov") < data.find(b"mdat")


def test_a_bitrate_that_changes_is_not_taken_for_that_of_the_first_frame(
    converter: AudioConverter, maker: Path, tmp_path: Path
) -> None:
    # Silence, then noise: FFmpeg takes 32 kb/s for all of it, where a Xing header is missing.
    source = tmp_path / "changing.mp3"
    run_ffmpeg(
        maker,
        *("-f", "lavfi", "-i", "anoisesrc=d=20,volume=gt(t\\,2)/2:eval=frame"),
        *("-c:a", "libmp3lame", "-q:a", "2", "-write_xing", "0", str(source)),
    )
    _, path, _ = converter.convert_to_aac(source)
    _, info, _ = converter.get_media_info(path or "")
    assert info is not None
    assert info.audio is not None
    assert info.audio.bitrate is not None
    assert info.audio.bitrate > 60


def test_sound_of_5_1_stays_5_1(shapes: Shapes, converter: AudioConverter) -> None:
    _, path, _ = converter.convert_to_aac(shapes("5.1 sound"), 256)
    _, info, _ = converter.get_media_info(path or "")
    assert info is not None
    assert info.audio is not None
    assert info.audio.layout.startswith("5.1")


def test_a_bitrate_that_cannot_be_costs_nothing(
    shapes: Shapes, newest: AudioConverter, tmp_path: Path
) -> None:
    for bitrate in (0, -1, 31, 513, 128.5, "abc", True):
        ok, path, error = newest.convert_to_aac(
            shapes("wav"),
            bitrate,  # type: ignore[arg-type]
            tmp_path / "x.m4a",
        )
        assert (ok, path) == (False, None)
        assert "32 to 512" in (error or "")
    assert names_in(tmp_path) == []


def test_a_failed_job_raises_and_is_told_as_failed(newest: AudioConverter, tmp_path: Path) -> None:
    seen: list[ProgressInfo] = []
    context = StageContext(tmp_path, callbacks=(seen.append,))
    with pytest.raises(StageError, match=r"There is no file nope\.mp3"):
        newest.run(tmp_path / "nope.mp3", ConversionRequest(), context)
    assert_progress_keeps_the_rules(seen)
    assert (seen[-1].status, seen[-1].message) == (
        ProgressStatus.FAILED,
        "There is no file nope.mp3.",
    )


def names_in(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def tags_of(file: Path, ffmpeg: Path) -> dict[str, str]:
    """The container's tags as FFmpeg writes them out."""
    result = subprocess.run(
        [ffmpeg, "-v", "error", "-i", file, "-f", "ffmetadata", "-"],
        capture_output=True,
        check=True,
        timeout=60,
    )
    pairs = (line.partition("=") for line in result.stdout.decode().splitlines())
    return {key: value for key, found, value in pairs if found}
