"""The buttons of the bot's messages; they work after a restart too, for all is in their ids.

A press is dispatched as the event "similubot_button", with the interaction, the button's action and
the number in its id; the cog listens for it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Self

import discord

from similubot_bot.i18n import _, mark
from similubot_bot.jobs.records import JobRecord, JobStatus

EVENT = "similubot_button"
PICK_EVENT = "similubot_pick"

_LOOKS = {
    "cancel": (mark("Cancel"), discord.ButtonStyle.secondary),
    "convert": (mark("Convert"), discord.ButtonStyle.primary),
    "retry": (mark("Retry"), discord.ButtonStyle.secondary),
    "keep": (mark("Keep what there is"), discord.ButtonStyle.primary),
    "again": (mark("Again with…"), discord.ButtonStyle.secondary),
    "back": (mark("◀ Newer"), discord.ButtonStyle.secondary),
    "on": (mark("Older ▶"), discord.ButtonStyle.secondary),
    "userhash": (mark("Catbox account…"), discord.ButtonStyle.secondary),
}


class ActionButton(
    discord.ui.DynamicItem[discord.ui.Button[discord.ui.View]],
    template=r"similubot:(?P<action>[a-z]{1,20}):(?P<number>[0-9]{1,20})",
):
    """Does something with what its number names.

    Args:
        action: "cancel", "retry", "keep" (what there is of a damaged source) and "again" (the
            number is a job's), "convert" (the id of the message in the same channel that holds the
            link, so that no key is kept anywhere), "back" and "on" (a page), "userhash".
        number: See there.
    """

    def __init__(self, action: str, number: int) -> None:
        label, style = _LOOKS.get(action, (action, discord.ButtonStyle.secondary))
        custom_id = f"similubot:{action}:{number}"
        super().__init__(discord.ui.Button(label=_(label), style=style, custom_id=custom_id))
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
    outcome = record.outcome
    if outcome is not None and outcome.status is JobStatus.DONE:
        return _view(ActionButton("again", record.id))
    kept = [ActionButton("keep", record.id)] if outcome is not None and outcome.damaged else []
    return _view(*kept, ActionButton("retry", record.id))


def pages_view(page: int, last: int) -> discord.ui.View:
    """The buttons that turn the pages of a list; pages count from 0."""
    buttons = []
    if page > 0:
        buttons.append(ActionButton("back", page - 1))
    if page < last:
        buttons.append(ActionButton("on", page + 1))
    return _view(*buttons)


def settings_view() -> discord.ui.View:
    """The buttons below a member's settings."""
    return _view(ActionButton("userhash", 0))


class AgainMenu(
    discord.ui.DynamicItem[discord.ui.Select[discord.ui.View]],
    template=r"similubot-pick:(?P<job>[0-9]{1,18})",
):
    """Repeats a job with another bitrate; dispatches the event "similubot_pick".

    Args:
        job: The job's number.
        bitrates: What can be chosen, in kilobits per second.
    """

    def __init__(self, job: int, bitrates: Sequence[int] = ()) -> None:
        options = [
            discord.SelectOption(label=f"{bitrate} kb/s", value=str(bitrate))
            for bitrate in bitrates[:25]
        ]
        menu: discord.ui.Select[discord.ui.View] = discord.ui.Select(
            custom_id=f"similubot-pick:{job}", options=options, placeholder=_("Bitrate")
        )
        super().__init__(menu)
        self.job = job

    @classmethod
    async def from_custom_id(
        cls, interaction: discord.Interaction[Any], item: discord.ui.Item[Any], match: re.Match[str]
    ) -> Self:
        """The menu that was used."""
        return cls(int(match["job"]))

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        """Have the choice handled."""
        chosen = interaction.data.get("values") if interaction.data is not None else None
        values = [str(value) for value in chosen] if isinstance(chosen, list) else []
        interaction.client.dispatch(PICK_EVENT, interaction, self.job, values)


def again_view(job: int, bitrates: Sequence[int]) -> discord.ui.View:
    """The menu from which a job is repeated with another bitrate."""
    view = discord.ui.View(timeout=None)
    view.add_item(AgainMenu(job, bitrates))
    return view


def convert_view(message: int) -> discord.ui.View:
    """The buttons of an offer to convert the link in a message."""
    return _view(ActionButton("convert", message))


def _view(*buttons: ActionButton) -> discord.ui.View:
    view = discord.ui.View(timeout=None)
    for button in buttons:
        view.add_item(button)
    return view
