"""What the job manager needs of whoever shows jobs to people."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol, TypeVar

from similubot_bot.jobs.records import JobRecord
from similubot_core import ProgressCallback

MessageRef = tuple[int, int]
"""The ids of a message and of its channel."""

Reply = Callable[[JobRecord, int | None], Awaitable[MessageRef]]
"""Sends a job's first message, as the answer to its requester; takes the job's position in the
queue (None: it starts at once)."""


class LiveMessage(Protocol):
    """A job's message while the job runs."""

    def create_callback(self) -> ProgressCallback:
        """The callback for the job's trackers; any thread may call it."""


LiveT = TypeVar("LiveT", bound=LiveMessage)


class JobPresenter(Protocol[LiveT]):
    """Shows jobs; used in the event loop. No method raises."""

    async def post(
        self, record: JobRecord, position: int | None, reply: Reply | None
    ) -> MessageRef | None:
        """Send a job's first message, however long that takes; None: there can be none.

        Without `reply` (after a restart) it looks for a message that was sent already first. A job
        that has ended already gets its outcome as the first message.
        """

    def live(
        self, record: JobRecord, operations: Sequence[str], *, begun_again: bool = False
    ) -> LiveT:
        """Keep the job's message live; `operations` are those that are known to come, and
        `begun_again` says whether it began on one machine before, and now does on another.
        """

    async def show_position(
        self,
        record: JobRecord,
        position: int,
        *,
        waits_for_disk: bool = False,
        wait: float | None = None,
    ) -> None:
        """Show the position of a waiting job, whether it waits for room on the disk, and the
        seconds that it is going to wait (None: not known).
        """

    async def show_kept(self, record: JobRecord, live: LiveT) -> None:
        """Show that the job goes on after the bot's restart."""

    async def show_waiting_again(
        self, record: JobRecord, live: LiveT, *, elsewhere: bool = False
    ) -> None:
        """Show that an executor handed the job back, and that it waits for its next attempt: on
        another machine (`elsewhere`), else for room on the disk.
        """

    async def show_outcome(self, record: JobRecord, live: LiveT | None = None) -> None:
        """Show how the job ended; returns when that is done or can never be."""

    async def notify(self, record: JobRecord) -> None:
        """Tell the requester by a message of its own that the job ended."""
