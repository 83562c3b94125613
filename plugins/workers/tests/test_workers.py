"""Jobs on workers: real Redis, real worker processes, real MEGA, FFmpeg and Catbox."""

from collections.abc import Callable
from pathlib import Path

from similubot_bot import JobStatus

from .conftest import Lab

MakeSound = Callable[[float], Path]


async def test_a_job_runs_on_a_worker_and_its_states_are_shown(
    lab: Lab, make_sound: MakeSound
) -> None:
    worker = lab.start_worker()
    link = lab.mega.add_file("song.wav", make_sound(1))
    office = await lab.open_office()
    await office.ask(link)
    ((_, outcome),) = await office.ended(1)
    assert outcome.status is JobStatus.DONE, (outcome, worker.log_text())
    await office.close()
