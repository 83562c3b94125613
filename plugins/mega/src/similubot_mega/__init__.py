"""MEGA downloads with true progress: MEGAcmd's output read, or an embedded client."""

from typing import TYPE_CHECKING

from similubot_core import Check, Downloader, DownloaderSpec, Settings, TrackerSpec, hookimpl
from similubot_core.lazy import lazy_names

if TYPE_CHECKING:
    from similubot_mega.downloader import MegaDownloader, MegaFileInfo
    from similubot_mega.megatools_tracker import MegatoolsProgressTracker
    from similubot_mega.settings import MegaSettings
    from similubot_mega.tracker import MegaProgressTracker

__version__ = "0.1.0"
__all__ = [
    "MegaDownloader",
    "MegaFileInfo",
    "MegaProgressTracker",
    "MegaSettings",
    "MegatoolsProgressTracker",
]

__getattr__ = lazy_names(
    __name__,
    {
        "MegaDownloader": "downloader",
        "MegaFileInfo": "downloader",
        "MegaProgressTracker": "tracker",
        "MegaSettings": "settings",
        "MegatoolsProgressTracker": "megatools_tracker",
    },
)


def _mega_tracker() -> "MegaProgressTracker":
    from similubot_mega.tracker import MegaProgressTracker

    return MegaProgressTracker()


def _megatools_tracker() -> "MegatoolsProgressTracker":
    from similubot_mega.megatools_tracker import MegatoolsProgressTracker

    return MegatoolsProgressTracker()


def _downloader(settings: Settings) -> Downloader:
    from similubot_mega.downloader import MegaDownloader
    from similubot_mega.settings import MegaSettings

    return MegaDownloader(settings=settings.table(MegaSettings))


def _check(settings: Settings) -> list[Check]:
    from similubot_mega.checks import check

    return check(settings)


def _accepts(source: str) -> bool:
    from similubot_mega.links import looks_like_mega_link

    return looks_like_mega_link(source)


@hookimpl
def similubot_trackers() -> list[TrackerSpec]:
    """The trackers of what MEGAcmd and megatools print."""
    return [
        TrackerSpec("mega", "what MEGAcmd's mega-get prints", _mega_tracker, ("mega-get",)),
        TrackerSpec(
            "megatools",
            "what megatools dl prints",
            _megatools_tracker,
            ("megatools", "megadl", "megaget"),
        ),
    ]


@hookimpl
def similubot_stages() -> list[DownloaderSpec]:
    """The downloader of MEGA's public links."""
    from similubot_mega.settings import MegaSettings

    return [
        DownloaderSpec(
            name="mega",
            summary="public links of mega.nz",
            factory=_downloader,
            accepts=_accepts,
            settings=MegaSettings,
            check=_check,
            operation="MEGA Download",
        )
    ]
