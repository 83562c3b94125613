"""A page in the browser: any operation live, and the bot's queue."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from similubot_core import (
    Check,
    ExtensionSpec,
    Settings,
    Sink,
    SinkContext,
    SinkSpec,
    hookimpl,
)
from similubot_core.lazy import lazy_names

if TYPE_CHECKING:
    from similubot_bot import BotExtension
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


def _bot_page(settings: Settings) -> "BotExtension":
    from similubot_web.bot_page import bot_page  # imports the bot

    return bot_page(settings)


@hookimpl
def similubot_sinks() -> list[SinkSpec]:
    """The sink `web`."""
    from similubot_web.settings import WebSettings

    summary = "a page in the browser: --sink web=HOST:PORT"
    return [SinkSpec("web", summary, _open, settings=WebSettings, check=_check)]


@hookimpl
def similubot_extensions() -> list[ExtensionSpec]:
    """The bot's page."""
    from similubot_web.settings import WebSettings

    return [ExtensionSpec("web", "the bot's page", "bot", _bot_page, settings=WebSettings)]
