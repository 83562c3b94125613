"""Jobs in threads of their own: what is noted when, whatever the event loop does."""

import contextlib
import sqlite3
import threading
import time
from pathlib import Path

import msgspec
import pytest

from similubot_bot.jobs.executor import JobTask, task_of
from similubot_bot.jobs.local_executor import LocalExecutor
from similubot_bot.jobs.records import JobRequest, JobStatus
from similubot_bot.jobs.running_job import RunningJob
from similubot_bot.jobs.store import Store
from similubot_bot.jobs.store_thread import StoreThread
from similubot_core import (
    ConversionRequest,
    ConverterSpec,
    DownloaderSpec,
    Settings,
    StageContext,
    UploaderSpec,
)
from similubot_core.plugins.specs import Plugins

SOURCE = "https://tube.example/1"


class Fetches:
    def run(self, source: str, context: StageContext) -> Path:
        file = context.folder / "sound.wav"
        file.write_text(source)
        return file


class Converts:
    def run(self, file: Path, request: ConversionRequest, context: StageContext) -> Path:
        return Path(file.rename(context.folder / "sound.m4a"))


class Uploads:
    def run(self, file: Path, context: StageContext) -> str:
        return "https://host.example/sound.m4a"


PLUGINS = Plugins(
    specs=(
        DownloaderSpec("tube", "", lambda settings: Fetches(), SOURCE.startswith),
        ConverterSpec("aac", "", lambda settings: Converts()),
        UploaderSpec("host", "", lambda settings, target: Uploads()),
    )
)


REQUEST = JobRequest(1, None, 2, SOURCE, "link", "a", None, "host")


async def start(store: StoreThread, executor: LocalExecutor) -> RunningJob:
    record = await store.do(Store.add, REQUEST)
    running = RunningJob(record, executor, store)
    executor.run(task_of(REQUEST, 10**9, job=record.id), running)
    return running


async def test_an_outcome_is_noted_at_once_though_the_event_loop_is_busy(tmp_path: Path) -> None:
    store = StoreThread(tmp_path / "jobs.db")
    executor = LocalExecutor(PLUGINS, Settings(), tmp_path / "jobs", 1)
    running = await start(store, executor)

    outcome, limit = None, time.monotonic() + 30
    while outcome is None and time.monotonic() < limit:  # without letting the event loop go on
        noted = store.do_now(Store.get, running.record.id)
        outcome = None if noted is None else noted.outcome

    assert outcome is not None
    assert (outcome.status, outcome.text) == (JobStatus.DONE, "https://host.example/sound.m4a")
    assert not running.done.done()
    assert await running.done == outcome
    await executor.forget(running.record.id)
    assert list((tmp_path / "jobs").iterdir()) == []
    store.close()


@pytest.mark.slow
async def test_a_job_whose_outcome_cannot_be_noted_has_one_all_the_same(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = StoreThread(tmp_path / "jobs.db")
    executor = LocalExecutor(PLUGINS, Settings(), tmp_path / "jobs", 1)
    record = await store.do(Store.add, REQUEST)
    with contextlib.closing(sqlite3.connect(tmp_path / "jobs.db")) as other:
        other.execute("BEGIN IMMEDIATE")
        running = RunningJob(record, executor, store)
        executor.run(task_of(REQUEST, 10**9, job=record.id), running)
        outcome = await running.done
    assert outcome is not None
    assert outcome.status is JobStatus.DONE
    assert "cannot be used: database is locked" in caplog.text
    store.close()


async def test_an_attempt_whose_thread_cannot_start_ends_with_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = StoreThread(tmp_path / "jobs.db")
    executor = LocalExecutor(PLUGINS, Settings(), tmp_path / "jobs", 1)
    record = await store.do(Store.add, REQUEST)
    running = RunningJob(record, executor, store)

    def start(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", start)
        executor.run(task_of(REQUEST, 10**9, job=record.id), running)
    outcome = await running.done
    assert outcome is not None
    assert outcome.status is JobStatus.FAILED
    assert "out of resources" in outcome.text
    store.close()


def test_a_task_travels_as_json() -> None:
    task = task_of(REQUEST, 10**9, job=5, attempt=2)
    assert msgspec.json.decode(msgspec.json.encode(task), type=JobTask) == task
    assert SOURCE not in repr(task)
