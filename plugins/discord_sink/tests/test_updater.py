"""DiscordProgressUpdater on one real message: the newest state wins, the final one arrives."""

from __future__ import annotations

import asyncio
import itertools
import threading
from dataclasses import replace

import discord
import pytest

from similubot_core import ProgressInfo, ProgressStatus, ProgressTracker
from similubot_discord_sink import DiscordProgressUpdater
from similubot_loopback.discord_server import LoopbackDiscord, Message

STARTING, IN_PROGRESS = ProgressStatus.STARTING, ProgressStatus.IN_PROGRESS
COMPLETED, FAILED = ProgressStatus.COMPLETED, ProgressStatus.FAILED


class Counter(ProgressTracker):
    def parse_output(self, text: str) -> bool:
        return False


def titles(message: Message) -> list[str]:
    return [edit.payload["embeds"][0]["title"] for edit in message.edits]


async def test_a_trackers_states_end_on_its_final_one(
    server: LoopbackDiscord, message: discord.Message
) -> None:
    updater = DiscordProgressUpdater(message, update_interval=0.05)
    tracker = Counter("MEGA Download")
    tracker.add_callback(updater.create_callback())

    def work() -> None:
        with tracker:
            for done in range(100):
                tracker.update(current_size=done * 1000, total_size=100_000)
            tracker.complete()

    await asyncio.to_thread(work)
    await server.until(lambda: "✅ MEGA Download" in titles(server.message(message.id)))
    final = server.message(message.id)
    assert final.embeds[0]["title"] == "✅ MEGA Download"
    assert "100.0%" in final.embeds[0]["description"]


async def test_edits_keep_the_interval_counted_from_the_end_of_the_last(
    server: LoopbackDiscord, message: discord.Message
) -> None:
    updater = DiscordProgressUpdater(message, update_interval=0.2)
    callback = updater.create_callback()
    server.set_limit("PATCH /channels/{channel}/messages/{message}", 50, 1.0)
    server.fail("PATCH", "messages", delay=0.15, times=None)
    info = ProgressInfo("Download", IN_PROGRESS)
    for number in range(150):
        callback(replace(info, percentage=number / 2))
        await asyncio.sleep(0.01)
    await updater.aclose()
    edits = server.message(message.id).edits
    assert len(edits) >= 3
    gaps = [later.at - earlier.at for earlier, later in itertools.pairwise(edits)]
    assert min(gaps) >= 0.34


async def test_the_newest_state_wins_and_none_waits_in_a_queue(
    server: LoopbackDiscord, message: discord.Message
) -> None:
    updater = DiscordProgressUpdater(message, update_interval=0.1)
    callback = updater.create_callback()
    server.fail("PATCH", "messages", delay=0.2, times=1)
    for number in range(1000):
        callback(ProgressInfo("Download", IN_PROGRESS, percentage=number / 10))
    first = await server.until(lambda: server.message(message.id).edits)
    await updater.aclose()
    assert len(server.message(message.id).edits) <= 2
    assert "99.9%" in server.message(message.id).embeds[0]["description"]
    assert len(first) == 1


async def test_the_final_state_does_not_wait_for_the_interval(
    server: LoopbackDiscord, message: discord.Message
) -> None:
    updater = DiscordProgressUpdater(message, update_interval=3600)
    callback = updater.create_callback()
    callback(ProgressInfo("Download", IN_PROGRESS, percentage=1))
    await server.until(lambda: server.message(message.id).edits)
    callback(ProgressInfo("Download", FAILED, percentage=1, message="No such file."))
    await server.until(lambda: len(server.message(message.id).edits) == 2)
    assert titles(server.message(message.id)) == ["⏳ Download", "❌ Download"]


async def test_what_comes_after_the_end_is_not_shown(
    server: LoopbackDiscord, message: discord.Message
) -> None:
    updater = DiscordProgressUpdater(message, update_interval=0.01)
    callback = updater.create_callback()
    await updater.update_progress(ProgressInfo("Download", COMPLETED, percentage=100))
    callback(ProgressInfo("Download", IN_PROGRESS, percentage=50))
    assert await updater.aclose()
    assert titles(server.message(message.id)) == ["✅ Download"]


async def test_equal_frames_are_not_sent_again(
    server: LoopbackDiscord, message: discord.Message
) -> None:
    updater = DiscordProgressUpdater(message, update_interval=0.01)
    callback = updater.create_callback()
    for _ in range(20):
        callback(ProgressInfo("Download", IN_PROGRESS, percentage=50))
        await asyncio.sleep(0.005)
    await updater.aclose()
    assert len(server.message(message.id).edits) == 1


async def test_stages_one_after_the_other_are_all_shown(
    server: LoopbackDiscord, message: discord.Message
) -> None:
    updater = DiscordProgressUpdater(message, update_interval=0.01)

    def work() -> None:
        for operation in ("MEGA Download", "Audio Conversion", "Catbox Upload"):
            tracker = Counter(operation)
            tracker.add_callback(updater.create_callback())
            with tracker:
                tracker.update(percentage=50)
                tracker.complete()

    await asyncio.to_thread(work)
    await updater.aclose()
    text = server.message(message.id).embeds[0]["description"]
    assert next(line for line in text.splitlines() if "✅" in line).startswith("✅ MEGA Download")
    assert text.count("✅") == 3


async def test_planned_operations_are_shown_before_they_begin_and_only_all_are_the_end(
    server: LoopbackDiscord, message: discord.Message
) -> None:
    updater = DiscordProgressUpdater(
        message, update_interval=0.01, title="clip.mp4", operations=["Download", "Upload"]
    )
    await updater.update_progress(ProgressInfo("Download", COMPLETED, percentage=100))
    shown = await server.until(lambda: server.message(message.id).embeds)
    assert shown[0]["title"] == "⏳ clip.mp4"
    assert "▫️ Upload" in shown[0]["description"]
    await updater.update_progress(ProgressInfo("Upload", COMPLETED, percentage=100))
    assert server.message(message.id).embeds[0]["title"] == "✅ clip.mp4"


async def test_a_program_that_edits_the_message_itself_has_the_last_word(
    server: LoopbackDiscord, message: discord.Message
) -> None:
    # the earlier bot's example: callback in a thread, then its own edit, without aclose
    server.set_limit("PATCH /channels/{channel}/messages/{message}", 1, 0.5)
    updater = DiscordProgressUpdater(message, update_interval=0.01)
    callback = updater.create_callback()
    callback(ProgressInfo("Upload", IN_PROGRESS, percentage=50))
    await server.until(lambda: server.message(message.id).edits)
    await asyncio.to_thread(callback, ProgressInfo("Upload", COMPLETED, percentage=100))
    await message.edit(embed=discord.Embed(title="Your link"))
    await updater.aclose()
    assert server.message(message.id).embeds[0]["title"] == "Your link"


async def test_finish_puts_the_programs_own_last_word(
    server: LoopbackDiscord, message: discord.Message
) -> None:
    updater = DiscordProgressUpdater(message, update_interval=3600)
    callback = updater.create_callback()
    callback(ProgressInfo("Upload", COMPLETED, percentage=100))
    embed = updater.embed()
    embed.add_field(name="Link", value="https://files.example/a.m4a")
    updater.finish(embed)
    callback(ProgressInfo("Upload", STARTING))
    assert await updater.aclose()
    shown = server.message(message.id).embeds[0]
    assert shown["fields"][-1]["value"] == "https://files.example/a.m4a"
    assert shown["title"] == "✅ Upload"


async def test_a_last_word_that_discord_refuses_is_replaced_by_our_own(
    server: LoopbackDiscord, message: discord.Message
) -> None:
    updater = DiscordProgressUpdater(message, update_interval=0.01)
    updater.create_callback()(ProgressInfo("Upload", COMPLETED, percentage=100))
    updater.finish(discord.Embed(title="x" * 300))
    await updater.aclose()
    assert server.message(message.id).embeds[0]["title"] == "✅ Upload"


async def test_made_outside_the_loop_it_says_what_to_do(message: discord.Message) -> None:
    def make() -> None:
        with pytest.raises(RuntimeError, match="event loop"):
            DiscordProgressUpdater(message)

    await asyncio.to_thread(make)


@pytest.mark.parametrize(("interval", "length"), [(0, 20), (-1, 20), (5, 0), (5, 101)])
async def test_values_out_of_range_are_refused(
    message: discord.Message, interval: float, length: int
) -> None:
    with pytest.raises(ValueError, match="must be"):
        DiscordProgressUpdater(message, interval, length)


async def test_a_partial_message_will_do(
    server: LoopbackDiscord, channel: discord.TextChannel, message: discord.Message
) -> None:
    updater = DiscordProgressUpdater(channel.get_partial_message(message.id))
    await updater.update_progress(ProgressInfo("Upload", COMPLETED, percentage=100))
    assert titles(server.message(message.id)) == ["✅ Upload"]


async def test_no_task_is_left_when_nothing_is_to_be_shown(
    server: LoopbackDiscord, message: discord.Message
) -> None:
    before = asyncio.all_tasks()
    updater = DiscordProgressUpdater(message, update_interval=0.01)
    await updater.update_progress(ProgressInfo("Upload", COMPLETED, percentage=100))
    await asyncio.sleep(0)
    assert asyncio.all_tasks() <= before


async def test_many_threads_may_tell_it_at_once(
    server: LoopbackDiscord, message: discord.Message
) -> None:
    updater = DiscordProgressUpdater(message, update_interval=0.05)
    callback = updater.create_callback()

    def work(name: str) -> None:
        for number in range(500):
            callback(ProgressInfo(name, IN_PROGRESS, percentage=number / 10))
        callback(ProgressInfo(name, COMPLETED, percentage=100))

    threads = [threading.Thread(target=work, args=(f"part {n}",)) for n in range(8)]
    for thread in threads:
        thread.start()
    await asyncio.gather(*(asyncio.to_thread(thread.join) for thread in threads))
    assert await updater.aclose()
    assert server.message(message.id).embeds[0]["description"].count("✅") == 8
