"""BotService: what people and programs can ask the bot for, whichever way they ask.

The commands, the buttons, the health port and other plugins' extensions get this one object; it
knows no screen.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal
from weakref import WeakSet

from similubot_bot import preferences
from similubot_bot.access import Requester, is_admin, may_cancel, may_see_status, refusal
from similubot_bot.i18n import _, language, languages
from similubot_bot.jobs.executor import task_of
from similubot_bot.jobs.manager import JobManager, Limits
from similubot_bot.jobs.presenter import Reply
from similubot_bot.jobs.reading import Reading, Vocabulary, find_links, read_choice
from similubot_bot.jobs.records import JobRecord, JobRequest, JobStatus
from similubot_bot.jobs.requests import AttachedFile, make_requests, plan_task, vocabulary
from similubot_bot.jobs.store import Store
from similubot_bot.jobs.store_thread import StoreThread
from similubot_bot.ops.condition import Condition, load, memory, processors
from similubot_bot.ops.loop_watch import LoopWatch
from similubot_bot.preferences import MemberSettings, ServerSettings
from similubot_bot.settings import BotSettings
from similubot_core import ProgressInfo, Settings, SimilubotError, UsageError, render
from similubot_core.plugins.specs import Plugins

_NO_SERVER = ServerSettings()
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


async def _not_yet(actor: str, words: Sequence[str]) -> str:
    raise UsageError("The bot is only starting; try again in a moment.")


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
        blocks: What is blocked, ("user" or "server", id), and why.
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
        manager.server_limits = self._server_limits
        self._planning = asyncio.Lock()
        self._backed_up = 0.0
        self._servers = store.do_now(preferences.load_servers)
        self.blocks = store.do_now(preferences.load_blocks)
        self._audits: WeakSet[asyncio.Future[None]] = WeakSet()
        self._operate: Callable[[str, Sequence[str]], Awaitable[str]] = _not_yet
        self._requested: dict[int, float] = {}
        self._offered: dict[int, float] = {}

    def check_access(self, requester: Requester) -> None:
        """Refuse somebody who may not use the bot.

        Raises:
            UsageError: Says why not.
        """
        if not is_admin(self.settings, requester):
            for key in (("user", requester.user), ("server", requester.server or 0)):
                if key in self.blocks:
                    reason = self.blocks[key]
                    raise UsageError(_("The bot's operator has blocked this: {why}", why=reason))
        why_not = refusal(self.settings, requester, self.server(requester.server))
        if why_not is not None:
            raise UsageError(why_not)

    # -- what members, servers and operators set ------------------------------------------------

    def server(self, server: int | None) -> ServerSettings:
        """A server's settings."""
        return self._servers.get(server or 0, _NO_SERVER)

    def _server_limits(self, server: int | None) -> Limits:
        chosen = self.server(server)
        return Limits(chosen.open_per_user, chosen.open_per_server, chosen.max_size)

    async def set_server(self, requester: Requester, settings: ServerSettings) -> None:
        """Keep the settings of the requester's server.

        Raises:
            UsageError: They do not manage a server, or a value is not possible here.
        """
        server = requester.server
        if server is None:
            raise UsageError(_("Use this in a server."))
        if not may_see_status(self.settings, requester):
            raise UsageError(_("Only people who manage this server can do that."))
        self._check_choices(settings.to, settings.language)
        await self.store.do(preferences.save_server, server, settings)
        self._servers[server] = settings
        await self.audit(f"user {requester.user}", "setup", f"server {server}")

    async def member(self, user: int) -> MemberSettings:
        """A member's settings."""
        return await self.store.do(preferences.load_member, user)

    async def set_member(self, user: int, settings: MemberSettings) -> None:
        """Keep a member's settings.

        Raises:
            UsageError: A value is not possible here.
        """
        self._check_choices(settings.to, settings.language)
        if settings.format is not None:
            read_choice(settings.format, self.words.formats, _("I can't convert to"))
        await self.store.do(preferences.save_member, user, settings)

    def _check_choices(self, to: str | None, language: str | None) -> None:
        if to is not None:
            read_choice(to, self.targets, _("I can't upload to"))
        if language is not None and language not in languages():
            known = ", ".join(languages())
            raise UsageError(_("I don't speak that language; I speak {known}.", known=known))

    async def language_for(
        self, user: int, server: int | None, client: str | None, community: str | None
    ) -> str:
        """The language of the answers to somebody, such as "de".

        Args:
            user: Who; what they set comes first.
            server: Where; what is set there comes after `client`.
            client: The language of their client; None where it is not known.
            community: The server's own language; None where there is none.
        """
        try:
            own = (await self.member(user)).language
        except SimilubotError:
            own = None
        wanted = (own, client, self.server(server).language, community, self.settings.language)
        known = languages()
        for name in wanted:
            if name is None:
                continue
            for candidate in (name, name.partition("-")[0]):
                if candidate in known:
                    return candidate
        return "en"

    async def forget(self, user: int) -> tuple[int, bool]:
        """Delete what is stored about a member; how many jobs, and whether settings, that was."""
        return await self.store.do(preferences.forget_member, user)

    async def with_defaults(self, requester: Requester, reading: Reading) -> Reading:
        """A reading in which what was not typed is what the member, else the server, chose."""
        server = self.server(requester.server)
        try:
            member = await self.member(requester.user)
        except SimilubotError:
            member = MemberSettings()
        to = next((t for t in (reading.to, member.to, server.to) if t in self.targets), None)
        return replace(
            reading,
            bitrate=reading.bitrate or member.bitrate or server.bitrate,
            format=reading.format or member.format,
            to=to,
            private=reading.private or bool(member.private),
        )

    async def block(self, kind: str, id_: int, reason: str | None) -> None:
        """Block a user or a server, or (without a reason) unblock it."""
        await self.store.do(preferences.save_block, kind, id_, reason)
        self.blocks.pop((kind, id_), None)
        if reason is not None:
            self.blocks[kind, id_] = reason

    async def audit(self, actor: str, action: str, subject: str = "", detail: str = "") -> None:
        """Note who did what to whom; a failure is logged."""
        logger.info("Audit: %s %s %s", actor, action, subject)
        try:
            await self.store.do(preferences.note_audit, actor, action, subject, detail)
        except SimilubotError as error:
            logger.warning("The audit log cannot be written: %s", error.detail)

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

    async def retry(self, job: int) -> int:
        """Make the request of an ended job again, for whom it was; the number of the new job, whose
        message goes into the channel where it was asked for.

        Raises:
            UsageError: It has not ended, its link is forgotten by now, or no job is accepted.
        """
        record = await self.store.do(Store.get, job)
        if record is None or record.outcome is None:
            raise UsageError(f"There is no job {job} that has ended.")
        if not record.request.source:
            raise UsageError(f"The link of job {job} is forgotten by now; it has to be sent again.")
        number, _posted = await self.manager.accept(replace(record.request, message=None), None)
        return number

    async def ended(
        self,
        text: str = "",
        status: JobStatus | None = None,
        before: int | None = None,
        limit: int = 50,
    ) -> list[JobRecord]:
        """Jobs that ended, the newest first, as `Store.search` finds them.

        Raises:
            StoreError: The job list cannot be read at the moment.
        """
        return await self.store.do(Store.search, text, status, before, limit)

    def condition(self) -> Condition:
        """How the bot and its machine are."""
        manager = self.manager
        state: Literal["running", "paused", "draining", "stopping"] = "running"
        if manager.stopping:
            state = "stopping"
        elif manager.paused:
            state = "paused"
        elif manager.draining:
            state = "draining"
        return Condition(
            state,
            len(manager.running),
            len(manager.waiting),
            manager.slots,
            load(),
            processors(),
            memory(),
            manager.disk_free,
            manager.disk_is_low,
            self.loop_watch.latest_worst,
            self.began,
        )

    async def operate(self, actor: str, words: Sequence[str]) -> str:
        """Do what an operator's words say, such as ("cancel", "5"), as `similubot bot ctl` does.

        Args:
            actor: Who says so, for the audit log.
            words: The verb and its arguments; `Admin` has the verbs.

        Returns:
            What was done, in plain text.

        Raises:
            UsageError: It cannot be done; says why.
        """
        return await self._operate(actor, words)

    def set_operator(self, operate: Callable[[str, Sequence[str]], Awaitable[str]]) -> None:
        """Set what does what operators say."""
        self._operate = operate

    async def repeated(self, requester: Requester, job: int) -> JobRequest:
        """The request of an ended job, to be made again by whom it was.

        Raises:
            UsageError: It is not theirs, or its link is forgotten by now.
        """
        record = await self.store.do(Store.get, job)
        if record is None or record.outcome is None or not record.request.source:
            raise UsageError(_("It is too late to repeat this; send the link again."))
        if record.request.user != requester.user and not is_admin(self.settings, requester):
            raise UsageError(_("Only who asked for this can repeat it."))
        return replace(record.request, message=None, locale=language.get())

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
            if record.request.user != requester.user:
                owner = f"user {record.request.user}"
                self._audits.add(
                    asyncio.ensure_future(
                        self.audit(f"user {requester.user}", f"cancelled job {job} of", owner)
                    )
                )
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
