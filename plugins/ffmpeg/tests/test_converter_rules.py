"""The converter is put through the checks of every converter."""

import os
import wave
from collections.abc import Callable
from pathlib import Path

from similubot_core import ConversionRequest
from similubot_ffmpeg import AudioConverter
from similubot_testkit.stage_rules import assert_converter_keeps_the_rules


def test_it_keeps_the_rules(
    newest: AudioConverter, shapes: Callable[[str], Path], tmp_path: Path
) -> None:
    long = tmp_path / "long.wav"  # three hours of silence: it keeps FFmpeg busy
    with wave.open(str(long), "wb") as file:
        file.setparams((2, 2, 48_000, 3 * 3600 * 48_000, "NONE", ""))
        file.writeframes(b"")
    os.truncate(long, long.stat().st_size + 3 * 3600 * 48_000 * 4)
    request = ConversionRequest(format="mp3")
    assert_converter_keeps_the_rules(newest, shapes("wav"), request, stalled=long)
