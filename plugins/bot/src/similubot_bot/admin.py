"""Admin: what operators do to a running bot, by a command of Discord or from the shell."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from similubot_bot import preferences
from similubot_bot.i18n import ngettext
from similubot_bot.jobs.executor import Machine
from similubot_bot.jobs.records import JobRecord, JobStatus
from similubot_bot.service import BotService
from similubot_core import UsageError, render
from similubot_core.redact import redact

AUDIT_LINES = 20
HISTORY_LINES = 20


class Client(Protocol):
    """What an operator may ask of the bot's client."""

    async def announce(self, text: str) -> int:
        """Write a text into each channel that was in use this week; how many took it."""

    async def leave(self, server: int) -> bool:
        """Leave a server; False when the bot is not in it."""


class Admin:
    """The verbs. It is used in the event loop.

    Args:
        service: The bot's jobs.
        client: The bot's client.
    """

    def __init__(self, service: BotService, client: Client) -> None:
        self._service = service
        self._client = client
        self._verbs: dict[str, tuple[str, Callable[..., Awaitable[str]]]] = {
            "status": ("status: what runs and waits", self._status),
            "pause": ("pause: accept jobs, start none", self._pause),
            "resume": ("resume: end pause and drain", self._resume),
            "drain": ("drain: accept no jobs, finish those that are there", self._drain),
            "block": ("block user|server ID REASON", self._block),
            "unblock": ("unblock user|server ID", self._unblock),
            "blocks": ("blocks: what is blocked, and why", self._blocks),
            "cancel": ("cancel JOB", self._cancel),
            "retry": ("retry JOB: ask for an ended job again", self._retry),
            "history": (
                "history [done|failed|cancelled] [TEXT]: jobs that ended, by name, sentence or id",
                self._history,
            ),
            "announce": ("announce TEXT: in the channels used this week", self._announce),
            "leave": ("leave SERVER", self._leave),
            "backup": ("backup: back the job list up now", self._backup),
            "audit": ("audit: who did what", self._audit),
            "help": ("help: these verbs", self._help),
        }

    @property
    def verbs(self) -> tuple[str, ...]:
        """The names of all verbs."""
        return tuple(self._verbs)

    async def run(self, actor: str, line: str | Sequence[str]) -> str:
        """Do what a line says, and note it in the audit log.

        Args:
            actor: Who does it, such as "user 5" or "shell".
            line: The verb and its arguments.

        Returns:
            What was done, in plain text.

        Raises:
            UsageError: It cannot be done; says why.
        """
        words = line.split() if isinstance(line, str) else list(line)
        verb, arguments = (words[0].lower(), words[1:]) if words else ("help", [])
        if verb not in self._verbs:
            raise UsageError(f"There is no verb of that name; there are {', '.join(self._verbs)}.")
        try:
            told = await self._verbs[verb][1](*arguments)
        except TypeError as error:
            raise UsageError(f"Write it like this: {self._verbs[verb][0]}") from error
        if verb not in ("status", "help", "audit", "blocks", "history"):
            await self._service.audit(actor, verb, " ".join(arguments[:2]), told)
        return told

    async def _help(self) -> str:
        return "\n".join(usage for usage, _ in self._verbs.values())

    async def _status(self) -> str:
        manager = self._service.manager
        state = "paused" if manager.paused else "draining" if manager.draining else "running"
        lines = [f"{state}: {len(manager.running)} running, {len(manager.waiting)} waiting"]
        for job in manager.running:
            latest = job.latest
            share = (
                "" if latest is None else f" {latest.operation} {render.percent(latest.percentage)}"
            )
            lines.append(f"job {job.record.id} on {job.executor.name}:{share}")
        lines += [machine_line(machine) for machine in manager.machines]
        return "\n".join(lines)

    async def _pause(self) -> str:
        self._service.manager.paused = True
        return "Paused: jobs are accepted, and none starts."

    async def _resume(self) -> str:
        manager = self._service.manager
        manager.paused = manager.draining = False
        manager.pump()
        return "Resumed."

    async def _drain(self) -> str:
        self._service.manager.draining = True
        return "Draining: no job is accepted; those that are there are finished."

    async def _block(self, kind: str, id_: str, *reason: str) -> str:
        number = _target(kind, id_)
        await self._service.block(kind, number, " ".join(reason) or "no reason given")
        return f"Blocked {kind} {number}."

    async def _unblock(self, kind: str, id_: str) -> str:
        number = _target(kind, id_)
        await self._service.block(kind, number, None)
        return f"Unblocked {kind} {number}."

    async def _blocks(self) -> str:
        blocks = self._service.blocks
        return "\n".join(f"{k} {i}: {why}" for (k, i), why in blocks.items()) or "Nothing."

    async def _cancel(self, job: str) -> str:
        if not job.isdecimal() or not self._service.manager.cancel(int(job)):
            raise UsageError(f"There is no job {render.sanitize_line(job, 20)} to cancel.")
        return f"Cancelling job {job}."

    async def _retry(self, job: str) -> str:
        if not job.isdecimal():
            raise UsageError("Write it like this: retry 12")
        return f"Asked for job {job} again; it is job {await self._service.retry(int(job))} now."

    async def _history(self, *words: str) -> str:
        status = {one.value: one for one in JobStatus}.get(words[0]) if words else None
        text = " ".join(words if status is None else words[1:])
        records = await self._service.ended(text, status, limit=HISTORY_LINES)
        return "\n".join(map(history_line, records)) or "Nothing."

    async def _announce(self, *words: str) -> str:
        if not words:
            raise UsageError("Write the text of the announcement.")
        count = await self._client.announce(" ".join(words))
        return ngettext("Announced in {count} channel.", "Announced in {count} channels.", count)

    async def _leave(self, server: str) -> str:
        if not server.isdecimal() or not await self._client.leave(int(server)):
            raise UsageError("I am not in a server of that id.")
        return f"Left server {server}."

    async def _backup(self) -> str:
        return f"Backed up: {(await self._service.back_up()).name}"

    async def _audit(self) -> str:
        lines = await self._service.store.do(preferences.load_audit, AUDIT_LINES)
        return "\n".join(lines) or "Nothing yet."


def history_line(record: JobRecord) -> str:
    """A job that ended, in a line: its number, how it ended, its name, and its link or sentence."""
    assert record.outcome is not None
    name = render.sanitize_line(record.request.name, 60)
    told = redact(render.sanitize_line(record.outcome.text, 120))
    return f"job {record.id}: {record.outcome.status.value}: {name}: {told}"


def machine_line(machine: Machine) -> str:
    """A machine besides the bot's own, and what it does, in a line."""
    name, version = (render.sanitize_line(text, 60) for text in (machine.name, machine.version))
    if machine.refused:
        return f"{name} ({version}) gets no jobs: {render.sanitize_line(machine.refused, 300)}"
    jobs = ", ".join(map(str, machine.jobs))
    return f"{name} ({version}): {len(machine.jobs)} of {machine.slots} slots" + (
        f", jobs {jobs}" if jobs else ""
    )


def _target(kind: str, id_: str) -> int:
    number = id_.strip("<@!>")
    if kind not in ("user", "server") or not number.isdecimal():
        raise UsageError("Name a user or a server by its id: block user 123 REASON.")
    return int(number)
