"""A downloader for the sites that yt-dlp knows."""

from collections.abc import Sequence

from similubot_core import Check, Downloader, DownloaderSpec, Settings, hookimpl


def _downloader(settings: Settings) -> Downloader:
    from similubot_http import HttpSettings
    from similubot_yt_dlp.downloader import YtDlpDownloader
    from similubot_yt_dlp.settings import YtDlpSettings

    networks = settings.table(HttpSettings).allow_networks
    return YtDlpDownloader(settings.table(YtDlpSettings), networks)


def _check(settings: Settings) -> Sequence[Check]:
    from similubot_yt_dlp.checks import check

    return check()


def _accepts(source: str) -> bool:
    return source.lower().startswith(("http://", "https://")) and len(source) <= 8192


@hookimpl
def similubot_stages() -> list[DownloaderSpec]:
    """The downloader of any link, after all others."""
    from similubot_yt_dlp.settings import YtDlpSettings

    return [
        DownloaderSpec(
            name="yt-dlp",
            summary="the sites that yt-dlp knows",
            factory=_downloader,
            accepts=_accepts,
            settings=YtDlpSettings,
            check=_check,
            operation="yt-dlp Download",
            fallback=2,
            example="https://host.invalid/watch/1",
        )
    ]
