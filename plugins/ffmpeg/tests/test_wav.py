"""What a WAV file's header promises is read, and a size that nobody knew is unknown."""

import io
import struct
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from similubot_ffmpeg.wav import read_seconds, wav_seconds


def wav(data_size: int, *, before: bytes = b"") -> bytes:
    return (
        b"RIFF\xff\xff\xff\xffWAVEfmt "
        + struct.pack("<IHHIIHH", 16, 1, 2, 44_100, 176_400, 4, 16)
        + before
        + b"data"
        + struct.pack("<I", data_size)
    )


def seconds(data: bytes) -> float | None:
    return read_seconds(io.BytesIO(data), len(data))


def test_a_real_file_says_how_long_it_is_even_when_it_is_cut(
    shapes: Callable[[str], Path], tmp_path: Path
) -> None:
    assert wav_seconds(shapes("wav")) == pytest.approx(8.0)
    (tmp_path / "cut.wav").write_bytes(shapes("wav").read_bytes()[:1000])
    assert wav_seconds(tmp_path / "cut.wav") == pytest.approx(8.0)


def test_other_chunks_are_passed_over() -> None:
    odd = b"LIST" + struct.pack("<I", 3) + b"abc\0"
    assert seconds(wav(176_400 * 5, before=odd)) == 5.0


@pytest.mark.parametrize("size", [0, 0xFFFFFFFF, 0x7FFFFFFF, 0x80000000])
def test_the_sizes_that_programs_write_into_pipes_are_unknown(size: int) -> None:
    assert seconds(wav(size)) is None


@given(st.binary(max_size=100))
def test_any_bytes_are_a_length_or_none(data: bytes) -> None:
    for begin in (b"", wav(5)[:12], wav(5)[:36]):
        result = seconds(begin + data)
        assert result is None or result >= 0
