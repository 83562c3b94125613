"""BotService: what people and programs can ask the bot for, whichever way they ask.

The commands, the buttons, the health port and other plugins' extensions get this one object; it
knows no screen.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from similubot_bot.access import Requester, may_cancel, refusal
from similubot_bot.jobs.executor import task_of
from similubot_bot.jobs.manager import JobManager
from similubot_bot.jobs.presenter import Reply
from similubot_bot.jobs.records import JobRecord
from similubot_bot.jobs.requests import (
    AttachedFile,
    accepted,
    first_link,
    plan_task,
    read_request,
)
from similubot_bot.ops.loop_watch import LoopWatch
from similubot_bot.settings import BotSettings
from similubot_core import ProgressInfo, Settings, UsageError
from similubot_core.plugins.specs import Plugins


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
        self._planning = asyncio.Lock()

    def check_access(self, requester: Requester) -> None:
        """Refuse somebody who may not use the bot.

        Raises:
            UsageError: Says why not.
        """
        why_not = refusal(self.settings, requester)
        if why_not is not None:
            raise UsageError(why_not)

    def first_link(self, text: str) -> str | None:
        """The first link in a text that an installed downloader accepts; None without one."""
        return first_link(self.plugins, text)

    def accepts(self, link: str) -> bool:
        """Whether an installed downloader accepts the link."""
        return accepted(self.plugins, link)

    async def submit(
        self,
        requester: Requester,
        channel: int,
        reply: Reply,
        *,
        link: str | None,
        file: AttachedFile | None = None,
        bitrate: int | None = None,
        to: str | None = None,
    ) -> None:
        """Accept a request; returns once its message is sent.

        Raises:
            UsageError: Says what is wrong and what to do.
        """
        request = read_request(
            self.plugins,
            self.settings,
            self.targets,
            requester,
            channel,
            link=link,
            file=file,
            bitrate=bitrate,
            to=to,
        )
        task = task_of(request, self.settings.max_size)
        # Importing a plugin's stages can take longer than the event loop may be held up.
        # One at a time: many at once would hold Python's lock, and wake up together.
        async with self._planning:
            await asyncio.to_thread(plan_task, self.plugins, self._core_settings, task)
        await self.manager.submit(request, reply)

    def cancel(self, requester: Requester, job: int | None) -> int:
        """Cancel a job for somebody; None is their newest one. Returns its number.

        Raises:
            UsageError: There is none of that number, or it is not theirs.
        """
        if job is None:
            mine = self.manager.open_of(requester.user)
            if not mine:
                raise UsageError("You have no job to cancel.")
            job = mine[-1].id
        record = self.manager.get(job)
        # The same answer for both, so that nobody learns of others' jobs.
        if record is None or not may_cancel(
            self.settings, requester, record.request.user, record.request.server
        ):
            raise UsageError(f"There is no job {job} that you can cancel.")
        self.manager.cancel(job)
        return job

    def queue(self, requester: Requester) -> list[QueueEntry]:
        """The jobs that this person may see here: those that run, then those that wait."""
        running = [
            QueueEntry(job.record, latest=job.latest)
            for job in self.manager.running
            if job.record.request.server == requester.server
        ]
        waiting = [
            QueueEntry(record, position)
            for position, record in enumerate(self.manager.waiting, start=1)
            if record.request.server == requester.server
        ]
        return running + waiting
