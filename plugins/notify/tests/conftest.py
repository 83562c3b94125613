"""A service on loopback that takes Apprise's `json://`, and can fail, hang and be slow."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator

import pytest

PATIENCE = 30.0


class JsonService:
    """Keeps each notice that is posted to it."""

    def __init__(self) -> None:
        self.got: list[dict[str, str]] = []
        self.asked = 0
        self.status = 200
        self.answering = threading.Event()
        """Cleared, requests are taken and not answered."""
        self.answering.set()
        self._changed = threading.Condition()
        service = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                with service._changed:
                    service.asked += 1
                    service._changed.notify_all()
                service.answering.wait(PATIENCE)
                if service.status == 200:
                    with service._changed:
                        service.got.append(json.loads(body))
                        service._changed.notify_all()
                self.send_response(service.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *arguments: object) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"json://127.0.0.1:{self._server.server_port}/topic-that-is-secret"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def wait(self, *, got: int = 0, asked: int = 0) -> None:
        with self._changed:
            there = self._changed.wait_for(
                lambda: len(self.got) >= got and self.asked >= asked, PATIENCE
            )
        assert there, f"{len(self.got)} notices after {PATIENCE} s"

    def close(self) -> None:
        self.answering.set()
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def service() -> Iterator[JsonService]:
    made = JsonService()
    yield made
    made.close()


@pytest.fixture
def other_service() -> Iterator[JsonService]:
    made = JsonService()
    yield made
    made.close()
