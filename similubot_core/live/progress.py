"""LiveProgress: a live message of operations, for a program that has the event loop and client."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Generic

from similubot_core.live.message import FrameT, LiveMessage, Target
from similubot_core.live.operations import Operations, OperationState
from similubot_core.progress.tracker import ProgressCallback


class LiveProgress(Generic[FrameT]):
    """Shows operations in one message, and always ends on their final state.

    Make it in the event loop of the service's client; give `create_callback()` to trackers in any
    thread. The message is sent with the first state. It stops for good, without an error, when the
    message is deleted or the account may not write there.

    Args:
        target: The message.
        render: Makes a frame of all operations; called in the event loop.
        update_interval: Seconds from the end of one edit to the next, above 0; the service's limits
            come on top of it.
        operations: The operations known to come, in their order.
        loop: The event loop of the target; None is the running one.

    Raises:
        ValueError: An interval out of range.
        RuntimeError: Not made in a running event loop, and none was given.
    """

    def __init__(
        self,
        target: Target[FrameT],
        render: Callable[[Sequence[OperationState]], FrameT],
        update_interval: float,
        operations: Sequence[str] = (),
        loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        if not update_interval > 0:
            raise ValueError("update_interval must be above 0 seconds")
        states = Operations(operations)
        self._message: LiveMessage[FrameT] = LiveMessage(
            target,
            lambda: render(states.states()),
            update_interval,
            loop or asyncio.get_running_loop(),
        )
        self._callback = states.callback(self._message)

    @property
    def stopped(self) -> str:
        """Why nothing is shown any more; "" while it is."""
        return self._message.stopped

    def create_callback(self) -> ProgressCallback:
        """The function for `add_callback` or `progress_callback=`; any thread may call it."""
        return self._callback

    async def aclose(self, timeout: float = 10.0) -> bool:
        """Show the newest state and let go of the message; await it before the client is closed.

        Args:
            timeout: Seconds to wait at most, whatever the service's limits say.

        Returns:
            Whether the newest state is on the message.
        """
        return await self._message.aclose(timeout)
