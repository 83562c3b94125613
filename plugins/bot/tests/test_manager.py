"""The job manager with an executor and a presenter that misbehave: a slot always comes back."""

from collections.abc import Sequence
from pathlib import Path

from similubot_bot.jobs.executor import AttemptListener, JobTask, Machine
from similubot_bot.jobs.manager import JobManager
from similubot_bot.jobs.presenter import MessageRef, Reply
from similubot_bot.jobs.records import JobOutcome, JobRecord, JobRequest, JobStatus
from similubot_bot.jobs.sinks import JobSinks
from similubot_bot.jobs.store_thread import StoreThread
from similubot_bot.settings import BotSettings
from similubot_core import Settings
from similubot_core.plugins.specs import Plugins
from similubot_loopback.silent_presenter import SilentMessage, SilentPresenter

DONE = JobOutcome(JobStatus.DONE, "https://host.example/a.m4a", "a.m4a")


class Shown(SilentPresenter):
    """A presenter that keeps what it shows."""

    def __init__(self) -> None:
        self.outcomes: list[tuple[int, JobStatus]] = []
        self.fails_to_post = False
        self.waiting_again: list[tuple[int, bool]] = []
        self.begun_again: list[bool] = []

    async def post(
        self, record: JobRecord, position: int | None, reply: Reply | None
    ) -> MessageRef | None:
        if self.fails_to_post:
            raise RuntimeError("post")
        return await super().post(record, position, reply)

    def live(
        self, record: JobRecord, operations: Sequence[str], *, begun_again: bool = False
    ) -> SilentMessage:
        self.begun_again.append(begun_again)
        return SilentMessage()

    async def show_waiting_again(
        self, record: JobRecord, live: SilentMessage, *, elsewhere: bool = False
    ) -> None:
        self.waiting_again.append((record.id, elsewhere))

    async def show_outcome(self, record: JobRecord, live: SilentMessage | None = None) -> None:
        assert record.outcome is not None
        self.outcomes.append((record.id, record.outcome.status))


class Fragile:
    """An executor with one slot, as a stranger's plugin may bring one: its first run raises, its
    second hands the job back, and the others do it.
    """

    name = "fragile"
    outlives_bot = False
    shares_disk = False
    slots = 1
    machines: tuple[Machine, ...] = ()

    def __init__(self) -> None:
        self.tasks: list[tuple[int, int]] = []

    def run(self, task: JobTask, listener: AttemptListener) -> None:
        self.tasks.append((task.job, task.attempt))
        if len(self.tasks) == 1:
            raise RuntimeError("can't start new thread")
        listener.ended(None if len(self.tasks) == 2 else DONE)

    def cancel(self, job: int) -> None:
        """There is nothing to cancel."""

    def release(self, job: int) -> None:
        """There is nothing to release."""

    async def adopt(self, task: JobTask, listener: AttemptListener) -> bool:
        return False

    async def sweep(self, open_jobs: set[int]) -> None:
        """There is nothing to remove."""

    async def forget(self, job: int) -> None:
        """There is nothing to remove."""

    async def close(self) -> None:
        """There is nothing to close."""


async def unknown(request: JobRequest) -> None:
    """A lookup that knows nothing."""


def request(user: int) -> JobRequest:
    return JobRequest(user, None, 2, "https://tube.example/1", "link", "a", None, "host")


async def reply(record: JobRecord, position: int | None) -> MessageRef:
    return record.id, 2


class Deadly(Fragile):
    """An executor in which one machine after another breaks down over the same job."""

    name = "deadly"

    def run(self, task: JobTask, listener: AttemptListener) -> None:
        self.tasks.append((task.job, task.attempt))
        listener.ended(None, lost=len(self.tasks))


def make_manager(
    folder: Path,
    store: StoreThread,
    executor: Fragile,
    shown: Shown,
    ended: list[JobOutcome],
) -> JobManager[SilentMessage]:
    (folder / "jobs").mkdir()
    return JobManager(
        BotSettings(data_folder=folder, min_free_disk=0, notify_after=float("inf")),
        store,
        [executor],
        shown,
        lambda request: (),
        ended.append,
        unknown,
        JobSinks(Plugins(), Settings(environ={}), ()),
    )


async def test_a_slot_comes_back_whatever_an_executor_does(tmp_path: Path) -> None:
    store = StoreThread(tmp_path / "jobs.db")
    shown, executor = Shown(), Fragile()
    ended: list[JobOutcome] = []
    manager = make_manager(tmp_path, store, executor, shown, ended)
    for user in (1, 2, 3):
        await manager.submit(request(user), reply)
    shown.fails_to_post = True
    await manager.submit(request(4), reply)
    await manager.idle()
    assert sorted(executor.tasks) == [(1, 1), (2, 1), (2, 2), (3, 1)]
    assert sorted(shown.outcomes) == [
        (1, JobStatus.FAILED),
        (2, JobStatus.DONE),
        (3, JobStatus.DONE),
        (4, JobStatus.FAILED),
    ]
    assert (manager.running, manager.waiting, manager.is_stuck) == ([], [], False)
    assert len(ended) == 4
    store.close()


async def test_a_job_that_breaks_three_machines_is_given_up_and_each_beginning_is_told(
    tmp_path: Path,
) -> None:
    store = StoreThread(tmp_path / "jobs.db")
    shown, executor = Shown(), Deadly()
    ended: list[JobOutcome] = []
    manager = make_manager(tmp_path, store, executor, shown, ended)
    await manager.submit(request(1), reply)
    await manager.idle()
    assert executor.tasks == [(1, 1), (1, 2), (1, 3)]
    assert shown.waiting_again == [(1, True), (1, True)]
    assert shown.begun_again == [False, True, True]
    assert shown.outcomes == [(1, JobStatus.FAILED)]
    assert "machines that tried this broke down" in ended[0].text
    store.close()
