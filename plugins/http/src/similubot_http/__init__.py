"""Transfers over HTTP: a kit for plugins, a downloader of plain links, uploads by PUT."""

from typing import TYPE_CHECKING

from similubot_core import (
    Downloader,
    DownloaderSpec,
    LinkChecker,
    LinkCheckerSpec,
    Settings,
    Uploader,
    UploaderSpec,
    hookimpl,
)
from similubot_core.lazy import lazy_names

if TYPE_CHECKING:
    from similubot_http._fetch import FetchLimits, fetch
    from similubot_http.body import FileBody, FileToSend, MultipartBody, file_to_send
    from similubot_http.downloader import HttpDownloader
    from similubot_http.exchange import (
        Answer,
        Limits,
        NoAnswerError,
        Trouble,
        send,
        trouble_of,
    )
    from similubot_http.guard import AddressGuard, ForbiddenAddress
    from similubot_http.link_checker import HttpLinkChecker
    from similubot_http.names import safe_name
    from similubot_http.session import CONNECT_SECONDS, CancellableSession
    from similubot_http.settings import HttpSettings, WebdavSettings

__all__ = [
    "CONNECT_SECONDS",
    "AddressGuard",
    "Answer",
    "CancellableSession",
    "FetchLimits",
    "FileBody",
    "FileToSend",
    "ForbiddenAddress",
    "HttpDownloader",
    "HttpLinkChecker",
    "HttpSettings",
    "Limits",
    "MultipartBody",
    "NoAnswerError",
    "Trouble",
    "WebdavSettings",
    "fetch",
    "file_to_send",
    "safe_name",
    "send",
    "trouble_of",
]

__getattr__ = lazy_names(
    __name__,
    {
        "CONNECT_SECONDS": "session",
        "AddressGuard": "guard",
        "Answer": "exchange",
        "CancellableSession": "session",
        "FetchLimits": "_fetch",
        "FileBody": "body",
        "FileToSend": "body",
        "ForbiddenAddress": "guard",
        "HttpDownloader": "downloader",
        "HttpLinkChecker": "link_checker",
        "HttpSettings": "settings",
        "Limits": "exchange",
        "MultipartBody": "body",
        "NoAnswerError": "exchange",
        "Trouble": "exchange",
        "WebdavSettings": "settings",
        "fetch": "_fetch",
        "file_to_send": "body",
        "safe_name": "names",
        "send": "exchange",
        "trouble_of": "exchange",
    },
)


def _downloader(settings: Settings) -> Downloader:
    from similubot_http.downloader import HttpDownloader
    from similubot_http.settings import HttpSettings

    return HttpDownloader(settings.table(HttpSettings))


def _put(settings: Settings, target: str | None) -> Uploader:
    from similubot_http.uploader import open_put

    return open_put(settings, target)


def _webdav(settings: Settings, target: str | None) -> Uploader:
    from similubot_http.uploader import open_webdav

    return open_webdav(settings, target)


def _link_checker(settings: Settings) -> LinkChecker:
    from similubot_http.link_checker import HttpLinkChecker
    from similubot_http.settings import HttpSettings

    return HttpLinkChecker(settings.table(HttpSettings))


def _accepts(source: str) -> bool:
    from similubot_http.links import is_media_link

    return is_media_link(source)


@hookimpl
def similubot_stages() -> list[DownloaderSpec | UploaderSpec | LinkCheckerSpec]:
    """The downloader of plain links to media, the uploaders by PUT, and the link checker."""
    from similubot_http.settings import HttpSettings, WebdavSettings

    return [
        DownloaderSpec(
            name="http",
            summary="plain links to media files (https://…/song.mp3)",
            factory=_downloader,
            accepts=_accepts,
            settings=HttpSettings,
            operation="Download",
            fallback=1,
            example="https://host.invalid/song.mp3",
        ),
        UploaderSpec(
            name="put",
            summary="a file put at an address: put=URL",
            factory=_put,
            settings=WebdavSettings,
            operation="Upload",
        ),
        UploaderSpec(
            name="webdav",
            summary="a WebDAV folder: webdav=URL",
            factory=_webdav,
            settings=WebdavSettings,
            operation="Upload",
        ),
        LinkCheckerSpec(
            name="http",
            summary="the file behind a link: its length and its first bytes",
            factory=_link_checker,
            settings=HttpSettings,
        ),
    ]
