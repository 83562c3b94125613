"""Uploads to Catbox and Litterbox with true progress at constant memory."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from similubot_core import Check, Settings, TrackerSpec, Uploader, UploaderSpec, hookimpl
from similubot_core.lazy import lazy_names

if TYPE_CHECKING:
    from similubot_catbox.settings import CatboxSettings
    from similubot_catbox.tracker import UploadProgressTracker
    from similubot_catbox.uploader import CatboxUploader, LitterboxUploader

__all__ = ["CatboxSettings", "CatboxUploader", "LitterboxUploader", "UploadProgressTracker"]

__getattr__ = lazy_names(
    __name__,
    {
        "CatboxSettings": "settings",
        "CatboxUploader": "uploader",
        "LitterboxUploader": "uploader",
        "UploadProgressTracker": "tracker",
    },
)


@hookimpl
def similubot_trackers() -> Sequence[TrackerSpec]:
    """The tracker of uploads; it counts bytes, and reads no program's output."""
    return [TrackerSpec("upload", "bytes, speed and ETA of an upload", _tracker)]


@hookimpl
def similubot_stages() -> Sequence[UploaderSpec]:
    """The uploaders `catbox` and `litterbox`."""
    from similubot_catbox.services import CATBOX_SURE_SIZE, LITTERBOX_SURE_SIZE
    from similubot_catbox.settings import CatboxSettings

    return [
        UploaderSpec(
            "catbox",
            "catbox.moe: files up to 200 MB, kept for good",
            _catbox,
            max_size=CATBOX_SURE_SIZE,
            settings=CatboxSettings,
            check=_check,
            operation="Catbox Upload",
        ),
        UploaderSpec(
            "litterbox",
            "litterbox.catbox.moe: files up to 1 GB, kept for 1h, 12h, 24h or 72h (litterbox=24h)",
            _litterbox,
            max_size=LITTERBOX_SURE_SIZE,
            settings=CatboxSettings,
            operation="Litterbox Upload",
        ),
    ]


def _tracker() -> "UploadProgressTracker":
    from similubot_catbox.tracker import UploadProgressTracker

    return UploadProgressTracker("File")


def _catbox(settings: Settings, target: str | None) -> Uploader:
    from similubot_catbox.uploader import open_catbox

    return open_catbox(settings, target)


def _litterbox(settings: Settings, target: str | None) -> Uploader:
    from similubot_catbox.uploader import open_litterbox

    return open_litterbox(settings, target)


def _check(settings: Settings) -> Sequence[Check]:
    from similubot_catbox.settings import CatboxSettings

    if settings.table(CatboxSettings).userhash:
        return [Check("Catbox account", True, "a userhash is set")]
    detail = "no userhash: uploads are anonymous, which Catbox refuses from data centres"
    return [Check("Catbox account", True, detail)]
