"""A loopback server whose answers a test chooses, one for each request."""

import http.server
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest

Handler = http.server.BaseHTTPRequestHandler
Behaviour = Callable[[Handler], None]


@dataclass
class Server:
    """What a test sees of the server.

    Attributes:
        url: Its address, without a "/" at the end.
        plan: What is done for the next requests, in order; then `usual` is.
        usual: What is done otherwise.
        requests: The method, path and headers of each request, in order.
        stored: What was put, by path.
    """

    url: str
    plan: list[Behaviour] = field(default_factory=list)
    usual: Behaviour = lambda handler: status(404)(handler)
    requests: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    stored: dict[str, bytes] = field(default_factory=dict)
    released: threading.Event = field(default_factory=threading.Event)


def status(code: int, body: bytes = b"no", **headers: str) -> Behaviour:
    """Answer with a status and a body."""

    def behave(handler: Handler) -> None:
        handler.send_response(code)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return behave


def content(
    body: bytes, *, cut_after: int | None = None, ranges: bool = True, length: bool = True,
    **headers: str,
) -> Behaviour:  # fmt: skip
    """Serve a file with ranges; the connection ends after `cut_after` bytes of an answer."""

    def behave(handler: Handler) -> None:
        asked = handler.headers.get("Range", "")
        known = handler.headers.get("If-Range", "")
        start = 0
        if ranges and asked and known in ("", headers.get("ETag", "")):
            start = int(asked.removeprefix("bytes=").partition("-")[0])
        handler.send_response(206 if start else 200)
        if start:
            handler.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        if length:
            handler.send_header("Content-Length", str(len(body) - start))
        else:
            handler.send_header("Connection", "close")
        handler.end_headers()
        rest = body[start:]
        handler.wfile.write(rest if cut_after is None else rest[:cut_after])
        if cut_after is not None or not length:
            handler.close_connection = True

    return behave


@pytest.fixture
def server() -> Iterator[Server]:
    """A server on 127.0.0.1."""

    class Answers(Handler):
        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            shared.requests.append((self.command, self.path, dict(self.headers)))
            behave = shared.plan.pop(0) if shared.plan else shared.usual
            behave(self)

        do_GET = do_POST = do_PUT = do_CONNECT = _answer  # noqa: N815  (the base class names them)

        def log_message(self, *arguments: object) -> None:
            pass

    class Quiet(http.server.ThreadingHTTPServer):
        def handle_error(self, *arguments: object) -> None:
            pass

    with Quiet(("127.0.0.1", 0), Answers) as listener:
        shared = Server(f"http://127.0.0.1:{listener.server_address[1]}")
        thread = threading.Thread(target=listener.serve_forever, args=(0.02,))
        thread.start()
        yield shared
        shared.released.set()
        listener.shutdown()
        thread.join()
