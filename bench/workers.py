"""What jobs on workers cost beside jobs in the bot's own threads, on one machine.

    python bench/workers.py

The same jobs, from a MEGA link to a Catbox link, run on 1, 2 and 4 workers of one slot and in as
many threads. Redis, the workers and the loopback servers are processes of their own.
"""

import argparse
import contextlib
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import redis
from cryptography.fernet import Fernet

from loopback_mega import serving
from process_cost import clear
from report import Goal, Report, Table, tell
from similubot_bot import BotSettings, Executor, ExecutorContext, JobOutcome, JobStatus, JobTask
from similubot_bot.jobs.local_executor import LocalExecutor
from similubot_bot.jobs.requests import allowed_plugins
from similubot_core import ProgressInfo, ProgressStatus, Settings
from similubot_core.plugins.manager import load_plugins
from similubot_core.process import set_child_niceness
from similubot_ffmpeg import FFmpegSettings
from similubot_ffmpeg.program import find_program
from similubot_loopback.catbox_server.process import CatboxProcess
from similubot_loopback.media import make_sound
from similubot_workers import RedisExecutor
from similubot_workers.command import CHILDREN_GIVE_WAY

COUNTS = (1, 2, 4)
SOUND_SECONDS = 30
PATIENCE = 120.0
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass
class Heard:
    """A listener of one attempt.

    Attributes:
        changed: Set when it has ended.
        late: For each state of an operation that moves, seconds from when it was so.
        outcome: How the attempt ended.
    """

    changed: threading.Event
    late: list[float] = field(default_factory=list)
    outcome: JobOutcome | None = None
    over: threading.Event = field(default_factory=threading.Event)

    def progress(self, info: ProgressInfo) -> None:
        """Take a state."""
        if info.status is ProgressStatus.IN_PROGRESS:
            self.late.append(time.time() - info.timestamp)

    def ended(self, outcome: JobOutcome | None, *, disk_full: bool = False, lost: int = 0) -> None:
        """Take the end."""
        self.outcome = outcome
        self.over.set()
        self.changed.set()


@dataclass(frozen=True)
class Cost:
    """What some jobs took.

    Attributes:
        seconds: From the first one's start to the last one's end.
        cpu: Seconds of processor of the bot, the workers and Redis.
        bot_cpu: What of it the bot's own process took.
        late: Seconds that each state was late.
    """

    seconds: float
    cpu: float
    bot_cpu: float
    late: list[float]


def cpu_of(pid: int) -> float:
    """Seconds of processor that a process has taken, with the children that it has waited for."""
    text = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, text[11:15])) / TICKS


def memory_of(pid: int) -> tuple[float, float]:
    """MiB that a process takes: its own share of what it has, and all of it."""
    found = {}
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]:
        name, value, *_ = line.split()
        found[name] = int(value) / 1024
    return found["Pss:"], found["Rss:"]


@contextlib.contextmanager
def redis_server(folder: Path) -> Iterator[tuple[str, int]]:
    """Run a Redis; its address and its process."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    options = ("--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder))
    argv = ["redis-server", *options, "--appendonly", "yes", "--save", ""]
    process = subprocess.Popen(argv, stdout=subprocess.DEVNULL)
    url = f"redis://127.0.0.1:{port}/0"
    try:
        wait_until(lambda: answers(url))
        yield url, process.pid
    finally:
        process.kill()
        process.wait()


def answers(url: str) -> bool:
    """Whether Redis is there."""
    with contextlib.suppress(redis.RedisError), redis.Redis.from_url(url) as client:
        return bool(client.ping())
    return False


def wait_until(condition: Callable[[], object]) -> None:
    """Poll what nobody tells us of."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.01)


@contextlib.contextmanager
def workers(count: int, environment: dict[str, str]) -> Iterator[list[int]]:
    """Run so many workers of one slot; their processes."""
    argv = [sys.executable, "-m", "similubot_core", "worker", "--slots", "1"]
    found = [
        subprocess.Popen(argv, env=os.environ | environment, stderr=subprocess.DEVNULL)
        for _ in range(count)
    ]
    try:
        yield [process.pid for process in found]
    finally:
        for process in found:
            process.terminate()
        for process in found:
            process.wait(PATIENCE)


def run_jobs(
    executor: Executor, link: str, numbers: Sequence[int], slots: int, pids: Sequence[int]
) -> Cost:
    """Run jobs, as many at once as there are slots."""
    before, own = sum(map(cpu_of, pids)), cpu_of(os.getpid())
    began = time.monotonic()
    heard = {}
    waiting = list(numbers)
    running: list[Heard] = []
    changed = threading.Event()
    while waiting or running:
        running = [one for one in running if not one.over.is_set()]
        while waiting and len(running) < min(slots, executor.slots):
            job = waiting.pop()
            one = heard[job] = Heard(changed)
            running.append(one)
            task = JobTask(job, 1, link, "link", "sound.flac", 128, "catbox", 10**9)
            executor.run(task, one)
        changed.wait(0.05)  # a slot may also become free by what a worker says
        changed.clear()
    seconds = time.monotonic() - began
    for one in heard.values():
        assert one.outcome is not None
        assert one.outcome.status is JobStatus.DONE, one.outcome
    bot_cpu = cpu_of(os.getpid()) - own
    late = [value for one in heard.values() for value in one.late]
    return Cost(seconds, sum(map(cpu_of, pids)) - before + bot_cpu, bot_cpu, late)


@dataclass(frozen=True)
class Found:
    """All figures."""

    local: dict[int, Cost]
    remote: dict[int, Cost]
    idle_cpu: float
    memory: tuple[float, float]
    memory_after: tuple[float, float]


def measure_all(folder: Path, jobs: int, idle_seconds: float) -> Found:
    """Run everything."""
    ffmpeg = find_program(FFmpegSettings()).path
    sound = make_sound(folder / "sound.flac", SOUND_SECONDS, ffmpeg)
    (folder / "redis").mkdir()
    with (
        serving([sound]) as mega,
        CatboxProcess(folder / "results") as catbox,
        redis_server(folder / "redis") as (url, redis_pid),
    ):
        key = Fernet.generate_key().decode()
        environment = {
            "SIMILUBOT_WORKERS_URL": url,
            "SIMILUBOT_WORKERS_KEY": key,
            "SIMILUBOT_WORKERS_FOLDER": str(folder / "work"),
            "SIMILUBOT_MEGA_BACKEND": "embedded",
            "SIMILUBOT_MEGA_API_URL": mega.url,
            "SIMILUBOT_FFMPEG_PROGRAM": str(ffmpeg),
            "SIMILUBOT_CATBOX_API_URL": catbox.catbox_url,
            "SIMILUBOT_BOT_MIN_FREE_DISK": "0",
        }
        settings = Settings(environ=environment)
        set_child_niceness(CHILDREN_GIVE_WAY)  # as the bot and its workers have it
        plugins = allowed_plugins(load_plugins(), settings.table(BotSettings))
        (link,) = mega.links
        local, remote = {}, {}
        number = 1
        for count in COUNTS:
            executor: Executor = LocalExecutor(plugins, settings, folder / "jobs", count)
            run_jobs(executor, link, [number], count, ())  # imports what jobs need
            local[count] = run_jobs(executor, link, range(number + 1, number + 1 + jobs), count, ())
            shutil.rmtree(folder / "jobs")
            clear(folder / "results")
            number += 1 + jobs
        idle_cpu, memory, memory_after = 0.0, (0.0, 0.0), (0.0, 0.0)
        for count in COUNTS:
            bot = folder / f"bot-{count}"
            bot.mkdir()
            context = ExecutorContext(plugins, settings, bot, lambda: None)
            carrier = RedisExecutor(url, key, "jobs", context)
            with workers(count, environment) as pids:
                wait_until(lambda: carrier.slots == count)  # noqa: B023
                if count == COUNTS[0]:
                    before = cpu_of(pids[0])
                    memory = memory_of(pids[0])
                    time.sleep(idle_seconds)
                    idle_cpu = (cpu_of(pids[0]) - before) / idle_seconds
                for _ in pids:
                    run_jobs(carrier, link, range(number, number + count), count, ())
                    number += count
                numbers = range(number, number + jobs)
                remote[count] = run_jobs(carrier, link, numbers, count, (*pids, redis_pid))
                number += jobs
                memory_after = memory_of(pids[0])
            close(carrier)
            clear(folder / "results")
    return Found(local, remote, idle_cpu, memory, memory_after)


def close(executor: RedisExecutor) -> None:
    """End it."""
    import asyncio

    asyncio.run(executor.close())


def measure(arguments: argparse.Namespace) -> Report:
    """Measure and tell."""
    title = "Jobs on workers"
    if shutil.which("redis-server") is None:
        return Report(title, "Not measured.", ("redis-server is missing; install it.",))
    with tempfile.TemporaryDirectory(prefix="similubot-bench-") as folder:
        found = measure_all(Path(folder), arguments.jobs, arguments.idle)
    jobs = arguments.jobs
    rows = []
    for count in COUNTS:
        for name, cost in (("threads", found.local[count]), ("workers", found.remote[count])):
            rows.append(
                (
                    f"{count} {name}",
                    f"{cost.seconds / jobs:.3f}",
                    f"{cost.cpu / jobs:.3f}",
                    f"{cost.bot_cpu / jobs * 1e3:.0f}",
                    f"{statistics.median(cost.late) * 1e3:.0f}",
                    f"{statistics.quantiles(cost.late, n=100)[98] * 1e3:.0f}",
                )
            )
    dearer = statistics.mean(
        (found.remote[count].cpu - found.local[count].cpu) / jobs for count in COUNTS
    )
    slower = statistics.mean(
        (found.remote[count].seconds - found.local[count].seconds) / jobs for count in COUNTS
    )
    columns = ("", "wall a job, s", "CPU a job, s", "of it the bot, ms", "late, ms", "99 %, ms")
    return Report(
        title,
        f"{jobs} jobs each of {SOUND_SECONDS} s of sound (FLAC), from link to link, in threads of "
        "the bot and on workers of one slot; all on one machine, so that more workers cannot be "
        "faster than its processors. CPU is of the bot, the workers and Redis, without FFmpeg's. A "
        "state is late by the time from when it was so until the bot has it.",
        (
            f"A job on a worker takes {slower * 1e3:+.0f} ms and {dearer * 1e3:+.0f} ms of CPU "
            "more than in a thread of the bot.",
            f"An idle worker takes {found.idle_cpu * 100:.2f} % of a processor and "
            f"{found.memory[0]:.0f} MiB ({found.memory[1]:.0f} MiB with what it shares with other "
            f"programs); after jobs {found.memory_after[0]:.0f} MiB "
            f"({found.memory_after[1]:.0f} MiB).",
        ),
        (Table("", columns, tuple(rows)),),
        goals=(Goal("an idle worker, MiB", found.memory[0], 60.0),),
    )


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """How much is measured."""
    parser.add_argument("--jobs", type=int, default=12)
    parser.add_argument("--idle", type=float, default=20.0, help="seconds")


if __name__ == "__main__":
    tell(__doc__, measure, add_arguments)
