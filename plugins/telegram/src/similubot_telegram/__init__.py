"""A Telegram message that shows live progress and always ends on the final state."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from similubot_core import Check, Settings, Sink, SinkContext, SinkSpec, hookimpl
from similubot_core.lazy import lazy_names

if TYPE_CHECKING:
    from similubot_telegram.progress import TelegramProgress
    from similubot_telegram.settings import TelegramSettings
    from similubot_telegram.sink import open_telegram_sink
    from similubot_telegram.target import TelegramBot

__version__ = "0.1.0"

__all__ = ["TelegramBot", "TelegramProgress", "TelegramSettings", "open_telegram_sink"]

__getattr__ = lazy_names(
    __name__,
    {
        "TelegramBot": "target",
        "TelegramProgress": "progress",
        "TelegramSettings": "settings",
        "open_telegram_sink": "sink",
    },
)


def _open_sink(context: SinkContext) -> Sink:
    from similubot_telegram.sink import open_telegram_sink

    return open_telegram_sink(context)


def _check(settings: Settings) -> Sequence[Check]:
    from similubot_telegram.sink import check_telegram

    return check_telegram(settings)


@hookimpl
def similubot_sinks() -> list[SinkSpec]:
    """The sink "telegram": a message that a bot sends and edits as the work goes on."""
    from similubot_telegram.settings import TelegramSettings

    return [
        SinkSpec(
            name="telegram",
            summary="a Telegram message: --sink telegram=CHAT",
            factory=_open_sink,
            settings=TelegramSettings,
            check=_check,
        )
    ]
