"""LoopFeed: a feed whose receiver is a coroutine function, awaited on its event loop."""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable

from similubot_core.progress._feed import INTERVAL, Feed
from similubot_core.progress.info import ProgressInfo

FINAL_SECONDS = 5.0
"""How long a loop that ends is held up for the last states."""


class LoopFeed(Feed):
    """Awaits its receiver in the event loop that runs where it is made, one state at a time.

    When the loop ends (as at the end of `asyncio.run`), the changes of status that still wait are
    shown first, for 5 seconds at most.

    Args:
        write: The receiver.
        interval: Seconds between two states of one operation in progress.

    Raises:
        RuntimeError: No event loop is running in this thread.
    """

    def __init__(
        self, write: Callable[[ProgressInfo], Awaitable[object]], interval: float = INTERVAL
    ) -> None:
        super().__init__(write, self, interval)
        self._awaited = write
        self._loop = asyncio.get_running_loop()
        self._woken = asyncio.Event()
        self._is_woken = False
        self._gives_up = False
        # From the beginning, so that it has started by the time that a short program's loop ends.
        self._task: asyncio.Task[None] | None = self._loop.create_task(self._serve())

    def wake(self, feed: Feed, at: float) -> None:
        """Look again, in the loop; any thread."""
        if not self._is_woken:
            self._is_woken = True
            try:
                self._loop.call_soon_threadsafe(self._go_on)
            except RuntimeError:  # the loop is closed: nobody is left to call
                self.drop()

    def wait(self, timeout: float, *, even_if_slow: bool = False) -> bool:
        """Never waits: this may be the loop's own thread."""
        return False

    async def aclose(self, timeout: float) -> bool:
        """Show the newest state of each operation, then nothing more.

        Returns:
            Whether they were all shown in time.
        """
        self.close()
        self._go_on()
        task = self._task
        if task is not None:
            await asyncio.wait({task}, timeout=timeout)
            self._gives_up = True
            task.cancel()
        return self._is_settled()

    def _go_on(self) -> None:
        self._woken.set()
        if self._task is None and self.due() is None:
            self._is_woken = False
        elif self._task is None:
            self._task = self._loop.create_task(self._serve())

    async def _serve(self) -> None:
        try:
            begun = False
            while True:
                self._woken.clear()
                self._is_woken = False
                begun = await self._show_what_is_due() or begun
                due = self.due()
                if due is None and (self._closing or (begun and not self._live)):
                    return
                left = None if due is None else max(0.0, due - self.clock())
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(left):
                        await self._woken.wait()
        except asyncio.CancelledError:
            if not self._gives_up:
                self.close()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(FINAL_SECONDS):
                        await self._show_what_is_due()
            raise
        finally:
            self._task = None

    async def _show_what_is_due(self) -> bool:
        shown = False
        while (info := self.take(time.monotonic())) is not None:
            shown = True
            try:
                await self._awaited(info)
            except asyncio.CancelledError as error:
                task = asyncio.current_task()
                if task is not None and task.cancelling():
                    self.put_back(info)  # the loop ends in the middle of it
                    raise
                self.log(error)
            except BaseException as error:  # noqa: BLE001  (rule 4: whatever a receiver does)
                self.log(error)
            self.written()
        return shown
