"""Each format from each kind of source, and parts of sources, checked by FFmpeg's own decoder."""

from collections.abc import Callable
from pathlib import Path

import pytest

from similubot_core import CancelToken, ConversionRequest, StageContext, StageError
from similubot_ffmpeg import AudioConverter
from similubot_ffmpeg.formats import FORMATS
from similubot_loopback.media import make_sound, run_ffmpeg

CODECS = {"m4a": "aac", "mp3": "mp3", "opus": "opus", "flac": "flac", "wav": "pcm_s16le"}
ORIGINALS = {
    "mp3 with art": ("mp3", ".mp3"),
    "opus": ("opus", ".opus"),
    "flac": ("flac", ".flac"),
    "mkv": ("aac", ".m4a"),
}


def converted(
    converter: AudioConverter, source: Path, folder: Path, request: ConversionRequest
) -> Path:
    folder.mkdir(exist_ok=True)
    return converter.run(source, request, StageContext(folder, CancelToken()))


def codec_of(converter: AudioConverter, file: Path) -> str:
    _, info, error = converter.get_media_info(file)
    assert info is not None, error
    assert info.audio is not None
    return info.audio.codec


@pytest.mark.parametrize(
    "shape", ["mp4 with its index last", "mp3 with art", "opus", "flac", "wav"]
)
@pytest.mark.parametrize("name", CODECS)
def test_each_format_of_each_kind_of_source_plays_as_long_as_the_source(
    name: str,
    shape: str,
    shapes: Callable[[str], Path],
    newest: AudioConverter,
    decoded: Callable[[Path], float],
    tmp_path: Path,
) -> None:
    result = converted(newest, shapes(shape), tmp_path / "out", ConversionRequest(format=name))
    assert result.suffix == FORMATS[name].suffix
    assert codec_of(newest, result) == CODECS[name]
    assert decoded(result) == pytest.approx(8.0, abs=0.1)


@pytest.mark.parametrize("shape", ORIGINALS)
def test_the_original_is_copied_into_the_container_that_takes_it(
    shape: str,
    shapes: Callable[[str], Path],
    newest: AudioConverter,
    decoded: Callable[[Path], float],
    tmp_path: Path,
) -> None:
    request = ConversionRequest(format="original")
    result = converted(newest, shapes(shape), tmp_path / "out", request)
    assert (codec_of(newest, result), result.suffix) == ORIGINALS[shape]
    assert decoded(result) == pytest.approx(8.0, abs=0.1)


@pytest.mark.parametrize("name", ["m4a", "mp3", "opus", "flac"])
def test_tags_and_cover_are_kept_where_the_container_takes_them(
    name: str, shapes: Callable[[str], Path], newest: AudioConverter, tmp_path: Path
) -> None:
    request = ConversionRequest(format=name)
    result = converted(newest, shapes("mp3 with art"), tmp_path / "out", request)
    _, info, _ = newest.get_media_info(result)
    assert info is not None
    assert info.cover is not None


@pytest.mark.parametrize("name", ["m4a", "mp3", "opus"])
def test_a_result_fits_the_size_that_it_may_have(
    name: str, newest: AudioConverter, maker: Path, tmp_path: Path
) -> None:
    source = make_sound(tmp_path / "a.wav", 30.0, maker)
    request = ConversionRequest(max_size=300_000, fill=True, format=name)
    result = converted(newest, source, tmp_path / "out", request)
    assert 150_000 < result.stat().st_size <= 300_000


def test_a_lossless_format_that_does_not_fit_is_an_error(
    newest: AudioConverter, shapes: Callable[[str], Path], tmp_path: Path
) -> None:
    request = ConversionRequest(max_size=50_000, format="flac")
    with pytest.raises(StageError, match="could not be made to fit"):
        converted(newest, shapes("wav"), tmp_path / "out", request)
    assert list((tmp_path / "out").iterdir()) == []


def test_a_bitrate_that_a_format_does_not_take_is_an_error(
    newest: AudioConverter, shapes: Callable[[str], Path], tmp_path: Path
) -> None:
    for name, bitrate in (("flac", 128), ("mp3", 400), ("nonsense", None)):
        request = ConversionRequest(bitrate, format=name)
        with pytest.raises(StageError):
            converted(newest, shapes("wav"), tmp_path / "out", request)


@pytest.mark.parametrize("name", [None, "mp3", "flac"])
@pytest.mark.parametrize("shape", ["mkv", "mp3 with art", "flac"])
def test_a_part_of_a_source_is_exact(
    shape: str,
    name: str | None,
    shapes: Callable[[str], Path],
    converter: AudioConverter,
    decoded: Callable[[Path], float],
    tmp_path: Path,
) -> None:
    for clip, seconds in (((2.0, 5.5), 3.5), ((6.0, None), 2.0), ((0.0, 3.0), 3.0)):
        request = ConversionRequest(clip=clip, format=name)
        result = converted(converter, shapes(shape), tmp_path / "out", request)
        assert decoded(result) == pytest.approx(seconds, abs=0.1)


def test_a_part_before_the_damage_is_whole_and_one_after_the_end_is_an_error(
    shapes: Callable[[str], Path], newest: AudioConverter, tmp_path: Path
) -> None:
    data = shapes("flac").read_bytes()
    cut = tmp_path / "cut.flac"
    cut.write_bytes(data[: int(len(data) * 0.6)])
    converted(newest, cut, tmp_path / "out", ConversionRequest(clip=(0.0, 3.0)))
    with pytest.raises(StageError, match="has no audio from 50"):
        converted(newest, shapes("flac"), tmp_path / "out", ConversionRequest(clip=(50.0, None)))


def test_channels_that_no_name_tells_apart_convert(
    newest: AudioConverter, decoded: Callable[[Path], float], tmp_path: Path
) -> None:
    for count in (1, 2, 3, 5, 7, 9, 12):
        source = tmp_path / f"{count}.au"
        data = bytes(range(250)) * 2 * count * 100
        head = b".snd" + b"".join(n.to_bytes(4, "big") for n in (24, len(data), 3, 44_100, count))
        source.write_bytes(head + data)
        result = converted(newest, source, tmp_path / "out", ConversionRequest(64))
        assert decoded(result) == pytest.approx(25_000 / 44_100, abs=0.05), count


def test_aac_whose_rate_changes_on_the_way_is_encoded(
    newest: AudioConverter, decoded: Callable[[Path], float], maker: Path, tmp_path: Path
) -> None:
    source = tmp_path / "changing.aac"
    with source.open("wb") as joined:
        for rate in (44_100, 48_000):
            piece = tmp_path / f"{rate}.aac"
            run_ffmpeg(maker, "-f", "lavfi", "-i", f"sine=1000:d=4:r={rate}", str(piece))
            joined.write(piece.read_bytes())
    result = converted(newest, source, tmp_path / "out", ConversionRequest())
    assert decoded(result) == pytest.approx(8.0, abs=0.2)
