"""What the loopback messengers share: a thread that serves, and how others ask it and wait."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import threading
from collections.abc import Awaitable, Callable
from typing import Self, TypeVar

from aiohttp import web

T = TypeVar("T")
PATIENCE = 10.0
RECHECK = 0.05
WAIT = 30.0
"""Seconds that a test waits at most, unless it says otherwise."""


async def _nothing_to_close() -> None:
    """Nothing is open between requests."""


class LoopbackServer:
    """A server of this machine, used in a with block, or an async one.

    It runs in a thread of its own, so that one instance serves a test's event loop, a plain test
    and a program in another process alike. Every method may be called from any thread.

    Args:
        app: The application.
        closing: Awaited in the thread before the server closes.

    Attributes:
        url: Its address, such as ``http://127.0.0.1:40123``; "" before it has started.
    """

    def __init__(
        self, app: web.Application, closing: Callable[[], Awaitable[None]] = _nothing_to_close
    ) -> None:
        self.url = ""
        self._thread = ServerThread(app, closing)

    def start(self) -> Self:
        """Serve on a free port of 127.0.0.1."""
        self.url = f"http://127.0.0.1:{self._thread.start()}"
        return self

    def stop(self) -> None:
        """Cut all connections and stop serving; what happened can still be asked."""
        self._thread.stop()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    async def __aenter__(self) -> Self:
        return await asyncio.to_thread(self.start)

    async def __aexit__(self, *_: object) -> None:
        await asyncio.to_thread(self.stop)

    def wait(self, condition: Callable[[], T | None], timeout: float = WAIT) -> T:
        """Block until `condition()` is true, and return what it returned; or TimeoutError.

        It is asked again whenever something changes here, and every 50 ms. Never from the thread
        of an event loop that must go on; there, `until`.
        """
        return self._thread.wait(condition, timeout)

    async def until(self, condition: Callable[[], T | None], timeout: float = WAIT) -> T:
        """As `wait`, awaited in the test's own event loop."""
        return await self._thread.until(condition, timeout)


class ServerThread:
    """Serves an aiohttp application on a free port of 127.0.0.1 in a thread with its own loop.

    Args:
        app: The application.
        closing: Awaited in the thread before the server closes.
    """

    def __init__(self, app: web.Application, closing: Callable[[], Awaitable[None]]) -> None:
        self._app = app
        self._closing = closing
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._changed: asyncio.Event | None = None
        self._waiting: set[asyncio.Task[object]] = set()

    def start(self) -> int:
        """Begin to serve; returns the port."""
        started: concurrent.futures.Future[int] = concurrent.futures.Future()
        self._thread = threading.Thread(
            target=self._serve, args=(started,), name="similubot-loopback", daemon=True
        )
        self._thread.start()
        return started.result(PATIENCE)

    def stop(self) -> None:
        """Cut all connections and stop. A second call does nothing."""
        loop, thread = self._loop, self._thread
        if loop is None or thread is None:
            return
        self._loop = None
        loop.call_soon_threadsafe(loop.stop)
        thread.join(PATIENCE)

    def _serve(self, started: concurrent.futures.Future[int]) -> None:
        with asyncio.Runner() as runner:
            loop = runner.get_loop()
            serving = web.AppRunner(self._app, access_log=None, shutdown_timeout=0.1)
            try:
                port = runner.run(self._open(serving))
            except OSError as error:
                started.set_exception(error)
                return
            self._loop = loop
            started.set_result(port)
            loop.run_forever()
            runner.run(self._close(serving))

    async def _open(self, serving: web.AppRunner) -> int:
        self._changed = asyncio.Event()
        await serving.setup()
        await web.TCPSite(serving, "127.0.0.1", 0).start()
        return int(serving.addresses[0][1])

    async def _close(self, serving: web.AppRunner) -> None:
        for task in self._waiting:
            task.cancel()
        await self._closing()
        await serving.cleanup()

    def changed(self) -> None:
        """Have those who wait look again; called in the server's thread."""
        if self._changed is not None:
            self._changed.set()

    def call(self, work: Callable[[], T]) -> T:
        """Run `work` in the server's thread (at once when it is this one, or not serving)."""
        loop, thread = self._loop, self._thread
        if loop is None or thread is None or threading.get_ident() == thread.ident:
            return work()

        async def run() -> T:
            return work()

        return asyncio.run_coroutine_threadsafe(run(), loop).result(PATIENCE)

    def run(self, work: Awaitable[T]) -> T:
        """Await `work` in the server's thread."""

        async def run() -> T:
            return await work

        return asyncio.run_coroutine_threadsafe(run(), self._serving()).result(PATIENCE)

    def wait(self, condition: Callable[[], T | None], timeout: float) -> T:
        """Block until `condition()` is true; returns what it returned, or raises TimeoutError."""
        waiting = self._until(condition, timeout)
        return asyncio.run_coroutine_threadsafe(waiting, self._serving()).result()

    async def until(self, condition: Callable[[], T | None], timeout: float) -> T:
        """As `wait`, awaited in another event loop."""
        waiting = self._until(condition, timeout)
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(waiting, self._serving()))

    def _serving(self) -> asyncio.AbstractEventLoop:
        if self._loop is None:
            raise RuntimeError("The server does not run; use it in a with block.")
        return self._loop

    async def _until(self, condition: Callable[[], T | None], timeout: float) -> T:
        changed, task = self._changed, asyncio.current_task()
        assert changed is not None
        assert task is not None
        self._waiting.add(task)
        try:
            async with asyncio.timeout(timeout):
                while not (result := condition()):
                    changed.clear()
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(changed.wait(), RECHECK)
                return result
        finally:
            self._waiting.discard(task)
