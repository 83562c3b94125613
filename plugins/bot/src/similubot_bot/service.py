"""BotService: what people and programs can ask the bot for, whichever way they ask.

The commands, the buttons, the health port and other plugins' extensions get this one object; it
knows no screen.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from similubot_bot.access import Requester, is_admin, may_cancel, refusal
from similubot_bot.i18n import _
from similubot_bot.jobs.executor import task_of
from similubot_bot.jobs.manager import JobManager
from similubot_bot.jobs.presenter import Reply
from similubot_bot.jobs.reading import Reading, Vocabulary, find_links
from similubot_bot.jobs.records import JobRecord, JobRequest
from similubot_bot.jobs.requests import AttachedFile, make_requests, plan_task, vocabulary
from similubot_bot.jobs.store import Store
from similubot_bot.jobs.store_thread import StoreThread
from similubot_bot.ops.loop_watch import LoopWatch
from similubot_bot.settings import BotSettings
from similubot_core import ProgressInfo, Settings, SimilubotError, UsageError, render
from similubot_core.plugins.specs import Plugins

logger = logging.getLogger(__name__)

DAY = 86_400.0


@dataclass(frozen=True, slots=True)
class QueueEntry:
    """One job of the queue, as it is now.

    Attributes:
        record: The job.
        position: Its position, from 1; None while it runs.
        latest: The newest state of a running job; None before the first.
    """

    record: JobRecord
    position: int | None = None
    latest: ProgressInfo | None = None


class BotService:
    """The bot's jobs, and what may be asked about them. It is used in the event loop.

    Args:
        plugins: What is installed.
        core_settings: The settings of this run.
        settings: The table [bot].
        targets: What people may give as `to`, the default first.
        store: The job list.
        manager: The jobs.
        loop_watch: How late the event loop is.

    Attributes:
        began: When the bot started, in seconds since 1970.
    """

    def __init__(
        self,
        plugins: Plugins,
        core_settings: Settings,
        settings: BotSettings,
        targets: Sequence[str],
        store: StoreThread,
        manager: JobManager[Any],
        loop_watch: LoopWatch,
    ) -> None:
        self.plugins = plugins
        self.settings = settings
        self.targets = tuple(targets)
        self.manager = manager
        self.loop_watch = loop_watch
        self.began = time.time()
        self._core_settings = core_settings
        self.store = store
        self._planning = asyncio.Lock()
        self._backed_up = 0.0
        self._requested: dict[int, float] = {}
        self._offered: dict[int, float] = {}

    def check_access(self, requester: Requester) -> None:
        """Refuse somebody who may not use the bot.

        Raises:
            UsageError: Says why not.
        """
        why_not = refusal(self.settings, requester)
        if why_not is not None:
            raise UsageError(why_not)

    # -- reading ----------------------------------------------------------------------------

    @property
    def words(self) -> Vocabulary:
        """What can be meant by a request."""
        return vocabulary(self.plugins, self.targets)

    def links(self, text: str) -> tuple[str, ...]:
        """The links in a text that an installed downloader accepts."""
        return find_links(text, self.words.accepts)

    def make_requests(
        self,
        requester: Requester,
        channel: int,
        reading: Reading,
        files: Sequence[AttachedFile] = (),
        message: int | None = None,
    ) -> list[JobRequest]:
        """One request for each link and file.

        Raises:
            UsageError: There is nothing to convert; says what to do.
        """
        return make_requests(
            self.plugins,
            self.settings,
            requester,
            channel,
            reading,
            files,
            default_target=self.targets[0],
            message=message,
        )

    # -- keeping ----------------------------------------------------------------------------

    async def back_up(self) -> Path:
        """Back the job list up now; returns the backup.

        Raises:
            StoreError: It cannot be written.
        """
        keep = max(1, self.settings.backups)
        path = await self.store.do(lambda store: store.db.back_up(keep))
        logger.info("Backed the job list up: %s", path)
        return path

    async def back_up_daily(self) -> None:
        """Back the job list up if the last backup is a day old; a failure is logged."""
        if not self.settings.backups or time.time() - self._backed_up < DAY:
            return
        try:
            last = await self.store.do(Store.note, "backup")
            if last is None or time.time() - float(last) >= DAY:
                await self.back_up()
                last = str(time.time())
                await self.store.do(Store.set_note, "backup", last)
            self._backed_up = float(last)
        except SimilubotError as error:
            logger.warning("The job list is not backed up: %s", error.detail or error.message)

    # -- jobs -------------------------------------------------------------------------------

    async def submit(
        self, requester: Requester, requests: Sequence[JobRequest], reply: Reply
    ) -> list[str]:
        """Accept requests; returns once their messages are sent.

        Returns:
            For each request that was refused while others were accepted, the sentence that says
            why.

        Raises:
            UsageError: None was accepted; says why, and what to do.
        """
        refused: list[SimilubotError] = []
        self.check_cooldown(requester)
        before = self._requested.get(requester.user)
        self._requested[requester.user] = time.monotonic()  # counts at once, against two at a time
        for request in requests:
            task = task_of(request, self.settings.max_size)
            try:
                # Importing a plugin's stages can take longer than the event loop may be held up.
                # One at a time: many at once would hold Python's lock, and wake up together.
                async with self._planning:
                    await asyncio.to_thread(plan_task, self.plugins, self._core_settings, task)
                await self.manager.submit(request, reply)
            except SimilubotError as error:
                logger.info("Refused: %s (%s)", error.message, error.detail or "no further detail")
                refused.append(error)
        if len(refused) == len(requests):
            del self._requested[requester.user]
            if before is not None:
                self._requested[requester.user] = before
            raise refused[0]
        return list(dict.fromkeys(error.message for error in refused))

    def check_cooldown(self, requester: Requester) -> None:
        """Refuse somebody who asks too soon after their last accepted request.

        Raises:
            UsageError: Says how long to wait.
        """
        wait = self._wait(self._requested, requester)
        if wait > 0:
            shown = render.duration(max(1, wait))
            raise UsageError(_("You are asking too fast; try again in {time}.", time=shown))

    def may_offer(self, requester: Requester) -> bool:
        """Whether somebody's plain message may be answered with an offer now: not too often."""
        if self._wait(self._offered, requester) > 0 or self._wait(self._requested, requester) > 0:
            return False
        self._offered[requester.user] = time.monotonic()
        return True

    def _wait(self, last: dict[int, float], requester: Requester) -> float:
        """Seconds that somebody has to wait still; forgets whoever need not."""
        if is_admin(self.settings, requester):
            return 0.0
        oldest = time.monotonic() - self.settings.cooldown
        for user in [user for user, moment in last.items() if moment <= oldest]:
            del last[user]
        return max(0.0, last.get(requester.user, oldest) - oldest)

    def cancel(self, requester: Requester, job: int | None) -> int:
        """Cancel a job for somebody; None is their newest one. Returns its number.

        Raises:
            UsageError: There is none of that number, or it is not theirs.
        """
        if job is None:
            mine = self.manager.open_of(requester.user)
            if not mine:
                raise UsageError(_("You have no job to cancel."))
            job = mine[-1].id
        record = self.manager.get(job)
        if record is not None and self._may_cancel(requester, record):
            self.manager.cancel(job)
            return job
        if record is not None and self.may_see(requester, record):
            raise UsageError(
                _("Only who asked for job {job}, or a moderator, can cancel it.", job=job)
            )
        # The same answer for both, so that nobody learns of jobs that they cannot see.
        raise UsageError(_("There is no job {job} that is waiting or running here.", job=job))

    def _may_cancel(self, requester: Requester, record: JobRecord) -> bool:
        request = record.request
        return may_cancel(self.settings, requester, request.user, request.server, request.channel)

    def may_see(self, requester: Requester, record: JobRecord) -> bool:
        """Whether somebody may see a job where they are now."""
        request = record.request
        if request.user == requester.user:
            return requester.server is None or requester.server == request.server
        if request.private or request.server is None or request.server != requester.server:
            return False
        return requester.sees(request.channel)

    def queue(self, requester: Requester) -> list[QueueEntry]:
        """The jobs that this person may see here: those that run, then those that wait."""
        running = [
            QueueEntry(job.record, latest=job.latest)
            for job in self.manager.running
            if self.may_see(requester, job.record)
        ]
        waiting = [
            QueueEntry(record, position)
            for position, record in enumerate(self.manager.waiting, start=1)
            if self.may_see(requester, record)
        ]
        return running + waiting
