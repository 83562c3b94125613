"""The job list on disk: SQLite with a write-ahead log, so that nothing is lost on a restart."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import cast

from similubot_bot.jobs.database import Database
from similubot_bot.jobs.records import JobOutcome, JobRecord, JobRequest, JobStatus, SourceKind
from similubot_bot.jobs.secrets import SecretBox

_COLUMNS = (
    "id, user, server, channel, source, kind, name, bitrate, target, format, private, "
    "request_message, locale, source_size, keep_damaged, created, message, message_channel, "
    "started, starts, outcome, text, result_name, size, duration, seconds, damaged, note, shown"
)


class Store:
    """The job list. It is used from one thread (`StoreThread`'s); every method is done when it
    returns, and each may wait for the disk.

    Sources are encrypted, and kept only as long as a job may be repeated, since they hold keys.

    Args:
        path: The file; made when missing. The key lies beside it, in ``secret.key``.
        clock: Seconds since 1970.

    Raises:
        UsageError: It cannot be opened, or a later version of the bot wrote it.
    """

    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        self.clock = clock
        self.box = SecretBox(path.with_name("secret.key"))
        self.db = Database(path, self.box)

    def close(self) -> None:
        """Close the file."""
        self.db.close()

    # -- writing ----------------------------------------------------------------------------

    def add(self, request: JobRequest) -> JobRecord:
        """Add a new job."""
        now = self.clock()
        cursor = self.db.change(
            "INSERT INTO jobs (user, server, channel, source, kind, name, bitrate, target, format, "
            "private, request_message, locale, source_size, keep_damaged, created) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                request.user,
                request.server,
                request.channel,
                self.box.seal(request.source),
                request.kind,
                request.name,
                request.bitrate,
                request.to,
                request.format,
                request.private,
                request.message,
                request.locale,
                request.size,
                request.keep_damaged,
                now,
            ),
        )
        assert cursor.lastrowid is not None
        return JobRecord(cursor.lastrowid, request, now)

    def set_message(self, job: int, message: int, channel: int | None = None) -> None:
        """Note which message is about the job; `channel` where it is not the request's."""
        self.db.change(
            "UPDATE jobs SET message = ?, message_channel = ? WHERE id = ?", (message, channel, job)
        )

    def set_source(self, job: int, name: str, size: int | None) -> None:
        """Note the source's name and size, once they are known."""
        self.db.change("UPDATE jobs SET name = ?, source_size = ? WHERE id = ?", (name, size, job))

    def start(self, job: int) -> None:
        """Note that an attempt of the job starts now."""
        self.db.change(
            "UPDATE jobs SET started = ?, starts = starts + 1 WHERE id = ?", (self.clock(), job)
        )

    def end(self, job: int, outcome: JobOutcome) -> bool:
        """Note how the job ended, once; False when it had ended already."""
        cursor = self.db.change(
            "UPDATE jobs SET outcome = ?, text = ?, result_name = ?, size = ?, duration = ?, "
            "seconds = ?, damaged = ?, note = ?, ended = ? WHERE id = ? AND outcome IS NULL",
            (
                outcome.status.value,
                outcome.text,
                outcome.name,
                outcome.size,
                outcome.duration,
                outcome.seconds,
                outcome.damaged,
                outcome.note,
                self.clock(),
                job,
            ),
        )
        return cursor.rowcount > 0

    def set_shown(self, job: int) -> None:
        """Note that nothing is left to be shown of the job."""
        self.db.change("UPDATE jobs SET shown = 1 WHERE id = ?", (job,))

    def forget_before(self, moment: float) -> None:
        """Remove the jobs that ended before `moment` (seconds since 1970) and were shown."""
        self.db.change("DELETE FROM jobs WHERE shown = 1 AND ended < ?", (moment,))

    def forget_sources(self, moment: float) -> None:
        """Wipe the sources of jobs that ended before `moment`: they cannot be repeated any more."""
        cursor = self.db.change(
            "UPDATE jobs SET source = '' WHERE source != '' AND ended < ?", (moment,)
        )
        if cursor.rowcount:
            self.db.empty_log()

    # -- reading ----------------------------------------------------------------------------

    def get(self, job: int) -> JobRecord | None:
        """One job; None when there is none of that number, or it was forgotten."""
        found = self.find("WHERE id = ?", (job,))
        return found[0] if found else None

    def unfinished(self) -> list[JobRecord]:
        """The jobs that have not ended, or whose message does not say so yet, oldest first."""
        return self.find("WHERE shown = 0 ORDER BY id")

    def of_user(self, user: int, limit: int, skip: int = 0) -> list[JobRecord]:
        """The jobs of a user, the newest first."""
        return self.find("WHERE user = ? ORDER BY id DESC LIMIT ? OFFSET ?", (user, limit, skip))

    def count_of_user(self, user: int) -> int:
        """How many jobs of a user are in the list."""
        ((count,),) = self.db.select("SELECT count(*) FROM jobs WHERE user = ?", (user,))
        return cast("int", count)

    def recent(self, limit: int) -> list[JobRecord]:
        """The newest jobs that have ended, the newest first."""
        return self.find("WHERE outcome IS NOT NULL ORDER BY id DESC LIMIT ?", (limit,))

    def search(
        self,
        text: str = "",
        status: JobStatus | None = None,
        before: int | None = None,
        limit: int = 50,
    ) -> list[JobRecord]:
        """Jobs that have ended, the newest first.

        Args:
            text: What the name, the result's name or the outcome's text holds (the case of a to z
                does not matter), or the number of the job, its user, server or channel; "" is all.
            status: How they ended; None is however.
            before: Only jobs of lower numbers; None is all.
            limit: How many at most.
        """
        number = int(text) if text.isascii() and text.isdecimal() and len(text) < 19 else None
        return self.find(
            "WHERE outcome IS NOT NULL AND (? IS NULL OR outcome = ?) AND (? IS NULL OR id < ?) "
            "AND (instr(lower(name), lower(?)) OR instr(lower(result_name), lower(?)) "
            "OR instr(lower(text), lower(?)) OR ? IN (id, user, server, channel)) "
            "ORDER BY id DESC LIMIT ?",
            (
                status and status.value,
                status and status.value,
                before,
                before,
                text,
                text,
                text,
                number,
                limit,
            ),
        )

    def served(self) -> dict[int, float]:
        """For each user, when a job of theirs was last started."""
        rows = self.db.select(
            "SELECT user, max(started) FROM jobs WHERE started IS NOT NULL GROUP BY user"
        )
        return dict(cast("list[tuple[int, float]]", rows))

    def used_since(self, moment: float, *, user: int | None, server: int | None) -> tuple[int, int]:
        """How many jobs were requested since `moment`, and the bytes of their sources.

        Args:
            moment: Seconds since 1970.
            user: Whose; None is everybody's.
            server: Where; None is everywhere.
        """
        ((jobs, size),) = self.db.select(
            "SELECT count(*), coalesce(sum(source_size), 0) FROM jobs WHERE created >= ? "
            "AND (? IS NULL OR user = ?) AND (? IS NULL OR server = ?) "
            "AND coalesce(outcome, '') != 'cancelled'",
            (moment, user, user, server, server),
        )
        return cast("int", jobs), cast("int", size)

    def asked_by(self, message: int) -> bool:
        """Whether a job was requested by this message."""
        return bool(
            self.db.select("SELECT 1 FROM jobs WHERE request_message = ? LIMIT 1", (message,))
        )

    def past_speed(self) -> float | None:
        """Bytes of sources that the last 50 jobs did in a second; None without any."""
        rows = self.db.select(
            "SELECT sum(source_size), sum(seconds) FROM (SELECT source_size, seconds FROM jobs "
            "WHERE outcome = 'done' AND source_size > 0 AND seconds > 0 ORDER BY id DESC LIMIT 50)"
        )
        size, seconds = cast("tuple[int | None, float | None]", rows[0])
        return size / seconds if size and seconds else None

    # -- notes ------------------------------------------------------------------------------

    def note(self, key: str) -> str | None:
        """A value kept by `set_note`; None when there is none."""
        rows = self.db.select("SELECT value FROM notes WHERE key = ?", (key,))
        return str(rows[0][0]) if rows else None

    def set_note(self, key: str, value: str) -> None:
        """Keep a value over restarts."""
        self.db.change("INSERT OR REPLACE INTO notes VALUES (?, ?)", (key, value))

    # -- inside -----------------------------------------------------------------------------

    def find(self, condition: str = "", values: tuple[object, ...] = ()) -> list[JobRecord]:
        """The jobs that a condition of SQL selects."""
        rows = self.db.select(f"SELECT {_COLUMNS} FROM jobs {condition}", values)  # noqa: S608
        return [self._record(row) for row in rows]

    def _record(self, row: tuple[object, ...]) -> JobRecord:
        values = cast(
            "tuple[int, int, int | None, int, str, SourceKind, str, int | None, str, str | None,"
            " int, int | None, str, int | None, int, float, int | None, int | None, float | None,"
            " int, str | None, str, str, int | None, float | None, float, int, str, int]",
            row,
        )
        id_, user, server, channel, source, kind, name, bitrate, target = values[:9]
        format_, private, asked, locale, source_size, keep_damaged = values[9:15]
        created, message, message_channel, started, attempts = values[15:20]
        status, text, result_name, size, duration, seconds, damaged, note, shown = values[20:]
        outcome = None
        if status is not None:
            outcome = JobOutcome(
                JobStatus(status), text, result_name, size, duration, seconds, bool(damaged), note
            )
        request = JobRequest(
            user,
            server,
            channel,
            self.box.open(source),
            kind,
            name,
            bitrate,
            target,
            format_,
            bool(private),
            asked,
            locale,
            source_size,
            bool(keep_damaged),
        )
        return JobRecord(
            id_,
            request,
            created,
            message,
            message_channel,
            started,
            attempts,
            outcome,
            bool(shown),
        )
