"""Tells the end of any operation to more than a hundred services, by Apprise."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from similubot_core import Check, Settings, Sink, SinkContext, SinkSpec, hookimpl
from similubot_core.lazy import lazy_names

if TYPE_CHECKING:
    from similubot_notify.settings import NotifySettings
    from similubot_notify.sink import NotifySink, open_notify_sink

__version__ = "0.1.0"

__all__ = ["NotifySettings", "NotifySink", "open_notify_sink"]

__getattr__ = lazy_names(
    __name__,
    {"NotifySettings": "settings", "NotifySink": "sink", "open_notify_sink": "sink"},
)


def _open_sink(context: SinkContext) -> Sink:
    from similubot_notify.sink import open_notify_sink

    return open_notify_sink(context)


def _check(settings: Settings) -> Sequence[Check]:
    from similubot_notify.sink import check_services

    return check_services(settings)


@hookimpl
def similubot_sinks() -> list[SinkSpec]:
    """The sink "notify": a notice of the end, by any service that Apprise knows."""
    from similubot_notify.settings import NotifySettings

    return [
        SinkSpec(
            name="notify",
            summary="a notice when it ends, by any service of Apprise: --sink notify=URL",
            factory=_open_sink,
            settings=NotifySettings,
            check=_check,
        )
    ]
