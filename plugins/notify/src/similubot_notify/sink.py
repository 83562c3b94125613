"""NotifySink: tells each service of the ends of operations, at that service's own pace."""

from __future__ import annotations

import logging
import math
import re
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from urllib.parse import unquote

import apprise

from similubot_core import Check, ProgressInfo, ProgressStatus, Settings, SinkContext, UsageError
from similubot_core.progress.paced_sink import PacedSink
from similubot_core.redact import keep_secret, redact
from similubot_core.render import sanitize_line
from similubot_notify.notice import Notice, notice_of
from similubot_notify.settings import NotifySettings

log = logging.getLogger("similubot.notify")

CLOSE_WITHIN = 10.0
HOUR = 3600.0
LOOK_EVERY = 1.0
LIKELY_SECRET = 8
"""Characters: a part of an address that is shorter is a word that logs need."""
_PARTS = re.compile(r"[/:,?&=]+")

_KINDS = {
    ProgressStatus.COMPLETED: apprise.NotifyType.SUCCESS,
    ProgressStatus.FAILED: apprise.NotifyType.FAILURE,
    ProgressStatus.CANCELLED: apprise.NotifyType.WARNING,
}


class _QuietHere(threading.local):
    """What Apprise says in this thread while we use it: it names addresses, which are secrets."""

    said: list[str] | None = None

    def __call__(self, record: logging.LogRecord) -> bool:
        if self.said is None:
            return True
        if record.levelno >= logging.WARNING:
            self.said.append(record.getMessage())
        return False


_quiet = _QuietHere()


class HourlyLimit:
    """Counts the notices of an hour; any thread.

    Args:
        most: How many an hour may have.
        clock: Seconds that only grow.
    """

    def __init__(self, most: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._most = most
        self._clock = clock
        self._lock = threading.Lock()
        self._told: deque[float] = deque()
        self._left_out = 0

    def take(self) -> int | None:
        """Take a place: how many were left out since the last one, or None where there is none."""
        with self._lock:
            now = self._clock()
            while self._told and self._told[0] <= now - HOUR:
                self._told.popleft()
            if len(self._told) >= self._most:
                self._left_out += 1
                return None
            self._told.append(now)
            left_out, self._left_out = self._left_out, 0
            return left_out


_limits: dict[tuple[str, int], HourlyLimit] = {}
"""Of this whole program: the bot opens a sink for each job."""


class Service:
    """One address of Apprise's. What goes wrong is told once, in the log.

    Args:
        url: The address. A secret.

    Raises:
        UsageError: Apprise does not take it; does not repeat it.
    """

    def __init__(self, url: str) -> None:
        for secret in _secrets_of(url):
            keep_secret(secret)
            keep_secret(unquote(secret))
        kind = url.partition("://")[0]
        self.name = kind if kind != url and kind.isalnum() and len(kind) <= 20 else "without a name"
        self._said = False
        logging.getLogger("apprise").addFilter(_quiet)
        # all of it in the thread of the sink: the exit would wait for Apprise's own threads
        asset = apprise.AppriseAsset(app_id="SimiluBot", async_mode=False, service_timeout=0)
        _quiet.said = []
        try:
            found = apprise.Apprise.instantiate(url, asset=asset)
        finally:
            _quiet.said = None
        if found is None:
            raise UsageError(
                "Apprise does not take the address that the sink notify was given, of the service "
                f"{self.name}. One is ntfy://TOPIC, for example; "
                "https://github.com/caronc/apprise/wiki lists all of them."
            )
        self._apprise = apprise.Apprise(asset=asset)
        self._apprise.add(found)

    def tell(self, notice: Notice) -> None:
        """Send a notice; waits as long as the service does."""
        _quiet.said = said = []
        try:
            sent = bool(
                self._apprise.notify(
                    body=notice.body,
                    title=notice.title,
                    notify_type=_KINDS.get(notice.status, apprise.NotifyType.INFO),
                    body_format=apprise.NotifyFormat.TEXT,
                )
            )
        except Exception as error:  # noqa: BLE001  (a hundred services, each with code of its own)
            sent, said = False, [type(error).__name__]
        finally:
            _quiet.said = None
        if not sent:
            self.complain("; ".join(said) or "no reason given")

    def complain(self, reason: str) -> None:
        """Say once that this service was not told something."""
        if not self._said:
            self._said = True
            why = redact(sanitize_line(reason, 300)).rstrip(".")
            log.warning("The service %s was not notified: %s. The work goes on.", self.name, why)


def _secrets_of(url: str) -> list[str]:
    """The parts of an address that may be secrets: tokens and topics stand anywhere in it."""
    address = url.partition("://")[2]
    user, _, rest = address.rpartition("@")
    host, _, path = rest.partition("/")
    parts = [part for part in _PARTS.split(path) if len(part) >= LIKELY_SECRET]
    if "." not in host and not host.startswith("localhost"):
        parts.append(host.partition("?")[0])
    return [url, *user.split(":"), *parts]


class _Teller:
    """What one service is told of one sink's operations; called in one thread at a time."""

    def __init__(self, service: Service, settings: NotifySettings, title: str, url: str) -> None:
        self.service = service
        self._settings = settings
        self._title = title
        self._began: dict[str, float] = {}
        self._quarter: dict[str, int] = {}
        most = settings.most_an_hour
        self._limit = None if most is None else _limits.setdefault((url, most), HourlyLimit(most))

    def __call__(self, info: ProgressInfo) -> None:
        began = self._began.setdefault(info.id, info.timestamp)
        if self._is_wanted(info):
            left_out = 0 if self._limit is None else self._limit.take()
            if left_out is not None:
                took = info.timestamp - began
                self.service.tell(notice_of(info, self._title, max(0.0, took), left_out))
        if info.status.is_final:
            self._began.pop(info.id, None)
            self._quarter.pop(info.id, None)

    def _is_wanted(self, info: ProgressInfo) -> bool:
        if self._settings.failures_only:
            return info.status is ProgressStatus.FAILED
        if info.status is ProgressStatus.STARTING:
            return self._settings.start
        if info.status is not ProgressStatus.IN_PROGRESS:
            return True
        quarter = int(info.percentage // 25)
        passed = quarter > self._quarter.get(info.id, 0)
        self._quarter[info.id] = quarter
        return passed and self._settings.quarters


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
        self._tellers = [_Teller(Service(url), settings, title, url) for url in urls]
        pace = LOOK_EVERY if settings.quarters else math.inf
        self._paced = [PacedSink(teller, pace) for teller in self._tellers]

    def show(self, info: ProgressInfo) -> None:
        """Take the newest state; any thread may call it, and it never waits."""
        if info.parent is None:
            for paced in self._paced:
                paced.show(info)

    def close(self) -> None:
        """Wait until all services were told, for 10 seconds at most in all."""
        for paced in self._paced:
            paced.feed.close()
        deadline = time.monotonic() + CLOSE_WITHIN
        for paced, teller in zip(self._paced, self._tellers, strict=True):
            left = max(0.0, deadline - time.monotonic())
            if not paced.feed.wait(left, even_if_slow=True):
                teller.service.complain(f"it did not answer within {CLOSE_WITHIN:.0f} seconds")
                paced.feed.drop()


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
    checks = []
    for url in settings.table(NotifySettings).urls:
        try:
            service = Service(url)
        except UsageError as error:
            checks.append(Check("Notices", False, "an address that is none", error.message))
        else:
            checks.append(Check("Notices", True, f"{service.name}, in the settings"))
    return checks or [Check("Notices", True, "none in the settings; give one as the target")]
