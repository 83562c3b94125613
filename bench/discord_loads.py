"""The loads that discord_sink.py runs, each in a process of its own; prints what came of it."""

from __future__ import annotations

import asyncio
import gc
import json
import random
import statistics
import sys
import threading
import time
from collections.abc import Callable
from typing import Any


class LoopWatch:
    """Measures how late the event loop wakes a 5 ms sleeper, and what the loop's thread computed.

    Lateness also comes from other processes and threads; the processor time of the loop's own
    thread between two wakings does not.
    """

    def __init__(self) -> None:
        self.late: list[float] = []
        self.busy: list[float] = []
        self._task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        while True:
            before, used = time.perf_counter(), time.thread_time()
            await asyncio.sleep(0.005)
            self.late.append(1000 * (time.perf_counter() - before - 0.005))
            self.busy.append(1000 * (time.thread_time() - used))

    def stop(self) -> dict[str, dict[str, float]]:
        self._task.cancel()
        return {"loop_late_ms": spread(self.late), "loop_busy_ms": spread(self.busy)}


def spread(samples: list[float]) -> dict[str, float]:
    ordered = sorted(samples)
    return {
        "median": round(statistics.median(ordered), 3),
        "p99": round(ordered[int(len(ordered) * 0.99)], 3),
        "max": round(ordered[-1], 3),
    }


async def connected(ask: dict[str, Any]) -> Any:
    import discord

    from similubot_discord_sink import point_discord_at

    point_discord_at(ask["api_url"], ask["gateway_url"])
    client = discord.Client(intents=discord.Intents.default(), guild_ready_timeout=0.05)
    await client.login(ask["token"])
    client.bench_task = asyncio.create_task(client.connect())  # type: ignore[attr-defined]
    await client.wait_until_ready()
    # A full garbage collection over all that discord.py imports takes 35 ms by itself.
    gc.collect()
    gc.freeze()
    return client


def timed_updates(callback: Callable[[Any], None], ask: dict[str, Any], name: str) -> list[int]:
    """One thread's updates at its share of the rate; returns each call's nanoseconds."""
    from similubot_core import ProgressInfo, ProgressStatus

    costs = []
    rate, seconds = ask["rate"], ask["seconds"]
    begun = time.perf_counter()
    clock = time.perf_counter_ns
    for number in range(int(rate * seconds)):
        share = 100.0 * number / (rate * seconds)
        info = ProgressInfo(name, ProgressStatus.IN_PROGRESS, min(share, 99.9))
        before = clock()
        callback(info)
        costs.append(clock() - before)
        ahead = begun + (number + 1) / rate - time.perf_counter()
        if ahead > 0:
            time.sleep(ahead)
    return costs


async def threads_load(ask: dict[str, Any]) -> dict[str, Any]:
    """8 threads tell one message, 5,000 updates a second together."""
    from similubot_core import ProgressInfo, ProgressStatus
    from similubot_discord_sink import DiscordProgressUpdater

    client = await connected(ask)
    channel = client.get_channel(ask["channels"][0])
    message = await channel.send("…")
    updater = DiscordProgressUpdater(message, update_interval=ask["interval"])
    callback = updater.create_callback() if ask["with_us"] else lambda info: None
    watch = LoopWatch()
    costs = await asyncio.gather(
        *(asyncio.to_thread(timed_updates, callback, ask, f"part {n}") for n in range(8))
    )
    loop_times = watch.stop()
    for number in range(8):
        callback(ProgressInfo(f"part {number}", ProgressStatus.COMPLETED, 100.0))
    ended = time.monotonic()
    if ask["with_us"]:
        await updater.aclose(30)
    await client.close()
    flat = [cost / 1000 for part in costs for cost in part]
    answer = {"message": message.id, "ended": ended, "updates": len(flat)}
    return answer | {"callback_us": spread(flat)} | loop_times


async def jobs_load(ask: dict[str, Any]) -> dict[str, Any]:
    """50 jobs of three stages in 10 channels, each in a thread, 20 updates a second each."""
    from similubot_core import ProgressTracker
    from similubot_discord_sink import DiscordProgressUpdater

    class Counter(ProgressTracker):
        def parse_output(self, text: str) -> bool:
            return False

    client = await connected(ask)
    stages = ["MEGA Download", "Audio Conversion", "Catbox Upload"]
    chance = random.Random(6)
    updaters = []
    for number in range(50):
        channel = client.get_channel(ask["channels"][number % 10])
        message = await channel.send("…")
        updaters.append(
            DiscordProgressUpdater(
                message, ask["interval"], title=f"clip {number}.mp4", operations=stages
            )
        )

    def work(callback: Callable[[Any], None], length: float) -> float:
        for stage in stages:
            tracker = Counter(stage)
            tracker.add_callback(callback)
            with tracker:
                for step in range(int(length * 20)):
                    tracker.update(percentage=100 * step / (length * 20))
                    time.sleep(0.05)
                tracker.complete()
        return time.monotonic()

    watch = LoopWatch()
    results: dict[int, float] = {}
    threads = []
    for number, updater in enumerate(updaters):
        length = chance.uniform(1.5, 5.0)

        def run(number: int = number, updater: Any = updater, length: float = length) -> None:
            results[number] = work(updater.create_callback(), length)

        threads.append(threading.Thread(target=run))
    for thread in threads:
        await asyncio.to_thread(thread.start)  # not one long step of the loop that is measured
    while any(thread.is_alive() for thread in threads):
        await asyncio.sleep(0.05)
    await asyncio.gather(*(updater.aclose(60) for updater in updaters))
    loop_times = watch.stop()
    await client.close()
    return {"ended": results} | loop_times


async def ours_load(ask: dict[str, Any]) -> dict[str, Any]:
    """60 steps in 6 s, as tqdm's run: the sink."""
    from similubot_core import ProgressTracker
    from similubot_discord_sink import DiscordProgressUpdater

    class Counter(ProgressTracker):
        def parse_output(self, text: str) -> bool:
            return False

    client = await connected(ask)
    message = await client.get_channel(ask["channels"][0]).send("…")
    updater = DiscordProgressUpdater(message, update_interval=ask["interval"])

    def work() -> float:
        tracker = Counter("Loop")
        tracker.add_callback(updater.create_callback())
        with tracker:
            for step in range(60):
                time.sleep(0.1)
                tracker.update(percentage=100 * (step + 1) / 60)
            tracker.complete()
        return time.monotonic()

    ended = await asyncio.to_thread(work)
    await updater.aclose(30)
    await client.close()
    return {"ended": ended}


async def tqdm_load(ask: dict[str, Any]) -> dict[str, Any]:
    """60 steps in 6 s with tqdm.contrib.discord, its address changed, nothing else."""
    from tqdm.contrib.discord import DiscordIO, tqdm

    DiscordIO.API = ask["api_url"]
    more = {} if ask["interval"] is None else {"mininterval": ask["interval"]}
    for _ in tqdm(
        range(60), token=ask["token"], channel_id=ask["channels"][0], file=sys.stderr, **more
    ):
        time.sleep(0.1)
    return {"ended": time.monotonic()}


LOADS = {"threads": threads_load, "jobs": jobs_load, "ours": ours_load, "tqdm": tqdm_load}


if __name__ == "__main__":
    name, asked = sys.argv[1:]
    print(json.dumps(asyncio.run(LOADS[name](json.loads(asked)))))
