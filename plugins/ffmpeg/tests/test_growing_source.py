"""A source that is still being downloaded: the same result, sooner, and never from half a file."""

import struct
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from similubot_core import (
    Cancelled,
    CancelToken,
    ConversionRequest,
    ProgressInfo,
    StageContext,
    StageError,
)
from similubot_core.jobs import GrowingFile
from similubot_ffmpeg import AudioConverter, FFmpegSettings, parts
from similubot_loopback.media import make_sound

LIMIT = 60.0


class Growing:
    """A conversion, in a thread of its own, of a file that is fed to it."""

    def __init__(
        self,
        converter: AudioConverter,
        source: Path,
        folder: Path,
        request: ConversionRequest | None = None,
        *,
        of_known_size: bool = True,
    ) -> None:
        self.content = source.read_bytes()
        self.seen: list[ProgressInfo] = []
        self.encoding = threading.Event()
        self.token = CancelToken()
        self.path = folder / "part"
        self.path.write_bytes(bytes(len(self.content)))
        size = len(self.content) if of_known_size else None
        self.file = GrowingFile(self.path, size, source.name)
        self.folder = folder
        self.made: Path | None = None
        self.error: BaseException | None = None
        self._converter = converter
        self._request = request or ConversionRequest()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def feed(self, start: int, end: int) -> None:
        """Write these bytes, and mark them as here."""
        with self.path.open("r+b") as file:
            file.seek(start)
            file.write(self.content[start:end])
        self.file.add(start, end)

    def finish(self) -> Path:
        """Mark all as verified, as a job does, and wait for the result."""
        self.file.finish()
        whole = self.path.rename(self.folder / self.file.name)
        self.file.hand_over(whole)
        return self.result()

    def result(self) -> Path:
        self._thread.join(LIMIT)
        assert not self._thread.is_alive()
        if self.error is not None:
            raise self.error
        assert self.made is not None
        return self.made

    def _run(self) -> None:
        context = StageContext(self.folder, self.token, (self._take,))
        try:
            self.made = self._converter.run_growing(self.file, self._request, context)
        except (StageError, Cancelled) as error:
            self.error = error

    def _take(self, info: ProgressInfo) -> None:
        self.seen.append(info)
        if info.percentage > 0:
            self.encoding.set()


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """For what is made of the whole, and of the growing file."""
    whole, growing = tmp_path / "whole", tmp_path / "growing"
    whole.mkdir()
    growing.mkdir()
    return whole, growing


@pytest.mark.parametrize(
    ("shape", "format_"),
    [
        ("mp4 with its index last", "mp3"),
        ("flac", None),
        pytest.param("mkv", None, marks=pytest.mark.slow),
        pytest.param("wav", "flac", marks=pytest.mark.slow),
        pytest.param("webm without a duration", None, marks=pytest.mark.slow),
        pytest.param("mp3 with art", None, marks=pytest.mark.slow),
        pytest.param("ogg", "opus", marks=pytest.mark.slow),
    ],
)
def test_the_result_is_the_same(
    shape: str,
    format_: str | None,
    converter: AudioConverter,
    shapes: Callable[[str], Path],
    folders: tuple[Path, Path],
) -> None:
    source, request = shapes(shape), ConversionRequest(64, format=format_)
    if format_ == "flac":
        request = ConversionRequest(format=format_)
    expected = converter.run(source, request, StageContext(folders[0]))
    growing = Growing(converter, source, folders[1], request)
    for start in range(0, len(growing.content), 65_536):
        growing.feed(start, min(start + 65_536, len(growing.content)))
    made = growing.finish()
    assert made.name == expected.name
    if format_ != "opus":  # an Ogg stream has a random number
        assert made.read_bytes() == expected.read_bytes()
    assert {path.name for path in folders[1].iterdir()} == {source.name, made.name}


def test_what_cannot_be_read_in_order_is_converted_once_it_is_here(
    converter: AudioConverter, shapes: Callable[[str], Path], folders: tuple[Path, Path]
) -> None:
    """An index at the end, from a server that sends no size and no ranges."""
    source, request = shapes("mp4 with its index last"), ConversionRequest(48)
    expected = converter.run(source, request, StageContext(folders[0]))
    growing = Growing(converter, source, folders[1], request, of_known_size=False)
    growing.feed(0, len(growing.content))
    assert growing.finish().read_bytes() == expected.read_bytes()


def test_a_video_whose_index_lies_at_its_end_is_begun_once_that_is_here(
    converter: AudioConverter, shapes: Callable[[str], Path], folders: tuple[Path, Path]
) -> None:
    growing = Growing(
        converter, shapes("mp4 with its index last"), folders[1], ConversionRequest(48)
    )
    size = len(growing.content)
    assert growing.content.rfind(b"moov") > size // 2, "its index should lie at its end"
    growing.feed(size // 2, size)
    growing.feed(0, size // 2)
    assert growing.finish().suffix == ".m4a"


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Short sources are encoded in parts too, however slowly they come."""
    monkeypatch.setattr(parts, "PRE_ROLL", 64)
    monkeypatch.setattr(parts, "SHORTEST_PART", 192)
    monkeypatch.setattr(parts, "_ENCODED_PER_SECOND", 1e-6)


@pytest.mark.usefixtures("small_parts")
def test_each_part_is_encoded_as_its_own_bytes_come(
    ffmpeg: Path, maker: Path, tmp_path: Path, folders: tuple[Path, Path]
) -> None:
    """The second part is done while nothing of the first one's audio is here."""
    source = make_sound(
        tmp_path / "song.mp4", 60.0, maker, "-b:a", "192k", "-movflags", "+faststart"
    )
    converter = AudioConverter(settings=FFmpegSettings(program=str(ffmpeg), threads=2))
    request = ConversionRequest(96)
    expected = converter.run(source, request, StageContext(folders[0]))
    growing = Growing(converter, source, folders[1], request)
    size = len(growing.content)
    growing.feed(size * 2 // 5, size)
    growing.feed(0, 65_536)
    assert growing.encoding.wait(LIMIT)
    growing.feed(65_536, size * 2 // 5)
    made = growing.finish()
    assert any("in 2 parts" in info.message for info in growing.seen)
    assert made.read_bytes() == expected.read_bytes()


@pytest.mark.usefixtures("small_parts")
def test_parts_that_count_samples_are_the_same_as_parts_that_are_sought(
    ffmpeg: Path, maker: Path, tmp_path: Path, folders: tuple[Path, Path]
) -> None:
    """A whole FLAC file is sought; of one that comes, each part is read from the beginning."""
    source = make_sound(tmp_path / "song.flac", 60.0, maker)
    converter = AudioConverter(settings=FFmpegSettings(program=str(ffmpeg), threads=2))
    request = ConversionRequest(96)
    expected = converter.run(source, request, StageContext(folders[0]))
    growing = Growing(converter, source, folders[1], request)
    growing.feed(0, len(growing.content))
    made = growing.finish()
    assert any("in 2 parts" in info.message for info in growing.seen)
    assert made.read_bytes() == expected.read_bytes()


def test_it_encodes_what_is_here_and_a_cancel_ends_it_while_ffmpeg_waits_for_more(
    converter: AudioConverter, minutes: Path, folders: tuple[Path, Path]
) -> None:
    growing = Growing(converter, minutes, folders[1])
    growing.feed(0, len(growing.content) // 2)
    assert growing.encoding.wait(LIMIT)
    growing.token.cancel()
    with pytest.raises(Cancelled):
        growing.result()
    assert [path.name for path in folders[1].iterdir()] == ["part"]


def test_a_download_that_fails_ends_it(
    converter: AudioConverter, minutes: Path, folders: tuple[Path, Path]
) -> None:
    growing = Growing(converter, minutes, folders[1])
    growing.feed(0, len(growing.content) // 2)
    assert growing.encoding.wait(LIMIT)
    growing.file.fail("The line was cut.")
    with pytest.raises(StageError, match="The line was cut"):
        growing.result()
    assert [path.name for path in folders[1].iterdir()] == ["part"]


def test_what_came_wrong_first_is_not_in_the_result(
    converter: AudioConverter, shapes: Callable[[str], Path], folders: tuple[Path, Path]
) -> None:
    """The whole file has another sample rate than what was encoded as it came."""
    growing = Growing(converter, shapes("wav"), folders[1])
    other = bytearray(growing.content)
    other[24:28] = (22_050).to_bytes(4, "little")
    other[28:32] = (22_050 * int.from_bytes(other[32:34], "little")).to_bytes(4, "little")
    growing.feed(0, len(growing.content))
    assert growing.encoding.wait(LIMIT)
    growing.path.write_bytes(other)
    made = growing.finish()
    ok, info, _ = converter.get_media_info(made)
    assert ok
    assert info is not None
    assert info.audio is not None
    assert info.audio.sample_rate == 22_050


def test_a_playlist_in_disguise_opens_nothing(
    converter: AudioConverter, tmp_path: Path, folders: tuple[Path, Path]
) -> None:
    playlist = tmp_path / "song.mp4"
    playlist.write_text("#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nfile:///etc/passwd\n")
    growing = Growing(converter, playlist, folders[1])
    growing.feed(0, len(growing.content))
    with pytest.raises(StageError):
        growing.finish()


@pytest.fixture(scope="module")
def minutes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten minutes of silence in a file with a hole: its half takes longer than a reading."""
    path = tmp_path_factory.mktemp("long") / "minutes.wav"
    samples = 600 * 44_100 * 4
    with path.open("wb") as file:
        file.write(b"RIFF" + struct.pack("<I", samples + 36) + b"WAVEfmt ")
        file.write(struct.pack("<IHHIIHH", 16, 1, 2, 44_100, 176_400, 4, 16))
        file.write(b"data" + struct.pack("<I", samples))
        file.truncate(samples + 44)
    return path
