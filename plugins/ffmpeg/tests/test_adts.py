"""Frames of AAC in ADTS are counted, skipped and copied whole."""

import io
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from similubot_ffmpeg.adts import copy_frames


def frame(payload: bytes) -> bytes:
    length = len(payload) + 7
    return (
        bytes([0xFF, 0xF1, 0x50, 0x80 | length >> 11, length >> 3 & 0xFF, length << 5 & 0xFF, 0xFC])
        + payload
    )


@given(
    st.lists(st.binary(max_size=40), max_size=12),
    st.integers(0, 14),
    st.one_of(st.none(), st.integers(0, 14)),
)
def test_what_is_asked_for_is_copied_and_counted(
    payloads: list[bytes], skip: int, count: int | None
) -> None:
    frames = [frame(payload) for payload in payloads]
    wanted = frames[skip:] if count is None else frames[skip : skip + count]
    target = io.BytesIO()
    assert copy_frames(io.BytesIO(b"".join(frames)), target, skip, count) == len(wanted)
    assert target.getvalue() == b"".join(wanted)


def test_real_frames_are_copied_as_they_are(shapes: Callable[[str], Path]) -> None:
    data = shapes("ADTS").read_bytes()
    data = data[data.index(b"\xff\xf1") :]  # behind the ID3 tag
    target = io.BytesIO()
    count = copy_frames(io.BytesIO(data), target, 0, None)
    assert target.getvalue() == data
    assert count > 100


def test_a_frame_that_is_not_whole_is_an_error() -> None:
    data = frame(b"x" * 50)
    for cut in (5, 20):
        with pytest.raises(ValueError, match="ADTS"):
            copy_frames(io.BytesIO(data[:cut]), io.BytesIO(), 0, None)


@given(st.binary(max_size=200))
def test_any_bytes_are_frames_or_an_error(data: bytes) -> None:
    target = io.BytesIO()
    try:
        copy_frames(io.BytesIO(data), target, 0, None)
    except ValueError:
        pass
    else:
        assert target.getvalue() == data
