"""A file that still grows: what a downloader may hand on before it has all of it.

A downloader marks the bytes that have arrived, and says at its end whether the whole was verified.
A converter reads it through `serve_growing`, by an address of this machine that only it knows. What
was made of a file that is not verified in the end is thrown away by the job.
"""

import os
import re
import secrets
import socket
import threading
import time
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from similubot_core.cancel import CancelToken
from similubot_core.errors import Cancelled, StageError

SEND_BYTES = 256 * 1024
MOST_CONNECTIONS = 32
LONGEST_LINE = 8192
MOST_HEADERS = 64
WAIT_SECONDS = 0.2
"""How long a wait for bytes lasts before the cancel token is looked at again."""


class GrowingFile:
    """A file under way. Every method may be called from any thread.

    Args:
        path: Where the bytes lie; it must be there before the first `add`.
        size: Bytes that it will have; None when that is unknown, and then it grows at its end only.
        name: Its name for people and for the name of what is made of it; text from outside.
        clock: Seconds that never go back.
    """

    def __init__(
        self,
        path: Path,
        size: int | None,
        name: str,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.path = path
        self.size = size
        self.name = name
        self._changed = threading.Condition()
        self._starts: list[int] = []  # disjoint runs of bytes that are here, in order
        self._ends: list[int] = []
        self._wanted: dict[int, int] = {}
        self._clock = clock
        self._began: tuple[float, int] | None = None  # when, and how many bytes were here then
        self._finished = False
        self._failure: str | None = None
        self._whole: Path | None = None

    def add(self, start: int, end: int) -> None:
        """Mark the bytes from `start` up to `end` as written to `path`."""
        if end <= start:
            return
        with self._changed:
            first = bisect_left(self._ends, start)
            last = bisect_right(self._starts, end)
            if first < last:  # it touches or overlaps the runs from `first` up to `last`
                start = min(start, self._starts[first])
                end = max(end, self._ends[last - 1])
            self._starts[first:last] = [start]
            self._ends[first:last] = [end]
            if self._began is None:
                self._began = self._clock(), self._here()
            self._changed.notify_all()

    def finish(self) -> None:
        """Say that all of it is here and verified. `add` everything first."""
        with self._changed:
            self._finished = True
            if self.size is None:
                self.size = self._ends[-1] if self._ends else 0
            self._changed.notify_all()

    def fail(self, reason: str) -> None:
        """Say that the rest will never come, or that what came is wrong; wakes every reader."""
        with self._changed:
            self._failure = reason
            self._changed.notify_all()

    def hand_over(self, path: Path) -> None:
        """Say where the whole of it lies from now on; the job calls this, after `finish`."""
        with self._changed:
            self._whole = path
            self._changed.notify_all()

    def wait_until_whole(self, cancel: CancelToken) -> Path:
        """Wait until all of it is here and verified; returns where it lies.

        Raises:
            StageError: The download failed.
            Cancelled: The token was set; within 0.2 seconds.
        """
        with self._changed:
            while self._whole is None:
                if self._failure is not None:
                    raise StageError(self._failure)
                cancel.raise_if_cancelled()
                self._changed.wait(WAIT_SECONDS)
            return self._whole

    @property
    def is_finished(self) -> bool:
        """Whether all of it is here and verified."""
        return self._finished

    @property
    def seconds_left(self) -> float | None:
        """For how long the rest will come, at the rate so far; 0 when all is here, None while that
        is not known.
        """
        with self._changed:
            here = self._here()
            if self._finished or here == self.size:
                return 0.0
            if self._began is None or self.size is None:
                return None
            began, had = self._began
            if here <= had:
                return None
            return (self.size - here) * (self._clock() - began) / (here - had)

    def _here(self) -> int:
        return sum(self._ends) - sum(self._starts)

    @property
    def wanted(self) -> tuple[int, ...]:
        """The offsets whose bytes readers wait for now, each once: fetch these first."""
        with self._changed:
            return tuple(dict.fromkeys(self._wanted.values()))

    def wake(self) -> None:
        """Have every waiting reader look again at what it waits for and at what ends its wait."""
        with self._changed:
            self._changed.notify_all()

    def wait_for(
        self, offset: int, cancel: CancelToken, *, closing: threading.Event | None = None
    ) -> int:
        """Wait until the byte at `offset` is here.

        Args:
            offset: Counted from the beginning of the file.
            cancel: Ends the wait within 0.2 seconds.
            closing: Ends it too, once set; `wake` makes that immediate. None is nothing.

        Returns:
            Where the run of bytes that are here ends; `offset` itself at the end of the file.

        Raises:
            StageError: It will never come.
            Cancelled: The token was set.
        """
        reader = threading.get_ident()
        with self._changed:
            try:
                while True:
                    if self._failure is not None:
                        raise StageError(self._failure)
                    run = bisect_right(self._starts, offset) - 1
                    if run >= 0 and offset < self._ends[run]:
                        return self._ends[run]
                    if self.size is not None and offset >= self.size:
                        return offset
                    cancel.raise_if_cancelled()
                    if closing is not None and closing.is_set():
                        raise Cancelled
                    self._wanted[reader] = offset
                    self._changed.wait(WAIT_SECONDS)
            finally:
                self._wanted.pop(reader, None)


@contextmanager
def serve_growing(file: GrowingFile, cancel: CancelToken) -> Iterator[str]:
    """Serve the file to one program by an address of this machine that nobody can guess.

    It answers GET with one range, each answer as the bytes come. At the end of the block every
    connection is cut. A read that waits for bytes ends within 0.2 seconds of a cancel.

    Yields:
        The address, ``http://127.0.0.1:PORT/TOKEN``.

    Raises:
        StageError: The file cannot be read, or no port is free.
    """
    try:
        descriptor = os.open(file.path, os.O_RDONLY | os.O_NOFOLLOW)
    except OSError as error:
        raise StageError(f"The growing download cannot be read: {error.strerror}.") from error
    try:
        server = _Server(file, descriptor, cancel)
        try:
            yield server.address
        finally:
            server.close()
    finally:
        os.close(descriptor)


class _Server:
    """One thread accepts, one for each connection answers; `close` ends and joins them all."""

    def __init__(self, file: GrowingFile, descriptor: int, cancel: CancelToken) -> None:
        self._file = file
        self._descriptor = descriptor
        self._cancel = cancel
        self._closing = threading.Event()
        self._path = f"/{secrets.token_urlsafe(24)}"
        try:
            self._listener = socket.create_server(("127.0.0.1", 0))
        except OSError as error:
            raise StageError(f"No local port is free: {error.strerror}.") from error
        self.address = f"http://127.0.0.1:{self._listener.getsockname()[1]}{self._path}"
        self._lock = threading.Lock()
        self._connections: dict[socket.socket, threading.Thread] = {}
        self._acceptor = threading.Thread(target=self._accept, name="similubot-growing")
        self._acceptor.start()

    def close(self) -> None:
        self._closing.set()
        self._file.wake()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._acceptor.join()
        with self._lock:
            still_open = dict(self._connections)
        for connection in still_open:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in still_open.values():
            thread.join()

    def _accept(self) -> None:
        while not self._closing.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with self._lock:
                if len(self._connections) >= MOST_CONNECTIONS or self._closing.is_set():
                    connection.close()
                    continue
                thread = threading.Thread(
                    target=self._serve, args=(connection,), name="similubot-growing-read"
                )
                self._connections[connection] = thread
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with connection.makefile("rb") as reader:
                while (head := _read_head(reader)) is not None:
                    if not self._answer(connection, head):
                        return
        except (OSError, StageError, Cancelled):
            pass  # the program went away, or the job ends: cut its connection
        finally:
            with self._lock:
                self._connections.pop(connection, None)
            connection.close()

    def _answer(self, connection: socket.socket, head: "_Head") -> bool:
        """Answer one request; False ends the connection."""
        if head.method != "GET" or not secrets.compare_digest(head.path, self._path):
            connection.sendall(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
            return False
        size = self._file.size
        if size is None:
            return self._stream(connection)
        start, end = head.start, size if head.last is None else min(size, head.last + 1)
        if start >= end:
            connection.sendall(
                b"HTTP/1.1 416 Range Not Satisfiable\r\nContent-Length: 0\r\n"
                b"Content-Range: bytes */%d\r\n\r\n" % size
            )
            return True
        connection.sendall(
            b"HTTP/1.1 206 Partial Content\r\nAccept-Ranges: bytes\r\nContent-Length: %d\r\n"
            b"Content-Type: application/octet-stream\r\nContent-Range: bytes %d-%d/%d\r\n\r\n"
            % (end - start, start, end - 1, size)
        )
        while start < end:
            start = self._send(connection, start, min(end, self._wait_for(start)))
        return True

    def _stream(self, connection: socket.socket) -> bool:
        """Send a file whose size is unknown from its beginning to its end; it takes no ranges."""
        connection.sendall(
            b"HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\n"
            b"Connection: close\r\n\r\n"
        )
        start = 0
        while (here := self._wait_for(start)) > start:
            start = self._send(connection, start, here)
        return False

    def _wait_for(self, offset: int) -> int:
        return self._file.wait_for(offset, self._cancel, closing=self._closing)

    def _send(self, connection: socket.socket, start: int, end: int) -> int:
        while start < end:
            count = min(SEND_BYTES, end - start)
            sent = os.sendfile(connection.fileno(), self._descriptor, start, count)
            if not sent:
                raise OSError("the file is shorter than what was marked as written")
            start += sent
        return start


@dataclass(frozen=True, slots=True)
class _Head:
    """A request: what it asks for. `last` is the last byte of its range, None to the end."""

    method: str
    path: str
    start: int = 0
    last: int | None = None


_RANGE = re.compile(r"range:\s*bytes=(\d{1,18})-(\d{1,18})?\s*", re.IGNORECASE)


def _read_head(reader: BinaryIO) -> _Head | None:
    """The next request of a connection; None when it has ended, or what came is no request."""
    line = reader.readline(LONGEST_LINE)
    method, _, rest = line.decode("latin-1").partition(" ")
    path, _, version = rest.partition(" ")
    if not version.startswith("HTTP/1."):
        return None
    start, last = 0, None
    for _ in range(MOST_HEADERS):
        header = reader.readline(LONGEST_LINE).decode("latin-1")
        if header in ("\r\n", "\n"):
            return _Head(method, path, start, last)
        if match := _RANGE.fullmatch(header):
            start, last = int(match[1]), int(match[2]) if match[2] else None
    return None
