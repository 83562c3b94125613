"""Jobs on workers: real Redis, real worker processes, real MEGA, FFmpeg and Catbox."""

import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from similubot_bot import AttemptListener, JobStatus, JobTask
from similubot_bot.admin import machine_line
from similubot_core import ProgressStatus

from .conftest import PATIENCE, Lab, Office, begin_slowly, until, wait_until

MakeSound = Callable[[float], Path]


def in_redis(lab: Lab) -> bytes:
    """Everything that Redis has kept."""
    return b"".join(path.read_bytes() for path in lab.redis.folder.rglob("*") if path.is_file())


async def test_a_job_runs_on_a_worker_its_states_are_shown_and_its_key_stays_secret(
    shared_lab: Lab, make_sound: MakeSound
) -> None:
    lab, worker = shared_lab, shared_lab.workers[0]
    office = await lab.open_office()
    link = lab.mega.add_file("song.wav", make_sound(1))
    await office.ask(link)
    ((job, outcome),) = await office.ended(1)
    assert (job, outcome.status) == (1, JobStatus.DONE), worker.log_text()
    assert outcome.text.startswith(lab.catbox.files_url)
    assert lab.uploads == 1
    ends = [s.operation for _, s, _ in office.shown.states if s.status is ProgressStatus.COMPLETED]
    assert ends[:3] == ["MEGA Download", "Audio Conversion", "Catbox Upload"]
    await office.close()
    assert worker.left_over() == []
    key = link.partition("#")[2]
    assert key.encode() not in in_redis(lab)
    assert key not in worker.log_text()


async def test_a_cancel_ends_a_job_on_its_worker(shared_lab: Lab, make_sound: MakeSound) -> None:
    lab, worker = shared_lab, shared_lab.workers[0]
    office = await lab.open_office()
    await begin_slowly(lab, office, make_sound(3))
    assert office.manager.cancel(1)
    ((_, outcome),) = await office.ended(1)
    assert outcome.status is JobStatus.CANCELLED
    await until(lambda: "Job 1: cancelled" in worker.log_text())
    await office.close()
    assert worker.left_over() == []


async def test_the_job_of_a_killed_worker_begins_again_on_another_one_and_says_so(
    lab: Lab, make_sound: MakeSound
) -> None:
    first = lab.start_worker()
    office = await lab.open_office()
    await begin_slowly(lab, office, make_sound(3))
    second = lab.start_worker()
    await until(lambda: len(office.manager.machines) == 2)
    first.kill()
    lab.mega.limit = None
    ((_, outcome),) = await office.ended(1)
    assert outcome.status is JobStatus.DONE
    assert office.shown.begun_again == [1]
    assert "Job 1 begins (attempt 2)" in second.log_text()
    assert lab.uploads == 1
    await office.close()
    third = lab.start_worker()  # it clears away what the killed one has left
    wait_until(lambda: "is at work" in third.log_text())
    wait_until(lambda: not any(path.iterdir() for path in third.left_over()))


@pytest.mark.parametrize("kill", [True, pytest.param(False, marks=pytest.mark.slow)])
@pytest.mark.slow
async def test_a_restarted_bot_finds_its_running_job_again(
    shared_lab: Lab, make_sound: MakeSound, kill: bool
) -> None:
    lab, worker = shared_lab, shared_lab.workers[0]
    office = await lab.open_office()
    await begin_slowly(lab, office, make_sound(3))
    await office.close(kill=kill)
    again = await lab.open_office(again=True)
    await again.working("MEGA")
    lab.mega.limit = None
    ((job, outcome),) = await again.ended(1)
    assert (job, outcome.status) == (1, JobStatus.DONE)
    assert worker.log_text().count("begins (attempt") == 1
    await again.close()


async def test_a_worker_with_another_key_is_refused_with_a_sentence(lab: Lab) -> None:
    office = await lab.open_office()
    await until(lambda: lab.redis.client().exists("similubot:jobs:bot"))
    other = "x" * 43 + "="
    worker = lab.start_worker(SIMILUBOT_WORKERS_KEY=other)
    assert worker.process.wait(PATIENCE) == 1
    assert worker.log_text().splitlines()[-1] == (
        "similubot: The bot takes no jobs' work from here. The bot has another [workers] key; "
        "set the same on both."
    )
    await office.close()


async def test_a_second_bot_at_the_same_queue_gets_no_worker_until_the_first_is_gone(
    shared_lab: Lab, caplog: pytest.LogCaptureFixture
) -> None:
    first = await shared_lab.open_office()
    await until(lambda: first.manager.slots == 2)
    second = await shared_lab.open_office()
    await until(lambda: "Another bot uses the workers' queue" in caplog.text)
    assert second.manager.slots == 0
    await first.close()
    await until(lambda: second.manager.slots == 2)
    await second.close()


async def test_the_workers_are_listed(shared_lab: Lab) -> None:
    lab = shared_lab
    office = await lab.open_office()
    await until(lambda: office.manager.machines)
    listed = subprocess.run(
        [sys.executable, "-m", "similubot_core", "workers"],
        env={"PATH": "/usr/bin:/bin"} | lab.environ(),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        cwd=lab.folder,
    )
    (machine,) = office.manager.machines
    assert listed.stdout.splitlines()[1].split() == [machine.name, "0.1.0", "2", "-"]
    assert (listed.returncode, listed.stderr) == (0, "")
    assert machine_line(machine) == f"{machine.name} (0.1.0): 0 of 2 slots"  # as `status` has it
    await office.close()


def memory_of(pid: int) -> float:
    """MiB that a process takes, with its share of what others use as well."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
    return int(text.partition("\nPss:")[2].split()[0]) / 1024


@pytest.mark.slow
async def test_an_idle_worker_takes_60_mib_at_most_after_jobs_too(
    shared_lab: Lab, make_sound: MakeSound
) -> None:
    office = await shared_lab.open_office()
    for user in range(4):
        await office.ask(shared_lab.mega.add_file(f"{user}.wav", make_sound(3)), user)
    await office.ended(4)
    pid = shared_lab.workers[0].process.pid
    await until(lambda: memory_of(pid) <= 60)
    await office.close()


class Begun:
    """Passes attempts on to an executor, and keeps which jobs began and with how many beside."""

    def __init__(self, office: Office) -> None:
        self.jobs: list[int] = []
        self.most_of_user = self.most_of_server = 0
        self._office = office
        self._run = office.executor.run
        office.executor.run = self.run  # type: ignore[method-assign]

    def run(self, task: JobTask, listener: AttemptListener) -> None:
        requests = [job.record.request for job in self._office.manager.running]
        users = Counter(request.user for request in requests)
        servers = Counter(request.server for request in requests if request.server is not None)
        self.jobs.append(task.job)
        self.most_of_user = max(self.most_of_user, *users.values())
        self.most_of_server = max(self.most_of_server, *servers.values(), 0)
        self._run(task, listener)


@pytest.mark.parametrize("executor", ["local", "workers"])
@pytest.mark.parametrize(
    ("caps", "first"),
    [
        pytest.param((1, 2), [1, 4], id="a user has one job at once"),
        pytest.param((2, 1), [1, 5], id="a server has one job at once"),
    ],
)
async def test_caps_and_turns_hold_wherever_jobs_run(
    shared_lab: Lab,
    make_sound: MakeSound,
    executor: str,
    caps: tuple[int, int],
    first: list[int],
) -> None:
    lab, (per_user, per_server) = shared_lab, caps
    link = lab.mega.add_file("song.wav", make_sound(0.2))
    office = await lab.open_office(
        executor,
        local_slots=2 if executor == "local" else 0,
        jobs_per_user=per_user,
        jobs_per_server=per_server,
    )
    await until(lambda: office.manager.slots == 2)
    begun = Begun(office)
    office.manager.paused = True
    for user, server in ((1, 5), (1, 5), (1, 5), (2, 5), (3, None)):
        await office.ask(link, user, server)
    office.manager.paused = False
    office.manager.pump()
    assert {o.status for _, o in await office.ended(5)} == {JobStatus.DONE}
    assert begun.jobs[:2] == first
    # Whoever was served least has the turn, and nobody's second job passes another's first.
    assert begun.jobs.index(2) > max(begun.jobs.index(job) for job in (1, 4, 5))
    assert begun.jobs.index(3) > begun.jobs.index(2)
    assert begun.most_of_user <= per_user
    assert begun.most_of_server <= per_server
    await office.close()
