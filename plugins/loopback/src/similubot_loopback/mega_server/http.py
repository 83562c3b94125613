"""The HTTP side of the loopback MEGA server: one thread a connection, data by sendfile."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import socket
import struct
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

if TYPE_CHECKING:
    from similubot_loopback.mega_server.faults import DataFault
    from similubot_loopback.mega_server.server import LoopbackMega, StoredFile

_SLICE = 1024 * 1024
_SIOCOUTQNSD = 0x894B  # Linux: bytes in the send queue that were not sent yet
_PACE = 0.02  # seconds between two slices when there is a limit
_LONGEST_BODY = 1024 * 1024
_DATA_PATH = re.compile(r"/dl/([\w-]+)(?:/(\d+)(?:-(\d*))?)?")
_RANGE = re.compile(r"bytes=(\d+)-(\d*)")


class MegaHttpServer(ThreadingHTTPServer):
    """Listens on a free port of 127.0.0.1; knows its connections, to cut them at the end."""

    daemon_threads = False  # so that closing waits for every handler
    request_queue_size = 128

    def __init__(self, mega: LoopbackMega) -> None:
        self.mega = mega
        self._connections: set[socket.socket] = set()
        self._lock = threading.Lock()
        super().__init__(("127.0.0.1", 0), _Handler)

    def process_request_thread(self, request: object, client_address: object) -> None:
        """Handle one connection, known while it lasts."""
        assert isinstance(request, socket.socket)
        with self._lock:
            self._connections.add(request)
        try:
            super().process_request_thread(request, client_address)
        finally:
            with self._lock:
                self._connections.discard(request)

    def cut_all(self) -> None:
        """Shut every connection down; what was handed to the kernel still arrives."""
        with self._lock:
            for connection in self._connections:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: object, client_address: object) -> None:
        """Stay silent: a client that goes away in the middle is what is being tested."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # the head in one piece
    server: MegaHttpServer

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        """Print nothing: addresses are as good as keys to whoever has the ciphertext."""

    def do_POST(self) -> None:
        mega, parts = self.server.mega, urlsplit(self.path)
        length = int(self.headers.get("Content-Length") or 0)
        if parts.path != "/cs" or length > _LONGEST_BODY:
            self._reply(404, b"")
            return
        body = self.rfile.read(length)
        fault = mega.take_api_fault()
        if fault is not None:
            content = b"" if fault.code is None else json.dumps(fault.code).encode()
            self._reply(fault.status, content, fault.headers)
            return
        wanted = mega.challenge(self.headers.get("X-Hashcash"))
        if wanted is not None:
            self._reply(402, b"", {"X-Hashcash": wanted})
            return
        try:
            commands = json.loads(body)
        except ValueError:
            commands = None
        folder = parse_qs(parts.query).get("n", [None])[0]
        reply: object = (
            [mega.answer(command, folder) for command in commands]
            if isinstance(commands, list)
            else -2
        )
        self._reply(200, json.dumps(reply).encode(), {"Content-Type": "application/json"})

    def do_GET(self) -> None:
        mega, match = self.server.mega, _DATA_PATH.fullmatch(urlsplit(self.path).path)
        stored = mega.stored(match[1]) if match else None
        if match is None or stored is None:
            self._reply(403, b"")
            return
        by_header = _RANGE.fullmatch(self.headers.get("Range", ""))
        first, last = match[2] or 0, match[3]
        if by_header:
            first, last = by_header[1], by_header[2]
        start = int(first)
        end = min(int(last) if last else stored.size - 1, stored.size - 1)
        if start > end + 1 or (start > end and stored.size > 0):
            self._reply(416, b"")
            return
        fault = mega.take_data_fault(start, end)
        if fault is not None and fault.kind in ("status", "expire"):
            if fault.kind == "expire":
                mega.expire(match[1])
            self._reply(403 if fault.kind == "expire" else fault.status, b"", fault.headers)
            return
        if fault is not None and fault.kind == "hold":
            self.close_connection = True
            self._wait_for_the_end()
            return
        mega.began()
        try:
            self.send_response(206 if by_header else 200)
            self.send_header("Content-Type", "application/octet-stream")
            self.send_header("Content-Length", str(end - start + 1))
            if by_header:
                self.send_header("Content-Range", f"bytes {start}-{end}/{stored.size}")
            self.end_headers()
            self.wfile.flush()
            self._send_body(stored, start, end, fault)
        finally:
            mega.ended()

    def _send_body(self, stored: StoredFile, start: int, end: int, fault: DataFault | None) -> None:
        with stored.path.open("rb") as file:
            if fault is None:
                self._send(file.fileno(), start, end + 1)
                return
            at = start if fault.at is None else fault.at
            if not self._send(file.fileno(), start, at):
                return
            if fault.kind == "wrong_byte":
                byte = os.pread(file.fileno(), 1, at)
                self.connection.sendall(bytes([byte[0] ^ 1]))
                self.server.mega.sent(1)
                self._send(file.fileno(), at + 1, end + 1)
                return
        self.close_connection = True
        if fault.kind == "stall":
            self._wait_for_the_end()
        elif fault.kind == "reset":
            self.server.mega.sent(-self._cut())

    def _send(self, descriptor: int, start: int, stop: int) -> bool:
        """Send the bytes from `start` up to `stop`; False when the connection was cut."""
        mega, began, position = self.server.mega, time.monotonic(), start
        limit, line = mega.limit, mega.line
        slice_size = _SLICE if limit is None else max(4096, int(limit * _PACE))
        if line is not None:
            slice_size = min(slice_size, line.step)
        while position < stop:
            count = min(slice_size, stop - position)
            try:
                if line is not None and self._ends_within(line.take(count)):
                    return False
                count = os.sendfile(self.connection.fileno(), descriptor, position, count)
            except OSError:
                self.close_connection = True
                return False
            position += count
            mega.sent(count)
            if limit is not None and self._ends_within(
                (position - start) / limit - (time.monotonic() - began)
            ):
                return False
        return True

    def _ends_within(self, seconds: float) -> bool:
        """Wait; True when the server closed meanwhile."""
        if seconds <= 0 or not self.server.mega.closing.wait(seconds):
            return False
        self.close_connection = True
        return True

    def _wait_for_the_end(self) -> None:
        """Send nothing more until the client hangs up or the server closes."""
        with contextlib.suppress(OSError):
            while self.connection.recv(4096):
                pass

    def _cut(self) -> int:
        """Cut the connection by RST; return how many bytes were never put on the wire."""
        with contextlib.suppress(OSError):
            unsent = 0
            with contextlib.suppress(OSError):
                answer = fcntl.ioctl(self.connection.fileno(), _SIOCOUTQNSD, b"\0" * 4)
                unsent = int(struct.unpack("i", answer)[0])
            linger = struct.pack("ii", 1, 0)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            self.rfile.close()
            self.wfile.close()
            self.connection.close()
            return unsent
        return 0

    def _reply(self, status: int, content: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)
        self.wfile.flush()
