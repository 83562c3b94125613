"""The buttons of the bot's messages; they work after a restart too, for all is in their ids.

A press is dispatched as the event "similubot_button", with the interaction, the button's action and
the number in its id; the cog listens for it.
"""

from __future__ import annotations

import re
from typing import Any, Self

import discord

from similubot_bot.jobs.records import JobRecord

EVENT = "similubot_button"

_LOOKS = {
    "cancel": ("Cancel", discord.ButtonStyle.secondary),
    "convert": ("Convert", discord.ButtonStyle.primary),
}


class ActionButton(
    discord.ui.DynamicItem[discord.ui.Button[discord.ui.View]],
    template=r"similubot:(?P<action>[a-z]{1,20}):(?P<number>[0-9]{1,20})",
):
    """Does something with what its number names.

    Args:
        action: "cancel" (the number is a job's) or "convert" (the number is the id of a message in
            the same channel that holds the link, so that no key is kept anywhere).
        number: See there.
    """

    def __init__(self, action: str, number: int) -> None:
        label, style = _LOOKS.get(action, (action, discord.ButtonStyle.secondary))
        custom_id = f"similubot:{action}:{number}"
        super().__init__(discord.ui.Button(label=label, style=style, custom_id=custom_id))
        self.action = action
        self.number = number

    @classmethod
    async def from_custom_id(
        cls, interaction: discord.Interaction[Any], item: discord.ui.Item[Any], match: re.Match[str]
    ) -> Self:
        """The button that was pressed."""
        return cls(match["action"], int(match["number"]))

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        """Have the press handled."""
        interaction.client.dispatch(EVENT, interaction, self.action, self.number)


def cancel_view(job: int) -> discord.ui.View:
    """The buttons of a job's message."""
    return _view(ActionButton("cancel", job))


def outcome_view(record: JobRecord) -> discord.ui.View:
    """The buttons of an ended job's message."""
    return _view()


def convert_view(message: int) -> discord.ui.View:
    """The buttons of an offer to convert the link in a message."""
    return _view(ActionButton("convert", message))


def _view(*buttons: ActionButton) -> discord.ui.View:
    view = discord.ui.View(timeout=None)
    for button in buttons:
        view.add_item(button)
    return view
