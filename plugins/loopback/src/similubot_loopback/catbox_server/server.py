"""A loopback Catbox and Litterbox on raw sockets: takes uploads, serves them, fails on demand."""

import contextlib
import secrets
import select
import socket
import ssl
import struct
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

import msgspec

from similubot_loopback.bandwidth import Bandwidth
from similubot_loopback.catbox_server.faults import Fault, Reply, Reset, SlowRead, Stall
from similubot_loopback.catbox_server.form import FormError, FormReceiver, ReceivedFile
from similubot_loopback.catbox_server.http import RequestHead, read_head, send_reply
from similubot_loopback.catbox_server.rules import answer_to

_BLOCK = 262_144
_IDLE_SECONDS = 120.0
_SERVICES = {"/user/api.php": "catbox", "/resources/internals/api.php": "litterbox"}


class ReceivedRequest(msgspec.Struct, frozen=True):
    """A POST as it was received.

    Attributes:
        service: "catbox" or "litterbox".
        headers: Name and value of each header, names in lower case, in the order sent.
        fields: Name and value of each field that is not a file, in the order sent.
        file: The file; None when none came, or not whole.
        body_bytes: How many bytes of the body were read.
        status: The status answered; None when there was no answer.
        url: Where the file can be fetched; None when it was not kept.
        problem: Why the body could not be taken apart; empty when it could.
    """

    service: str
    headers: tuple[tuple[str, str], ...]
    fields: tuple[tuple[str, str], ...] = ()
    file: ReceivedFile | None = None
    body_bytes: int = 0
    status: int | None = None
    url: str | None = None
    problem: str = ""


class LoopbackCatbox:
    """Catbox and Litterbox on 127.0.0.1, for tests and the demo; a context manager.

    It answers as the real ones do, without their limits on size: refuses what has no request type
    or no User-Agent, deletes only with a userhash, and answers an upload with the link under which
    GET then serves the file. Memory does not grow with what is sent.

    Every method and property may be used from any thread.

    Args:
        folder: Where the files go; made when missing. They stay there after the server's end.
        certificate: Paths of a PEM certificate chain and its key; with it the server speaks TLS.
        parse: False drops each body unread by any parser, to measure a client's throughput.
        receive_buffer: Bytes that the system takes in for the server before it reads them, about;
            None is the system's choice, which grows by many MB when the server gets no time.
        bytes_per_second: Bytes/s read of all bodies together at most; None is no limit.
        on_read: Called with the number of body bytes read in all, after each read.
    """

    def __init__(
        self,
        folder: str | Path,
        *,
        certificate: tuple[Path, Path] | None = None,
        parse: bool = True,
        receive_buffer: int | None = None,
        bytes_per_second: int | None = None,
        on_read: Callable[[int], None] | None = None,
    ) -> None:
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self._parse = parse
        self._line = Bandwidth(bytes_per_second) if bytes_per_second else None
        self._on_read = on_read
        self._tls: ssl.SSLContext | None = None
        if certificate is not None:
            self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._tls.load_cert_chain(*certificate)
        self._listener = socket.create_server(("127.0.0.1", 0))
        if receive_buffer is not None:
            self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self._port: int = self._listener.getsockname()[1]
        self._changed = threading.Condition()
        self._ended = threading.Event()
        self._faults: deque[Fault] = deque()
        self._requests: list[ReceivedRequest] = []
        self._connections: dict[int, socket.socket] = {}
        self._threads: list[threading.Thread] = []
        self._accepted = 0
        self._bytes_read = 0
        self._acceptor = threading.Thread(target=self._accept, name="loopback-catbox", daemon=True)

    @property
    def base_url(self) -> str:
        """Scheme, host and port."""
        port = self._port
        return f"{'http' if self._tls is None else 'https'}://127.0.0.1:{port}"

    @property
    def catbox_url(self) -> str:
        """The whole address that Catbox's uploads are posted to."""
        return f"{self.base_url}/user/api.php"

    @property
    def litterbox_url(self) -> str:
        """The whole address that Litterbox's uploads are posted to."""
        return f"{self.base_url}/resources/internals/api.php"

    @property
    def files_url(self) -> str:
        """What the links of uploaded files begin with."""
        return f"{self.base_url}/files/"

    @property
    def bytes_read(self) -> int:
        """Bytes of bodies read so far, of all requests together."""
        return self._bytes_read

    @property
    def accepted(self) -> int:
        """How many connections were taken so far."""
        return self._accepted

    @property
    def requests(self) -> tuple[ReceivedRequest, ...]:
        """The POSTs dealt with so far, failed ones too, in the order in which they ended."""
        with self._changed:
            return tuple(self._requests)

    @property
    def uploads(self) -> tuple[ReceivedRequest, ...]:
        """The requests among them whose file was kept."""
        return tuple(request for request in self.requests if request.url is not None)

    def script(self, *faults: Fault) -> None:
        """Have the next uploads meet these faults, one each, after those scripted before."""
        with self._changed:
            self._faults.extend(faults)

    def forget(self) -> None:
        """Drop what is scripted and what was received, but for the files.

        Connections that are still open are cut first, so that none of them is noted later on.
        """
        with self._changed:
            for connection in self._connections.values():
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
            self._changed.wait_for(lambda: not self._connections, 10.0)
            self._faults.clear()
            self._requests.clear()

    def wait_until(self, condition: Callable[[Self], bool], seconds: float = 10.0) -> bool:
        """Wait until `condition` holds, looking after every change; False when it never did."""
        with self._changed:
            return self._changed.wait_for(lambda: condition(self), seconds)

    def __enter__(self) -> Self:
        self._acceptor.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End every connection and wait for their threads; harmless when called again."""
        self._ended.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._changed:
            connections = list(self._connections.values())
        for connection in connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in (self._acceptor, *self._threads):
            thread.join(10)

    def _accept(self) -> None:
        while not self._ended.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            connection.settimeout(_IDLE_SECONDS)
            # Else an early answer could wait for an acknowledgement and be lost in the close.
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            # The handle that `close` shuts down stays valid when TLS takes the socket over.
            handle = connection.dup()
            with self._changed:
                self._accepted += 1
                number = self._accepted
                self._connections[number] = handle
                self._changed.notify_all()
            thread = threading.Thread(
                target=self._serve, args=(connection, number), name="loopback-catbox", daemon=True
            )
            self._threads = [t for t in self._threads if t.is_alive()] + [thread]
            thread.start()

    def _serve(self, connection: socket.socket, number: int) -> None:
        try:
            if self._tls is not None:
                connection = self._tls.wrap_socket(connection, server_side=True)
            self._deal_with(connection, read_head(connection))
        except (OSError, ValueError):
            pass  # the client went away, or sent no HTTP: there is nobody to answer
        finally:
            connection.close()
            with self._changed:
                self._connections.pop(number).close()
                self._changed.notify_all()

    def _deal_with(self, connection: socket.socket, head: RequestHead) -> None:
        path = urlsplit(head.target).path
        if not head.header("user-agent"):
            return  # as Catbox does: no User-Agent, no answer
        if head.method in ("GET", "HEAD"):
            self._send_file(connection, path, with_body=head.method == "GET")
        elif head.method != "POST" or path not in _SERVICES:
            send_reply(connection, Reply(404, "Not found."))
        elif not head.header("content-length").isdecimal():
            send_reply(connection, Reply(411, "Length required."))
        else:
            if head.header("expect").lower() == "100-continue":
                connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
            with self._changed:
                fault = self._faults.popleft() if self._faults else None
            stored = self.folder / f".{secrets.token_hex(8)}.part"
            try:
                self._take_post(connection, head, fault, stored)
            finally:
                stored.unlink(missing_ok=True)

    def _send_file(self, connection: socket.socket, path: str, *, with_body: bool) -> None:
        name = PurePosixPath(path).name
        try:
            file = (self.folder / name).open("rb")
        except OSError:
            send_reply(connection, Reply(404, "Not found."))
            return
        with file:
            size = file.seek(0, 2)
            file.seek(0)
            connection.sendall(
                b"HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\n"
                b"Connection: close\r\nContent-Length: %d\r\n\r\n" % size
            )
            if with_body:
                connection.sendfile(file)

    def _take_post(
        self, connection: socket.socket, head: RequestHead, fault: Fault | None, stored: Path
    ) -> None:
        length = wanted = int(head.header("content-length"))
        if isinstance(fault, Stall | Reset | Reply) and fault.after_bytes is not None:
            wanted = min(length, fault.after_bytes)
        pace = fault.bytes_per_second if isinstance(fault, SlowRead) else None
        record, lost = self._receive(connection, head, wanted, pace, stored)
        if lost:
            self._note(record)
        elif isinstance(fault, Reset):
            self._note(record)
            # Closing with a linger time of 0 sends a reset instead of an end.
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        elif isinstance(fault, Stall):
            self._note(record)
            self._wait_until_gone(connection)
        else:
            reply, url = self._answer(record, fault, stored)
            stored.unlink(missing_ok=True)  # before the answer, whose reader may look for it
            # Noted before it is sent: who has the answer finds the request in the list.
            self._note(msgspec.structs.replace(record, status=reply.status, url=url))
            send_reply(connection, reply, self._ended.wait)
            if reply.linger:
                for _ in self._pieces(connection, b"", length - wanted, None):
                    pass

    def _receive(
        self,
        connection: socket.socket,
        head: RequestHead,
        wanted: int,
        pace: int | None,
        stored: Path,
    ) -> tuple[ReceivedRequest, bool]:
        """Read `wanted` bytes of the body; returns what they were and whether the client left."""
        read, problem, lost = 0, "", False
        form: FormReceiver | None = None
        try:
            if self._parse:
                form = FormReceiver(head.header("content-type"), stored)
            for piece in self._pieces(connection, head.rest, wanted, pace):
                read += len(piece)
                if form is not None:
                    form.feed(bytes(piece))
            if form is not None and read == int(head.header("content-length")):
                form.finish()
        except FormError as error:
            problem = str(error)
        except OSError:
            lost = True
        if form is not None:
            form.close()
        record = ReceivedRequest(
            service=_SERVICES[urlsplit(head.target).path],
            headers=head.headers,
            fields=tuple(form.fields) if form is not None else (),
            file=form.files[0] if form is not None and form.files and not problem else None,
            body_bytes=read,
            problem=problem,
        )
        return record, lost

    def _pieces(
        self, connection: socket.socket, rest: bytes, wanted: int, pace: int | None
    ) -> Iterator[memoryview]:
        """The next `wanted` bytes in pieces, counted as they are read, at `pace` bytes/s."""
        began, read = time.monotonic(), 0
        buffer = memoryview(bytearray(_BLOCK))
        most = _BLOCK if pace is None else max(1, min(_BLOCK, pace // 20))
        if self._line is not None:
            most = min(most, self._line.step)
        while read < wanted:
            if rest:
                piece, rest = memoryview(rest)[: wanted - read], b""
            else:
                got = connection.recv_into(buffer, min(most, wanted - read))
                if not got:
                    raise ConnectionResetError("the client closed in the middle of the body")
                piece = buffer[:got]
            read += len(piece)
            if self._line is not None and self._ended.wait(self._line.take(len(piece))):
                raise ConnectionAbortedError("the server ends")
            with self._changed:
                self._bytes_read += len(piece)
                if self._on_read is not None:
                    self._on_read(self._bytes_read)
                self._changed.notify_all()
            yield piece
            if pace is not None and self._ended.wait(began + read / pace - time.monotonic()):
                raise ConnectionAbortedError("the server ends")

    def _answer(
        self, record: ReceivedRequest, fault: Fault | None, stored: Path
    ) -> tuple[Reply, str | None]:
        if isinstance(fault, Reply):
            return fault, None
        if not self._parse:
            return Reply(200, f"{self.files_url}{secrets.token_hex(3)}.bin"), None
        if record.problem:
            return Reply(400, f"Bad request: {record.problem}"), None
        answer = answer_to(record.service, dict(record.fields), record.file)
        for name in answer.delete:
            (self.folder / name).unlink(missing_ok=True)
        if answer.keep_as is None:
            return Reply(answer.status, answer.text), None
        stored.rename(self.folder / answer.keep_as)
        url = self.files_url + answer.keep_as
        return Reply(200, url), url

    def _wait_until_gone(self, connection: socket.socket) -> None:
        """Read nothing and say nothing until the client has closed or the server ends."""
        poll = select.poll()
        # What was sent stays unread; only that the other side has closed is looked for.
        poll.register(connection, select.POLLRDHUP)
        while not self._ended.is_set() and not poll.poll(100):
            pass

    def _note(self, record: ReceivedRequest) -> None:
        with self._changed:
            self._requests.append(record)
            self._changed.notify_all()
