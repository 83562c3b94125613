"""AsyncPacedSink: a sink made of a coroutine function that shows one state."""

from collections.abc import Awaitable, Callable

from similubot_core.progress._loop_feed import LoopFeed
from similubot_core.progress.info import ProgressInfo

CLOSE_SECONDS = 5.0


class AsyncPacedSink:
    """`PacedSink` for an event loop: the function is awaited there, one state at a time.

    Make it in the loop; `show` may be called from any thread.

    Args:
        write: Shows one state.
        interval: Seconds between two states of one operation in progress; infinite leaves out all
            but the changes of status.

    Attributes:
        feed: What trackers put their news into.

    Raises:
        RuntimeError: No event loop is running in this thread.
    """

    def __init__(self, write: Callable[[ProgressInfo], Awaitable[object]], interval: float) -> None:
        self.feed = LoopFeed(write, interval)

    def show(self, info: ProgressInfo) -> None:
        """Take the newest state of an operation; any thread may call it, and it never waits."""
        self.feed.push(info)

    async def aclose(self, timeout: float = CLOSE_SECONDS) -> bool:
        """Show the newest state of everything, then nothing more.

        Args:
            timeout: Seconds to wait at most.

        Returns:
            Whether everything was shown in time.
        """
        return await self.feed.aclose(timeout)
