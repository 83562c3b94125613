"""The Cancel button: who may press it, and what it does."""

from __future__ import annotations

import threading

import discord
import pytest

from similubot_core import CancelToken, ProgressInfo, ProgressStatus
from similubot_discord_sink import CancelView, DiscordProgressUpdater
from similubot_discord_sink.cancel_view import REFUSAL
from similubot_loopback.discord_server import LoopbackDiscord

MANAGE_MESSAGES = 1 << 13


async def test_the_owner_cancels_and_the_button_says_so(
    server: LoopbackDiscord, channel: discord.TextChannel
) -> None:
    ann, cancel = server.add_user("ann"), CancelToken()
    sent = await channel.send("job", view=CancelView(cancel, owners=[ann.id]))
    server.click(server.message(sent.id), "Cancel", user=ann)
    await server.until(lambda: server.message(sent.id).edits)
    assert cancel.cancelled
    (button,) = server.message(sent.id).buttons
    assert (button["label"], button["disabled"]) == ("Cancelling…", True)


async def test_a_stranger_is_told_that_they_may_not_and_nobody_else_sees_it(
    server: LoopbackDiscord, channel: discord.TextChannel
) -> None:
    cancel = CancelToken()
    sent = await channel.send("job", view=CancelView(cancel, owners=[1]))
    pressed = server.click(server.message(sent.id), "Cancel", user=server.add_user("bob"))
    await server.until(lambda: server.interaction(pressed.id).message_ids)
    answer = server.message(server.interaction(pressed.id).message_ids[0])
    assert (answer.content, answer.ephemeral) == (REFUSAL, True)
    assert not cancel.cancelled
    assert server.message(sent.id).edits == ()


async def test_a_moderator_may_press_it(
    server: LoopbackDiscord, channel: discord.TextChannel
) -> None:
    cancel = CancelToken()
    role = server.add_role("mod", permissions=MANAGE_MESSAGES)
    sent = await channel.send("job", view=CancelView(cancel, owners=[1]))
    server.click(server.message(sent.id), "Cancel", user=server.add_user("mod", roles=[role]))
    await server.until(lambda: cancel.cancelled)


@pytest.mark.parametrize("allowed", [True, False])
async def test_a_program_can_decide_who_may_press(
    server: LoopbackDiscord, channel: discord.TextChannel, allowed: bool
) -> None:
    cancel = CancelToken()
    view = CancelView(cancel, owners=[server.owner.id], may_press=lambda interaction: allowed)
    sent = await channel.send("job", view=view)
    pressed = server.click(server.message(sent.id), "Cancel")
    await server.until(lambda: server.interaction(pressed.id).response_type)
    await server.until(lambda: cancel.cancelled is allowed)


async def test_the_job_is_cancelled_even_when_the_press_cannot_be_answered(
    server: LoopbackDiscord, channel: discord.TextChannel
) -> None:
    cancel = CancelToken()
    sent = await channel.send("job", view=CancelView(cancel, owners=[server.owner.id]))
    server.fail("POST", "callback", code=10062)
    server.click(server.message(sent.id), "Cancel")
    await server.until(lambda: cancel.cancelled)


async def test_what_the_cancel_token_calls_does_not_hold_up_the_event_loop(
    server: LoopbackDiscord, channel: discord.TextChannel
) -> None:
    cancel, called_in = CancelToken(), []
    with cancel.on_cancel(lambda: called_in.append(threading.current_thread())):
        sent = await channel.send("job", view=CancelView(cancel, owners=[server.owner.id]))
        server.click(server.message(sent.id), "Cancel")
        await server.until(lambda: called_in)
    assert called_in[0] is not threading.current_thread()


async def test_after_a_restart_a_view_of_the_same_name_takes_over_the_button(
    server: LoopbackDiscord, client: discord.Client, channel: discord.TextChannel
) -> None:
    before = CancelView(CancelToken(), custom_id="similubot:cancel:7")
    sent = await channel.send("job", view=before)
    before.stop()
    cancel = CancelToken()
    client.add_view(
        CancelView(cancel, owners=[server.owner.id], custom_id="similubot:cancel:7"),
        message_id=sent.id,
    )
    server.click(server.message(sent.id), "similubot:cancel:7")
    await server.until(lambda: cancel.cancelled)


async def test_the_updater_takes_the_button_away_with_the_final_state_only(
    server: LoopbackDiscord, channel: discord.TextChannel
) -> None:
    view = CancelView(CancelToken(), owners=[server.owner.id])
    sent = await channel.send("job", view=view)
    updater = DiscordProgressUpdater(
        sent, update_interval=0.01, operations=["Download", "Upload"], view=view
    )
    await updater.update_progress(ProgressInfo("Download", ProgressStatus.COMPLETED, 100.0))
    await server.until(lambda: server.message(sent.id).edits)
    assert len(server.message(sent.id).buttons) == 1
    await updater.update_progress(ProgressInfo("Upload", ProgressStatus.COMPLETED, 100.0))
    assert await updater.aclose()
    assert server.message(sent.id).buttons == ()
    assert view.is_finished()


async def test_without_a_plan_the_button_stays_between_stages_and_goes_with_aclose(
    server: LoopbackDiscord, channel: discord.TextChannel
) -> None:
    view = CancelView(CancelToken(), owners=[server.owner.id])
    sent = await channel.send("job", view=view)
    updater = DiscordProgressUpdater(sent, update_interval=0.01, view=view)
    for name in ("Download", "Upload"):
        await updater.update_progress(ProgressInfo(name, ProgressStatus.COMPLETED, 100.0))
        assert len(server.message(sent.id).buttons) == 1
    assert await updater.aclose()
    assert server.message(sent.id).buttons == ()


async def test_a_press_does_not_disturb_the_progress_shown(
    server: LoopbackDiscord, channel: discord.TextChannel
) -> None:
    cancel = CancelToken()
    view = CancelView(cancel, owners=[server.owner.id])
    sent = await channel.send("job", view=view)
    server.set_limit("PATCH /channels/{channel}/messages/{message}", 1, 0.3)
    updater = DiscordProgressUpdater(sent, update_interval=0.01, view=view)
    callback = updater.create_callback()
    callback(ProgressInfo("Upload", ProgressStatus.IN_PROGRESS, 40.0))
    await server.until(lambda: server.message(sent.id).embeds)
    server.click(server.message(sent.id), "Cancel")
    await server.until(lambda: cancel.cancelled)
    callback(ProgressInfo("Upload", ProgressStatus.CANCELLED, 40.0))
    assert await updater.aclose()
    assert server.message(sent.id).embeds[0]["title"] == "🚫 Upload"
