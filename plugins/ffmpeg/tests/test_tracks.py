"""Which audio track is converted."""

import pytest

from similubot_core import StageError
from similubot_ffmpeg.media import AudioTrack
from similubot_ffmpeg.tracks import candidates


def track(
    number: int, language: str = "", *, default: bool = False, codec: str = "aac"
) -> AudioTrack:
    return AudioTrack(
        codec, 44_100, "stereo", None, number=number, default=default, language=language
    )


def numbers(
    *tracks: AudioTrack, languages: tuple[str, ...] = (), wanted: str | None = None
) -> list[int]:
    return [t.number + 1 for t in candidates(tracks, languages, wanted, "film.mkv")]


def test_the_first_track_comes_first_and_the_others_are_tried_after_it() -> None:
    assert numbers(track(0), track(1), track(2)) == [1, 2, 3]


def test_the_track_that_is_marked_default_comes_first() -> None:
    assert numbers(track(0), track(1, default=True)) == [2, 1]


def test_a_preferred_language_decides_among_those_of_one_mark() -> None:
    film = (track(0, "eng", default=True), track(1, "deu", default=True), track(2, "fra"))
    assert numbers(*film, languages=("fra", "DEU")) == [2, 1, 3]
    assert numbers(track(0, "eng"), track(1, "deu"), languages=("deu",)) == [2, 1]


def test_a_codec_that_nobody_knows_comes_last() -> None:
    assert numbers(track(0, default=True, codec="none"), track(1)) == [2, 1]


def test_a_track_that_is_asked_for_is_the_only_one() -> None:
    film = (track(0, "eng", default=True), track(1, "deu"), track(2, "deu", default=True))
    assert numbers(*film, wanted="2") == [2]
    assert numbers(*film, wanted=" DEU ") == [3]


@pytest.mark.parametrize("wanted", ["0", "3", "-1", "fra", "", "9" * 50, "²"])
def test_a_track_that_is_not_there_is_an_error_that_lists_them(wanted: str) -> None:
    with pytest.raises(StageError, match=r"has: track 1 \(eng\); track 2\."):
        numbers(track(0, "eng"), track(1), wanted=wanted)
