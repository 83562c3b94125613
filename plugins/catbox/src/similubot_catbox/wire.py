"""A hand on the connection that requests uses: what it has not sent yet, and how to end it."""

import contextlib
import selectors
import socket
import struct
import sys
import threading
from ssl import SSLEOFError
from typing import TYPE_CHECKING

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.poolmanager import PoolManager

if TYPE_CHECKING:
    from http.client import _DataType


class Wire:
    """The socket of one request, seen from another thread than the one that is blocked in it.

    It works on a duplicate of the socket, which stays valid when TLS takes the socket over or the
    connection is closed. Every method may be called from any thread.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._handle: socket.socket | None = None
        self._cut = False

    def take(self, connected: socket.socket) -> None:
        """Hold on to a new connection; ends it at once when `cut` came first."""
        with self._lock:
            if self._cut:
                _shut(connected, socket.SHUT_RDWR)
                return
            if self._handle is not None:
                self._handle.close()
            self._handle = connected.dup()

    def cut(self) -> None:
        """End the connection, now or as soon as there is one: what is blocked in it fails."""
        with self._lock:
            self._cut = True
            if self._handle is not None:
                _shut(self._handle, socket.SHUT_RDWR)

    def stop_sending(self) -> None:
        """Have what is blocked in sending fail, while an answer can still be read."""
        with self._lock:
            if self._handle is not None:
                _shut(self._handle, socket.SHUT_WR)

    def close(self) -> None:
        """End the connection and let go of it; harmless when called again."""
        self.cut()
        with self._lock:
            if self._handle is not None:
                self._handle.close()
                self._handle = None

    def unsent(self) -> int:
        """Bytes that the system has taken but the other side has not acknowledged.

        The send queue of Linux; elsewhere 0, so that what the system took counts as sent.
        """
        with self._lock:
            if self._handle is None or sys.platform != "linux":
                return 0
            import fcntl
            import termios

            answer = fcntl.ioctl(self._handle, termios.TIOCOUTQ, bytes(4))
            return int(struct.unpack("i", answer)[0])

    def acknowledged(self) -> int | None:
        """Bytes of all kinds that the other side has acknowledged, also after the connection's end.

        Linux counts them (``tcpi_bytes_acked``, since 4.1); elsewhere None.
        """
        with self._lock:
            if self._handle is None or sys.platform != "linux":
                return None
            info = self._handle.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 128)
            return int(struct.unpack_from("Q", info, 120)[0]) if len(info) == 128 else None

    def has_answer(self) -> bool:
        """Whether the other side has sent something that nobody has read yet."""
        with self._lock, selectors.DefaultSelector() as selector:
            if self._handle is None:
                return False
            selector.register(self._handle, selectors.EVENT_READ)
            return bool(selector.select(0))


def _shut(handle: socket.socket, how: int) -> None:
    with contextlib.suppress(OSError):  # it is not connected any more
        handle.shutdown(how)


class WireAdapter(HTTPAdapter):
    """An adapter of requests whose connections are in the hand of `wire`, and are tried once."""

    def __init__(self, wire: Wire) -> None:
        self._pools = _pool_classes(wire)
        super().__init__(max_retries=0)

    def init_poolmanager(self, *args: object, **kwargs: object) -> None:
        """Make the pools with our connections."""
        super().init_poolmanager(*args, **kwargs)  # type: ignore[arg-type]
        self.poolmanager.pool_classes_by_scheme = self._pools

    def proxy_manager_for(self, proxy: str, **kwargs: object) -> PoolManager:
        """The same for a proxy."""
        manager: PoolManager = super().proxy_manager_for(proxy, **kwargs)
        manager.pool_classes_by_scheme = self._pools
        return manager


def _pool_classes(wire: Wire) -> dict[str, type[HTTPConnectionPool]]:
    class Connection(HTTPConnection):
        def _new_conn(self) -> socket.socket:
            connected = super()._new_conn()
            wire.take(connected)
            return connected

        def send(self, data: "_DataType | str") -> None:
            if self.sock is None:
                self.connect()
            # A time limit here would count for a whole block, however steadily it goes out;
            # silence is watched from outside.
            self.sock.settimeout(None)
            try:
                super().send(data)
            except SSLEOFError as error:
                # A broken pipe under TLS; by that name urllib3 goes on to read the answer.
                raise BrokenPipeError(*error.args) from error

    class SecureConnection(Connection, HTTPSConnection):
        pass

    class Pool(HTTPConnectionPool):
        ConnectionCls = Connection

    class SecurePool(HTTPSConnectionPool):
        ConnectionCls = SecureConnection

    return {"http": Pool, "https": SecurePool}
