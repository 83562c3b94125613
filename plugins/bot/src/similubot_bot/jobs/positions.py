"""QueuePositions: keeps the positions that waiting jobs' messages show true."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping

INTERVAL = 5.0
"""Seconds between two such edits in one channel; the running jobs' messages need the rest."""


def most_wrong(shown: Mapping[int, int], true: Mapping[int, int]) -> int | None:
    """The job whose shown position is the most wrong, by the distance as a share of the true one.

    None when all are right.
    """
    wrong = {
        job: abs(shown.get(job, 0) - position) / position
        for job, position in true.items()
        if shown.get(job) != position
    }
    return max(wrong, key=lambda job: (wrong[job], -true[job]), default=None)


class QueuePositions:
    """Edits the messages of waiting jobs, one per channel every `INTERVAL` seconds.

    It is used in the event loop.

    Args:
        show: Shows a job's position in its message; it does not raise.
        channel_of: The channel of a job's message.
    """

    def __init__(
        self,
        show: Callable[[int, int], Coroutine[None, None, None]],
        channel_of: Callable[[int], int],
    ) -> None:
        self._show = show
        self._channel_of = channel_of
        self._true: dict[int, int] = {}
        self._shown: dict[int, int] = {}
        self._editors: dict[int, asyncio.Task[None]] = {}
        self._editing: dict[int, asyncio.Task[None]] = {}

    def shown(self, job: int, position: int) -> None:
        """Note which position the message of a job shows."""
        self._shown[job] = position

    def set(self, positions: Mapping[int, int]) -> None:
        """Set the true positions; messages of other jobs are left alone."""
        self._true = dict(positions)
        for job in self._shown.keys() - positions.keys():
            del self._shown[job]
        for channel in {self._channel_of(job) for job in positions}:
            if channel not in self._editors:
                task = asyncio.create_task(self._correct(channel), name=f"positions in {channel}")
                self._editors[channel] = task

    def changed(self, job: int) -> None:
        """Have a job's message edited, whatever position it shows."""
        self._shown.pop(job, None)

    def drop(self, job: int) -> None:
        """Start no further edit of a job's message, for others are going to edit it."""
        self._true.pop(job, None)
        self._shown.pop(job, None)

    async def settled(self, job: int) -> None:
        """Wait for an edit of a job's message that is under way: it may wait in discord.py for a
        rate limit, and would land on top of later ones.
        """
        if job in self._editing:
            await asyncio.wait({self._editing[job]})

    def close(self) -> None:
        """Start no further edit."""
        for task in self._editors.values():
            task.cancel()

    async def _correct(self, channel: int) -> None:
        # Spread over the interval, so that the edits of many channels do not come all at once.
        spread = INTERVAL * ((channel >> 22) % 100 / 200)
        try:
            while True:
                await asyncio.sleep(INTERVAL - spread)
                true = {job: p for job, p in self._true.items() if self._channel_of(job) == channel}
                job = most_wrong(self._shown, true)
                if job is None:
                    return
                await self._edit(job, true[job])
        finally:
            del self._editors[channel]

    async def _edit(self, job: int, position: int) -> None:
        self._shown[job] = position
        # It is never cancelled: a request cancelled while it waits for Discord's global limit
        # leaves discord.py (2.7.1) with that limit set for ever.
        task = asyncio.create_task(self._show(job, position))
        self._editing[job] = task
        task.add_done_callback(lambda _: self._editing.pop(job, None))
        await asyncio.wait({task})
