"""Coroutine functions as callbacks and sinks: awaited on their loop, and the end never lost."""

import asyncio
import subprocess
import sys
import threading

import pytest

from similubot_core import CountingTracker, ProgressInfo, ProgressStatus
from similubot_core.progress import AsyncPacedSink

COMPLETED = ProgressStatus.COMPLETED


async def settle(seen: list[ProgressInfo], status: ProgressStatus = COMPLETED) -> None:
    async with asyncio.timeout(20):
        while not seen or seen[-1].status is not status:
            await asyncio.sleep(0.005)


async def test_it_is_awaited_on_the_loop_where_it_was_added() -> None:
    seen: list[ProgressInfo] = []
    threads: set[int] = set()

    async def handle(info: ProgressInfo) -> None:
        await asyncio.sleep(0)
        seen.append(info)
        threads.add(threading.get_ident())

    tracker = CountingTracker("Copy")
    tracker.add_callback(handle)

    def work() -> None:
        for n in range(1000):
            tracker.update(current_size=n, total_size=1000)
        tracker.complete()

    await asyncio.to_thread(work)
    await settle(seen)
    statuses = [info.status.value for info in seen]
    assert list(dict.fromkeys(statuses)) == ["starting", "in_progress", "completed"]
    assert threads == {threading.get_ident()}


async def test_an_object_whose_call_is_a_coroutine_function_is_awaited_too() -> None:
    class Handler:
        def __init__(self) -> None:
            self.seen: list[ProgressInfo] = []

        async def __call__(self, info: ProgressInfo) -> None:
            self.seen.append(info)

    tracker, handler = CountingTracker("Copy"), Handler()
    tracker.add_callback(handler)
    tracker.complete()
    await settle(handler.seen)


async def test_while_one_call_is_awaited_only_the_newest_state_waits() -> None:
    seen: list[ProgressInfo] = []
    go = asyncio.Event()

    async def handle(info: ProgressInfo) -> None:
        seen.append(info)
        await go.wait()

    tracker = CountingTracker("Copy")
    tracker.add_callback(handle)
    for n in range(1000):
        tracker.update(current_size=n, total_size=1000)
    await asyncio.sleep(0.01)
    tracker.complete()
    go.set()
    await settle(seen)
    assert len(seen) == 3


async def test_one_that_raises_is_logged_and_gets_the_end(caplog: pytest.LogCaptureFixture) -> None:
    seen: list[ProgressInfo] = []

    async def handle(info: ProgressInfo) -> None:
        seen.append(info)
        raise ValueError("broken handler")

    tracker = CountingTracker("Copy")
    tracker.add_callback(handle)
    tracker.update(1)
    tracker.complete()
    await settle(seen)
    assert len(caplog.records) == 1


async def test_no_task_is_left_after_the_end() -> None:
    seen: list[ProgressInfo] = []

    async def handle(info: ProgressInfo) -> None:
        seen.append(info)

    tracker = CountingTracker("Copy")
    tracker.add_callback(handle)
    tracker.complete()
    await settle(seen)
    async with asyncio.timeout(20):
        while len(asyncio.all_tasks()) > 1:
            await asyncio.sleep(0.005)


def test_outside_a_loop_it_is_refused() -> None:
    async def handle(info: ProgressInfo) -> None: ...

    with pytest.raises(RuntimeError, match="event loop"):
        CountingTracker("Copy").add_callback(handle)


@pytest.mark.parametrize("pause", ["", "await asyncio.sleep(0.05)"])
def test_a_program_that_ends_still_awaits_the_last_state(pause: str) -> None:
    program = f"""
import asyncio
from similubot_core import CountingTracker

async def handle(info):
    await asyncio.sleep(0.05)
    print(info.status.value, flush=True)

async def main():
    tracker = CountingTracker("Copy")
    tracker.add_callback(handle)
    tracker.update(current_size=1)
    {pause}
    tracker.complete()

asyncio.run(main())
"""
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False
    )
    assert (ended.stdout.split()[-1:], ended.stderr) == (["completed"], "")


def test_after_its_loop_has_ended_the_work_goes_on() -> None:
    seen: list[ProgressInfo] = []

    async def handle(info: ProgressInfo) -> None:
        seen.append(info)

    async def add() -> CountingTracker:
        tracker = CountingTracker("Copy")
        tracker.add_callback(handle)
        return tracker

    tracker = asyncio.run(add())
    tracker.update(50)
    tracker.complete()
    assert tracker.get_current_progress().status is COMPLETED


async def test_a_sink_loses_nothing_when_it_is_closed_inside_the_loop() -> None:
    seen: list[ProgressInfo] = []

    async def write(info: ProgressInfo) -> None:
        await asyncio.sleep(0.01)
        seen.append(info)

    sink = AsyncPacedSink(write, interval=3600)
    trackers = [CountingTracker("Copy") for _ in range(3)]
    for tracker in trackers:
        tracker.add_callback(sink.show)
        tracker.update(1)
        tracker.update(50)
    trackers[0].complete()
    assert await sink.aclose()
    last = {info.id: info.percentage for info in seen}
    assert list(last.values()) == [100, 50, 50]


async def test_closing_a_sink_that_hangs_ends_in_time() -> None:
    async def write(info: ProgressInfo) -> None:
        await asyncio.Event().wait()

    sink = AsyncPacedSink(write, 0.05)
    sink.show(ProgressInfo("Copy", COMPLETED))
    async with asyncio.timeout(10):
        assert not await sink.aclose(timeout=0.05)
