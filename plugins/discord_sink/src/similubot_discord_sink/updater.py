"""DiscordProgressUpdater: a message of the real client that shows progress."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import discord

from similubot_core import ProgressCallback, ProgressInfo
from similubot_core.live import LiveMessage, Operations
from similubot_discord_sink.embed import LONGEST_BAR, job_embed
from similubot_discord_sink.target import Frame, MessageTarget


class DiscordProgressUpdater:
    """Shows operations in one Discord message, and always ends on their final state.

    Make it in the event loop of the client; give `create_callback()` to trackers in any thread.
    Every edit shows the newest state of all operations the message was told of. At an end the
    message is edited at once, otherwise `update_interval` after the last edit; a message over an
    hour old at most once a minute. It stops for good, without an error, when the message or the
    channel is gone or the bot may not edit there. When the interaction's token dies (15 minutes),
    it goes on with the bot's.

    Args:
        message: The message to edit; a `discord.PartialMessage` will do.
        update_interval: Seconds from the end of one edit to the next, above 0.
        progress_bar_length: Characters of the bar, 1 to 100.
        title: What the message is about, such as a file's name; empty shows the operation.
        operations: The operations known to come, in their order; they are shown before they
            begin, and only the end of all (or a failure) counts as the end.
        view: The buttons on the message; they are removed at the end of all `operations`, with
            `finish` or with `aclose`.

    Raises:
        ValueError: An interval or a length out of range.
        RuntimeError: Not made in a running event loop.
    """

    def __init__(
        self,
        message: discord.Message | discord.PartialMessage,
        update_interval: float = 5.0,
        progress_bar_length: int = 20,
        *,
        title: str = "",
        operations: Sequence[str] = (),
        view: discord.ui.View | None = None,
    ) -> None:
        if not update_interval > 0:
            raise ValueError("update_interval must be above 0 seconds")
        if not 1 <= progress_bar_length <= LONGEST_BAR:
            raise ValueError(f"progress_bar_length must be within 1 and {LONGEST_BAR}")
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            raise RuntimeError(
                "DiscordProgressUpdater must be made in the client's event loop; "
                "give its create_callback() to the worker threads."
            ) from None
        self._operations = Operations(operations)
        self._planned = bool(operations)
        self._title = title
        self._bar_length = progress_bar_length
        self._view = view
        self._finish: Frame | None = None
        self._closing = False
        self._editor: LiveMessage[Frame] = LiveMessage(
            MessageTarget(message), self._frame, update_interval, loop, self._refused
        )
        self._callback = self._operations.callback(self._editor)

    def create_callback(self) -> ProgressCallback:
        """The function for `add_callback` or `progress_callback=`; any thread may call it.

        It never blocks and never raises, also when the loop or the client is closed.
        """
        return self._callback

    async def update_progress(self, info: ProgressInfo) -> None:
        """Take a state; of a final one, return only when it is shown (or never can be)."""
        self._callback(info)
        if info.status.is_final and self._operations.all_ended():
            await self._editor.settled()

    def embed(self) -> discord.Embed:
        """The embed for what is known now, to add to it for `finish`."""
        return job_embed(self._operations.states(), title=self._title, bar_length=self._bar_length)

    def finish(
        self,
        embed: discord.Embed | None,
        *,
        content: str | None = None,
        view: discord.ui.View | None = None,
    ) -> None:
        """Give the message its last word; what trackers say later is not shown. Any thread.

        Args:
            embed: The embed to end on; None removes it.
            content: The text above it; None leaves it.
            view: Buttons to end on; None removes those there are.
        """
        self._finish = Frame(embed, content, remove_view=view is None, view=view)
        self._editor.request_urgent()

    async def aclose(self, timeout: float = 10.0) -> bool:
        """Show the newest state and let go of the message. Await it before `client.close()`.

        Args:
            timeout: Seconds to wait at most, whatever Discord's limits say.

        Returns:
            Whether the newest state is on the message.
        """
        self._closing = True
        if self._view is not None:
            self._editor.wake()  # what is shown may still have its buttons
        shown = await self._editor.aclose(timeout)
        if self._view is not None:
            self._view.stop()
        return shown

    def _frame(self) -> Frame:
        if self._finish is not None:
            return self._finish
        ended = self._operations.all_ended()
        # without a plan each end may be the last, after which programs edit the message themselves
        return Frame(
            self.embed(),
            remove_view=ended and self._view is not None and (self._planned or self._closing),
            gives_way=ended and not self._planned,
        )

    def _refused(self, frame: Frame) -> None:
        """Rather our own last word than none, where Discord will not have the program's."""
        if frame is self._finish:
            self._finish = None
            self._editor.request_urgent()
