"""The event loop of all live sinks of a program, in a thread that lives while a sink is open.

They share it so that they share the service's limits: a bot opens a sink for each of its jobs, and
all of those write with one account.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import selectors
import threading
import time
from collections.abc import Callable, Iterator

_TICK = 0.01

_lock = threading.Lock()
_users = 0
_loop: asyncio.AbstractEventLoop | None = None
_thread: threading.Thread | None = None
_clock: Callable[[], float] = time.monotonic


class _Impatient(selectors.DefaultSelector):
    """Looks at the clock again soon: it may have been set forward."""

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        return super().select(_TICK if timeout is None else min(timeout, _TICK))


class _Loop(asyncio.SelectorEventLoop):
    """Goes by a clock that is not the system's."""

    def __init__(self, clock: Callable[[], float]) -> None:
        super().__init__(_Impatient())
        self.time = clock  # type: ignore[method-assign]


def join_loop() -> asyncio.AbstractEventLoop:
    """The loop, running; each call asks for one of `leave_loop`. Any thread."""
    global _users, _loop, _thread
    with _lock:
        if _loop is None:
            real = _clock is time.monotonic
            _loop = asyncio.new_event_loop() if real else _Loop(_clock)
            _thread = threading.Thread(
                target=_serve, args=(_loop,), name="similubot-live", daemon=True
            )
            _thread.start()
        _users += 1
        return _loop


def leave_loop(loop: asyncio.AbstractEventLoop) -> None:
    """Have the loop end when nobody else has it; waits 5 s at most for that."""
    global _users, _loop, _thread
    with _lock:
        if loop is not _loop:
            return  # one of before a fork
        _users -= 1
        if _users:
            return
        thread, _loop, _thread = _thread, None, None
    loop.call_soon_threadsafe(loop.stop)
    if thread is not None:
        thread.join(5)


def _serve(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    loop.run_forever()
    left = asyncio.all_tasks(loop)
    for task in left:
        task.cancel()
    if left:
        loop.run_until_complete(asyncio.wait(left, timeout=1))
    loop.close()


@contextlib.contextmanager
def going_by(clock: Callable[[], float]) -> Iterator[None]:
    """Have the live sinks opened in a with block go by this clock, for tests.

    Raises:
        RuntimeError: A live sink is open.
    """
    global _clock
    with _lock:
        if _loop is not None:
            raise RuntimeError("A live sink is open; close it before the clock is changed.")
        _clock = clock
    try:
        yield
    finally:
        _clock = time.monotonic


def turn_over(times: int = 4) -> None:
    """Wait until the loop has done what it could do by now, for tests; not in its own thread."""
    with _lock:
        loop = _loop
    for _ in range(times if loop is not None else 0):
        turned = threading.Event()
        with contextlib.suppress(RuntimeError):  # it has ended meanwhile
            assert loop is not None
            loop.call_soon_threadsafe(turned.set)
            turned.wait(0.5)


def _begin_anew() -> None:
    """In a forked child the thread is gone, and what waits is the parent's to show."""
    global _lock, _users, _loop, _thread
    _lock = threading.Lock()
    _users, _loop, _thread = 0, None, None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_anew)
