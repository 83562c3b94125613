"""What breaks around workers: none of it loses a job, and each job ends once."""

import asyncio
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from similubot_bot import JobStatus

from .conftest import PATIENCE, SLOWLY, Lab, Wire, begin_slowly, until, wait_until

MakeSound = Callable[[float], Path]


@pytest.mark.slow
async def test_a_worker_told_to_stop_gives_its_job_back_in_order(
    lab: Lab, make_sound: MakeSound
) -> None:
    first = lab.start_worker(SIMILUBOT_BOT_STOP_SECONDS="0")
    office = await lab.open_office(lost_seconds=PATIENCE)
    await begin_slowly(lab, office, make_sound(3))
    lab.start_worker()
    await until(lambda: len(office.manager.machines) == 2)
    first.signal(signal.SIGTERM)
    lab.mega.limit = None
    ((_, outcome),) = await office.ended(1)
    assert outcome.status is JobStatus.DONE
    assert first.process.wait(PATIENCE) == 0
    assert "Job 1: given back" in first.log_text()
    await office.close()


@pytest.mark.slow
async def test_redis_killed_and_back_without_its_data_loses_no_job(
    lab: Lab, make_sound: MakeSound
) -> None:
    worker = lab.start_worker()
    office = await lab.open_office()
    link = await begin_slowly(lab, office, make_sound(3))
    await office.ask(link, user=2)
    lab.redis.kill(lose_data=True)
    lab.mega.limit = None
    lab.redis.start()
    await office.ended(2)
    assert [(job, o.status.value) for job, o in office.shown.outcomes] == [(1, "done"), (2, "done")]
    assert office.shown.begun_again == []
    assert worker.log_text().count("begins (attempt") == 2
    assert lab.uploads == 2
    await office.close()


@pytest.mark.slow
async def test_a_job_that_ended_while_the_bot_was_down_is_told_at_its_start(
    lab: Lab, make_sound: MakeSound
) -> None:
    worker = lab.start_worker()
    office = await lab.open_office()
    await begin_slowly(lab, office, make_sound(3))
    await office.close(kill=True)
    lab.mega.limit = None
    wait_until(lambda: "Job 1: done" in worker.log_text())
    worker.kill()  # its ending lies in Redis
    again = await lab.open_office(again=True)
    ((_, outcome),) = await again.ended(1)
    assert outcome.status is JobStatus.DONE
    assert lab.uploads == 1
    await again.close()


@pytest.mark.slow
async def test_local_slots_serve_beside_the_workers_and_without_any(
    lab: Lab, make_sound: MakeSound
) -> None:
    office = await lab.open_office(local_slots=1)
    link = await begin_slowly(lab, office, make_sound(3))
    assert [running.executor.name for running in office.manager.running] == ["local"]
    lab.start_worker()
    await until(lambda: office.manager.slots == 2)
    await office.ask(link, user=2)
    await until(lambda: len(office.manager.running) == 2)
    assert [running.executor.name for running in office.manager.running] == ["local", "workers"]
    lab.mega.limit = None
    assert {o.status for _, o in await office.ended(2)} == {JobStatus.DONE}
    await office.close()


@pytest.mark.slow
async def test_a_worker_that_lacks_a_plugin_is_refused_with_a_sentence(lab: Lab) -> None:
    office = await lab.open_office()
    worker = lab.start_worker(SIMILUBOT_DISABLE_PLUGINS="catbox")
    assert worker.process.wait(PATIENCE) == 1
    assert "It lacks what the bot offers: uploader catbox, uploader litterbox." in worker.log_text()
    await office.close()


@pytest.mark.slow
async def test_a_worker_that_was_only_stopped_ends_its_job_once_though_it_goes_on(
    lab: Lab, make_sound: MakeSound
) -> None:
    first = lab.start_worker()
    office = await lab.open_office()
    await begin_slowly(lab, office, make_sound(3))
    first.signal(signal.SIGSTOP)
    lab.mega.limit = None
    second = lab.start_worker()
    await office.ended(1)
    first.signal(signal.SIGCONT)
    await until(lambda: "Job 1: cancelled" in first.log_text())
    assert "Job 1: done" in second.log_text()
    assert [o.status for _, o in office.shown.outcomes] == [JobStatus.DONE]
    assert lab.uploads == 1
    await until(lambda: len(office.manager.machines) == 2)  # and it is taken up again
    await office.close()


@pytest.mark.slow
async def test_a_job_that_kills_its_workers_is_given_up_after_three(
    lab: Lab, make_sound: MakeSound
) -> None:
    office = await lab.open_office()
    lab.mega.limit = SLOWLY
    await office.ask(lab.mega.add_file("poison.wav", make_sound(3)))
    for number in range(1, 4):
        worker = lab.start_worker()
        wait_until_text = f"Job 1 begins (attempt {number})"
        await until(lambda: wait_until_text in worker.log_text())  # noqa: B023
        await until(lambda: office.shown.states)
        await until(lambda: office.manager.machines and office.manager.machines[0].jobs)
        worker.kill()
    ((_, outcome),) = await office.ended(1)
    assert outcome.status is JobStatus.FAILED
    assert outcome.text.startswith("Each of the 3 machines that tried this broke down")
    await office.close()


@pytest.mark.slow
async def test_redis_killed_and_back_with_its_data_loses_no_job(
    lab: Lab, make_sound: MakeSound
) -> None:
    worker = lab.start_worker()
    office = await lab.open_office()
    await begin_slowly(lab, office, make_sound(3))
    lab.redis.kill()
    await until(lambda: "Redis cannot be reached" in worker.log_text())
    lab.redis.start()
    before = len(office.shown.states)
    await until(lambda: len(office.shown.states) > before + 3)  # the bar goes on
    lab.mega.limit = None
    ((_, outcome),) = await office.ended(1)
    assert outcome.status is JobStatus.DONE
    assert office.shown.begun_again == []
    await office.close()


@pytest.mark.slow
async def test_a_job_that_ends_while_redis_hangs_is_told_when_it_goes_on(
    lab: Lab, make_sound: MakeSound
) -> None:
    worker = lab.start_worker()
    office = await lab.open_office()
    await begin_slowly(lab, office, make_sound(3))
    lab.redis.signal(signal.SIGSTOP)
    lab.mega.limit = None
    await until(lambda: "Job 1: done" in worker.log_text() or "Converted" in worker.log_text())
    await until(lambda: "Redis cannot be reached" in worker.log_text())
    lab.redis.signal(signal.SIGCONT)
    ((_, outcome),) = await office.ended(1)
    assert outcome.status is JobStatus.DONE
    assert lab.uploads == 1
    await office.close()


@pytest.mark.slow
async def test_a_worker_whose_network_is_cut_does_not_upload_what_began_again_elsewhere(
    lab: Lab, wire: Wire, make_sound: MakeSound
) -> None:
    first = lab.start_worker(SIMILUBOT_WORKERS_URL=through(wire, lab))
    office = await lab.open_office()
    await begin_slowly(lab, office, make_sound(3))
    wire.cut()
    await until(lambda: not office.manager.machines)  # it is missed
    lab.mega.limit = None
    await until(lambda: "Converted slow.wav" in first.log_text())
    second = lab.start_worker()
    await office.ended(1)
    wire.mend()
    await until(lambda: "Job 1: cancelled" in first.log_text())
    assert "Job 1: done" in second.log_text()
    assert [o.status for _, o in office.shown.outcomes] == [JobStatus.DONE]
    assert lab.uploads == 1
    await until(lambda: len(office.manager.machines) == 2)
    await office.close()


@pytest.mark.slow
async def test_a_bot_whose_network_is_cut_takes_up_its_jobs_where_they_are(
    lab: Lab, wire: Wire, make_sound: MakeSound
) -> None:
    worker = lab.start_worker()
    office = await lab.open_office(redis_url=through(wire, lab))
    await begin_slowly(lab, office, make_sound(3))
    wire.cut()
    lab.mega.limit = None
    await until(lambda: "Job 1: done" in worker.log_text())
    wire.mend()
    ((_, outcome),) = await office.ended(1)
    assert outcome.status is JobStatus.DONE
    assert office.shown.begun_again == []
    assert lab.uploads == 1
    await office.close()


@pytest.mark.slow
@pytest.mark.parametrize("side", ["bot", "worker"])
async def test_after_a_minute_without_network_each_job_ends_once(
    lab: Lab, wire: Wire, make_sound: MakeSound, side: str
) -> None:
    cut = through(wire, lab)
    worker = lab.start_worker(SIMILUBOT_WORKERS_URL=cut if side == "worker" else lab.redis.url)
    office = await lab.open_office(redis_url=cut if side == "bot" else "", lost_seconds=15.0)
    link = await begin_slowly(lab, office, make_sound(3))
    await office.ask(link, user=2)
    wire.cut()
    lab.mega.limit = None
    await asyncio.sleep(60)  # the minute itself is what is tried
    wire.mend()
    await office.ended(2)
    assert [(job, o.status.value) for job, o in office.shown.outcomes] == [(1, "done"), (2, "done")]
    assert lab.uploads == 2
    await until(lambda: office.manager.slots == 1)
    await office.close()
    assert worker.left_over() == []


def through(wire: Wire, lab: Lab) -> str:
    """The address of Redis behind a wire."""
    return lab.redis.url.replace(str(lab.redis.port), str(wire.port))
