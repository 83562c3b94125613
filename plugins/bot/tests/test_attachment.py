"""Files that were sent to Discord: what passes is tried again, what is cut is not whole."""

import http.server
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import ClassVar

import pytest

from similubot_bot.jobs.attachment import AttachmentDownloader
from similubot_core import StageContext, StageError
from similubot_http import FetchLimits

BODY = b"x" * 300_000
Plan = list[int | str]


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers as planned, then with the whole file."""

    plan: ClassVar[Plan] = []
    hits: ClassVar[int] = 0

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing."""

    def do_GET(self) -> None:
        Handler.hits += 1
        step = self.plan.pop(0) if self.plan else 200
        if step == "reset":
            self.connection.close()
            return
        if isinstance(step, int) and step != 200:
            self.send_response(step)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.send_response(200)
        if step != "cut without length":
            self.send_header("Content-Length", str(len(BODY)))
        self.end_headers()
        self.wfile.write(BODY if step == 200 else BODY[:1000])
        self.close_connection = True


QUICK = FetchLimits(first_wait=0.001)


@pytest.fixture
def serve() -> Iterator[Callable[[Plan], str]]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()

    def plan(steps: Plan) -> str:
        Handler.plan, Handler.hits = list(steps), 0
        return f"http://127.0.0.1:{server.server_port}/attachments/1/2/a.bin?ex=1&is=1&hm=secret"

    yield plan
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.parametrize("step", [500, 502, 503, 429, "reset", "cut", "cut without length"])
def test_what_passes_is_tried_again(
    serve: Callable[[Plan], str], tmp_path: Path, step: int | str
) -> None:
    url = serve([step, step])
    fetched = AttachmentDownloader("a.bin", 10**9, len(BODY), QUICK).run(
        url, StageContext(tmp_path)
    )
    assert fetched.read_bytes() == BODY
    assert Handler.hits == 3


@pytest.mark.parametrize(
    ("steps", "sentence", "hits"),
    [
        ([404], "not on Discord any more", 1),
        ([403], "not on Discord any more", 1),
        ([503] * 9, "Try again later", 5),
        (["cut without length"] * 9, "Try again later", 5),
    ],
)
def test_what_does_not_pass_is_told_for_what_it_is(
    serve: Callable[[Plan], str], tmp_path: Path, steps: Plan, sentence: str, hits: int
) -> None:
    url = serve(steps)
    with pytest.raises(StageError, match=sentence) as failed:
        AttachmentDownloader("a.bin", 10**9, len(BODY), QUICK).run(url, StageContext(tmp_path))
    assert "secret" not in failed.value.message + failed.value.detail
    assert Handler.hits == hits
    assert list(tmp_path.iterdir()) == []
