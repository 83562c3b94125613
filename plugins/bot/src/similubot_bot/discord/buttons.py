"""The buttons "Cancel" and "Convert"; they work after a restart too, for all is in their ids."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Self

import discord

if TYPE_CHECKING:
    from similubot_bot.discord.bot import SimilubotBot


class CancelButton(
    discord.ui.DynamicItem[discord.ui.Button[discord.ui.View]],
    template=r"similubot:cancel:(?P<job>[0-9]{1,18})",
):
    """Cancels the job whose number is in its id.

    Args:
        job: The job's number.
    """

    def __init__(self, job: int) -> None:
        super().__init__(
            discord.ui.Button(
                label="Cancel",
                style=discord.ButtonStyle.secondary,
                custom_id=f"similubot:cancel:{job}",
            )
        )
        self.job = job

    @classmethod
    async def from_custom_id(
        cls, interaction: discord.Interaction[Any], item: discord.ui.Item[Any], match: re.Match[str]
    ) -> Self:
        """The button that was pressed."""
        return cls(int(match["job"]))

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        """Cancel the job, if this person may."""
        bot: SimilubotBot = interaction.client
        await bot.press_cancel(interaction, self.job)


class ConvertButton(
    discord.ui.DynamicItem[discord.ui.Button[discord.ui.View]],
    template=r"similubot:convert:(?P<message>[0-9]{1,20})",
):
    """Converts the link of the message whose id is in its own; so no key is kept anywhere.

    Args:
        message: The id of the message with the link, in the same channel.
    """

    def __init__(self, message: int) -> None:
        super().__init__(
            discord.ui.Button(
                label="Convert",
                style=discord.ButtonStyle.primary,
                custom_id=f"similubot:convert:{message}",
            )
        )
        self.message = message

    @classmethod
    async def from_custom_id(
        cls, interaction: discord.Interaction[Any], item: discord.ui.Item[Any], match: re.Match[str]
    ) -> Self:
        """The button that was pressed."""
        return cls(int(match["message"]))

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        """Convert the link, if this person may."""
        bot: SimilubotBot = interaction.client
        await bot.press_convert(interaction, self.message)


def cancel_view(job: int) -> discord.ui.View:
    """The buttons of a job's message."""
    view = discord.ui.View(timeout=None)
    view.add_item(CancelButton(job))
    return view


def convert_view(message: int) -> discord.ui.View:
    """The buttons of an offer to convert the link of a message."""
    view = discord.ui.View(timeout=None)
    view.add_item(ConvertButton(message))
    return view
