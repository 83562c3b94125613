"""Real media, made by a real FFmpeg: for tests, and for the video of `similubot demo`."""

from collections.abc import Callable, Mapping
from pathlib import Path

from similubot_core import CancelToken, StageError
from similubot_core.process import run_process

TAGS: Mapping[str, str] = {"title": "Täst – 音", "artist": "SimiluBot", "album": "Proben"}
"""The tags of everything that is made here and can hold tags."""

RATE = 44_100
# Two chords that differ left and right, a slow beat and a little noise: something to encode, the
# same in every run, and nowhere silent.
_STEREO = (
    "aevalsrc=exprs='"
    "0.2*sin(2*PI*220*t)*(1+0.5*sin(2*PI*0.7*t))+0.15*sin(2*PI*(554+3*sin(t))*t)+0.02*(random(0)-0.5)"
    "|0.2*sin(2*PI*330*t)*(1+0.5*sin(2*PI*0.9*t))+0.15*sin(2*PI*(659+2*sin(t))*t)+0.02*(random(1)-0.5)"
    "':s={rate}:c=stereo:d={seconds}"
)
_SIX = (
    "aevalsrc=exprs='0.2*sin(2*PI*220*t)|0.2*sin(2*PI*330*t)|0.1*sin(2*PI*440*t)|0.1*sin(2*PI*55*t)"
    "|0.1*sin(2*PI*550*t)|0.1*sin(2*PI*660*t)':s=48000:c=5.1:d={seconds}"
)


def make_video(
    path: Path, seconds: float, ffmpeg: Path | str, *, index_first: bool = False
) -> Path:
    """A video with a moving picture and stereo sound (AAC, 128 kb/s); returns `path`.

    Args:
        path: The file; its ending (.mp4, .mkv, .mov…) chooses the container.
        seconds: How long it plays.
        ffmpeg: The FFmpeg that makes it.
        index_first: Whether an MPEG-4 file's index lies at its front rather than at its end.

    Raises:
        StageError: FFmpeg could not make it.
    """
    front = ("-movflags", "+faststart") if index_first else ()
    run_ffmpeg(
        ffmpeg,
        *("-f", "lavfi", "-i", f"testsrc2=s=320x180:r=10:d={seconds}"),
        *("-f", "lavfi", "-i", _STEREO.format(rate=RATE, seconds=seconds)),
        *("-c:v", "mpeg4", "-q:v", "8", "-c:a", "aac", "-b:a", "128k"),
        *(*_tags(), *front, f"file:{path}"),
    )
    return path


def make_sound(path: Path, seconds: float, ffmpeg: Path | str, *arguments: str) -> Path:
    """Stereo sound with tags; returns `path`.

    Args:
        path: The file; its ending chooses container and codec.
        seconds: How long it plays.
        ffmpeg: The FFmpeg that makes it.
        arguments: More arguments for the output, such as ``-c:a libopus``.

    Raises:
        StageError: FFmpeg could not make it.
    """
    source = _STEREO.format(rate=RATE, seconds=seconds)
    run_ffmpeg(ffmpeg, "-f", "lavfi", "-i", source, *_tags(), *arguments, f"file:{path}")
    return path


def make_cover(path: Path, ffmpeg: Path | str) -> Path:
    """A picture of 300 by 300 points; the ending (.jpg, .png) chooses its kind."""
    run_ffmpeg(ffmpeg, "-f", "lavfi", "-i", "testsrc2=s=300x300", "-frames:v", "1", f"file:{path}")
    return path


def run_ffmpeg(ffmpeg: Path | str, *arguments: str) -> None:
    """Run FFmpeg over files that are trusted.

    Raises:
        StageError: It failed; the detail holds its last words.
    """
    result = run_process(
        [ffmpeg, "-hide_banner", "-loglevel", "error", "-y", *arguments],
        cancel=CancelToken(),
        time_limit=600,
    )
    if result.returncode != 0:
        raise StageError(
            "FFmpeg could not make the sample file.", detail=result.stderr_tail[-1000:]
        )


def _tags() -> list[str]:
    return [word for key, value in TAGS.items() for word in ("-metadata", f"{key}={value}")]


def _with_art(folder: Path, sound: Path, name: str, ffmpeg: Path | str) -> Path:
    cover = make_cover(folder / f"{name}.cover.jpg", ffmpeg)
    path = folder / name
    run_ffmpeg(
        ffmpeg,
        *("-i", f"file:{sound}", "-i", f"file:{cover}", "-map", "0:a", "-map", "1:v"),
        *("-c", "copy", "-disposition:v:0", "attached_pic", f"file:{path}"),
    )
    cover.unlink()
    sound.unlink()
    return path


def _mp3_with_art(folder: Path, seconds: float, ffmpeg: Path | str) -> Path:
    sound = make_sound(folder / "plain.mp3", seconds, ffmpeg, "-c:a", "libmp3lame", "-b:a", "192k")
    return _with_art(folder, sound, "art.mp3", ffmpeg)


def _m4a_with_art(folder: Path, seconds: float, ffmpeg: Path | str) -> Path:
    sound = make_sound(folder / "plain.m4a", seconds, ffmpeg, "-c:a", "aac", "-b:a", "128k")
    return _with_art(folder, sound, "art.m4a", ffmpeg)


def _surround(folder: Path, seconds: float, ffmpeg: Path | str) -> Path:
    path = folder / "surround.flac"
    run_ffmpeg(ffmpeg, "-f", "lavfi", "-i", _SIX.format(seconds=seconds), f"file:{path}")
    return path


def _live_webm(folder: Path, seconds: float, ffmpeg: Path | str) -> Path:
    path = folder / "live.webm"
    # What a browser's recorder writes: no duration, no index.
    return make_sound(path, seconds, ffmpeg, "-c:a", "libopus", "-live", "1")


SHAPES: Mapping[str, Callable[[Path, float, Path | str], Path]] = {
    "mp4 with its index last": lambda d, s, f: make_video(d / "last.mp4", s, f),
    "mp4 with its index first": lambda d, s, f: make_video(d / "first.mp4", s, f, index_first=True),
    "mkv": lambda d, s, f: make_video(d / "video.mkv", s, f),
    "webm without a duration": _live_webm,
    "wav": lambda d, s, f: make_sound(d / "sound.wav", s, f),
    "flac": lambda d, s, f: make_sound(d / "sound.flac", s, f),
    "mp3 with art": _mp3_with_art,
    "m4a with art": _m4a_with_art,
    "ogg": lambda d, s, f: make_sound(d / "sound.ogg", s, f, "-c:a", "libvorbis"),
    "opus": lambda d, s, f: make_sound(d / "sound.opus", s, f, "-c:a", "libopus", "-b:a", "160k"),
    "ADTS": lambda d, s, f: make_sound(d / "sound.aac", s, f, "-c:a", "aac", "-b:a", "128k"),
    "5.1 sound": _surround,
}
"""Kinds of media by name; each makes one in a folder, of some seconds, and returns the file."""
