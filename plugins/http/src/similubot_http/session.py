"""HTTP by `requests`, with sockets that a cancel can shut down at any moment.

A read that blocks in `requests` cannot be told to stop; its socket can. So a session knows the
connections of its job, also those through proxies, from before the TLS handshake to the last byte.
"""

import contextlib
import errno
import ipaddress
import os
import selectors
import socket
import threading
import time
from collections.abc import Callable, Iterable
from ssl import SSLEOFError
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from weakref import WeakSet

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import (
    ConnectTimeoutError,
    LocationParseError,
    NameResolutionError,
    NewConnectionError,
)
from urllib3.poolmanager import PoolManager

from similubot_core import CancelToken
from similubot_http.guard import AddressGuard

if TYPE_CHECKING:
    from http.client import _DataType

CONNECT_SECONDS = 15.0
USER_AGENT = "SimiluBot (similubot-http)"
MOST_REDIRECTS = 10

_POLL_SECONDS = 0.1

_Address = tuple[str, int] | tuple[str, int, int, int] | tuple[int, bytes]
# What `socket.getaddrinfo` answers with: family, kind, protocol, canonical name, address.
_Found = tuple[socket.AddressFamily, socket.SocketKind, int, str, _Address]


class CancellableSession:
    """The HTTP session of one job; a context manager that closes it.

    Any number of threads may use `session` at once. `abort`, which a cancel calls, makes every
    request under way and every later one fail with `requests.ConnectionError`, within
    milliseconds, in every phase: name lookup, connecting, a proxy's answer, TLS, sending, reading.
    Proxies come from the environment, as requests takes them; credentials of ``.netrc`` do not.

    Args:
        cancel: When set, `abort` is called.
        connections: How many connections are kept open for further requests.
        guard: Refuses addresses after each name lookup, so on every redirect too; None allows all.
            Through a proxy, which looks names up itself, it judges what this machine finds.
        user_agent: The header of that name.
        on_connect: Called with a duplicate of each new connected socket before TLS, in the thread
            that connects; the callee must not keep it, but may duplicate it. None is nobody.
        timeout_while_sending: Whether the time limit of a request also ends a block that goes out
            slowly; without it, somebody else has to watch for silence.
    """

    def __init__(
        self,
        cancel: CancelToken,
        connections: int = 1,
        *,
        guard: AddressGuard | None = None,
        user_agent: str = USER_AGENT,
        on_connect: Callable[[socket.socket], object] | None = None,
        timeout_while_sending: bool = True,
    ) -> None:
        self.session = requests.Session()
        self.session.headers["User-Agent"] = user_agent
        self.session.max_redirects = MOST_REDIRECTS
        self.session.auth = _no_credentials
        self.timeout_while_sending = timeout_while_sending
        self._guard = guard
        self._on_connect = on_connect
        self._sockets: WeakSet[socket.socket] = WeakSet()
        self._lock = threading.Lock()
        self._aborted = threading.Event()
        for scheme in ("http://", "https://"):
            self.session.mount(scheme, _Adapter(self, connections))
        self._stack = contextlib.ExitStack()
        self._stack.enter_context(self.session)
        self._stack.enter_context(cancel.on_cancel(self.abort))

    def __enter__(self) -> "CancellableSession":
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._stack.close()

    def abort(self) -> None:
        """Shut every connection down, and refuse new ones."""
        self._aborted.set()
        with self._lock:
            open_sockets = list(self._sockets)
        for one in open_sockets:
            _shut(one)

    def check_target(self, url: str) -> None:
        """Let the guard judge a host that a proxy will look up; names nobody here knows pass."""
        if self._guard is None:
            return
        parts = urlsplit(url)
        try:
            found = self._resolve(parts.hostname or "", parts.port or 0)
        except socket.gaierror:
            return
        self._guard.check(str(address[0]) for *_, address in found)

    def known(self, one: socket.socket) -> None:
        """Take a socket among those that `abort` shuts down."""
        with self._lock:
            self._sockets.add(one)
        if self._aborted.is_set():
            _shut(one)

    def connect(
        self,
        host: str,
        port: int,
        seconds: float | None,
        options: Iterable[tuple[int, int, int | bytes]],
        *,
        through_proxy: bool = False,
    ) -> tuple[socket.socket, socket.socket]:
        """Connect; returns the socket and a twin of it.

        The twin shares the connection, so it can be shut down while TLS takes the socket over.
        The caller closes it.

        Args:
            host: The host to connect to, which may be the proxy's.
            port: Its port.
            seconds: The time limit for each address; None is `CONNECT_SECONDS`.
            options: Socket options.
            through_proxy: Whether `host` is the operator's proxy, which the guard does not judge.

        Raises:
            ForbiddenAddress: The guard refuses it.
            OSError: No address could be reached, or it was aborted.
        """
        failure: OSError = ConnectionAbortedError("aborted")
        found = self._resolve(host, port)
        if self._guard is not None and not through_proxy:
            self._guard.check(str(address[0]) for *_, address in found)
        for family, kind, protocol, _, address in found:
            if self._aborted.is_set():
                break
            one = socket.socket(family, kind, protocol)
            try:
                for option in options:
                    one.setsockopt(*option)
                self._connect(one, address, seconds)
                one.settimeout(seconds)
                twin = one.dup()
                self.known(twin)
                if self._on_connect is not None:
                    self._on_connect(twin)
            except OSError as error:
                one.close()
                failure = error
            else:
                return one, twin
        raise failure

    def _connect(self, one: socket.socket, address: _Address, seconds: float | None) -> None:
        """Connect without blocking, since a socket cannot be shut down before it connects."""
        one.setblocking(False)
        code = one.connect_ex(address)
        deadline = time.monotonic() + (CONNECT_SECONDS if seconds is None else seconds)
        with selectors.DefaultSelector() as selector:
            selector.register(one, selectors.EVENT_WRITE)
            while code == errno.EINPROGRESS:
                if self._aborted.is_set():
                    raise ConnectionAbortedError("aborted")
                if time.monotonic() > deadline:
                    raise TimeoutError("timed out")
                if selector.select(_POLL_SECONDS):
                    code = one.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code:
            raise OSError(code, os.strerror(code))

    def _resolve(self, host: str, port: int) -> list[_Found]:
        """Look a name up. Only the resolver cannot be interrupted, so it has a thread of its own,
        which a cancel leaves behind to end by itself.
        """
        try:
            host.encode("idna")
        except UnicodeError:
            raise LocationParseError(f"{host!r}, label empty or too long") from None
        answers: list[_Found] = []
        failures: list[OSError] = []
        done = threading.Event()

        def look_up() -> None:
            try:
                answers.extend(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
            except OSError as error:
                failures.append(error)
            done.set()

        with contextlib.suppress(ValueError):
            ipaddress.ip_address(host)
            look_up()
        if not done.is_set():
            threading.Thread(target=look_up, name="similubot-resolver", daemon=True).start()
        while not done.wait(_POLL_SECONDS):
            if self._aborted.is_set():
                raise ConnectionAbortedError("aborted")
        if failures:
            raise failures[0]
        return answers


def _shut(one: socket.socket) -> None:
    with contextlib.suppress(OSError):
        # Not SSLSocket's own: it would take the TLS state from under the reading thread.
        socket.socket.shutdown(one, socket.SHUT_RDWR)


def _no_credentials(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Keeps requests from sending what ~/.netrc holds for a host that a stranger's link names."""
    return request


class _Adapter(HTTPAdapter):
    """Makes connections whose sockets the session knows."""

    def __init__(self, owner: CancellableSession, connections: int) -> None:
        self._owner = owner
        self._pools = _pool_classes(owner)
        super().__init__(pool_connections=4, pool_maxsize=connections, max_retries=0)

    def init_poolmanager(
        self, connections: int, maxsize: int, block: bool = False, **arguments: object
    ) -> None:
        super().init_poolmanager(connections, maxsize, block, **arguments)
        self.poolmanager.pool_classes_by_scheme = self._pools

    def proxy_manager_for(self, proxy: str, **arguments: object) -> PoolManager:
        manager: PoolManager = super().proxy_manager_for(proxy, **arguments)
        manager.pool_classes_by_scheme = self._pools
        return manager

    def send(
        self, request: requests.PreparedRequest, *args: Any, **kwargs: Any
    ) -> requests.Response:
        proxies = kwargs.get("proxies")
        if proxies and requests.utils.select_proxy(request.url or "", proxies):
            try:
                self._owner.check_target(request.url or "")
            except (OSError, LocationParseError) as error:
                raise requests.ConnectionError(error, request=request) from error
        return super().send(request, *args, **kwargs)


def _pool_classes(owner: CancellableSession) -> dict[str, type[HTTPConnectionPool]]:
    class Plain(_Known, HTTPConnection):
        pass

    class Secure(_Known, HTTPSConnection):
        pass

    Plain.owner = Secure.owner = owner

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Plain

    class SecurePool(HTTPSConnectionPool):
        ConnectionCls = Secure

    return {"http": PlainPool, "https": SecurePool}


class _Known(HTTPConnection):
    """A connection that the session makes and knows."""

    owner: CancellableSession
    _twin: socket.socket | None = None

    def _new_conn(self) -> socket.socket:
        seconds = self.timeout if isinstance(self.timeout, (int, float)) else CONNECT_SECONDS
        try:
            one, self._twin = self.owner.connect(
                self.host,
                self.port,
                seconds,
                self.socket_options or (),
                through_proxy=self.proxy is not None,
            )
        except socket.gaierror as error:
            raise NameResolutionError(self.host, self, error) from error
        except TimeoutError as error:
            raise ConnectTimeoutError(self, f"Connection to {self.host} timed out") from error
        except OSError as error:
            raise NewConnectionError(self, f"Failed to connect: {error}") from error
        return one

    def connect(self) -> None:
        try:
            super().connect()
            if self.sock is not None:
                # TLS within a proxy's TLS has its socket inside.
                self.owner.known(getattr(self.sock, "socket", self.sock))
        finally:
            if self._twin is not None:
                self._twin.close()
                self._twin = None

    def send(self, data: "_DataType | str") -> None:
        if self.sock is None:
            self.connect()
        if not self.owner.timeout_while_sending:
            # A time limit here would count for a whole block, however steadily it goes out;
            # silence is watched from outside.
            self.sock.settimeout(None)
        try:
            super().send(data)
        except SSLEOFError as error:
            # A broken pipe under TLS; by that name urllib3 goes on to read the answer.
            raise BrokenPipeError(*error.args) from error
