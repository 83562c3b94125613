"""Cover art: what is sane is kept, and what is not costs neither memory nor the audio."""

import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from similubot_core import ConversionRequest, StageContext
from similubot_ffmpeg import AudioConverter
from similubot_loopback.media import run_ffmpeg

MOST_MEMORY = 300 * 1024 * 1024

CONVERT = """
import resource, sys
from similubot_ffmpeg import AudioConverter, FFmpegSettings
source, folder, program = sys.argv[1:]
seen = []
converter = AudioConverter(temp_dir=folder, settings=FFmpegSettings(program=program))
ok, path, error = converter.convert_to_aac_with_progress(source, 64, progress_callback=seen.append)
memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
print(memory, path or error, seen[-1].message, sep="|")
"""


def png(width: int, height: int) -> bytes:
    """A black picture, in one bit for each point."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    rows = zlib.compressobj(9)
    data = (
        b"".join(rows.compress(bytes(1 + (width + 7) // 8)) for _ in range(height)) + rows.flush()
    )
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    start = b"\x89PNG\r\n\x1a\n"
    return start + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def with_covers(maker: Path, folder: Path, kind: str, pictures: list[bytes]) -> Path:
    """A file of 2 seconds with these pictures."""
    audio = ("-f", "lavfi", "-i", "sine=440:d=2")
    inputs: list[str] = []
    output: list[str] = []
    for number, data in enumerate(pictures):
        picture = folder / f"{number}.png"
        picture.write_bytes(data)
        if kind == "mka":
            output += ["-attach", str(picture), f"-metadata:s:t:{number}", "mimetype=image/png"]
        else:
            inputs += ["-i", str(picture)]
            output += ["-map", str(number + 1)]
    file = folder / f"with covers.{kind}"
    copied = ("-c:v", "copy", "-disposition:v", "attached_pic", "-metadata", "comment=kept")
    run_ffmpeg(maker, *audio, *inputs, "-map", "0", *output, *copied, str(file))
    return file


def converted(ffmpeg: Path, source: Path, folder: Path) -> tuple[int, Path, str]:
    """Bytes of memory that the largest child took, the result, and what was said of it."""
    run = subprocess.run(
        [sys.executable, "-c", CONVERT, source, folder / "results", ffmpeg],
        capture_output=True,
        text=True,
        timeout=100,
        check=True,
    )
    memory, path, message = run.stdout.strip().split("|")
    return int(memory), Path(path), message


def cover_of(maker: Path, file: Path) -> bytes:
    return subprocess.run(
        [maker, "-v", "error", "-i", file, "-map", "0:v?", "-c", "copy", "-f", "image2pipe", "-"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=60,
        check=False,
    ).stdout


@pytest.mark.parametrize("kind", ["flac", "mp3", "m4a", "mka"])
def test_covers_too_large_to_decode_are_left_out_and_the_audio_is_converted(
    kind: str, ffmpeg: Path, maker: Path, decoded: Callable[[Path], float], tmp_path: Path
) -> None:
    source = with_covers(maker, tmp_path, kind, [png(15_000, 15_000)] * 3)
    memory, result, message = converted(ffmpeg, source, tmp_path)
    assert memory < MOST_MEMORY
    assert decoded(result) == pytest.approx(2.0, abs=0.1)
    assert "without its cover art" in message
    assert cover_of(maker, result) == b""


@pytest.mark.parametrize("kind", ["flac", "mp3", "m4a", "mka"])
def test_a_sane_cover_beside_others_that_are_not_is_kept_byte_by_byte(
    kind: str, ffmpeg: Path, maker: Path, tmp_path: Path
) -> None:
    sane = png(1400, 1400)
    source = with_covers(maker, tmp_path, kind, [sane, png(15_000, 15_000)])
    memory, result, message = converted(ffmpeg, source, tmp_path)
    assert memory < MOST_MEMORY
    assert "without its cover art" not in message
    assert cover_of(maker, result) == sane


@pytest.mark.parametrize("format_", ["opus", "original"])
def test_an_ogg_file_keeps_its_cover_as_a_tag_beside_the_others(
    format_: str, ffmpeg: Path, maker: Path, converter: AudioConverter, tmp_path: Path
) -> None:
    sane, request = png(1400, 1400), ConversionRequest(format="opus")
    source = with_covers(maker, tmp_path, "flac", [sane])
    made = converter.run(source, request, StageContext(tmp_path))
    if format_ == "original":  # from Ogg to Ogg
        (tmp_path / "again").mkdir()
        again = StageContext(tmp_path / "again")
        made = converter.run(made, ConversionRequest(format=format_), again)
    assert cover_of(maker, made) == sane
    tags = subprocess.run(
        [ffmpeg, "-v", "error", "-i", made, "-map", "0:a", "-c", "copy", "-f", "ffmetadata", "-"],
        capture_output=True,
        timeout=60,
        check=True,
    ).stdout
    assert b"comment=kept\n" in tags


def test_an_ogg_file_takes_no_cover_that_is_too_large_to_decode(
    maker: Path, converter: AudioConverter, tmp_path: Path
) -> None:
    source = with_covers(maker, tmp_path, "flac", [png(15_000, 15_000)])
    made = converter.run(source, ConversionRequest(format="opus"), StageContext(tmp_path))
    assert cover_of(maker, made) == b""


def test_frames_of_a_video_are_not_decoded(ffmpeg: Path, maker: Path, tmp_path: Path) -> None:
    picture = tmp_path / "1.png"
    picture.write_bytes(png(15_000, 15_000))
    source = tmp_path / "film.mkv"
    run_ffmpeg(
        maker,
        *("-i", str(picture), "-f", "lavfi", "-i", "sine=440:d=2"),
        *("-map", "0", "-map", "1", "-c:v", "copy", str(source)),
    )
    memory, result, _ = converted(ffmpeg, source, tmp_path)
    assert memory < MOST_MEMORY
    assert result.suffix == ".m4a"
