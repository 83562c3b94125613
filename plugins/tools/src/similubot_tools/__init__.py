"""Trackers for the tools that people run, as a table of small readers."""

import functools
from collections.abc import Sequence
from typing import TYPE_CHECKING

from similubot_core import TrackerSpec, hookimpl
from similubot_core.lazy import lazy_names

if TYPE_CHECKING:
    from similubot_tools.tracker import ToolTracker

__version__ = "0.1.0"
__all__ = ["ToolTracker"]

__getattr__ = lazy_names(__name__, {"ToolTracker": "tracker"})

PROGRAMS: dict[str, tuple[str, ...]] = {
    "git": ("git",),
    "rsync": ("rsync",),
    "curl": ("curl",),
    "wget": ("wget",),
    "apt": ("apt", "apt-get"),
    "docker": ("docker",),
    "ninja": ("ninja", "samu"),
    "cmake": ("cmake", "make", "gmake"),
    "cargo": ("cargo",),
    "dd": ("dd",),
    "aria2c": ("aria2c",),
    "zstd": ("zstd",),
    "xz": ("xz",),
    "pv": ("pv",),
    "pip": ("pip", "pip3", "uv"),
    "rclone": ("rclone",),
    "restic": ("restic",),
    "borg": ("borg",),
    "7z": ("7z", "7za", "7zr", "7zz"),
    "tar": ("tar", "gtar", "bsdtar"),
    "flac": ("flac",),
    "handbrake": ("HandBrakeCLI",),
    "ytdlp": ("yt-dlp", "youtube-dl"),
}
"""The programs that each tracker reads, by the tracker's name."""


def _tracker(name: str, command: Sequence[str] = ()) -> "ToolTracker":
    from similubot_tools.tracker import ToolTracker

    return ToolTracker(name, command)


@hookimpl
def similubot_trackers() -> list[TrackerSpec]:
    """One tracker for each tool of the table."""
    return [
        TrackerSpec(
            name=name,
            summary=f"what {programs[0]} prints",
            factory=functools.partial(_tracker, name),
            programs=programs,
            for_command=functools.partial(_tracker, name),
        )
        for name, programs in PROGRAMS.items()
    ]
