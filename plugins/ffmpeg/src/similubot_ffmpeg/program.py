"""Finding FFmpeg: the one of the settings, else on PATH, else the one in imageio-ffmpeg."""

import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from similubot_core import CancelToken, Check, Settings, StageError
from similubot_core.process import Access, run_process
from similubot_ffmpeg.formats import FORMATS
from similubot_ffmpeg.settings import FFmpegSettings

CURE = (
    "install FFmpeg (on Debian and Ubuntu: apt install ffmpeg), or this plugin's extra 'bundled', "
    "which brings one"
)


@dataclass(frozen=True, slots=True)
class Program:
    """An FFmpeg.

    Attributes:
        path: The executable.
        origin: Where it was found: "settings", "PATH" or "imageio-ffmpeg".
    """

    path: Path
    origin: str


def find_program(settings: FFmpegSettings) -> Program:
    """The FFmpeg to use. Nothing is run, and nothing is fetched.

    Raises:
        StageError: There is none.
    """
    if settings.program is not None:
        path = shutil.which(settings.program)
        if path is None:
            raise StageError(
                f"The FFmpeg of the settings, {settings.program}, is not there or may not be run; "
                "correct the key program in the table [ffmpeg]."
            )
        return Program(Path(path).absolute(), "settings")
    path = shutil.which("ffmpeg")
    if path is not None:
        return Program(Path(path).absolute(), "PATH")
    bundled = _bundled()
    if bundled is None:
        raise StageError(f"FFmpeg is missing: {CURE}.")
    return Program(bundled, "imageio-ffmpeg")


def _bundled() -> Path | None:
    """The FFmpeg that lies in imageio-ffmpeg's wheel, if both are there."""
    try:
        import imageio_ffmpeg

        path = Path(imageio_ffmpeg.get_ffmpeg_exe())
    except (ImportError, RuntimeError):  # RuntimeError: a wheel without a binary for this machine
        return None
    return path if shutil.which(path) else None


def version_of(program: Program) -> str:
    """The version that FFmpeg gives itself, such as "5.1.9-0+deb12u1".

    Raises:
        StageError: It does not run, or it is not FFmpeg.
    """
    result = run_process(
        [program.path, "-version"], cancel=CancelToken(), time_limit=10.0, access=Access()
    )
    match = re.match(r"ffmpeg version (\S{1,100})", result.stdout_tail)
    if not match:
        raise StageError(f"{program.path} does not run as FFmpeg; {CURE}.")
    return match[1]


def _has_encoder(program: Program, encoder: str) -> bool:
    result = run_process(
        [program.path, "-hide_banner", "-h", f"encoder={encoder}"],
        cancel=CancelToken(),
        time_limit=10.0,
        access=Access(),
    )
    return f"Encoder {encoder} [" in result.stdout_tail


def check(settings: Settings) -> list[Check]:
    """What `similubot doctor` says: which FFmpeg is used, its version, and what it cannot make."""
    try:
        program = find_program(settings.table(FFmpegSettings))
        version = version_of(program)
        lacking = [
            made.name
            for made in FORMATS.values()
            if made.encoder and not _has_encoder(program, made.encoder)
        ]
    except StageError as error:
        return [Check("FFmpeg", False, error.message, f"{CURE[0].upper()}{CURE[1:]}.")]
    found = [Check("FFmpeg", True, f"{version} from {program.origin}: {program.path}")]
    found += [
        Check(f"{name} encoder", False, "This FFmpeg has none.", "Install a full build.")
        for name in lacking
    ]
    return found
