"""Media that was damaged on purpose: an answer or a result, never a hang, a traceback or a file."""

import contextlib
import random
import struct
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
    "3gp": ("-c:a", "aac"), "m4b": ("-f", "ipod"), "m4v": ("-c:a", "aac", "-f", "mp4"), "aif": (),
    "mpg": ("-c:a", "mp2"), "vob": ("-c:a", "ac3", "-f", "vob"), "asf": ("-c:a", "wmav2"),
    "m2ts": ("-c:a", "ac3"), "mts": ("-c:a", "ac3", "-f", "mpegts"), "wmv": ("-c:a", "wmav2"),
    "oga": ("-c:a", "flac", "-f", "ogg"), "ogv": ("-c:a", "libvorbis", "-f", "ogg"),
    "rm": ("-c:a", "ac3"), "mlp": ("-strict", "-2"), "thd": ("-strict", "-2", "-c:a", "truehd"),
    "latm": ("-c:a", "aac", "-f", "latm"), "voc": ("-ac", "1"),
    "mxf": (
        *("-f", "lavfi", "-i", "testsrc=s=720x576:r=25:d=0.5", "-pix_fmt", "yuv420p"),
        *("-c:v", "mpeg2video", "-ar", "48000"),
    ),
}  # fmt: skip
WRITTEN = {
    "amr": b"#!AMR\n" + b"".join(bytes([60, *range(n, n + 31)]) for n in range(25)),
    "dsf": struct.pack("<4sQQQ", b"DSD ", 28, 92 + 32_768, 0)
    + struct.pack("<4sQIIIIIIQII", b"fmt ", 52, 1, 0, 2, 2, 2_822_400, 1, 131_072, 4096, 0)
    + struct.pack("<4sQ", b"data", 12 + 32_768)
    + b"\x69\x96" * 16_384,
}
"""What no FFmpeg here writes. Of Monkey's Audio, TAK and Musepack there is no seed at all."""


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
@pytest.mark.parametrize("ending", [*SEEDS, *WRITTEN])
def test_mutated_media_end_in_an_answer_or_a_result(
    ending: str, maker: Path, tmp_path: Path
) -> None:
    seed = tmp_path / f"seed.{ending}"
    if ending in WRITTEN:
        seed.write_bytes(WRITTEN[ending])
    else:
        made = subprocess.run(
            [maker, "-v", "error", "-f", "lavfi", "-i", "sine=d=0.5", *SEEDS[ending], "-y", seed],
            capture_output=True, check=False,
        )  # fmt: skip
        if made.returncode:
            pytest.skip(f"this FFmpeg makes no {ending}")
    converter = AudioConverter(
        settings=FFmpegSettings(program=str(maker), max_memory=512 * MIB, max_cpu_time=20)
    )
    ok, info, error = converter.get_media_info(seed)
    assert ok, error
    assert info is not None
    assert info.audio is not None
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
