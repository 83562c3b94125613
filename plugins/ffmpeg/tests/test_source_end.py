"""Whether a file's end is there, by the lengths in its structure, whatever a header claims."""

import struct
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from similubot_ffmpeg.source_end import SourceEnd, blank_share, ogg_lacks_pages, source_end
from similubot_loopback.media import make_sound, run_ffmpeg

KINDS = {
    "wav": ("wav", ()),
    "adpcm.wav": ("wav", ("-c:a", "adpcm_ima_wav")),
    "rf64.wav": ("wav", ("-rf64", "always")),
    "w64": ("w64", ()),
    "caf": ("caf", ()),
    "aiff": ("aiff", ()),
    "au": ("au", ()),
    "voc": ("voc", ()),
    "wma": ("asf", ("-c:a", "wmav2")),
    "rm": ("rm", ("-c:a", "ac3")),
    "avi": ("avi", ("-c:a", "mp2")),
    "m4a": ("mov,mp4,m4a,3gp,3g2,mj2", ("-c:a", "aac")),
    "wv": ("wv", ()),
    "mka": ("matroska,webm", ("-c:a", "flac")),
    "flv": ("flv", ("-c:a", "libmp3lame")),
    "mp3": ("mp3", ("-c:a", "libmp3lame")),
    "opus": ("ogg", ("-c:a", "libopus")),
    "ogg": ("ogg", ("-c:a", "libvorbis")),
}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, maker: Path) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("ends")
    return {
        kind: make_sound(folder / f"audio.{kind}", 3.0, maker, *options)
        for kind, (_, options) in KINDS.items()
    }


@pytest.mark.parametrize("kind", KINDS)
def test_the_end_of_a_whole_file_is_there(kind: str, made: dict[str, Path]) -> None:
    assert source_end(made[kind], KINDS[kind][0]) == SourceEnd(True)


@pytest.mark.parametrize("kind", KINDS)
def test_a_cut_file_says_how_much_of_it_is_there(
    kind: str, made: dict[str, Path], tmp_path: Path
) -> None:
    cut = tmp_path / "cut"
    data = made[kind].read_bytes()
    cut.write_bytes(data[: len(data) // 2 + 1])
    end = source_end(cut, KINDS[kind][0])
    assert end is not None
    assert not end.there
    if kind in ("ogg", "opus", "voc", "m4a", "mka"):
        assert end.share is None  # it does not say how long it should be
    else:
        assert end.share == pytest.approx(0.5, abs=0.1)


@pytest.mark.parametrize("kind", ["ogg", "opus"])
def test_an_ogg_file_cut_between_two_pages_lacks_its_end(
    kind: str, made: dict[str, Path], tmp_path: Path
) -> None:
    data = made[kind].read_bytes()
    cut = tmp_path / "cut"
    cut.write_bytes(data[: data.rfind(b"OggS")])
    assert source_end(cut, "ogg") == SourceEnd(False)


@pytest.mark.parametrize("kind", ["wav", "caf", "au"])
def test_a_file_written_into_a_pipe_does_not_say(kind: str, maker: Path, tmp_path: Path) -> None:
    piped = tmp_path / f"piped.{kind}"
    with piped.open("wb") as file:
        command = [str(maker), "-v", "error", "-f", "lavfi", "-i", "sine=d=2", "-f", kind, "-"]
        subprocess.run(command, stdout=file, check=True, timeout=60)
    assert source_end(piped, kind) is None


@pytest.mark.parametrize("size", [0, 0xFFFFFFFF, 0x7FFFFFFF, 0x80000000])
def test_the_sizes_that_programs_write_into_pipes_are_unknown(size: int, tmp_path: Path) -> None:
    file = tmp_path / "a.wav"
    file.write_bytes(
        b"RIFF\xff\xff\xff\xffWAVEfmt "
        + struct.pack("<IHHIIHH", 16, 1, 2, 44_100, 176_400, 4, 16)
        + struct.pack("<4sI", b"data", size)
        + bytes(1000)
    )
    assert source_end(file, "wav") is None


@pytest.mark.parametrize(("begin", "end", "share"), [(0.3, 0.5, 0.2), (0.4, 1.0, 0.6), (0, 0, 0)])
def test_long_runs_of_zeros_are_counted(
    begin: float, end: float, share: float, made: dict[str, Path], tmp_path: Path
) -> None:
    data = bytearray(made["flv"].read_bytes() * 4)
    begins, ends = int(len(data) * begin), int(len(data) * end)
    data[begins:ends] = bytes(ends - begins)
    file = tmp_path / "a"
    file.write_bytes(data)
    assert blank_share(file) == pytest.approx(share, abs=0.02)


def test_zeros_are_no_end_of_a_voc_file(made: dict[str, Path], tmp_path: Path) -> None:
    data = made["voc"].read_bytes()
    file = tmp_path / "a.voc"
    file.write_bytes(data[: len(data) // 2] + bytes(len(data) // 2))
    end = source_end(file, "voc")
    assert end is not None
    assert not end.there
    file.write_bytes(data + bytes(500))
    assert source_end(file, "voc") == SourceEnd(True)


def test_zeros_in_the_tags_at_the_beginning_are_not_counted(
    made: dict[str, Path], tmp_path: Path
) -> None:
    file = tmp_path / "a.mp3"
    file.write_bytes(b"ID3\3\0\0\0\4\0\0" + bytes(65_536) + made["mp3"].read_bytes())
    assert blank_share(file) == 0


@pytest.mark.parametrize("kind", ["ogg", "opus"])
def test_pages_of_ogg_are_missing_where_their_numbers_say_so(
    kind: str, made: dict[str, Path], tmp_path: Path
) -> None:
    data = made[kind].read_bytes()
    assert not ogg_lacks_pages(made[kind])
    file = tmp_path / "a"
    file.write_bytes(data * 2)  # one after the other
    assert not ogg_lacks_pages(file)
    pages = data.split(b"OggS")
    file.write_bytes(b"OggS".join(pages[:-2] + pages[-1:]))
    assert ogg_lacks_pages(file)
    middle = len(data) // 2
    file.write_bytes(data[:middle] + bytes(200) + data[middle + 200 :])
    assert not ogg_lacks_pages(file) or b"OggS" in data[middle : middle + 200]


def test_the_end_of_an_mxf_file_is_where_its_header_says(maker: Path, tmp_path: Path) -> None:
    file = tmp_path / "a.mxf"
    run_ffmpeg(
        maker,
        *("-f", "lavfi", "-i", "sine=d=1", "-f", "lavfi", "-i", "testsrc=s=720x576:r=25:d=1"),
        *("-pix_fmt", "yuv420p", "-c:v", "mpeg2video", "-ar", "48000", str(file)),
    )
    assert source_end(file, "mxf") == SourceEnd(True)
    data = file.read_bytes()
    file.write_bytes(data[: len(data) // 2])
    end = source_end(file, "mxf")
    assert end is not None
    assert not end.there
    assert end.share == pytest.approx(0.5, abs=0.1)


def test_a_container_that_nobody_reads_here_says_nothing(made: dict[str, Path]) -> None:
    assert source_end(made["wav"], "mpegts") is None


@settings(max_examples=300)
@given(
    data=st.binary(max_size=120),
    kind=st.sampled_from(sorted(KINDS)),
    begin=st.integers(0, 60),
    container=st.sampled_from(sorted({container for container, _ in KINDS.values()} | {"dsf"})),
)
def test_any_bytes_are_an_end_or_none(
    data: bytes,
    kind: str,
    begin: int,
    container: str,
    made: dict[str, Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    file = tmp_path_factory.getbasetemp() / "any bytes"
    file.write_bytes(made[kind].read_bytes()[:begin] + data)
    end = source_end(file, container)
    assert end is None or end.share is None or 0 <= end.share < 1
