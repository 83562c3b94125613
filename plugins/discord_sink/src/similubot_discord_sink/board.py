"""ProgressBoard: many jobs in one message, page by page."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import UTC, datetime

import discord

from similubot_core import ProgressCallback, ProgressStatus, render
from similubot_core.live import LiveMessage, Operations
from similubot_core.live.text import present_state, speed_of
from similubot_discord_sink.embed import LONGEST_BAR, STATUS_COLOURS
from similubot_discord_sink.plain_text import escape
from similubot_discord_sink.target import Frame, MessageTarget

MOST_PER_PAGE = 10
TITLE_LIMIT = 60
OPERATION_LIMIT = 40


class ProgressBoard:
    """Shows many jobs in one Discord message; people turn its pages with two buttons.

    Jobs under way come first, in the order they were added, then those that ended. It edits,
    waits and stops as `DiscordProgressUpdater` does; the end of the last job is shown at once.

    Args:
        message: The message to edit; a `discord.PartialMessage` will do.
        update_interval: Seconds from the end of one edit to the next, above 0.
        progress_bar_length: Characters of each bar, 1 to 100.
        title: What the board is about; text from outside is escaped.
        per_page: Jobs on one page, 1 to 10.

    Raises:
        ValueError: A value out of range.
        RuntimeError: Not made in a running event loop.
    """

    def __init__(
        self,
        message: discord.Message | discord.PartialMessage,
        update_interval: float = 5.0,
        progress_bar_length: int = 20,
        *,
        title: str = "Progress",
        per_page: int = 5,
    ) -> None:
        if not update_interval > 0:
            raise ValueError("update_interval must be above 0 seconds")
        if not 1 <= progress_bar_length <= LONGEST_BAR:
            raise ValueError(f"progress_bar_length must be within 1 and {LONGEST_BAR}")
        if not 1 <= per_page <= MOST_PER_PAGE:
            raise ValueError(f"per_page must be within 1 and {MOST_PER_PAGE}")
        loop = asyncio.get_running_loop()
        self._title = title
        self._bar_length = progress_bar_length
        self._per_page = per_page
        self._jobs: dict[ProgressCallback, tuple[str, Operations]] = {}
        self._page = 0
        self._view = _PagingView(self)
        self._editor: LiveMessage[Frame] = LiveMessage(
            MessageTarget(message), self.frame, update_interval, loop
        )

    def add(self, title: str) -> ProgressCallback:
        """Add a job; returns the callback for its trackers. Any thread.

        Args:
            title: What the job is about; text from outside is escaped.
        """
        operations = Operations()
        callback = operations.callback(self._editor, self._all_ended)
        self._jobs[callback] = (title, operations)
        self._editor.wake()
        return callback

    def remove(self, callback: ProgressCallback) -> None:
        """Take a job off the board, ended or not; one that is not there is no error. Any thread."""
        if self._jobs.pop(callback, None) is not None:
            self._editor.wake()

    async def aclose(self, timeout: float = 10.0) -> bool:
        """Show the newest state and let go; await it before `client.close()`.

        Args:
            timeout: Seconds to wait at most.

        Returns:
            Whether the newest state is on the message.
        """
        shown = await self._editor.aclose(timeout)
        self._view.stop()
        return shown

    def turn(self, pages: int) -> None:
        """Go some pages on (or back, below 0), as far as there are any."""
        self._page = min(max(0, self._page + pages), self._last_page())

    def frame(self) -> Frame:
        """The page shown now."""
        self.turn(0)
        jobs = self._in_order()
        first = self._page * self._per_page
        lines = [
            line
            for title, operations in jobs[first : first + self._per_page]
            for line in self._lines(title, operations)
        ]
        ended = sum(operations.all_ended() for _, operations in jobs)
        status = _status(operations for _, operations in jobs)
        embed = discord.Embed(
            title=f"{render.MARKS[status]} {escape(self._title)}",
            description="\n".join(lines) or "Nothing is under way.",
            colour=STATUS_COLOURS[status],
            timestamp=datetime.now(UTC),
        )
        pages = self._last_page() + 1
        paging = f"Page {self._page + 1} of {pages} · " if pages > 1 else ""
        embed.set_footer(text=f"{paging}{ended} of {len(jobs)} ended · Updated")
        self._view.enable(back=self._page > 0, on=self._page + 1 < pages)
        return Frame(
            embed,
            view=self._view if pages > 1 else None,
            remove_view=pages == 1,
            page=self._page,
        )

    def _in_order(self) -> list[tuple[str, Operations]]:
        return sorted(self._jobs.copy().values(), key=lambda job: job[1].all_ended())

    def _all_ended(self) -> bool:
        return all(operations.all_ended() for _, operations in self._jobs.copy().values())

    def _last_page(self) -> int:
        return max(0, len(self._jobs) - 1) // self._per_page

    def _lines(self, title: str, operations: Operations) -> list[str]:
        states = operations.states()
        present = present_state(states)
        if present is None or present.info is None:
            return [f"▫️ **{escape(title, TITLE_LIMIT)}**"]
        info = present.info
        name = escape(info.operation, OPERATION_LIMIT)
        head = f"{render.MARKS[info.status]} **{escape(title, TITLE_LIMIT)}** · {name}"
        if info.status.is_final:
            took = sum(state.seconds or 0.0 for state in states)
            return [f"{head} · {render.duration(took)}"]
        bar = f"`{render.bar(info.percentage, self._bar_length)}` {render.percent(info.percentage)}"
        return [head, f"{bar} · {speed_of(info)} · ETA {render.duration(info.eta)}"]


def _status(jobs: Iterable[Operations]) -> ProgressStatus:
    """Of the whole board: under way while a job is, then failed where one did."""
    found = set()
    for operations in jobs:
        present = present_state(operations.states())
        if present is None or present.info is None or not operations.all_ended():
            return ProgressStatus.IN_PROGRESS
        found.add(present.info.status)
    worst = (ProgressStatus.FAILED, ProgressStatus.CANCELLED, ProgressStatus.COMPLETED)
    return next((status for status in worst if status in found), ProgressStatus.STARTING)


class _PagingView(discord.ui.View):
    """The two buttons of a board; anybody may turn its pages."""

    def __init__(self, board: ProgressBoard) -> None:
        super().__init__(timeout=None)
        self._board = board

    def enable(self, *, back: bool, on: bool) -> None:
        self.back.disabled = not back
        self.on.disabled = not on

    @discord.ui.button(emoji="◀️", label="Back")
    async def back(
        self, interaction: discord.Interaction, button: discord.ui.Button[_PagingView]
    ) -> None:
        await self._turn(interaction, -1)

    @discord.ui.button(emoji="▶️", label="Next")
    async def on(
        self, interaction: discord.Interaction, button: discord.ui.Button[_PagingView]
    ) -> None:
        await self._turn(interaction, 1)

    async def _turn(self, interaction: discord.Interaction, pages: int) -> None:
        self._board.turn(pages)
        frame = self._board.frame()
        await interaction.response.edit_message(embed=frame.embed, view=frame.view)
