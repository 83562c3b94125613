"""A cut Ogg file is told from a whole one, since FFmpeg says nothing of it."""

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from similubot_ffmpeg.ogg import last_page_is_cut, ogg_is_cut


@pytest.mark.parametrize("shape", ["ogg", "opus"])
def test_a_whole_file_is_whole_and_any_cut_of_its_last_page_is_seen(
    shape: str, shapes: Callable[[str], Path], tmp_path: Path
) -> None:
    whole = shapes(shape)
    assert not ogg_is_cut(whole)
    data = whole.read_bytes()
    last = data.rfind(b"OggS")
    cut = tmp_path / "cut"
    for size in (last + 1, last + 26, last + 30, len(data) - 1):
        cut.write_bytes(data[:size])
        assert ogg_is_cut(cut), size


def test_what_is_not_ogg_counts_as_cut(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.touch()
    assert ogg_is_cut(empty)


@given(st.binary(max_size=400), st.binary(max_size=400))
def test_any_bytes_leave_it_without_an_exception(before: bytes, after: bytes) -> None:
    assert last_page_is_cut(before + b"OggS" + after) in (True, False)
