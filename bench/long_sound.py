"""Long sounds that are made in a second: a short one is encoded, and its packets are repeated."""

from pathlib import Path

from similubot_loopback.media import make_sound, run_ffmpeg

SHORT_SECONDS = 30


def make_long_sound(path: Path, seconds: float, ffmpeg: Path, *arguments: str) -> Path:
    """As the testkit's `make_sound`: sound of so many seconds, encoded as the arguments say."""
    short = make_sound(path.with_name(f"short-{path.name}"), SHORT_SECONDS, ffmpeg, *arguments)
    again = ("-stream_loop", "-1", "-i", str(short), "-t", str(seconds))
    run_ffmpeg(ffmpeg, *again, "-c", "copy", str(path))
    short.unlink()
    return path
