"""HTTP by `requests`, with sockets that a cancel can shut down at any moment.

A read that blocks in `requests` cannot be told to stop; its socket can. So the connections of one
job are known here, from before the TLS handshake to the last byte.
"""

import contextlib
import errno
import ipaddress
import os
import selectors
import socket
import threading
import time
from collections.abc import Iterable
from weakref import WeakSet

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from similubot_core.cancel import CancelToken

CONNECT_SECONDS = 15.0
USER_AGENT = "SimiluBot (similubot-mega)"


_POLL_SECONDS = 0.1

_Address = tuple[str, int] | tuple[str, int, int, int] | tuple[int, bytes]
# What `socket.getaddrinfo` answers with: family, kind, protocol, canonical name, address.
_Found = tuple[socket.AddressFamily, socket.SocketKind, int, str, _Address]


class Transport:
    """The HTTP session of one job; a context manager that closes it.

    Any number of threads may use `session` at once. `abort`, which a cancel calls, makes every
    request under way and every later one fail with `requests.ConnectionError`, within
    milliseconds.

    Args:
        cancel: When set, `abort` is called.
        connections: How many connections are kept open for further requests.
    """

    def __init__(self, cancel: CancelToken, connections: int = 1) -> None:
        self.session = requests.Session()
        self.session.headers["User-Agent"] = USER_AGENT
        self._sockets: WeakSet[socket.socket] = WeakSet()
        self._lock = threading.Lock()
        self._aborted = threading.Event()
        for scheme in ("http://", "https://"):
            self.session.mount(scheme, _Adapter(self, connections))
        self._stack = contextlib.ExitStack()
        self._stack.enter_context(self.session)
        self._stack.enter_context(cancel.on_cancel(self.abort))

    def __enter__(self) -> "Transport":
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
    ) -> tuple[socket.socket, socket.socket]:
        """Connect; returns the socket and a twin of it.

        The twin shares the connection, so it can be shut down while TLS takes the socket over.
        The caller closes it.

        Raises:
            OSError: No address could be reached, or it was aborted.
        """
        failure: OSError = ConnectionAbortedError("aborted")
        for family, kind, protocol, _, address in self._resolve(host, port):
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
            threading.Thread(target=look_up, name="mega-resolver", daemon=True).start()
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


class _Adapter(HTTPAdapter):
    """Makes connections whose sockets the transport knows."""

    def __init__(self, transport: Transport, connections: int) -> None:
        self._transport = transport
        super().__init__(pool_connections=4, pool_maxsize=connections, max_retries=0)

    def init_poolmanager(
        self, connections: int, maxsize: int, block: bool = False, **arguments: object
    ) -> None:
        super().init_poolmanager(connections, maxsize, block, **arguments)
        transport = self._transport

        class Plain(_Known, HTTPConnection):
            pass

        class Secure(_Known, HTTPSConnection):
            pass

        Plain.transport = Secure.transport = transport

        class PlainPool(HTTPConnectionPool):
            ConnectionCls = Plain

        class SecurePool(HTTPSConnectionPool):
            ConnectionCls = Secure

        self.poolmanager.pool_classes_by_scheme = {"http": PlainPool, "https": SecurePool}


class _Known(HTTPConnection):
    """A connection that the transport makes and knows."""

    transport: Transport
    _twin: socket.socket | None = None

    def _new_conn(self) -> socket.socket:
        seconds = self.timeout if isinstance(self.timeout, (int, float)) else CONNECT_SECONDS
        one, self._twin = self.transport.connect(
            self.host, self.port, seconds, self.socket_options or ()
        )
        return one

    def connect(self) -> None:
        try:
            super().connect()
            if self.sock is not None:
                self.transport.known(self.sock)
        finally:
            if self._twin is not None:
                self._twin.close()
                self._twin = None
