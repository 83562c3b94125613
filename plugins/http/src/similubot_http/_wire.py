"""The socket of a request under way: what it has not sent yet, and how to end it."""

import contextlib
import selectors
import socket
import struct
import sys
import threading


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
