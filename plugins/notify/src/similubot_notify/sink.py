"""The sink "notify": tells services of the ends of whole operations."""

import time
from collections.abc import Sequence

from similubot_core import Check, ProgressInfo, Settings, SinkContext, UsageError
from similubot_notify.settings import NotifySettings

CLOSE_WITHIN = 10.0


class NotifySink:
    """Tells services of the ends (and, if wanted, the starts and quarters) of whole operations.

    Parts of an operation are not told of. Each service has a thread of its own while it is slow.

    Args:
        urls: Addresses of services. Secrets.
        settings: What is told.
        title: What the whole is about; may hold text from outside.

    Raises:
        UsageError: Apprise does not take an address.
    """

    def __init__(self, urls: Sequence[str], settings: NotifySettings, title: str = "") -> None:
        from similubot_notify.service import Service  # imports Apprise

        self._services = [Service(url, settings, title) for url in urls]

    def show(self, info: ProgressInfo) -> None:
        """Take the newest state; any thread may call it, and it never waits."""
        if info.parent is None:
            for service in self._services:
                service.paced.show(info)

    def close(self) -> None:
        """Wait until all services were told, for 10 seconds at most in all."""
        for service in self._services:
            service.paced.feed.close()
        deadline = time.monotonic() + CLOSE_WITHIN
        for service in self._services:
            left = max(0.0, deadline - time.monotonic())
            if not service.paced.feed.wait(left, even_if_slow=True):
                service.complain(f"it did not answer within {CLOSE_WITHIN:.0f} seconds")
                service.paced.feed.drop()


def open_notify_sink(context: SinkContext) -> NotifySink:
    """Open the sink on the target, else on the setting `urls`.

    Raises:
        UsageError: There is no address, or Apprise does not take it.
    """
    settings = context.settings.table(NotifySettings)
    urls = (context.target,) if context.target else settings.urls
    if not urls:
        raise UsageError(
            "The sink notify needs the address of a service: --sink notify=ntfy://TOPIC, or "
            "SIMILUBOT_NOTIFY_URLS in the environment."
        )
    return NotifySink(urls, settings, context.title)


def check_services(settings: Settings) -> Sequence[Check]:
    """What `similubot doctor` says of the addresses in the settings; looks at no network."""
    table = settings.table(NotifySettings)
    if not table.urls:
        return [Check("Notices", True, "none in the settings; give one as the target")]
    from similubot_notify.service import Service  # imports Apprise

    checks = []
    for url in table.urls:
        try:
            detail = f"{Service(url, table).name}, in the settings"
            checks.append(Check("Notices", True, detail))
        except UsageError as error:
            checks.append(Check("Notices", False, "an address that is none", error.message))
    return checks
