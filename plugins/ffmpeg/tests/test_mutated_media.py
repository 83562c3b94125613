"""Media that was damaged on purpose: an answer or a result, never a hang, a traceback or a file."""

import contextlib
import random
import subprocess
from pathlib import Path

import pytest

from similubot_core import ConversionRequest, StageContext, StageError
from similubot_ffmpeg import AudioConverter, FFmpegSettings

MIB = 1024 * 1024
ROUNDS = 12
# Container, and FFmpeg's arguments for half a second of it: small seeds, made and not kept.
SEEDS = {
    "m4a": ("-c:a", "aac"), "mp4": ("-c:a", "aac"), "mkv": ("-c:a", "aac"), "mka": ("-c:a", "flac"),
    "webm": ("-c:a", "libopus"), "mp3": (), "flac": (), "wav": (), "w64": (), "ogg": (), "opus": (),
    "aiff": (), "caf": (), "au": (), "wv": (), "tta": (), "ac3": (), "eac3": (),
    "dts": ("-strict", "-2"),
    "ts": ("-c:a", "aac"), "avi": ("-c:a", "mp3"), "flv": ("-c:a", "aac"), "wma": ("-c:a", "wmav2"),
    "aac": ("-c:a", "aac"), "nut": ("-c:a", "pcm_s16le"), "mov": ("-c:a", "pcm_s16le"),
}  # fmt: skip


def mutated(data: bytes, chance: random.Random) -> bytes:
    """One of the things that happen to files: bits flipped, pieces lost, doubled or overwritten."""
    piece = bytearray(data)
    for _ in range(chance.choice([1, 4, 32])):
        at = chance.randrange(len(piece))
        length = chance.choice([1, 2, 4, 64, 1024])
        match chance.randrange(5):
            case 0:
                piece[at] ^= 1 << chance.randrange(8)
            case 1:
                del piece[at : at + length]
            case 2:
                piece[at:at] = piece[at : at + length]
            case 3:
                piece[at : at + length] = bytes(length)
            case _:
                piece[at : at + 4] = chance.choice([b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff"])
        if not piece:
            return b"\0"
    return bytes(piece)


@pytest.mark.slow
@pytest.mark.parametrize("ending", SEEDS)
def test_mutated_media_end_in_an_answer_or_a_result(
    ending: str, maker: Path, tmp_path: Path
) -> None:
    seed = tmp_path / f"seed.{ending}"
    made = subprocess.run(
        [maker, "-v", "error", "-f", "lavfi", "-i", "sine=d=0.5", *SEEDS[ending], "-y", seed],
        capture_output=True, check=False,
    )  # fmt: skip
    if made.returncode:
        pytest.skip(f"this FFmpeg makes no {ending}")
    converter = AudioConverter(
        settings=FFmpegSettings(program=str(maker), max_memory=512 * MIB, max_cpu_time=20)
    )
    chance = random.Random(f"{ending} 1")
    folder = tmp_path / "out"
    folder.mkdir()
    for number in range(ROUNDS):
        source = tmp_path / f"{number}.{ending}"
        source.write_bytes(mutated(seed.read_bytes(), chance))
        with contextlib.suppress(StageError):
            converter.run(source, ConversionRequest(), StageContext(folder)).unlink()
        assert list(folder.iterdir()) == [], number
        converter.get_media_info(source)
