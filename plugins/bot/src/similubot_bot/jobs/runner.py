"""Runs jobs in threads of their own, so that the event loop never waits for work."""

import asyncio
import logging
import shutil
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from similubot_bot.jobs.latest import Watch
from similubot_bot.jobs.records import Ending, JobRecord, Outcome
from similubot_bot.jobs.requests import Wish, operations_of, plan
from similubot_bot.jobs.store import Store
from similubot_bot.jobs.store_thread import StoreThread
from similubot_bot.ops.logs import job_number
from similubot_bot.settings import BotSettings
from similubot_core import Cancelled, CancelToken, ProgressCallback, Settings, SimilubotError
from similubot_core.jobs.pipeline import run_job
from similubot_core.plugins.specs import Plugins

logger = logging.getLogger(__name__)

FOLDER_CHECK_SECONDS = 2.0


@dataclass
class Run:
    """One job that runs.

    Attributes:
        cancel: Its token.
        watch: What it says of itself.
        kept: Whether its token was set because the bot stops: then it has no ending.
        done: Set to its ending, or to None for one that is kept for the next start.
    """

    cancel: CancelToken
    watch: Watch
    done: "asyncio.Future[Ending | None]"
    kept: bool = field(default=False)

    def keep(self) -> None:
        """End it without an ending, so that it is begun again at the next start."""
        self.kept = True
        self.cancel.cancel()


class Runner:
    """Starts jobs in threads; each has a folder of its own below `folder`, named by its number.

    Args:
        plugins: What is installed.
        settings: The settings of this run.
        bot_settings: The table [bot].
        store: The job list, where each ending is noted as soon as there is one.
        folder: Where the jobs' folders lie; made when missing.
    """

    def __init__(
        self,
        plugins: Plugins,
        settings: Settings,
        bot_settings: BotSettings,
        store: StoreThread,
        folder: Path,
    ) -> None:
        self._plugins = plugins
        self._settings = settings
        self._bot_settings = bot_settings
        self._store = store
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def prepare(self) -> Run:
        """What stands for a job that is about to begin; called in the event loop."""
        cancel = CancelToken()
        watch = Watch(self._bot_settings.max_size, cancel)
        return Run(cancel, watch, asyncio.get_running_loop().create_future())

    def operations(self, record: JobRecord) -> tuple[str, ...]:
        """What the job's stages are going to call their work; () where that is not known, as of a
        job that is begun again: what was done already does not begin again.
        """
        return operations_of(self._plugins, _wish(record)) if record.starts == 1 else ()

    def start(self, record: JobRecord, run: Run, callback: ProgressCallback) -> None:
        """Begin a job; called in the event loop, where `Run.done` is then set."""
        loop = asyncio.get_running_loop()

        def work() -> None:
            job_number.set(record.id)
            ending = self._work(record, run, (run.watch, callback))
            try:
                loop.call_soon_threadsafe(_set, run.done, ending)
            except RuntimeError:
                logger.info("The bot was gone before this job ended")

        # A daemon: a stage that does not obey its token cannot keep the program from ending.
        threading.Thread(target=work, name=f"job-{record.id}", daemon=True).start()

    def sweep(self, unfinished: set[int]) -> None:
        """Remove what earlier runs left of jobs that are not in `unfinished`."""
        for path in self._folder.iterdir():
            if not (path.name.isdecimal() and int(path.name) in unfinished):
                shutil.rmtree(path, ignore_errors=True)

    def remove(self, job: int) -> None:
        """Remove a job's folder."""
        shutil.rmtree(self._folder / str(job), ignore_errors=True)

    def _work(
        self, record: JobRecord, run: Run, callbacks: tuple[ProgressCallback, ...]
    ) -> Ending | None:
        folder = self._folder / str(record.id)
        try:
            with _every(FOLDER_CHECK_SECONDS, lambda: run.watch.check_folder(folder)):
                ending = self._run_job(record, run, callbacks, folder)
        except Cancelled:
            if run.kept:
                return None
            refused = run.watch.refusal
            ending = Ending(
                Outcome.FAILED if refused else Outcome.CANCELLED, refused or "Cancelled."
            )
        except SimilubotError as error:
            logger.info("Failed: %s (%s)", error.message, error.detail or "no more is known")
            ending = Ending(Outcome.FAILED, error.message)
        except Exception:
            logger.exception("Failed on an unexpected error")
            ending = Ending(
                Outcome.FAILED,
                f"Something unexpected happened; those who run me find it in the log under job "
                f"{record.id}.",
            )
        # Before anything else: a crash between an upload's end and this note uploads it again.
        try:
            self._store.do_now(Store.end, record.id, ending)
        except SimilubotError as error:  # the worst of it: after a crash the job begins once more
            logger.error("%s (%s)", error.message, error.detail)
        self.remove(record.id)
        return ending

    def _run_job(
        self,
        record: JobRecord,
        run: Run,
        callbacks: tuple[ProgressCallback, ...],
        folder: Path,
    ) -> Ending:
        job = plan(self._plugins, self._settings, self._bot_settings, _wish(record))
        result = run_job(job, cancel=run.cancel, callbacks=callbacks, resume_in=folder)
        return Ending(
            Outcome.DONE,
            result.result,
            name=result.name,
            size=result.size,
            duration=run.watch.duration,
            seconds=result.seconds,
        )


def _wish(record: JobRecord) -> Wish:
    asked = record.asked
    return Wish(asked.source, asked.kind, asked.name, asked.bitrate, asked.to)


class _every:  # noqa: N801  (a context manager, read as a word)
    """Calls a function every few seconds, in a thread, for the time of a with block."""

    def __init__(self, seconds: float, function: Callable[[], None]) -> None:
        self._seconds = seconds
        self._function = function
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._repeat, daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _repeat(self) -> None:
        while not self._ended.wait(self._seconds):
            self._function()


def _set(future: "asyncio.Future[Ending | None]", ending: Ending | None) -> None:
    if not future.done():
        future.set_result(ending)
