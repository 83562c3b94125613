"""The bot's page: the queue, the jobs that run, what became of the others, and the buttons."""

from __future__ import annotations

import contextlib
import functools
import time

import msgspec
from aiohttp import web

from similubot_bot import (
    BotExtension,
    BotService,
    BotSettings,
    JobRecord,
    JobStatus,
    Machine,
    RunningJob,
)
from similubot_core import Settings, SettingsError, SimilubotError, UsageError, render
from similubot_core.jobs.stages import STAGES
from similubot_web.access import Access
from similubot_web.operations import (
    LONGEST_NAME,
    link_in,
    operation_key,
    operation_row,
    planned_row,
    shown,
)
from similubot_web.pages import VIEWER, make_app
from similubot_web.settings import MAKE_ONE, WebSettings
from similubot_web.stream import MadeRows, Row, State, Value

RECENT = 20
"""Ended jobs that stand below the queue."""
PAGE = 50
"""Ended jobs that one look into the history brings."""
HEADER_SECONDS = 2.0
RECENT_SECONDS = 30.0
"""How often the recent jobs are read again although none ended: their links are forgotten."""
MISSING_SECONDS = 10.0
ACTIONS = ("cancel", "retry", "pause", "resume", "drain")
"""The verbs of `Admin` that the page has buttons for."""
LONGEST_SEARCH = 100


def bot_page(settings: Settings) -> BotExtension:
    """The page as an extension of the bot; nothing where [bot] page is not set.

    Raises:
        SettingsError: The token cannot be used, or is needed and not there.
    """
    if not settings.table(BotSettings).page:
        return BotExtension("web")
    table = settings.table(WebSettings)
    access = Access(table.login_token, table.hosts, table.read_only)
    if access.token is None and table.hosts:
        raise SettingsError(
            "The bot's page is asked for by others ([web] hosts), so it needs a token: set "
            f"SIMILUBOT_WEB_TOKEN; {MAKE_ONE}."
        )

    def add_routes(app: web.Application, service: BotService) -> None:
        page = BotPage(service)
        routes = (("POST", "/act", page.act), ("GET", "/history", page.history))
        app.add_subapp("/page/", make_app(access, page.look, "bot.html", ("bot.js",), routes))
        app.router.add_get("/page", _to_page)
        app.router.add_get("/", _to_page)

    return BotExtension("web", add_routes=add_routes)


async def _to_page(request: web.Request) -> web.Response:
    raise web.HTTPSeeOther("page/")


class _Action(msgspec.Struct, forbid_unknown_fields=True):
    """What a button sends."""

    verb: str
    job: int | None = None


class BotPage:
    """What the page shows and does, all of it by the bot's service. In the bot's event loop.

    Args:
        service: The bot's.
    """

    def __init__(self, service: BotService) -> None:
        self._service = service
        self._made = MadeRows()
        self._header: Row = {}
        self._machines: dict[str, Row] = {}
        self._header_at = self._recent_at = float("-inf")
        self._recent: dict[str, Row] = {}
        self._open: set[int] = set()
        self._missing: dict[int, float] = {}

    async def look(self) -> State:
        """The state of the queue now."""
        manager = self._service.manager
        now = time.monotonic()
        if now - self._header_at >= HEADER_SECONDS:
            self._header_at = now
            self._machines = {f"machine:{m.name}": machine_row(m) for m in manager.machines}
            self._header = self._condition()
        state: dict[str, Row] = {
            "": {**self._header, "running": len(manager.running), "waiting": len(manager.waiting)}
        }
        state.update(self._machines)
        for order, running in enumerate(manager.running):
            state.update(self._running_rows(running, order))
        waits = manager.estimated_waits()
        for place, record in enumerate(manager.waiting, start=1):
            wait = "room on the disk" if record.id == manager.waits_for_disk else None
            if wait is None and record.id in waits:
                wait = f"about {render.duration(waits[record.id])}"
            row = self._job_row(record, "waiting")
            state[f"job:{record.id}"] = {**row, "order": place, "place": place, "wait": wait}
        self._made.next_state()
        await self._look_at_recent(now, set(manager.open))
        return {**self._recent, **state}

    async def act(self, request: web.Request) -> web.Response:
        """Do what a button says; answers with a sentence."""
        if not request[VIEWER].may_act:
            return _told(UsageError("This page is read-only."), 403)
        if request.content_type != "application/json":
            return _told(UsageError("Send JSON."), 415)
        try:
            action = msgspec.json.decode(await request.read(), type=_Action)
            if action.verb not in ACTIONS:
                raise UsageError(f"The page can {', '.join(ACTIONS)}.")
            words = [action.verb] if action.job is None else [action.verb, str(action.job)]
            done = await self._service.operate(request[VIEWER].name, words)
        except msgspec.DecodeError:
            return _told(UsageError("Send a verb and, where it needs one, a job."), 400)
        except SimilubotError as error:
            return _told(error, 409)
        self._header_at = float("-inf")
        return web.json_response({"done": shown(done)})

    async def history(self, request: web.Request) -> web.Response:
        """Jobs that ended: those that a text is found in, with a status, before a number."""
        asked = request.query
        text = asked.get("text", "").strip()[:LONGEST_SEARCH]
        status, before = None, None
        with contextlib.suppress(ValueError):
            status = JobStatus(asked.get("status", ""))
        number = asked.get("before", "")
        if number.isascii() and number.isdecimal() and len(number) < 19:
            before = int(number)
        try:
            found = await self._service.ended(text, status, before, PAGE + 1)
        except SimilubotError as error:
            return _told(error, 503)
        rows = [ended_row(record) for record in found[:PAGE]]
        return web.json_response({"rows": rows, "more": len(found) > PAGE})

    def _job_row(self, record: JobRecord, status: str) -> Row:
        key = f"job:{record.id}"
        return self._made.row(key, record, functools.partial(job_row, record, status))

    def _running_rows(self, running: RunningJob, order: int) -> dict[str, Row]:
        """A job that runs, and each of its operations."""
        key = f"job:{running.record.id}"
        rows: dict[str, Row] = {}
        operations = dict(running.operations)
        whole = {id_ for id_, (info, _) in operations.items() if info.unit == STAGES}
        share: Value = None
        for number, (id_, (info, began)) in enumerate(operations.items()):
            inner = info.parent in operations and info.parent not in whole
            parent = operation_key(info.parent or "") if inner else key
            make = functools.partial(operation_row, info, began, number, parent)
            row = self._made.row(operation_key(id_), info, make)
            if id_ in whole:
                share = row.get("share")
            else:
                rows[operation_key(id_)] = row
        begun = {info.operation for info, _ in operations.values()}
        for number, name in enumerate(running.planned, start=len(operations)):
            if name not in begun:
                rows[f"{key}:{number}"] = planned_row(name, number, key)
        job = self._job_row(running.record, "running")
        return {key: {**job, "order": order, "on": running.executor.name, "share": share}, **rows}

    def _condition(self) -> Row:
        """The row about the bot and its machine."""
        now = self._service.condition()
        load = "unknown" if now.load is None else f"{now.load:.1f}, {now.processors} processors"
        return {
            "kind": "bot",
            "state": now.state,
            "slots": now.slots,
            "load": load,
            "memory": render.size(now.memory),
            "disk": render.size(now.disk_free),
            "disk_is_low": now.disk_is_low,
            "late": f"{now.late * 1000:.0f} ms",
            "began": round(now.began),
        }

    async def _look_at_recent(self, now: float, is_open: set[int]) -> None:
        """Read the jobs that ended last, where some have ended by now."""
        self._missing.update(dict.fromkeys(self._open - is_open, now))
        self._open = is_open
        if not self._missing and now - self._recent_at < RECENT_SECONDS:
            return
        self._recent_at = now
        found = await self._service.ended(limit=RECENT)
        self._recent = {f"job:{record.id}": ended_row(record) for record in found}
        seen = {record.id for record in found} | is_open
        self._missing = {
            job: since
            for job, since in self._missing.items()
            if job not in seen and now - since < MISSING_SECONDS
        }


def ended_row(record: JobRecord) -> Row:
    """A job that ended."""
    outcome = record.outcome
    assert outcome is not None
    row: dict[str, Value] = {
        **job_row(record, outcome.status.value),
        "order": -record.id,
        "again": bool(record.request.source),
    }
    if outcome.seconds:
        row["took"] = render.duration(outcome.seconds)
    if outcome.status is JobStatus.DONE:
        row["result"] = shown(outcome.name, LONGEST_NAME)
        row["result_size"] = render.size(outcome.size)
        row["link"] = link_in(outcome.text)
        if outcome.duration is not None:
            row["length"] = render.duration(outcome.duration)
    if row.get("link") is None:
        row["sentence"] = shown(outcome.text)
    return row


def job_row(record: JobRecord, status: str) -> dict[str, Value]:
    """What there is to be told of every job. Ids are texts: JavaScript's numbers are too short."""
    request = record.request
    row: dict[str, Value] = {
        "kind": "job",
        "number": record.id,
        "status": status,
        "name": shown(request.name, LONGEST_NAME),
        "user": str(request.user),
        "server": None if request.server is None else str(request.server),
        "channel": str(request.channel),
        "to": shown(request.to, LONGEST_NAME),
        "created": round(record.created),
        "private": request.private,
    }
    if request.format is not None:
        row["format"] = shown(request.format, LONGEST_NAME)
    if request.bitrate is not None:
        row["bitrate"] = f"{request.bitrate} kb/s"
    if request.size is not None:
        row["size"] = render.size(request.size)
    if record.started is not None:
        row["started"] = round(record.started)
    if record.attempts > 1:
        row["attempts"] = record.attempts
    return row


def machine_row(machine: Machine) -> Row:
    """A machine besides the bot's own."""
    return {
        "kind": "machine",
        "name": shown(machine.name, LONGEST_NAME),
        "version": shown(machine.version, LONGEST_NAME),
        "slots": machine.slots,
        "jobs": ", ".join(f"{job}" for job in machine.jobs),
        "refused": shown(machine.refused),
    }


def _told(error: SimilubotError, status: int) -> web.Response:
    return web.json_response({"error": error.message}, status=status)
