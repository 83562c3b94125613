"""A page in the browser: any operation live, and the bot's queue."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from similubot_core import (
    Check,
    Settings,
    Sink,
    SinkContext,
    SinkSpec,
    hookimpl,
)
from similubot_core.lazy import lazy_names

if TYPE_CHECKING:
    from similubot_web.settings import WebSettings
    from similubot_web.sink import WebSink, open_web_sink

__version__ = "0.1.0"

__all__ = ["WebSettings", "WebSink", "open_web_sink"]

__getattr__ = lazy_names(
    __name__, {"WebSettings": "settings", "WebSink": "sink", "open_web_sink": "sink"}
)


def _open(context: SinkContext) -> Sink:
    from similubot_web.sink import open_web_sink  # imports aiohttp

    return open_web_sink(context)


def _check(settings: Settings) -> Sequence[Check]:
    from similubot_web.settings import web_checks

    return web_checks(settings)


@hookimpl
def similubot_sinks() -> list[SinkSpec]:
    """The sink `web`."""
    from similubot_web.settings import WebSettings

    summary = "a page in the browser: --sink web=HOST:PORT"
    return [SinkSpec("web", summary, _open, settings=WebSettings, check=_check)]
