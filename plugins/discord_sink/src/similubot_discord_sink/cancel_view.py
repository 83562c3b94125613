"""The Cancel button, and who may press it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection

import discord

from similubot_core import CancelToken

log = logging.getLogger("similubot.discord")

REFUSAL = "Only the person who started this, or a moderator, can cancel it."


class CancelView(discord.ui.View):
    """One button that cancels a job; for everybody else it answers that they may not.

    It never times out by itself. After a restart, a view with the same `custom_id` takes over the
    button: `client.add_view(view, message_id=…)`. Given to `DiscordProgressUpdater(view=…)`, it is
    removed at the end.

    Args:
        cancel: The job's cancel token.
        owners: The ids of the users who may press it.
        may_press: Decides instead, in the event loop; None lets `owners` and whoever may delete
            others' messages in that channel ("Manage Messages").
        custom_id: The button's own name, 1 to 100 characters, unique in the client; None makes one
            that does not outlive a restart.
        label: The button's text, at most 80 characters.
    """

    def __init__(
        self,
        cancel: CancelToken,
        *,
        owners: Collection[int] = (),
        may_press: Callable[[discord.Interaction], bool] | None = None,
        custom_id: str | None = None,
        label: str = "Cancel",
    ) -> None:
        super().__init__(timeout=None)
        self._cancel = cancel
        self._owners = frozenset(owners)
        self._may_press = may_press or self._is_owner_or_moderator
        self._button: discord.ui.Button[CancelView] = discord.ui.Button(
            label=label, style=discord.ButtonStyle.danger, custom_id=custom_id
        )
        self._button.callback = self._pressed  # type: ignore[method-assign]
        self.add_item(self._button)

    def _is_owner_or_moderator(self, interaction: discord.Interaction) -> bool:
        in_server = interaction.guild_id is not None
        return interaction.user.id in self._owners or (
            in_server and interaction.permissions.manage_messages
        )

    async def _pressed(self, interaction: discord.Interaction) -> None:
        try:
            if not self._may_press(interaction):
                await interaction.response.send_message(REFUSAL, ephemeral=True)
                return
            # what the token calls may take a moment; the event loop has no time for it
            cancelling = asyncio.create_task(asyncio.to_thread(self._cancel.cancel))
            self._button.disabled = True
            self._button.label = "Cancelling…"
            try:
                await interaction.response.edit_message(view=self)
            finally:
                await cancelling
        except discord.HTTPException as error:
            log.debug("A press of Cancel could not be answered: error code %s", error.code)
