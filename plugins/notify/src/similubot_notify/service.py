"""Service: one address of Apprise's, and what it is told."""

import logging
import math
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import apprise

from similubot_core import ProgressInfo, ProgressStatus, UsageError
from similubot_core.progress.paced_sink import PacedSink
from similubot_core.redact import keep_address, redact
from similubot_core.render import sanitize_line
from similubot_notify.hourly_limit import HourlyLimit
from similubot_notify.notice import notice_of
from similubot_notify.settings import NotifySettings

log = logging.getLogger("similubot.notify")

LOOK_EVERY = 1.0

_KINDS = {
    ProgressStatus.COMPLETED: apprise.NotifyType.SUCCESS,
    ProgressStatus.FAILED: apprise.NotifyType.FAILURE,
    ProgressStatus.CANCELLED: apprise.NotifyType.WARNING,
}
_limits: dict[tuple[str, int | None], HourlyLimit] = {}
"""Of this whole program: the bot opens a sink for each job."""


class _Apprise(threading.local):
    """What Apprise says in this thread while we use it: it names addresses, which are secrets."""

    said: list[str] | None = None

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether others may see a record."""
        if self.said is None:
            return True
        if record.levelno >= logging.WARNING:
            self.said.append(record.getMessage())
        return False

    @contextmanager
    def overheard(self) -> Iterator[list[str]]:
        """In a with block, keep its warnings and errors from everybody else."""
        logging.getLogger("apprise").addFilter(self)
        self.said = said = list[str]()
        try:
            yield said
        finally:
            self.said = None


_apprise = _Apprise()


class Service:
    """Tells one address what its settings want told. What goes wrong is said once, in the log.

    Args:
        url: The address. A secret.
        settings: What is told.
        title: What the whole is about; may hold text from outside.

    Attributes:
        name: The kind of service, for people.
        paced: Takes states; sends notices in a thread of its own.

    Raises:
        UsageError: Apprise does not take the address; does not repeat it.
    """

    def __init__(self, url: str, settings: NotifySettings, title: str = "") -> None:
        keep_address(url)
        kind = url.partition("://")[0]
        self.name = kind if kind != url and kind.isalnum() and len(kind) <= 20 else "without a name"
        # all of it in our own thread: the exit would wait for Apprise's
        asset = apprise.AppriseAsset(app_id="SimiluBot", async_mode=False, service_timeout=0)
        self._apprise = apprise.Apprise(asset=asset)
        with _apprise.overheard():
            self._apprise.add(url)
        if not self._apprise:
            raise UsageError(
                "Apprise does not take the address that the sink notify was given, of the service "
                f"{self.name}. One is ntfy://TOPIC, for example; "
                "https://github.com/caronc/apprise/wiki lists all of them."
            )
        self._settings, self._title = settings, title
        most = settings.most_an_hour
        self._limit = _limits.setdefault((url, most), HourlyLimit(most))
        self._complained = False
        self._seen: dict[str, tuple[float, int]] = {}
        """Of each operation under way, when it began and how many quarters were done."""
        self.paced = PacedSink(self._take, LOOK_EVERY if settings.quarters else math.inf)

    def _take(self, info: ProgressInfo) -> None:
        """Send the notice of a state, if one is wanted; waits as long as the service does."""
        began, before = self._seen.pop(info.id, (info.timestamp, 0))
        quarters = int(info.percentage // 25)
        if not info.status.is_final:
            self._seen[info.id] = began, quarters
        left_out = self._limit.take() if self._is_wanted(info, quarters - before) else None
        if left_out is not None:
            took = max(0.0, info.timestamp - began)
            self._send(info.status, *notice_of(info, self._title, took, left_out))

    def _is_wanted(self, info: ProgressInfo, quarters: int) -> bool:
        if self._settings.failures_only:
            return info.status is ProgressStatus.FAILED
        if info.status is ProgressStatus.STARTING:
            return self._settings.start
        return info.status.is_final or (self._settings.quarters and quarters > 0)

    def _send(self, status: ProgressStatus, title: str, body: str) -> None:
        kind = _KINDS.get(status, apprise.NotifyType.INFO)
        with _apprise.overheard() as said:
            sent = self._apprise.notify(body, title, kind, apprise.NotifyFormat.TEXT)
        if not sent:
            self.complain("; ".join(said) or "no reason given")

    def complain(self, reason: str) -> None:
        """Say once that this service was not told something."""
        if not self._complained:
            self._complained = True
            why = redact(sanitize_line(reason, 300)).rstrip(".")
            log.warning("The service %s was not notified: %s. The work goes on.", self.name, why)
