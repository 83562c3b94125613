"""What 200 people who look at the bot's page cost the bot's event loop.

    python bench/web_viewers.py

200 jobs run under the real queue and service; their states change ten times a second, as an
executor reports them. The page is served in the queue's own event loop, as in the bot; who looks is
another process. The loop's lateness and memory stand beside the same without viewers.
"""

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path

from aiohttp import ClientSession, ClientTimeout, TCPConnector, web

from report import Goal, Report, Table, tell
from similubot_bot.jobs.executor import AttemptListener, JobTask, Machine
from similubot_bot.jobs.manager import JobManager
from similubot_bot.jobs.presenter import MessageRef
from similubot_bot.jobs.records import JobRecord, JobRequest
from similubot_bot.jobs.sinks import JobSinks
from similubot_bot.jobs.store_thread import StoreThread
from similubot_bot.ops.loop_watch import LoopWatch
from similubot_bot.service import BotService
from similubot_bot.settings import BotSettings
from similubot_core import ProgressInfo, ProgressStatus, Settings
from similubot_core.plugins.specs import Plugins
from similubot_loopback.silent_presenter import SilentMessage, SilentPresenter
from similubot_web.access import Access
from similubot_web.bot_page import BotPage
from similubot_web.pages import make_app

JOBS, VIEWERS, SLEEPERS = 200, 200, 10
STATES_A_SECOND = 10
OPERATIONS = ("MEGA Download", "Audio Conversion", "Catbox Upload")
MB = 1024 * 1024


class Moving:
    """An executor whose jobs all run, and report from a thread of their own."""

    name = "moving"
    outlives_bot = False
    shares_disk = False
    slots = JOBS
    machines: tuple[Machine, ...] = ()

    def __init__(self) -> None:
        self._listeners: dict[int, AttemptListener] = {}
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._move, daemon=True)
        self._thread.start()

    def run(self, task: JobTask, listener: AttemptListener) -> None:
        for number, name in enumerate(OPERATIONS):
            id_ = f"{task.job}-{number}"
            listener.progress(ProgressInfo(name, ProgressStatus.STARTING, id=id_))
        self._listeners[task.job] = listener

    def _move(self) -> None:
        done = 0
        while not self._ended.wait(1 / STATES_A_SECOND):
            done += 1
            share = min(99.0, done / 100)
            for job, listener in list(self._listeners.items()):
                info = ProgressInfo(
                    OPERATIONS[1],
                    ProgressStatus.IN_PROGRESS,
                    share,
                    current_size=done * 100_000 + job,
                    total_size=1_000_000_000,
                    speed=1_000_000.0 + job,
                    eta=1000.0 - share,
                    id=f"{job}-1",
                )
                listener.progress(info)

    def cancel(self, job: int) -> None:
        """Nothing is cancelled here."""

    def release(self, job: int) -> None:
        self._listeners[job].ended(None)

    async def adopt(self, task: JobTask, listener: AttemptListener) -> bool:
        return False

    async def sweep(self, open_jobs: set[int]) -> None:
        """There is nothing to remove."""

    async def forget(self, job: int) -> None:
        """There is nothing to remove."""

    async def close(self) -> None:
        self._ended.set()
        self._thread.join()


async def unknown(request: JobRequest) -> None:
    """A lookup that knows nothing."""


class Measured:
    """A time with or without viewers: latenesses in seconds, memory in bytes, processor seconds."""

    def __init__(self) -> None:
        self.late: list[float] = []
        self.memory: list[int] = []
        self.cpu = 0.0

    def percentile(self, share: float) -> float:
        return sorted(self.late)[int(share * (len(self.late) - 1))] * 1000


async def measure(
    folder: Path, seconds: float
) -> tuple[Measured, Measured, dict[str, float], float]:
    """Without viewers, then with them; what they saw; and seconds to a first state."""
    store = StoreThread(folder / "jobs.db")
    settings = BotSettings(
        data_folder=folder, min_free_disk=0, open_per_server=10_000, notify_after=float("inf")
    )
    (folder / "jobs").mkdir()
    plugins, core = Plugins(), Settings(environ={})
    manager: JobManager[SilentMessage] = JobManager(
        settings,
        store,
        [Moving()],
        SilentPresenter(),  # Discord is not what is measured
        lambda request: OPERATIONS,
        lambda outcome: None,
        unknown,
        JobSinks(plugins, core, ()),
    )
    now = Measured()
    watch = LoopWatch(lambda late: now.late.append(late))
    service = BotService(plugins, core, settings, ("catbox",), store, manager, watch)
    page = BotPage(service)
    runner = web.AppRunner(
        make_app(Access(), page.look, "bot.html", ("bot.js",)), access_log=None, shutdown_timeout=1
    )
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    address = f"http://127.0.0.1:{runner.addresses[0][1]}/"
    watching = asyncio.create_task(watch.run())

    async def reply(record: JobRecord, position: int | None) -> MessageRef:
        return record.id, 2

    for user in range(1, JOBS + 1):
        request = JobRequest(
            user, 7, 2, "https://host.example/1", "link", f"Song {user}.wav", 128, "catbox"
        )
        await manager.submit(request, reply)

    async def last(measured: Measured) -> None:
        nonlocal now
        now = measured
        began = time.process_time()
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            measured.memory.append(service.condition().memory or 0)
            await asyncio.sleep(1)
        measured.cpu = time.process_time() - began

    await asyncio.sleep(3)
    assert len(manager.running) == JOBS
    without = Measured()
    await last(without)
    first = await first_state(address)
    viewers = await asyncio.create_subprocess_exec(
        sys.executable, __file__, "--look-at", address, stdout=asyncio.subprocess.PIPE,
        stdin=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert viewers.stdout is not None
    assert viewers.stdin is not None
    await viewers.stdout.readline()  # all of them look
    beside = Measured()
    await last(beside)
    viewers.stdin.close()
    seen: dict[str, float] = json.loads(await viewers.stdout.read())
    await viewers.wait()
    watching.cancel()
    await runner.cleanup()
    await manager.stop(0, asyncio.Event())
    store.close()
    return without, beside, seen, first


async def first_state(address: str) -> float:
    """Seconds from a request to the whole first state, the slowest of ten: nobody looks before."""
    took = []
    async with ClientSession() as session:
        for _ in range(10):
            began = time.perf_counter()
            async with session.get(f"{address}events", read_bufsize=2**20) as answer:
                async for line in answer.content:
                    if line.startswith(b'data: {""'):
                        break
            took.append(time.perf_counter() - began)
    return max(took)


async def look(address: str) -> None:
    """200 viewers that read, and 10 that read nothing, until stdin ends."""
    counts = {"events": 0, "bytes": 0, "behind": 0}
    limit = ClientTimeout(total=None)
    async with ClientSession(connector=TCPConnector(limit=0), timeout=limit) as session:

        async def read() -> None:
            whole = 0
            async with session.get(f"{address}events", read_bufsize=2**20) as answer:
                async for line in answer.content:
                    counts["bytes"] += len(line)
                    counts["events"] += line.startswith(b"data: ")
                    whole += line == b"event: all\n"
            counts["behind"] += max(0, whole - 1)

        sleepers = [await session.get(f"{address}events") for _ in range(SLEEPERS)]
        tasks = [asyncio.create_task(read()) for _ in range(VIEWERS)]
        while counts["events"] < 2 * VIEWERS:
            await asyncio.sleep(0.1)
        print("all look", flush=True)
        began, before = time.monotonic(), counts["events"]
        await asyncio.to_thread(sys.stdin.read)
        seconds = time.monotonic() - began
        rate = (counts["events"] - before) / seconds / VIEWERS
        print(json.dumps({"rate": rate, "megabytes": counts["bytes"] / MB, "seconds": seconds}))
        for task in tasks:
            task.cancel()
        for answer in sleepers:
            answer.close()


def report(arguments: argparse.Namespace) -> Report:
    """Measure, and say what was found."""
    with tempfile.TemporaryDirectory() as folder:
        measured = asyncio.run(measure(Path(folder), arguments.seconds))
    without, beside, seen, first = measured
    grown = (beside.memory[-1] - beside.memory[len(beside.memory) // 3]) / MB
    rows = [
        (name, *(f"{one.percentile(share):.1f} ms" for share in (0.5, 0.99, 1.0)),
         f"{one.cpu / arguments.seconds:.0%}", f"{statistics.median(one.memory) / MB:.1f} MB")
        for name, one in (("nobody looks", without), (f"{VIEWERS} look", beside))
    ]  # fmt: skip
    return Report(
        f"{VIEWERS} people at the bot's page",
        f"{JOBS} running jobs whose states change {STATES_A_SECOND} times a second, for "
        f"{arguments.seconds:g} seconds each; {SLEEPERS} further viewers read nothing. The loop is "
        "asked 20 times a second how late it wakes up.",
        (
            f"Each viewer got {seen['rate']:.2f} states a second, all of them together "
            f"{seen['megabytes'] / seen['seconds']:.1f} MB a second.",
            f"The whole first state of {JOBS} jobs was there {first * 1000:.1f} ms after the "
            "request, the slowest of ten.",
        ),
        (
            Table(
                "",
                ("", "late, median", "99 of 100", "worst", "a processor's share", "memory"),
                tuple(rows),
            ),
        ),
        goals=(
            Goal("first state after a request, ms", first * 1000, 100),
            Goal("states a viewer gets in a second", seen["rate"], 4.1),
            Goal("memory grown in the last two thirds of the time, MB", grown, 5),
            Goal("median lateness with 200 viewers, ms", beside.percentile(0.5), 50),
        ),
    )


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """How long to measure, and what the other process is told."""
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--look-at", metavar="ADDRESS", help=argparse.SUPPRESS)


if __name__ == "__main__":
    if "--look-at" in sys.argv:
        asyncio.run(look(sys.argv[-1]))
    else:
        tell(__doc__, report, add_arguments)
