"""Many messages at once: the order of their edits, and Discord's limits over all of them."""

from __future__ import annotations

import asyncio
import itertools
import threading
import time

import discord
import pytest

from similubot_core import ProgressInfo, ProgressStatus, ProgressTracker
from similubot_discord_sink import DiscordProgressUpdater
from similubot_loopback.discord_server import LoopbackDiscord

PATCH = "PATCH /channels/{channel}/messages/{message}"
POST = "POST /channels/{channel}/messages"


def working(name: str, percentage: float = 1.0) -> ProgressInfo:
    return ProgressInfo(name, ProgressStatus.IN_PROGRESS, percentage=percentage)


def done(name: str) -> ProgressInfo:
    return ProgressInfo(name, ProgressStatus.COMPLETED, percentage=100)


async def make_updaters(
    server: LoopbackDiscord, channel: discord.TextChannel, count: int, interval: float
) -> list[DiscordProgressUpdater]:
    server.set_limit(POST, 1000, 1.0)
    server.set_limit(PATCH, 1000, 1.0)
    return [
        DiscordProgressUpdater(await channel.send("…"), update_interval=interval)
        for _ in range(count)
    ]


def order_of_edits(server: LoopbackDiscord) -> list[str]:
    edits = [(edit.at, edit.payload) for message in server.messages() for edit in message.edits]
    return [str(shown["embeds"][0]["title"]) for _, shown in sorted(edits, key=lambda e: e[0])]


async def test_a_final_state_goes_before_the_progress_of_others(
    server: LoopbackDiscord, channel: discord.TextChannel
) -> None:
    updaters = await make_updaters(server, channel, 6, 60.0)
    slow = server.fail("PATCH", "messages", delay=0.3)
    for number, updater in enumerate(updaters):
        updater.create_callback()(working(f"job {number}"))
    await server.until(lambda: slow.hits == 1)
    updaters[5].create_callback()(done("job 5"))
    await asyncio.gather(*(updater.aclose() for updater in updaters[5:]))
    await server.until(lambda: len(order_of_edits(server)) == 6)
    assert order_of_edits(server)[:2] == ["⏳ job 0", "✅ job 5"]
    await asyncio.gather(*(updater.aclose() for updater in updaters))


async def test_an_edit_that_hangs_does_not_hold_up_the_channel_for_ever(
    server: LoopbackDiscord,
    channel: discord.TextChannel,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("similubot_core.live._queue.HOLD", 0.1)
    hanging, other = await make_updaters(server, channel, 2, 60.0)
    # the client must know the bucket, else discord.py itself lets only one request through
    await other.update_progress(done("before"))
    slow = server.fail("PATCH", "messages", delay=30.0)
    hanging.create_callback()(working("hangs"))
    await server.until(lambda: slow.hits == 1)
    await other.update_progress(done("passes"))
    assert order_of_edits(server)[-1] == "✅ passes"
    await asyncio.gather(hanging.aclose(0.01), other.aclose())


async def test_one_cancelled_while_it_waits_lets_the_others_go_on(
    server: LoopbackDiscord, channel: discord.TextChannel
) -> None:
    updaters = await make_updaters(server, channel, 3, 60.0)
    slow = server.fail("PATCH", "messages", delay=0.2)
    for number, updater in enumerate(updaters):
        updater.create_callback()(done(f"job {number}"))
    await server.until(lambda: slow.hits == 1)
    assert await updaters[1].aclose(timeout=0.0) is False
    assert await updaters[2].aclose()
    assert "✅ job 2" in order_of_edits(server)
    assert await updaters[0].aclose()


@pytest.mark.slow
async def test_ten_messages_share_a_bucket_of_five_without_one_429(
    server: LoopbackDiscord, channel: discord.TextChannel
) -> None:
    updaters = await make_updaters(server, channel, 10, 0.05)
    server.set_limit(PATCH, 5, 0.2)

    def work(number: int) -> None:
        callback = updaters[number].create_callback()
        for step in range(200):
            callback(working(f"job {number}", step / 4))
            threading.Event().wait(0.002)
        callback(done(f"job {number}"))

    await asyncio.gather(*(asyncio.to_thread(work, number) for number in range(10)))
    assert all(await asyncio.gather(*(updater.aclose(20) for updater in updaters)))
    assert {request.status for request in server.requests("PATCH")} == {200}
    assert all("✅" in str(message.embeds[0]["title"]) for message in server.messages())


async def test_many_messages_that_begin_together_do_not_all_ask_in_one_second(
    server: LoopbackDiscord, client: discord.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("similubot_discord_sink.target.EDITS_A_SECOND", 20.0)
    server.set_global_limit(1000)
    updaters = []
    for number in range(50):
        there = client.get_partial_messageable(server.add_channel(f"channel-{number}").id)
        updaters.append(DiscordProgressUpdater(await there.send("…"), update_interval=60))
    begun = [request.at for request in server.requests()][-1]
    await server.until(lambda: time.monotonic() > begun + 1.0)  # so that these do not count
    server.set_global_limit(40)
    for number, updater in enumerate(updaters):
        updater.create_callback()(working(f"job {number}"))
    await server.until(lambda: all(message.edits for message in server.messages()))
    assert [request.status for request in server.requests("PATCH")] == [200] * 50
    await asyncio.gather(*(updater.aclose() for updater in updaters))


class Counter(ProgressTracker):
    def parse_output(self, text: str) -> bool:
        return False


@pytest.mark.slow
async def test_five_thousand_updates_a_second_from_eight_threads_for_ten_seconds(
    server: LoopbackDiscord, channel: discord.TextChannel
) -> None:
    message = await channel.send("…")
    interval = 1.0
    updater = DiscordProgressUpdater(message, update_interval=interval)
    callback = updater.create_callback()
    finals = [done(f"part {number}") for number in range(8)]

    def work(number: int) -> None:
        pause = threading.Event()
        for step in range(6250):
            callback(working(f"part {number}", step / 62.6))
            pause.wait(0.0016)
        callback(finals[number])

    await asyncio.gather(*(asyncio.to_thread(work, number) for number in range(8)))
    assert await updater.aclose()
    edits = server.message(message.id).edits
    gaps = [later.at - earlier.at for earlier, later in itertools.pairwise(edits)]
    assert all(gap >= interval for gap in gaps[:-1])
    assert {request.status for request in server.requests("PATCH")} == {200}
    assert server.message(message.id).embeds[0]["description"].count("✅") == 8


@pytest.mark.slow
async def test_fifty_jobs_at_once_in_ten_channels_all_end_on_their_final_state(
    server: LoopbackDiscord, client: discord.Client
) -> None:
    channels = [server.add_channel(f"channel-{number}") for number in range(10)]
    stages = ["MEGA Download", "Audio Conversion", "Catbox Upload"]
    updaters = []
    for number in range(50):
        there = client.get_partial_messageable(channels[number % 10].id)
        updaters.append(
            DiscordProgressUpdater(
                await there.send("…"), title=f"clip {number}.mp4", operations=stages
            )
        )

    def work(number: int) -> None:
        pause = threading.Event()
        for stage in stages[: 1 if number % 7 == 0 else 3]:
            tracker = Counter(stage)
            tracker.add_callback(updaters[number].create_callback())
            with tracker:
                for step in range(40 + number):
                    tracker.update(percentage=step)
                    pause.wait(0.05)
                if number % 7:
                    tracker.complete()
                else:
                    tracker.fail("The link is gone.")

    threads = [threading.Thread(target=work, args=(number,)) for number in range(50)]
    for thread in threads:
        thread.start()
    await asyncio.gather(*(asyncio.to_thread(thread.join) for thread in threads))
    assert all(await asyncio.gather(*(updater.aclose(60) for updater in updaters)))
    shown = [str(message.embeds[0]["title"])[0] for message in server.messages()]
    assert shown == ["❌" if number % 7 == 0 else "✅" for number in range(50)]
    assert 429 not in {request.status for request in server.requests("PATCH")}
