"""LiveSink: a live message as a sink, in the event loop that all live sinks share."""

from __future__ import annotations

import asyncio
import concurrent.futures
import os
import threading
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic

from similubot_core.live.loop import join_loop, leave_loop
from similubot_core.live.message import FrameT, Target
from similubot_core.live.operations import OperationState
from similubot_core.live.progress import LiveProgress
from similubot_core.progress.info import ProgressInfo

CLOSE_WITHIN = 10.0


class LiveSink(Generic[FrameT]):
    """Shows all that it gets in one message; needs no event loop of the program's.

    Args:
        target: The message.
        render: Makes a frame of all operations; called in the live sinks' thread.
        interval: Seconds from the end of one edit to the next.
        let_go: Awaited at the end, to close the connections that the target has.
    """

    def __init__(
        self,
        target: Target[FrameT],
        render: Callable[[Sequence[OperationState]], FrameT],
        interval: float,
        let_go: Callable[[], Awaitable[None]],
    ) -> None:
        self._loop = join_loop()
        self._target = target
        self._let_go = let_go
        self._progress = LiveProgress(target, render, interval, loop=self._loop)
        self._take = self._progress.create_callback()
        self._closing = threading.Lock()
        self._closed = False
        self._process = os.getpid()

    def show(self, info: ProgressInfo) -> None:
        """Take the newest state of an operation; any thread, never blocks."""
        self._take(info)

    def close(self) -> None:
        """Show the final state, waiting 10 s at most, and let go."""
        with self._closing:
            if self._closed:
                return
            self._closed = True
        if self._process != os.getpid():
            return  # the parent of this fork shows it
        done = asyncio.run_coroutine_threadsafe(self._finish(), self._loop)
        try:
            done.result(CLOSE_WITHIN + 5)
        except concurrent.futures.TimeoutError:
            done.cancel()
        leave_loop(self._loop)

    async def _finish(self) -> None:
        shown = await self._progress.aclose(CLOSE_WITHIN)
        if not shown and not self._progress.stopped:
            self._target.log.warning(
                "The last state is not in %s: it could not be sent within %g seconds.",
                self._target.name,
                CLOSE_WITHIN,
            )
        await self._let_go()
