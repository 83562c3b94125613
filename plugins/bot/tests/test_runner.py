"""Jobs in threads of their own: what they have noted when, whatever the event loop does."""

import contextlib
import sqlite3
import time
from pathlib import Path

import pytest

from similubot_bot.jobs.records import Asked, Ending, Outcome
from similubot_bot.jobs.runner import Runner
from similubot_bot.jobs.store import Store
from similubot_bot.jobs.store_thread import StoreThread
from similubot_bot.settings import BotSettings
from similubot_core import (
    ConversionRequest,
    ConverterSpec,
    DownloaderSpec,
    ProgressInfo,
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


def ignore(info: ProgressInfo) -> None:
    """A callback that shows nothing."""


async def test_an_ending_is_noted_at_once_though_the_event_loop_is_busy(tmp_path: Path) -> None:
    store = StoreThread(tmp_path / "jobs.db")
    runner = Runner(PLUGINS, Settings(), BotSettings(), store, tmp_path / "jobs")
    asked = Asked(1, None, 2, SOURCE, "link", "a", None, "host")
    record = await store.do(Store.add, asked)
    run = runner.prepare()
    runner.start(record, run, ignore)

    ending, limit = None, time.monotonic() + 30
    while ending is None and time.monotonic() < limit:  # without letting the event loop go on
        noted = store.do_now(Store.get, record.id)
        ending = None if noted is None else noted.ending

    assert ending is not None
    assert (ending.outcome, ending.text) == (Outcome.DONE, "https://host.example/sound.m4a")
    assert not run.done.done()
    assert await run.done == ending
    assert list((tmp_path / "jobs").iterdir()) == []
    store.close()


async def test_a_job_whose_ending_cannot_be_noted_has_one_all_the_same(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = StoreThread(tmp_path / "jobs.db")
    runner = Runner(PLUGINS, Settings(), BotSettings(), store, tmp_path / "jobs")
    record = await store.do(Store.add, Asked(1, None, 2, SOURCE, "link", "a", None, "host"))
    with contextlib.closing(sqlite3.connect(tmp_path / "jobs.db")) as other:
        other.execute("BEGIN IMMEDIATE")
        run = runner.prepare()
        runner.start(record, run, ignore)
        ending = await run.done
    assert isinstance(ending, Ending)
    assert ending.outcome is Outcome.DONE
    assert "The job list cannot be written" in caplog.text
    store.close()
