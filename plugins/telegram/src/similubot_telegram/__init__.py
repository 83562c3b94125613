"""A Telegram message that shows live progress and always ends on the final state."""

from __future__ import annotations

from typing import TYPE_CHECKING

from similubot_core import SinkSpec, hookimpl
from similubot_core.lazy import lazy_names
from similubot_telegram.settings import TelegramSettings
from similubot_telegram.sink import check_telegram, open_telegram_sink

if TYPE_CHECKING:
    from similubot_telegram.progress import TelegramProgress
    from similubot_telegram.target import TelegramBot

__version__ = "0.1.0"

__all__ = ["TelegramBot", "TelegramProgress", "TelegramSettings", "open_telegram_sink"]

__getattr__ = lazy_names(__name__, {"TelegramBot": "target", "TelegramProgress": "progress"})


@hookimpl
def similubot_sinks() -> list[SinkSpec]:
    """The sink "telegram": a message that a bot sends and edits as the work goes on."""
    return [
        SinkSpec(
            name="telegram",
            summary="a Telegram message: --sink telegram=CHAT",
            factory=open_telegram_sink,
            settings=TelegramSettings,
            check=check_telegram,
        )
    ]
