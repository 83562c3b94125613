"""Access: who may look at a page and change something, and how they show that they may."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import socket
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from aiohttp import web

SESSION_SECONDS = 7 * 86_400
ATTEMPTS = 5
"""Wrong tokens from one address before it has to wait."""
ALL_ATTEMPTS = 100
"""The same, from all addresses together."""
ATTEMPT_SECONDS = 30.0
"""After so long one more attempt from an address is allowed; of all together, twenty times that."""
ADDRESSES = 1000
"""How many addresses are remembered at most; those without a recent attempt are forgotten first."""

_FORWARDED = ("X-Forwarded-For", "X-Forwarded-Host", "Forwarded", "X-Real-IP", "Via")


@dataclass(frozen=True, slots=True)
class Viewer:
    """Somebody who may look at a page.

    Attributes:
        name: For the audit log. All who know the token are one; a login that knows people (by
            Discord, say) would give each their own.
        may_act: Whether they may change something.
    """

    name: str
    may_act: bool


class Attempts:
    """Counts wrong tokens, and says whether another attempt is allowed.

    Args:
        clock: Seconds that only grow.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._wrong: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._all = (0.0, clock())

    def wait(self, address: str) -> float:
        """Seconds until an address may try again; 0 when it may now."""
        own = self._left(self._wrong.get(_network(address), (0.0, 0.0)), 1.0)
        everybody = self._left(self._all, 20.0)
        return max(
            (own - ATTEMPTS + 1) * ATTEMPT_SECONDS if own > ATTEMPTS - 1 else 0.0,
            (everybody - ALL_ATTEMPTS + 1) * ATTEMPT_SECONDS / 20
            if everybody > ALL_ATTEMPTS - 1
            else 0.0,
        )

    def note_wrong(self, address: str) -> None:
        """A wrong token came from an address."""
        key, now = _network(address), self._clock()
        self._wrong[key] = (self._left(self._wrong.get(key, (0.0, 0.0)), 1.0) + 1, now)
        self._wrong.move_to_end(key)
        while len(self._wrong) > ADDRESSES:
            self._wrong.popitem(last=False)
        self._all = (self._left(self._all, 20.0) + 1, now)

    def _left(self, counted: tuple[float, float], factor: float) -> float:
        """How many wrong attempts still count."""
        count, moment = counted
        return max(0.0, count - (self._clock() - moment) * factor / ATTEMPT_SECONDS)


def _network(address: str) -> str:
    """Who has one IPv6 address has a whole network of them, so they count as one."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if parsed.version == 6:
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return address


@dataclass(frozen=True)
class Access:
    """The rules of one page.

    Attributes:
        token: What is typed into the login form; None: everybody on this machine may.
        hosts: Further names by which the page is asked for.
        read_only: Whether nobody may change something.
        attempts: The wrong tokens so far.
        clock: Seconds since 1970.
    """

    token: str | None = field(default=None, repr=False)
    hosts: tuple[str, ...] = ()
    read_only: bool = False
    attempts: Attempts = field(default_factory=Attempts)
    clock: Callable[[], float] = time.time

    def refuse_foreign(self, request: web.Request) -> None:
        """Refuse a request that another site's page made, or that came by a foreign name.

        A name that leads to this machine by a trick (DNS rebinding) is foreign. A request that
        changes something must say that it comes from this very page.

        Raises:
            web.HTTPForbidden: Says why, and what to set.
        """
        if not self._is_ours(request.host):
            raise web.HTTPForbidden(
                text="This page is not asked for by that name. If it should be, add the name to "
                "[web] hosts."
            )
        if self.token is None and any(name in request.headers for name in _FORWARDED):
            raise web.HTTPForbidden(
                text="Behind a proxy this page needs a token: set SIMILUBOT_WEB_TOKEN."
            )
        if request.method in ("GET", "HEAD"):
            return
        origin = urlsplit(request.headers.get("Origin", "")).netloc
        site = request.headers.get("Sec-Fetch-Site", "same-origin")
        if not origin or site != "same-origin" or origin not in (request.host, *self.hosts):
            raise web.HTTPForbidden(
                text="This did not come from the page itself. Behind a proxy, add the page's name "
                "to [web] hosts."
            )

    def viewer(self, request: web.Request) -> Viewer | None:
        """Who asks; None when they have to log in."""
        if self.token is None or self._has_session(request):
            return Viewer("page", may_act=not self.read_only)
        return None

    def is_right(self, token: str) -> bool:
        """Whether it is the token; takes the same time for every wrong one."""
        return hmac.compare_digest(_digest(token), _digest(self.token or ""))

    def start_session(self, request: web.Request, answer: web.StreamResponse) -> None:
        """Give the browser the cookie of who logged in."""
        ends = str(int(self.clock() + SESSION_SECONDS))
        answer.set_cookie(
            self.cookie,
            f"{ends}.{self._signature(ends)}",
            max_age=SESSION_SECONDS,
            path="",  # the browser takes the page's folder, also behind a prefix
            httponly=True,
            samesite="Strict",
            secure=request.headers.get("X-Forwarded-Proto") == "https",
        )

    def end_session(self, answer: web.StreamResponse) -> None:
        """Take the cookie back."""
        answer.set_cookie(self.cookie, "", max_age=0, path="", httponly=True, samesite="Strict")

    @property
    def cookie(self) -> str:
        """The cookie's name: pages on other ports of a machine see it too, so it is their own."""
        return f"similubot-{_digest(f'name of {self.token}').hex()[:8]}"

    def _has_session(self, request: web.Request) -> bool:
        ends, _, signature = request.cookies.get(self.cookie, "").partition(".")
        if not hmac.compare_digest(_digest(signature), _digest(self._signature(ends))):
            return False
        return int(ends) > self.clock()

    def _signature(self, ends: str) -> str:
        key = _digest(f"session of {self.token}")
        return hmac.new(key, _digest(ends), "sha256").hexdigest()

    def _is_ours(self, host: str) -> bool:
        if host in self.hosts:
            return True
        try:
            name = urlsplit(f"//{host}").hostname or ""
        except ValueError:
            return False
        own = socket.gethostname().lower()
        return is_address(name) or name in ("localhost", own, f"{own}.local")


def is_address(host: str) -> bool:
    """Whether it is a number rather than a name; numbers cannot be pointed elsewhere."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach that address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).digest()
