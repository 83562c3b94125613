"""Tells the end of any operation to more than a hundred services, by Apprise."""

from similubot_core import SinkSpec, hookimpl
from similubot_notify.settings import NotifySettings
from similubot_notify.sink import NotifySink, check_services, open_notify_sink

__version__ = "0.1.0"

__all__ = ["NotifySettings", "NotifySink", "open_notify_sink"]


@hookimpl
def similubot_sinks() -> list[SinkSpec]:
    """The sink "notify": a notice of the end, by any service that Apprise knows."""
    return [
        SinkSpec(
            name="notify",
            summary="a notice when it ends, by any service of Apprise: --sink notify=URL",
            factory=open_notify_sink,
            settings=NotifySettings,
            check=check_services,
        )
    ]
