"""A real Redis, real `similubot worker` processes, and MEGA and Catbox on this machine."""

import asyncio
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import redis
from cryptography.fernet import Fernet

from similubot_bot import BotSettings, ExecutorContext, JobOutcome, JobRecord, JobRequest
from similubot_bot.jobs.executor import Executor
from similubot_bot.jobs.local_executor import LocalExecutor
from similubot_bot.jobs.manager import JobManager
from similubot_bot.jobs.presenter import MessageRef
from similubot_bot.jobs.requests import allowed_plugins
from similubot_bot.jobs.sinks import JobSinks
from similubot_bot.jobs.store_thread import StoreThread
from similubot_core import ProgressCallback, ProgressInfo, Settings
from similubot_core.plugins.manager import load_plugins
from similubot_core.plugins.specs import Plugins
from similubot_ffmpeg.program import find_program
from similubot_ffmpeg.settings import FFmpegSettings
from similubot_loopback import media
from similubot_loopback.catbox_server import LoopbackCatbox
from similubot_loopback.mega_server import LoopbackMega
from similubot_loopback.silent_presenter import SilentMessage, SilentPresenter
from similubot_workers import RedisExecutor

PATIENCE = 120.0
PASSWORD = "loopback-password-that-is-secret"
SLOWLY = 20_000
"""Bytes a second at which a download of 3 s of sound goes on for half a minute."""
KEY = Fernet.generate_key().decode()


class RedisServer:
    """A real Redis with a password; `start` it again after `kill`."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.folder = folder
        with socket.create_server(("127.0.0.1", 0)) as server:
            self.port = int(server.getsockname()[1])
        self.url = f"redis://:{PASSWORD}@127.0.0.1:{self.port}/0"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        options = {
            "port": self.port, "bind": "127.0.0.1", "dir": self.folder, "requirepass": PASSWORD,
            "appendonly": "yes", "appendfsync": "everysec", "save": "",
        }  # fmt: skip
        words = [str(word) for key, value in options.items() for word in (f"--{key}", value)]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(["redis-server", *words], stdout=log, stderr=log)
        wait_until(self.answers)

    def answers(self) -> bool:
        with contextlib.suppress(redis.RedisError), self.client() as client:
            return bool(client.ping())
        return False

    def client(self) -> redis.Redis:
        return redis.Redis.from_url(self.url)

    def kill(self, *, lose_data: bool = False) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait(PATIENCE)
        if lose_data:
            shutil.rmtree(self.folder / "appendonlydir")

    def signal(self, number: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(number)


class Wire:
    """A line to a port of this machine that can be cut as a network is: nothing arrives any more,
    and nobody is told.
    """

    def __init__(self, port: int) -> None:
        self._target = port
        self._whole = threading.Event()
        self._whole.set()
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._server.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        self._whole.clear()

    def mend(self) -> None:
        self._whole.set()

    def close(self) -> None:
        self.mend()
        self._server.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._server.accept()
                self._whole.wait()
                far = socket.create_connection(("127.0.0.1", self._target))
                for ends in ((near, far), (far, near)):
                    threading.Thread(target=self._carry, args=ends, daemon=True).start()

    def _carry(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError), source, target:
            while data := source.recv(65536):
                self._whole.wait()
                target.sendall(data)


@dataclass
class WorkerProcess:
    """`similubot worker` as a child."""

    process: "subprocess.Popen[bytes]"
    log: Path
    folder: Path
    mark: int = 0

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(PATIENCE)

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def log_text(self) -> str:
        """What it has logged since the test began."""
        return self.log.read_text(encoding="utf-8")[self.mark :]

    def left_over(self) -> list[Path]:
        """What lies in the folders of the workers' jobs."""
        return [path for path in self.folder.glob("*/*") if path.is_dir()]


def wait_until(condition: Callable[[], object], timeout: float = PATIENCE) -> None:
    """Poll what nobody tells us of."""
    end = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.02)


async def until(condition: Callable[[], object], timeout: float = PATIENCE) -> None:
    """The same, with the event loop going on."""
    end = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < end, "it never came"
        await asyncio.sleep(0.02)


class Live(SilentMessage):
    """Keeps what one attempt's message is shown."""

    def __init__(self, shown: "Shown", job: int) -> None:
        self._shown, self._job = shown, job

    def create_callback(self) -> ProgressCallback:
        def show(info: ProgressInfo) -> None:
            self._shown.states.append((self._job, info, time.time()))

        return show


@dataclass
class Shown(SilentPresenter):
    """A presenter that keeps what it shows."""

    states: list[tuple[int, ProgressInfo, float]] = field(default_factory=list)
    outcomes: list[tuple[int, JobOutcome]] = field(default_factory=list)
    begun_again: list[int] = field(default_factory=list)

    def live(
        self, record: JobRecord, operations: Sequence[str], *, begun_again: bool = False
    ) -> Live:
        if begun_again:
            self.begun_again.append(record.id)
        return Live(self, record.id)

    async def show_outcome(self, record: JobRecord, live: SilentMessage | None = None) -> None:
        assert record.outcome is not None
        self.outcomes.append((record.id, record.outcome))


@dataclass
class Office:
    """A bot without Discord: its queue, its job list, and its executors."""

    manager: JobManager[SilentMessage]
    shown: Shown
    store: StoreThread
    executor: Executor

    async def ask(self, link: str, user: int = 1, server: int | None = None) -> None:
        request = JobRequest(user, server, 2, link, "link", "song", 64, "catbox")
        await self.manager.submit(request, self._reply)

    async def _reply(self, record: JobRecord, position: int | None) -> MessageRef:
        return record.id, 2

    async def ended(self, count: int, timeout: float = PATIENCE) -> list[tuple[int, JobOutcome]]:
        """Wait for so many outcomes; all that there are."""
        await until(lambda: len(self.shown.outcomes) >= count, timeout)
        return self.shown.outcomes

    async def working(self, operation: str = "") -> None:
        """Wait until a job reports that it is at an operation, or at any."""
        await until(lambda: any(operation in s.operation for _, s, _ in self.shown.states))

    async def close(self, *, kill: bool = False) -> None:
        """End it in order, or as a crash does: nobody hears anything more."""
        if kill:
            for running in self.manager.running:
                running.executor.release(running.record.id)
                running.ended(None)
            self.manager.stopping = True
        else:
            await self.manager.stop(0.0, asyncio.Event())
        if kill:
            await self.executor.close()
        self.store.close()


class Lab:
    """Everything around the workers: Redis, MEGA, Catbox, folders."""

    def __init__(self, folder: Path, server: RedisServer, mega: LoopbackMega,
                 catbox: LoopbackCatbox) -> None:  # fmt: skip
        self.folder, self.redis, self.mega, self.catbox = folder, server, mega, catbox
        self.workers: list[WorkerProcess] = []
        self.bots = self.uploaded = 0

    @property
    def uploads(self) -> int:
        """How many files were uploaded since the test began."""
        return len(self.catbox.uploads) - self.uploaded

    def environ(self) -> dict[str, str]:
        return {
            "SIMILUBOT_WORKERS_URL": self.redis.url,
            "SIMILUBOT_WORKERS_KEY": KEY,
            "SIMILUBOT_WORKERS_FOLDER": str(self.folder / "worker"),
            "SIMILUBOT_MEGA_API_URL": self.mega.url,
            "SIMILUBOT_MEGA_BACKEND": "embedded",
            "SIMILUBOT_CATBOX_API_URL": self.catbox.catbox_url,
            "SIMILUBOT_CATBOX_LITTERBOX_URL": self.catbox.litterbox_url,
            "SIMILUBOT_BOT_MIN_FREE_DISK": "0",
        }

    def start_worker(self, slots: int = 1, **environ: str) -> WorkerProcess:
        log = self.folder / f"worker-{len(self.workers)}.log"
        clean = {k: v for k, v in os.environ.items() if not k.startswith("SIMILUBOT_")}
        command = [sys.executable, "-m", "similubot_core", "worker", "--slots", str(slots)]
        with log.open("ab") as file:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                env=clean | self.environ() | environ,
                cwd=self.folder,
            )
        made = WorkerProcess(process, log, self.folder / "worker")
        self.workers.append(made)
        return made

    async def open_office(
        self,
        executor: str = "workers",
        *,
        local_slots: int = 0,
        lost_seconds: float = 3.0,
        redis_url: str = "",
        again: bool = False,
        **settings: object,
    ) -> Office:
        """A bot's queue; with `again` on the folder of the one before it."""
        if not again:
            self.bots += 1
        folder = self.folder / f"bot-{self.bots}"
        (folder / "jobs").mkdir(parents=True, exist_ok=True)
        table = BotSettings(
            data_folder=folder,
            min_free_disk=0,
            notify_after=float("inf"),
            open_per_user=50,
            **settings,  # type: ignore[arg-type]
        )
        core = Settings(environ=self.environ())
        plugins = allowed_plugins(load_plugins(), table)
        store = StoreThread(folder / "jobs.db")
        shown = Shown()
        loop = asyncio.get_running_loop()

        def slots_changed() -> None:
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(lambda: manager.pump())

        executors: list[Executor] = []
        if executor == "workers":
            context = ExecutorContext(plugins, core, folder, slots_changed)
            executors.append(
                RedisExecutor(
                    redis_url or self.redis.url,
                    KEY,
                    "jobs",
                    context,
                    lost_seconds=lost_seconds,
                    missing_seconds=lost_seconds,
                )
            )
        if local_slots:
            executors.append(LocalExecutor(plugins, core, folder / "jobs", local_slots))
        manager: JobManager[SilentMessage] = JobManager(
            table,
            store,
            executors,
            shown,
            lambda request: (),
            lambda outcome: None,
            _unknown,
            JobSinks(Plugins(), Settings(environ={}), ()),
        )
        office = Office(manager, shown, store, executors[0])
        await manager.resume()
        return office


async def begin_slowly(lab: Lab, office: Office, file: Path) -> str:
    """Ask for a job that stays in its download until the limit is lifted; returns its link."""
    lab.mega.limit = SLOWLY
    link = lab.mega.add_file("slow.wav", file)
    await office.ask(link)
    await office.working("MEGA")
    return link


async def _unknown(request: JobRequest) -> None:
    """Look nothing up: the source's size is not known."""


@pytest.fixture(scope="session")
def make_sound(tmp_path_factory: pytest.TempPathFactory) -> Callable[[float], Path]:
    """Makes a .wav of some seconds with real FFmpeg, each length once."""
    folder = tmp_path_factory.mktemp("sounds")
    program = find_program(FFmpegSettings()).path

    def make(seconds: float) -> Path:
        file = folder / f"{seconds:g}.wav"
        return file if file.exists() else media.make_sound(file, seconds, program)

    return make


@contextlib.contextmanager
def laboratory(folder: Path) -> Iterator[Lab]:
    """Redis, MEGA and Catbox; at the end no worker has said anything secret, or stumbled."""
    if shutil.which("redis-server") is None:
        pytest.skip("redis-server is not there; Debian's package redis-server brings it")
    server = RedisServer(folder / "redis")
    server.start()
    with LoopbackMega() as mega, LoopbackCatbox(folder / "catbox") as catbox:
        lab = Lab(folder, server, mega, catbox)
        try:
            yield lab
        finally:
            for worker in lab.workers:
                if worker.process.poll() is None:
                    worker.signal(signal.SIGCONT)
                    worker.kill()
            if server.process is not None and server.process.poll() is None:
                server.signal(signal.SIGCONT)
                server.kill()
        for worker in lab.workers:
            text = worker.log.read_text(encoding="utf-8")
            assert "Traceback" not in text, text
            assert PASSWORD not in text
            assert KEY not in text


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    with laboratory(tmp_path) as made:
        yield made


@pytest.fixture(scope="module")
def _shared_lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """One with a worker of two slots, for the tests of a module that leave it as it was."""
    with laboratory(tmp_path_factory.mktemp("lab")) as made:
        made.start_worker(slots=2)
        yield made


@pytest.fixture
def shared_lab(_shared_lab: Lab) -> Iterator[Lab]:
    """The module's, as if it were new."""
    for worker in _shared_lab.workers:
        worker.mark += len(worker.log_text())
    _shared_lab.uploaded = len(_shared_lab.catbox.uploads)
    yield _shared_lab
    _shared_lab.mega.limit = None


@pytest.fixture
def wire(lab: Lab) -> Iterator[Wire]:
    """A line to the lab's Redis."""
    made = Wire(lab.redis.port)
    yield made
    made.close()
