"""Connections that an abort ends wherever they are: looking up, connecting, in TLS, reading."""

import contextlib
import http.server
import socket
import ssl
import threading
from collections.abc import Callable, Iterator

import pytest
import requests
import trustme

from similubot_core import CancelToken
from similubot_http import CancellableSession

LIMIT = 5.0  # seconds; what hangs would hang for 15 or more


@pytest.fixture
def cancel() -> CancelToken:
    return CancelToken()


@pytest.fixture
def silent_server() -> Iterator[tuple[int, threading.Event]]:
    """A server that takes one connection and says nothing; the event is set once it is taken."""
    taken = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        kept: list[socket.socket] = []

        def take() -> None:
            with contextlib.suppress(OSError):
                kept.append(listener.accept()[0])
                taken.set()

        thread = threading.Thread(target=take)
        thread.start()
        yield listener.getsockname()[1], taken
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        thread.join()
        for one in kept:
            one.close()


class _Hello(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "1000000")
        self.end_headers()
        self.wfile.write(b"hello")
        self.wfile.flush()
        self.connection.recv(1)

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def tls_server() -> Iterator[tuple[str, trustme.CA]]:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Hello) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield f"https://localhost:{server.server_address[1]}/", authority
        server.shutdown()
        thread.join()


def ends_when_cancelled(
    cancel: CancelToken,
    request: Callable[[CancellableSession], object],
    reached: Callable[[], bool],
) -> None:
    """Run `request` in a thread, cancel once `reached`, and see it end with a ConnectionError."""
    outcome: list[BaseException] = []

    def run() -> None:
        try:
            with CancellableSession(cancel) as transport:
                request(transport)
        except BaseException as error:
            outcome.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        assert reached()
    finally:
        cancel.cancel()
    thread.join(LIMIT)
    assert not thread.is_alive()
    assert isinstance(outcome[0], requests.RequestException)


def test_a_request_that_gets_no_answer_ends(
    cancel: CancelToken, silent_server: tuple[int, threading.Event]
) -> None:
    port, taken = silent_server
    ends_when_cancelled(
        cancel,
        lambda transport: transport.session.get(f"http://127.0.0.1:{port}/", timeout=60),
        lambda: taken.wait(LIMIT),
    )


def test_a_tls_handshake_that_gets_no_answer_ends(
    cancel: CancelToken, silent_server: tuple[int, threading.Event]
) -> None:
    port, taken = silent_server
    ends_when_cancelled(
        cancel,
        lambda transport: transport.session.get(f"https://127.0.0.1:{port}/", timeout=60),
        lambda: taken.wait(LIMIT),
    )


def test_a_body_over_tls_that_stops_ends(
    cancel: CancelToken, tls_server: tuple[str, trustme.CA]
) -> None:
    url, authority = tls_server
    reading = threading.Event()

    def request(transport: CancellableSession) -> None:
        with authority.cert_pem.tempfile() as certificate:
            response = transport.session.get(url, timeout=60, stream=True, verify=certificate)
        pieces = response.iter_content(5)
        assert next(pieces) == b"hello"
        reading.set()
        next(pieces)

    ends_when_cancelled(cancel, request, lambda: reading.wait(LIMIT))


def test_a_name_that_is_looked_up_for_ever_ends(
    cancel: CancelToken, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, answer = threading.Event(), threading.Event()

    def look_up(*arguments: object, **options: object) -> list[object]:
        asked.set()
        answer.wait(60)
        raise OSError("no such host")

    monkeypatch.setattr("similubot_http.session.socket.getaddrinfo", look_up)
    try:
        ends_when_cancelled(
            cancel,
            lambda transport: transport.session.get("http://mega.invalid/", timeout=60),
            lambda: asked.wait(LIMIT),
        )
    finally:
        answer.set()


def test_a_connection_that_nobody_answers_ends(cancel: CancelToken) -> None:
    with socket.socket() as listener:  # its queue is full, so further ones hang in connecting
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        port = listener.getsockname()[1]
        with contextlib.ExitStack() as fillers:
            for _ in range(4):
                filler = fillers.enter_context(socket.socket())
                filler.setblocking(False)
                filler.connect_ex(("127.0.0.1", port))
            entered = threading.Event()

            def request(transport: CancellableSession) -> None:
                entered.set()
                transport.session.get(f"http://127.0.0.1:{port}/", timeout=60)

            ends_when_cancelled(cancel, request, lambda: entered.wait(LIMIT))


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_that_gives_no_answer_ends(
    cancel: CancelToken,
    silent_server: tuple[int, threading.Event],
    monkeypatch: pytest.MonkeyPatch,
    scheme: str,
) -> None:
    port, taken = silent_server
    monkeypatch.setenv(f"{scheme}_proxy", f"http://127.0.0.1:{port}")
    monkeypatch.setenv("no_proxy", "")
    ends_when_cancelled(
        cancel,
        lambda session: session.session.get(f"{scheme}://host.example/", timeout=60),
        lambda: taken.wait(LIMIT),
    )


def test_after_an_abort_no_connection_is_made(cancel: CancelToken) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        CancellableSession(cancel) as transport,
    ):
        transport.abort()
        listener.settimeout(0.1)
        with pytest.raises(requests.ConnectionError):
            transport.session.get(f"http://127.0.0.1:{listener.getsockname()[1]}/", timeout=5)
        with pytest.raises(TimeoutError):
            listener.accept()


def test_a_closed_transport_leaves_no_socket_open(
    cancel: CancelToken, tls_server: tuple[str, trustme.CA], monkeypatch: pytest.MonkeyPatch
) -> None:
    url, authority = tls_server
    sockets: list[socket.socket] = []
    known = CancellableSession.known

    def remember(transport: CancellableSession, one: socket.socket) -> None:
        sockets.append(one)
        known(transport, one)

    monkeypatch.setattr(CancellableSession, "known", remember)
    with CancellableSession(cancel) as transport, authority.cert_pem.tempfile() as certificate:
        transport.session.get(url, timeout=5, stream=True, verify=certificate).close()
    assert len(sockets) == 2  # the twin while it connects, and the one that TLS took over
    assert [one.fileno() for one in sockets] == [-1, -1]
