"""What is done with a source: the least work, bitrates, and what fits a size."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from similubot_core import ConversionRequest, StageError
from similubot_ffmpeg.media import AudioTrack
from similubot_ffmpeg.plan import Plan, check_request, choose, estimated_size, highest_bitrate

MINUTE = 60.0


def media(codec: str, bitrate: int | None, sample_rate: int | None = 44_100) -> AudioTrack:
    return AudioTrack(codec, sample_rate, "stereo", bitrate)


def chosen(
    codec: str, has: int | None, *, asked: int | None = None, max_size: int | None = None
) -> int | None:
    return choose(media(codec, has), ConversionRequest(asked, max_size), 128, MINUTE).bitrate


def test_aac_is_copied_where_nothing_else_is_asked() -> None:
    assert chosen("aac", 320) is None
    assert chosen("aac", None) is None


def test_aac_that_has_the_bitrate_asked_for_is_copied() -> None:
    assert chosen("aac", 129, asked=128) is None
    assert chosen("aac", 125, asked=128) is None


def test_aac_at_another_bitrate_is_encoded() -> None:
    assert chosen("aac", 320, asked=128) == 128
    assert chosen("aac", 64, asked=128) == 128


def test_aac_is_encoded_where_copying_failed() -> None:
    plan = choose(media("aac", 96), ConversionRequest(), 128, MINUTE, may_copy=False)
    assert plan == Plan(96)


def test_aac_in_latm_is_not_copied() -> None:
    assert chosen("aac_latm", 128) == 128


def test_the_default_is_taken_but_not_more_than_the_source_has() -> None:
    assert chosen("flac", 900) == 128
    assert chosen("mp3", 96) == 96
    assert chosen("opus", None) == 128


def test_more_than_the_source_has_is_done_when_asked() -> None:
    assert chosen("mp3", 96, asked=256) == 256


def test_a_source_below_the_lowest_bitrate_gets_the_lowest() -> None:
    assert chosen("amrnb", 12) == 32


def test_a_size_lowers_the_bitrate_to_the_highest_that_fits() -> None:
    bitrate = chosen("flac", 900, max_size=500_000)
    assert bitrate is not None
    assert estimated_size(bitrate, MINUTE, 44_100) <= 500_000
    assert estimated_size(bitrate + 1, MINUTE, 44_100) > 500_000


def test_a_size_that_is_large_enough_changes_nothing() -> None:
    assert chosen("flac", 900, max_size=200_000_000) == 128
    assert chosen("aac", 128, max_size=200_000_000) is None
    assert chosen("flac", 900, asked=64, max_size=200_000_000) == 64


def test_a_size_that_is_to_be_filled_takes_the_highest_bitrate_that_fits() -> None:
    def filled(codec: str, has: int | None, max_size: int, asked: int | None = None) -> int | None:
        request = ConversionRequest(asked, max_size, fill=True)
        return choose(media(codec, has), request, 128, MINUTE).bitrate

    bitrate = filled("flac", 900, 2_000_000)
    assert bitrate is not None
    assert bitrate > 200
    assert estimated_size(bitrate, MINUTE, 44_100) <= 2_000_000
    assert filled("flac", 900, 200_000_000) == 512
    assert filled("mp3", 96, 200_000_000) == 96
    assert filled("flac", 900, 200_000_000, asked=160) == 160
    assert filled("aac", 320, 200_000_000) is None


def test_aac_that_does_not_fit_as_it_is_is_encoded() -> None:
    bitrate = chosen("aac", 256, max_size=1_000_000)
    assert bitrate is not None
    assert 32 <= bitrate < 256


def test_aac_of_an_unknown_bitrate_is_copied_to_see_whether_it_fits() -> None:
    assert chosen("aac", None, max_size=200_000) is None
    request = ConversionRequest(max_size=500_000)
    assert choose(media("aac", None), request, 128, MINUTE, may_copy=False).bitrate is not None


def test_cover_art_takes_its_part_of_the_size() -> None:
    request = ConversionRequest(max_size=500_000)
    without = choose(media("flac", 900), request, 128, MINUTE).bitrate
    with_it = choose(media("flac", 900), request, 128, MINUTE, cover_size=100_000).bitrate
    assert without is not None
    assert with_it is not None
    assert with_it < without - 10


def test_a_size_too_small_for_the_lowest_bitrate_says_so_before_anything_is_done() -> None:
    with pytest.raises(
        StageError, match=r"1m 0s of audio cannot .* 97\.7 KB.* 32 kb/s.* 263\.8 KB"
    ):
        chosen("flac", 900, max_size=100_000)


def test_without_a_length_a_size_cannot_be_planned_for() -> None:
    request = ConversionRequest(max_size=100_000)
    assert choose(media("flac", 900), request, 128, None) == Plan(128)


@pytest.mark.parametrize("bitrate", [0, 31, 513, -128, 10**9])
def test_a_bitrate_outside_32_to_512_is_refused(bitrate: int) -> None:
    with pytest.raises(StageError, match="32 to 512"):
        check_request(ConversionRequest(bitrate))


def test_a_size_of_nothing_is_refused() -> None:
    with pytest.raises(StageError, match="more than nothing"):
        check_request(ConversionRequest(max_size=0))


@given(
    max_size=st.integers(1, 10**12),
    length=st.floats(0.1, 1e6),
    sample_rate=st.one_of(st.none(), st.integers(1, 10**7)),
)
def test_what_is_said_to_fit_fits_and_no_higher_one_does(
    max_size: int, length: float, sample_rate: int | None
) -> None:
    bitrate = highest_bitrate(max_size, length, sample_rate)
    assert 0 <= bitrate <= 512
    if bitrate:
        assert estimated_size(bitrate, length, sample_rate) <= max_size + 1
    if bitrate < 512:
        assert estimated_size(bitrate + 1, length, sample_rate) >= max_size - 1
