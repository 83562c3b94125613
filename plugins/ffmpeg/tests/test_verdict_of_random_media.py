"""For media of any kind, cut, joined, with zeros or a false header: whole if and only if nothing is
missing that can be known of, by FFmpeg's own decode of the source and of the result."""

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
    empty,
    join,
    make,
    with_false_header,
)

AGREES = 0.2
"""Seconds that two decodes differ by at most: an encoder pads its last frame."""
LOST = 0.5
SEEN_ZEROS = 20_000
"""Bytes of zeros of which those that are looked for have their begin and end to spare."""


@pytest.fixture(scope="module")
def media(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("odd")


@pytest.fixture(scope="module", params=["on PATH", "newest"])
def program(request: pytest.FixtureRequest, maker: Path) -> Path:
    """The FFmpeg that converts."""
    if request.param == "newest":
        return maker
    found = shutil.which("ffmpeg")
    if found is None or Path(found) == maker:
        pytest.skip("no other FFmpeg on PATH")
    return Path(found)


@st.composite
def changes(draw: st.DrawFn, kind: str) -> tuple[str, float, float]:
    """What is done to a file of a kind, and how much, as two shares of it."""
    possible = ["none", "cut", "cut", "zeros"]
    possible += ["join"] if KINDS[kind].joins else []
    possible += ["false header", "false header"] if kind in FALSE_HEADERS else []
    first, second = draw(st.tuples(st.floats(0.02, 0.9999), st.floats(0.02, 1)).map(sorted))
    return draw(st.sampled_from(possible)), first, second


def changed(
    kind: str, change: tuple[str, float, float], media: Path, maker: Path
) -> tuple[Path, float]:
    """The file, and the seconds of audio that it was made of."""
    whole, place = make(kind, media, maker), media / "changed"
    put_in = decoded_seconds(whole, maker)
    assert put_in >= SECONDS - 0.01
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir()
    match change:
        case "cut", share, _:
            return cut(whole, share, place), put_in
        case "zeros", begin, end:
            return empty(whole, begin, end, place), put_in
        case "join", _, _:
            return join(whole, place), 2 * put_in
        case "false header", share, _:
            return with_false_header(kind, whole, 2 + int(share * 50), place), put_in
    return whole, put_in


@pytest.mark.slow
@pytest.mark.parametrize("kind", sorted(KINDS))
def test_the_verdict_is_whole_if_and_only_if_source_and_result_agree(
    kind: str, media: Path, maker: Path, program: Path, tmp_path: Path
) -> None:
    converter = AudioConverter(settings=FFmpegSettings(program=str(program)))

    # Ten of each of 33 kinds, with two FFmpegs.
    @settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(change=changes(kind), bitrate=st.sampled_from([None, 48, 128]))
    def check(change: tuple[str, float, float], bitrate: int | None) -> None:
        source, put_in = changed(kind, change, media, maker)
        is_there = decoded_seconds(source, program)
        context = StageContext(tmp_path, CancelToken())
        try:
            result = converter.run(source, ConversionRequest(bitrate), context)
        except DamagedError:
            assert put_in - is_there > 0.0001, "a false refusal"
            kept = converter.run(source, ConversionRequest(bitrate, keep_damaged=True), context)
            kept_seconds = decoded_seconds(kept, program)
            kept.unlink()
            assert kept.name.endswith("(damaged).m4a")
            assert abs(kept_seconds - is_there) < AGREES
        except StageError:
            # Not even a beginning of it can be read: no index, or less than a frame is left.
            assert is_there < 0.3 or put_in - is_there > LOST, "a false refusal"
        else:
            result_seconds = decoded_seconds(result, program)
            result.unlink()
            assert abs(result_seconds - is_there) < AGREES
            zeros = change[0] == "zeros"
            size = source.stat().st_size
            known = zeros and (change[2] - change[1]) * size > SEEN_ZEROS
            missing = put_in - is_there > (2 * LOST if zeros else LOST)
            assert not (missing and (KINDS[kind].says_its_end or known)), "a false COMPLETED"
        assert list(tmp_path.iterdir()) == []

    check()
