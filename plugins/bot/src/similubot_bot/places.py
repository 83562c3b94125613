"""Places: keeps the places that waiting jobs' messages show true, without flooding a channel."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

INTERVAL = 5.0
"""Seconds between two such edits in one channel; the running jobs' messages need the rest."""


def most_wrong(shown: Mapping[int, int], true: Mapping[int, int]) -> int | None:
    """The job whose shown place is the most wrong: by the distance as a share of the true place.

    None when all are right.
    """
    wrong = {
        job: abs(shown.get(job, 0) - place) / place
        for job, place in true.items()
        if shown.get(job) != place
    }
    return max(wrong, key=lambda job: (wrong[job], -true[job]), default=None)


class Places:
    """Edits the messages of waiting jobs, one a channel every `INTERVAL` seconds.

    It is used in the event loop.

    Args:
        show: Has the message of a job show a place; it does not raise.
        channel_of: The channel of a job's message.
    """

    def __init__(
        self, show: Callable[[int, int], Awaitable[None]], channel_of: Callable[[int], int]
    ) -> None:
        self._show = show
        self._channel_of = channel_of
        self._true: dict[int, int] = {}
        self._shown: dict[int, int] = {}
        self._editors: dict[int, asyncio.Task[None]] = {}

    def shown(self, job: int, place: int) -> None:
        """Say which place the message of a job shows."""
        self._shown[job] = place

    def set(self, places: Mapping[int, int]) -> None:
        """Say which places are true now; messages of other jobs are left alone."""
        self._true = dict(places)
        for job in self._shown.keys() - places.keys():
            del self._shown[job]
        for channel in {self._channel_of(job) for job in places}:
            if channel not in self._editors:
                task = asyncio.create_task(self._keep_true(channel), name=f"places in {channel}")
                self._editors[channel] = task

    def close(self) -> None:
        """Edit nothing more."""
        for task in self._editors.values():
            task.cancel()

    async def _keep_true(self, channel: int) -> None:
        try:
            while True:
                await asyncio.sleep(INTERVAL)
                true = {job: p for job, p in self._true.items() if self._channel_of(job) == channel}
                job = most_wrong(self._shown, true)
                if job is None:
                    return
                self._shown[job] = true[job]
                await self._show(job, true[job])
        finally:
            del self._editors[channel]
