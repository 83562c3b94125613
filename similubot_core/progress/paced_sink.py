"""PacedSink: a sink made of a function that shows one state, however slow that function is."""

from collections.abc import Callable

from similubot_core.progress import _callback_threads as callback_threads
from similubot_core.progress._feed import Feed
from similubot_core.progress.info import ProgressInfo

CLOSE_SECONDS = 5.0
"""How long `PacedSink.close` waits for the last states to be shown."""


class PacedSink:
    """Shows states at a pace of its own: every change of status, and the newest state otherwise.

    The function is called in a thread of the core's, never twice at once, and may take its time.
    One that raises is logged, once for each kind of exception, and called with the next state.

    Args:
        write: Shows one state.
        interval: Seconds between two states of one operation in progress; infinite leaves out all
            but the changes of status.

    Attributes:
        feed: What trackers put their news into.
    """

    def __init__(self, write: Callable[[ProgressInfo], object], interval: float) -> None:
        self.feed = Feed(write, callback_threads.shared, interval)

    def show(self, info: ProgressInfo) -> None:
        """Take the newest state of an operation; any thread may call it, and it never waits."""
        self.feed.push(info)

    def close(self) -> None:
        """Show what still waits, for 5 seconds at most, and take nothing more."""
        self.feed.close()
        if not callback_threads.is_callback_thread():
            self.feed.wait(CLOSE_SECONDS, even_if_slow=True)
