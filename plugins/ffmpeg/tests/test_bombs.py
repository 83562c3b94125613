"""Small files made to exhaust a machine: each ends by a limit and leaves nothing."""

import struct
from pathlib import Path

import pytest

from similubot_core import ConversionRequest, StageContext, StageError
from similubot_ffmpeg import AudioConverter
from similubot_loopback.media import run_ffmpeg

pytestmark = pytest.mark.slow


def _element(name: str, data: bytes) -> bytes:
    """An element of Matroska, with a length of eight bytes."""
    return bytes.fromhex(name) + (0x0100_0000_0000_0000 | len(data)).to_bytes(8) + data


def _number(value: int) -> bytes:
    return value.to_bytes(max(1, (value.bit_length() + 7) // 8))


def many_tracks(path: Path, count: int) -> Path:
    """A Matroska file of `count` tracks of samples, of which the first has 3 s."""
    audio = _element("B5", struct.pack(">d", 8000.0)) + _element("9F", b"\1")
    audio += _element("6264", b"\x10")
    tracks = b"".join(
        _element(
            "AE",
            _element("D7", _number(number))
            + _element("73C5", _number(number))
            + _element("83", b"\2")
            + _element("86", b"A_PCM/INT/LIT")
            + _element("E1", audio),
        )
        for number in range(1, count + 1)
    )
    blocks = b"".join(
        _element("A3", b"\x81" + struct.pack(">hB", moment, 0x80) + bytes(1600))
        for moment in range(0, 3000, 100)
    )
    info = _element("2AD7B1", _number(1_000_000)) + _element("4D80", b"x") + _element("5741", b"x")
    segment = _element("1549A966", info) + _element("1654AE6B", tracks)
    segment += _element("1F43B675", _element("E7", b"\0") + blocks)
    head = _element("4286", b"\1") + _element("4282", b"matroska") + _element("4287", b"\4")
    path.write_bytes(_element("1A45DFA3", head) + _element("18538067", segment))
    return path


def test_900_tracks_are_a_file_like_any_other(converter: AudioConverter, tmp_path: Path) -> None:
    source = many_tracks(tmp_path / "tracks.mkv", 900)
    result = converter.run(source, ConversionRequest(48), StageContext(tmp_path))
    assert result.name == "tracks.m4a"


def test_10_000_tracks_are_converted_within_the_memory_or_not_at_all(
    converter: AudioConverter, tmp_path: Path
) -> None:
    """FFmpeg 9 needs less than it may have, 5 more."""
    source = many_tracks(tmp_path / "tracks.mkv", 10_000)
    left = {source.name}
    try:
        left.add(converter.run(source, ConversionRequest(48), StageContext(tmp_path)).name)
    except StageError as error:
        assert "memory" in error.message  # noqa: PT017  (9 raises nothing)
    assert {path.name for path in tmp_path.iterdir()} == left


def test_100_hours_of_silence_in_half_a_megabyte_are_too_long(
    converter: AudioConverter, maker: Path, tmp_path: Path
) -> None:
    hour, source = tmp_path / "hour.flac", tmp_path / "hundred.flac"
    silence = ("-f", "lavfi", "-i", "anullsrc=r=8000:cl=mono", "-t", "3600")
    run_ffmpeg(maker, *silence, "-c:a", "flac", "-frame_size", "65535", str(hour))
    run_ffmpeg(maker, "-stream_loop", "99", "-i", str(hour), "-c", "copy", str(source))
    hour.unlink()
    assert source.stat().st_size < 1024 * 1024
    with pytest.raises(StageError, match="longer than the limit"):
        converter.run(source, ConversionRequest(48), StageContext(tmp_path))
    assert list(tmp_path.iterdir()) == [source]
