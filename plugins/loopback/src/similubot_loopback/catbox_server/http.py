"""The little HTTP that the loopback Catbox speaks: a request's head in, an answer out."""

import socket
from collections.abc import Callable
from http import HTTPStatus

import msgspec

from similubot_loopback.catbox_server.faults import Reply

_MOST_HEAD_BYTES = 65_536


class RequestHead(msgspec.Struct, frozen=True):
    """A request's first line and headers.

    Attributes:
        method: Such as "POST".
        target: The path, with a query when there is one.
        headers: Name and value of each, names in lower case, in the order sent.
        rest: What of the body came along with the head.
    """

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    rest: bytes = b""

    def header(self, name: str) -> str:
        """The value of the first header called `name` (lower case); empty when there is none."""
        return next((value for known, value in self.headers if known == name), "")


def read_head(connection: socket.socket) -> RequestHead:
    """Read a request up to its empty line.

    Raises:
        ValueError: It is not HTTP, or its head is over 64 KiB.
        OSError: The client went away.
    """
    data = b""
    while b"\r\n\r\n" not in data:
        piece = connection.recv(4096)
        if not piece:
            raise ConnectionResetError("the client closed before its request was whole")
        data += piece
        if len(data) > _MOST_HEAD_BYTES:
            raise ValueError("the head is too long")
    head, _, rest = data.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    method, target, _version = first.split(" ")
    headers = []
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon:
            raise ValueError("a header without a colon")
        headers.append((name.strip().lower(), value.strip()))
    return RequestHead(method, target, tuple(headers), rest)


def send_reply(
    connection: socket.socket, reply: Reply, wait: Callable[[float], object] | None = None
) -> None:
    """Send an answer and say that the connection closes.

    Args:
        connection: Where to.
        reply: What to say.
        wait: Waits the seconds given between two bytes, where the reply asks for it.
    """
    body = reply.text.encode()
    headers = {
        "Content-Type": "text/html; charset=UTF-8",
        "Content-Length": str(len(body)),
        "Connection": "close",
        **reply.headers,
    }
    known = reply.status in HTTPStatus.__members__.values()
    reason = HTTPStatus(reply.status).phrase if known else "Unknown"
    lines = [f"HTTP/1.1 {reply.status} {reason}", *(f"{k}: {v}" for k, v in headers.items())]
    head = "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n"
    if wait is None or not reply.byte_pause:
        connection.sendall(head + body)
        return
    connection.sendall(head)
    for byte in body:
        connection.sendall(bytes([byte]))
        wait(reply.byte_pause)
