"""For media of any kind, cut, joined or with a false header: whole if and only if nothing that can
be known of is missing, by FFmpeg's own decode of the source and of the result."""

import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from similubot_core import CancelToken, ConversionRequest, DamagedError, StageContext, StageError
from similubot_ffmpeg import AudioConverter, FFmpegSettings
from similubot_loopback.odd_media import (
    FALSE_HEADERS,
    KINDS,
    SECONDS,
    cut,
    decoded_seconds,
    join,
    make,
    with_false_header,
)

AGREES = 0.2
"""Seconds that two decodes differ by at most: an encoder pads its last frame."""
LOST = 0.5


@st.composite
def changes(draw: st.DrawFn) -> tuple[str, str, float]:
    """A kind, what is done to a file of it, and how much."""
    kind = draw(st.sampled_from(sorted(KINDS)))
    possible = ["none", "cut", "cut"]
    possible += ["join"] if KINDS[kind].joins else []
    possible += ["false header", "false header"] if kind in FALSE_HEADERS else []
    return kind, draw(st.sampled_from(possible)), draw(st.floats(0.02, 0.9999))


@pytest.fixture(scope="module")
def media(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("odd")


def changed(kind: str, change: str, amount: float, media: Path, maker: Path) -> tuple[Path, float]:
    """The file, and the seconds of audio that it was made of."""
    whole, place = make(kind, media, maker), media / "changed"
    put_in = decoded_seconds(whole, maker)
    assert put_in >= SECONDS - 0.01
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir()
    if change == "cut":
        return cut(whole, amount, place), put_in
    if change == "join":
        return join(whole, place), 2 * put_in
    if change == "false header":
        return with_false_header(kind, whole, 2 + int(amount * 50), place), put_in
    return whole, put_in


@pytest.mark.slow
@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(change=changes(), bitrate=st.sampled_from([None, 48, 128]))
def test_the_verdict_is_whole_if_and_only_if_source_and_result_agree(
    change: tuple[str, str, float],
    bitrate: int | None,
    media: Path,
    maker: Path,
    tmp_path: Path,
) -> None:
    kind, done, amount = change
    source, put_in = changed(kind, done, amount, media, maker)
    converter = AudioConverter(settings=FFmpegSettings(program=str(maker)))
    is_there = decoded_seconds(source, maker)
    context = StageContext(tmp_path, CancelToken())
    try:
        result = converter.run(source, ConversionRequest(bitrate), context)
    except DamagedError:
        assert put_in - is_there > 0.0001, "a false refusal"
        kept = converter.run(source, ConversionRequest(bitrate, keep_damaged=True), context)
        kept_seconds = decoded_seconds(kept, maker)
        kept.unlink()
        assert kept.name.endswith("(damaged).m4a")
        assert abs(kept_seconds - is_there) < AGREES
    except StageError:
        # Not even a beginning of it can be read: the index is gone, or less than a frame is left.
        assert is_there < 0.3 or put_in - is_there > LOST, "a false refusal"
    else:
        result_seconds = decoded_seconds(result, maker)
        result.unlink()
        assert abs(result_seconds - is_there) < AGREES
        missing = put_in - is_there > LOST
        assert not (missing and KINDS[kind].says_its_end), "a false COMPLETED"
    assert list(tmp_path.iterdir()) == []
