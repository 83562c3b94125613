"""A presenter that shows jobs to nobody: for tests and benches of the queue without Discord."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from similubot_core import ProgressCallback, ProgressInfo

if TYPE_CHECKING:  # who uses this has the bot; the servers of this package do without
    from similubot_bot.jobs.presenter import MessageRef, Reply
    from similubot_bot.jobs.records import JobRecord

CHANNEL = 2
"""Where its messages lie; each has the number of its job."""


class SilentMessage:
    """A job's message that nobody reads."""

    def create_callback(self) -> ProgressCallback:
        """A callback that shows nothing."""
        return _show_nothing


class SilentPresenter:
    """Keeps the protocol `JobPresenter` and shows nothing. Tests override what they look at."""

    async def post(
        self, record: JobRecord, position: int | None, reply: Reply | None
    ) -> MessageRef | None:
        """The message of that job."""
        return record.id, CHANNEL

    def live(
        self, record: JobRecord, operations: Sequence[str], *, begun_again: bool = False
    ) -> SilentMessage:
        """A message that nobody reads."""
        return SilentMessage()

    async def show_position(
        self,
        record: JobRecord,
        position: int,
        *,
        waits_for_disk: bool = False,
        wait: float | None = None,
    ) -> None:
        """Show nothing."""

    async def show_kept(self, record: JobRecord, live: SilentMessage) -> None:
        """Show nothing."""

    async def show_waiting_again(
        self, record: JobRecord, live: SilentMessage, *, elsewhere: bool = False
    ) -> None:
        """Show nothing."""

    async def show_outcome(self, record: JobRecord, live: SilentMessage | None = None) -> None:
        """Show nothing."""

    async def notify(self, record: JobRecord) -> None:
        """Tell nobody."""


def _show_nothing(info: ProgressInfo) -> None:
    """Show nothing."""
