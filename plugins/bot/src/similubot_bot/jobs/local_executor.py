"""LocalExecutor: carries jobs out in threads of this process."""

import asyncio
import logging
import shutil
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from similubot_bot.i18n import _, language
from similubot_bot.jobs.discord_target import Attach
from similubot_bot.jobs.executor import AttemptListener, JobTask, Machine
from similubot_bot.jobs.records import JobOutcome, JobStatus
from similubot_bot.jobs.requests import plan_task
from similubot_bot.jobs.watch import JobWatch, Repeater
from similubot_bot.ops.logs import job_number
from similubot_core import (
    Cancelled,
    CancelToken,
    DamagedError,
    Settings,
    SimilubotError,
    StageContext,
    StorageError,
    Uploader,
)
from similubot_core.jobs.pipeline import run_job
from similubot_core.plugins.specs import Plugins

logger = logging.getLogger(__name__)

FOLDER_CHECK_SECONDS = 2.0

MayUpload = Callable[[JobTask, CancelToken], None]
"""Waits until an attempt's upload may begin; raises Cancelled where it may not."""


@dataclass
class _Attempt:
    """One attempt that runs.

    Attributes:
        cancel: Its token.
        watch: Its limits.
        released: Whether its token was set because the bot stops: then it has no outcome.
    """

    cancel: CancelToken
    watch: JobWatch
    released: bool = False


class _AskFirst:
    """An uploader that begins when it may.

    Args:
        uploader: Does it.
        task: The attempt.
        may_upload: As in `LocalExecutor`.
    """

    def __init__(self, uploader: Uploader, task: JobTask, may_upload: MayUpload) -> None:
        self._uploader = uploader
        self._task = task
        self._may_upload = may_upload

    def run(self, file: Path, context: StageContext) -> str:
        """Upload a file; returns its link."""
        self._may_upload(self._task, context.cancel)
        return self._uploader.run(file, context)


class LocalExecutor:
    """Runs each attempt in a thread of its own, so that the event loop never waits for work.

    Each job has a folder of its own below `folder`, named by its number. It stays after a release,
    so that the next attempt goes on where this one was, until `forget`.

    Args:
        plugins: What is installed.
        settings: The settings of this run.
        folder: Where the jobs' folders lie; made when missing.
        slots: How many attempts run at once.
        attach: Puts results into the jobs' messages; None sends all to hosts.
        may_upload: Called in the attempt's thread before the upload begins, which it may hold up;
            raises Cancelled where there is to be none. None lets each upload begin.
    """

    name = "local"
    outlives_bot = False
    shares_disk = True

    def __init__(
        self,
        plugins: Plugins,
        settings: Settings,
        folder: Path,
        slots: int,
        attach: Attach | None = None,
        may_upload: MayUpload | None = None,
    ) -> None:
        self._plugins = plugins
        self._settings = settings
        self._folder = folder
        self._slots = slots
        self._attach = attach
        self._may_upload = may_upload
        self._attempts: dict[int, _Attempt] = {}
        folder.mkdir(parents=True, exist_ok=True)

    @property
    def slots(self) -> int:
        """How many attempts run at once."""
        return self._slots

    @property
    def machines(self) -> tuple[Machine, ...]:
        """There is this process only."""
        return ()

    def run(self, task: JobTask, listener: AttemptListener) -> None:
        """Start an attempt in a thread."""
        cancel = CancelToken()
        attempt = _Attempt(cancel, JobWatch(task.max_size, cancel))
        self._attempts[task.job] = attempt

        def work() -> None:
            job_number.set(task.job)
            language.set(task.locale)
            disk_full = False
            try:
                outcome = self._work(task, attempt, listener)
            except StorageError as error:
                logger.error("Failed: %s (%s)", error.message, error.detail or "no further detail")
                outcome, disk_full = self._storage_outcome(), error.full
            del self._attempts[task.job]
            listener.ended(outcome, disk_full=disk_full)

        # A daemon: a stage that does not obey its token cannot keep the program from ending.
        thread = threading.Thread(target=work, name=f"job-{task.job}", daemon=True)
        try:
            thread.start()
        except RuntimeError as error:  # no more threads: the machine's limit, or the user's
            logger.error("Job %d cannot start: %s", task.job, error)
            del self._attempts[task.job]
            sentence = _("I am out of resources at the moment; try again in a few minutes.")
            listener.ended(JobOutcome(JobStatus.FAILED, sentence))

    def cancel(self, job: int) -> None:
        """Set the attempt's cancel token."""
        attempt = self._attempts.get(job)
        if attempt is not None:
            attempt.cancel.cancel()

    def release(self, job: int) -> None:
        """End the attempt without an outcome; its folder stays."""
        attempt = self._attempts.get(job)
        if attempt is not None:
            attempt.released = True
            attempt.cancel.cancel()

    async def adopt(self, task: JobTask, listener: AttemptListener) -> bool:
        """No attempt outlives this process."""
        return False

    async def sweep(self, open_jobs: set[int]) -> None:
        """Remove the folders of jobs that are not among `open_jobs`."""
        await asyncio.to_thread(self._sweep, open_jobs)

    async def forget(self, job: int) -> None:
        """Remove a job's folder."""
        await asyncio.to_thread(self.remove, job)

    def remove(self, job: int) -> None:
        """Remove a job's folder, in this thread."""
        shutil.rmtree(self._folder / str(job), ignore_errors=True)

    async def close(self) -> None:
        """There is nothing to let go of."""

    def _sweep(self, open_jobs: set[int]) -> None:
        for path in self._folder.iterdir():
            if not (path.name.isdecimal() and int(path.name) in open_jobs):
                shutil.rmtree(path, ignore_errors=True)

    def _work(
        self, task: JobTask, attempt: _Attempt, listener: AttemptListener
    ) -> JobOutcome | None:
        folder = self._folder / str(task.job)
        try:
            with Repeater(FOLDER_CHECK_SECONDS, lambda: attempt.watch.check_folder(folder)):
                return self._run_job(task, attempt, listener, folder)
        except Cancelled:
            if attempt.released:
                return None
            refusal = attempt.watch.refusal
            status = JobStatus.FAILED if refusal else JobStatus.CANCELLED
            return JobOutcome(status, refusal or _("Cancelled."))
        except StorageError:
            raise
        except SimilubotError as error:
            logger.info("Failed: %s (%s)", error.message, error.detail or "no further detail")
            damaged = isinstance(error, DamagedError)
            return JobOutcome(JobStatus.FAILED, error.message, damaged=damaged)
        except Exception:
            logger.exception("Failed with an unexpected error")
            return JobOutcome(
                JobStatus.FAILED,
                _(
                    "Something unexpected happened. The bot's operator can find details in the "
                    "log under job {job}.",
                    job=task.job,
                ),
            )

    @staticmethod
    def _storage_outcome() -> JobOutcome:
        """The outcome for a member, who does not own the disk."""
        sentence = _("My own disk failed me; your file is not the reason. Try again later.")
        return JobOutcome(JobStatus.FAILED, sentence)

    def _run_job(
        self, task: JobTask, attempt: _Attempt, listener: AttemptListener, folder: Path
    ) -> JobOutcome:
        job = plan_task(self._plugins, self._settings, task, self._attach)
        if self._may_upload is not None and job.uploader is not None:
            job = replace(job, uploader=_AskFirst(job.uploader, task, self._may_upload))
        callbacks = (attempt.watch, listener.progress)
        result = run_job(job, cancel=attempt.cancel, callbacks=callbacks, resume_in=folder)
        return JobOutcome(
            JobStatus.DONE,
            result.result,
            name=result.name,
            size=result.size,
            duration=attempt.watch.duration,
            seconds=result.seconds,
            note=result.note,
        )
