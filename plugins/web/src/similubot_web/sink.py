"""The sink "web": a page that shows operations live, from a thread of its own."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import functools
import logging
import sys
import threading
from urllib.parse import urlsplit

from aiohttp import web

from similubot_core import ProgressInfo, SinkContext, UsageError
from similubot_core.progress.paced_sink import PacedSink
from similubot_web.access import Access, is_address, is_loopback
from similubot_web.operations import LONGEST_NAME, operation_key, operation_row, shown
from similubot_web.pages import make_app
from similubot_web.settings import MAKE_ONE, WebSettings
from similubot_web.stream import INTERVAL, MadeRows, Row, State

logger = logging.getLogger(__name__)

MOST_ROWS = 1000
"""Operations that are shown; the oldest that ended go first."""
CLOSE_SECONDS = 5.0
HEADER = ""
"""The key of the row that is about the whole page."""


class WebSink(PacedSink):
    """Serves a page, at `address`, until it is closed.

    Args:
        host: The address to listen at.
        port: The port; 0 is any that is free.
        access: Who may look.
        title: What the whole is about; text from outside.

    Attributes:
        address: Where the page is, as a browser takes it.

    Raises:
        UsageError: Nothing can listen there; says why.
    """

    def __init__(self, host: str, port: int, access: Access, title: str) -> None:
        self._title = shown(title, LONGEST_NAME)
        self._lock = threading.Lock()
        self._infos: dict[str, tuple[ProgressInfo, float, int]] = {}
        self._made = MadeRows()
        self._count = 0
        self._left_out = 0
        app = make_app(access, self._look, "tree.html", ("tree.js",), ends_for_good=True)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        started: concurrent.futures.Future[int] = concurrent.futures.Future()
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._serve(host, port, started)),
            name="similubot-web",
            daemon=True,
        )
        self._thread.start()
        try:
            port = started.result()
        except (OSError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or "it cannot be listened at"
            raise UsageError(
                f"The page cannot be at {host}:{port}: {reason}; name another HOST:PORT."
            ) from error
        self.address = f"http://{f'[{host}]' if ':' in host else host}:{port}/"
        super().__init__(self._take, INTERVAL)

    def close(self) -> None:
        """Send the final states to all who look, tell them that this was the end, and serve
        nothing more; takes 10 s at most.
        """
        super().close()
        with contextlib.suppress(RuntimeError):  # it was closed before
            self._loop.call_soon_threadsafe(self._closing.set)
        self._thread.join(CLOSE_SECONDS)

    # -- states: the core's thread ------------------------------------------------------------

    def _take(self, info: ProgressInfo) -> None:
        with self._lock:
            known = self._infos.get(info.id)
            if known is not None:
                self._infos[info.id] = (info, *known[1:])
                return
            if len(self._infos) >= MOST_ROWS and not self._make_room():
                self._left_out += 1
                return
            self._count += 1
            self._infos[info.id] = (info, info.timestamp, self._count)

    def _make_room(self) -> bool:
        """Leave out the oldest that ended; whether there was one."""
        for key, (info, _, _) in self._infos.items():
            if info.status.is_final:
                del self._infos[key]
                self._left_out += 1
                return True
        return False

    # -- the page: its own thread -------------------------------------------------------------

    async def _look(self) -> State:
        with self._lock:
            infos, left_out = dict(self._infos), self._left_out
        state: dict[str, Row] = {
            HEADER: {"kind": "page", "title": self._title, "left_out": left_out}
        }
        for id_, (info, began, order) in infos.items():
            key = operation_key(id_)
            parent = operation_key(info.parent or "") if info.parent in infos else None
            make = functools.partial(operation_row, info, began, order, parent)
            state[key] = self._made.row(key, info, make)
        self._made.next_state()
        return state

    async def _serve(self, host: str, port: int, started: concurrent.futures.Future[int]) -> None:
        self._loop = asyncio.get_running_loop()
        self._closing = asyncio.Event()
        try:
            await self._runner.setup()
            await web.TCPSite(self._runner, host, port).start()
        except BaseException as error:  # noqa: BLE001  (whoever opens the sink waits for it)
            started.set_exception(error)
        else:
            started.set_result(int(self._runner.addresses[0][1]))
            await self._closing.wait()
        await self._runner.cleanup()


def open_web_sink(context: SinkContext) -> WebSink:
    """Serve a page at the target, ``HOST:PORT``, ``HOST`` or ``PORT``, and print its address.

    Without a host it is this machine only; without a port, any that is free.

    Raises:
        UsageError: The target is none, others could reach it and no token is set, or nothing can
            listen there.
        SettingsError: The token cannot be used.
    """
    settings = context.settings.table(WebSettings)
    host, port = read_target(context.target)
    token = settings.login_token
    if token is None and not is_loopback(host):
        raise UsageError(
            f"Others could look at a page at {host}, so it needs a token: set SIMILUBOT_WEB_TOKEN; "
            f"{MAKE_ONE}."
        )
    if token is None and settings.hosts:
        raise UsageError(
            f"A page that others ask for ([web] hosts) needs a token: set SIMILUBOT_WEB_TOKEN; "
            f"{MAKE_ONE}."
        )
    sink = WebSink(host, port, Access(token, settings.hosts, settings.read_only), context.title)
    print(f"Progress at {sink.address}", file=sys.stderr, flush=True)  # noqa: T201
    return sink


def read_target(target: str | None) -> tuple[str, int]:
    """The host and the port of a target.

    Raises:
        UsageError: It is none.
    """
    text = target or ""
    if text.isascii() and text.isdigit():
        text = f":{text}"
    if is_address(text) and ":" in text:
        text = f"[{text}]"
    try:
        parts = urlsplit(f"//{text}")
        host, port = parts.hostname or "127.0.0.1", parts.port or 0
    except ValueError:
        parts, host, port = None, "", 0
    if parts is None or parts.netloc != text or parts.username is not None:
        raise UsageError("The sink web takes HOST:PORT, such as web=127.0.0.1:8080.")
    return host, port
