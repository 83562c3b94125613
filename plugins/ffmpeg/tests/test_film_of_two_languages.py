"""A film with two languages: the right one is in the result, whatever else FFmpeg reads of it."""

import itertools
from pathlib import Path

import pytest

from similubot_core import ConversionRequest, ProgressInfo, ProgressStatus, StageContext
from similubot_ffmpeg import AudioConverter
from similubot_loopback.media import run_ffmpeg

TONES = {"deu": 440, "eng": 660}


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory, maker: Path) -> Path:
    """Its tracks are told apart by their tone; German is the default."""
    path = tmp_path_factory.mktemp("film") / "film.mp4"
    tones = [("-f", "lavfi", "-i", f"sine={tone}:d=4") for tone in TONES.values()]
    run_ffmpeg(
        maker,
        *(word for tone in tones for word in tone),
        *("-f", "lavfi", "-i", "testsrc=s=64x64:r=5:d=4", "-map", "2", "-map", "0", "-map", "1"),
        *("-c:v", "mpeg4", "-c:a", "aac", "-disposition:a:1", "0"),
        *("-metadata:s:a:0", "language=deu", "-metadata:s:a:1", "language=eng", str(path)),
    )
    return path


def crossings(file: Path, ffmpeg: Path, folder: Path) -> float:
    """How often the audio changes its sign in a second: twice the tone's frequency."""
    raw = folder / "raw"
    run_ffmpeg(ffmpeg, "-i", str(file), "-f", "s16le", "-ac", "1", "-ar", "8000", str(raw))
    samples = memoryview(raw.read_bytes()[8000:40_000]).cast("h")
    signs = [sample >= 0 for sample in samples]
    return sum(a != b for a, b in itertools.pairwise(signs)) * 8000 / len(signs)


@pytest.mark.parametrize("track", [None, "eng"])
@pytest.mark.parametrize(
    "request_", [ConversionRequest(), ConversionRequest(64), ConversionRequest(format="flac")]
)
def test_the_chosen_track_is_in_the_result(
    converter: AudioConverter,
    film: Path,
    tmp_path: Path,
    maker: Path,
    track: str | None,
    request_: ConversionRequest,
) -> None:
    wanted = ConversionRequest(request_.bitrate, format=request_.format, track=track)
    seen: list[ProgressInfo] = []
    made = converter.run(film, wanted, StageContext(tmp_path, callbacks=(seen.append,)))
    tone = TONES["eng" if track else "deu"]
    assert crossings(made, maker, tmp_path) == pytest.approx(2 * tone, rel=0.05)
    (end,) = [info for info in seen if info.status is ProgressStatus.COMPLETED]
    assert "could not be decoded" not in end.message
