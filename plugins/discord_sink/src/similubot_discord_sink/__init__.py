"""A Discord message that shows live progress and always ends on the final state."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from similubot_core import Check, Settings, Sink, SinkContext, SinkSpec, hookimpl
from similubot_core.lazy import lazy_names

if TYPE_CHECKING:
    from similubot_discord_sink.board import ProgressBoard
    from similubot_discord_sink.cancel_view import CancelView
    from similubot_discord_sink.embed import STATUS_COLOURS
    from similubot_discord_sink.endpoint import point_discord_at
    from similubot_discord_sink.plain_text import escape
    from similubot_discord_sink.settings import DiscordSettings
    from similubot_discord_sink.target import ErrorKind, classify_error, describe_error
    from similubot_discord_sink.updater import DiscordProgressUpdater
    from similubot_discord_sink.webhook_sink import open_webhook_sink

__version__ = "0.1.0"

__all__ = [
    "STATUS_COLOURS",
    "CancelView",
    "DiscordProgressUpdater",
    "DiscordSettings",
    "ErrorKind",
    "ProgressBoard",
    "classify_error",
    "describe_error",
    "escape",
    "open_webhook_sink",
    "point_discord_at",
]

__getattr__ = lazy_names(
    __name__,
    {
        "CancelView": "cancel_view",
        "DiscordProgressUpdater": "updater",
        "DiscordSettings": "settings",
        "ProgressBoard": "board",
        "STATUS_COLOURS": "embed",
        "ErrorKind": "target",
        "classify_error": "target",
        "describe_error": "target",
        "escape": "plain_text",
        "open_webhook_sink": "webhook_sink",
        "point_discord_at": "endpoint",
    },
)


def _open_sink(context: SinkContext) -> Sink:
    from similubot_discord_sink.webhook_sink import open_webhook_sink

    return open_webhook_sink(context)


def _check(settings: Settings) -> Sequence[Check]:
    from similubot_discord_sink.libraries import check_libraries

    if broken := check_libraries():
        return broken  # nothing of discord.py can be imported then
    from similubot_discord_sink.webhook_sink import check_webhook

    return check_webhook(settings)


@hookimpl
def similubot_sinks() -> list[SinkSpec]:
    """The sink "discord": a message posted by a webhook and edited as the work goes on."""
    from similubot_discord_sink.settings import DiscordSettings

    return [
        SinkSpec(
            name="discord",
            summary="a Discord message, by a webhook: --sink discord=WEBHOOK-URL",
            factory=_open_sink,
            settings=DiscordSettings,
            check=_check,
        )
    ]
