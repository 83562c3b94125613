"""The job list on disk: SQLite with a write-ahead log, so that nothing is lost on a restart."""

import sqlite3
import time
from collections.abc import Callable, Iterable
from dataclasses import astuple
from pathlib import Path
from typing import cast

from similubot_bot.jobs.records import JobOutcome, JobRecord, JobRequest, JobStatus, SourceKind
from similubot_core import SimilubotError, UsageError

VERSION = 1

_SCHEMA = """
CREATE TABLE jobs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    user INTEGER NOT NULL, server INTEGER, channel INTEGER NOT NULL,
    source TEXT NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL,
    bitrate INTEGER, target TEXT NOT NULL,
    created REAL NOT NULL, message INTEGER,
    started REAL, starts INTEGER NOT NULL DEFAULT 0,
    ended REAL, outcome TEXT, text TEXT, result_name TEXT, size INTEGER, duration REAL,
    seconds REAL, shown INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX jobs_open ON jobs (shown) WHERE shown = 0;
CREATE INDEX jobs_of_user ON jobs (user, started);
CREATE TABLE notes (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
"""

_COLUMNS = (
    "id, user, server, channel, source, kind, name, bitrate, target, created, message, started, "
    "starts, outcome, text, result_name, size, duration, seconds, shown"
)


class Store:
    """The job list. It is used from one thread (`StoreThread`'s); every method is done when it
    returns, and each may wait for the disk.

    What was written survives a crash of the bot (``kill -9``) always, and a loss of power but for
    the last moments (``synchronous=NORMAL``); the list itself stays whole in any case. A source is
    kept only until its job has ended, since it holds a key; only the owner can read the file.

    Args:
        path: The file; made when missing.
        clock: Seconds since 1970.

    Raises:
        UsageError: It cannot be opened, or a later version of the bot wrote it.
    """

    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        try:
            path.touch(mode=0o600)
            self._db = sqlite3.connect(path, isolation_level=None)
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = NORMAL")
            self._db.execute("PRAGMA busy_timeout = 10000")
            self._db.execute("PRAGMA secure_delete = ON")
            (version,) = self._db.execute("PRAGMA user_version").fetchone()
            if version == 0:
                self._db.executescript(f"BEGIN; {_SCHEMA} PRAGMA user_version = {VERSION}; COMMIT;")
        except (OSError, sqlite3.Error) as error:
            raise UsageError(
                f"The job list {path} cannot be opened ({error}); name another [bot] data_folder, "
                "or move the file away."
            ) from error
        if version > VERSION:
            raise UsageError(
                f"The job list {path} is of a later version of the bot; update similubot-bot."
            )

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def add(self, request: JobRequest) -> JobRecord:
        """Add a new job."""
        now = self._clock()
        cursor = self._db.execute(
            "INSERT INTO jobs (user, server, channel, source, kind, name, bitrate, target, created)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (*astuple(request), now),
        )
        assert cursor.lastrowid is not None
        return JobRecord(cursor.lastrowid, request, now)

    def get(self, job: int) -> JobRecord | None:
        """One job; None when there is none of that number, or it was forgotten."""
        found = self._select("WHERE id = ?", (job,))
        return found[0] if found else None

    def unfinished(self) -> list[JobRecord]:
        """The jobs that have not ended, or whose message does not say so yet, oldest first."""
        return self._select("WHERE shown = 0 ORDER BY id", ())

    def served(self) -> dict[int, float]:
        """For each user, when a job of theirs was last started."""
        rows = self._db.execute(
            "SELECT user, max(started) FROM jobs WHERE started IS NOT NULL GROUP BY user"
        )
        return {int(user): float(started) for user, started in rows}

    def set_message(self, job: int, message: int) -> None:
        """Note which message is about the job."""
        self._change("UPDATE jobs SET message = ? WHERE id = ?", (message, job))

    def start(self, job: int) -> None:
        """Note that an attempt of the job starts now."""
        self._change(
            "UPDATE jobs SET started = ?, starts = starts + 1 WHERE id = ?", (self._clock(), job)
        )

    def end(self, job: int, outcome: JobOutcome) -> bool:
        """Note how the job ended, once; False when it had ended already. Forgets the source."""
        values = astuple(outcome)[1:]
        return self._change(
            "UPDATE jobs SET outcome = ?, text = ?, result_name = ?, size = ?, duration = ?, "
            "seconds = ?, ended = ?, source = '' WHERE id = ? AND outcome IS NULL",
            (outcome.status.value, *values, self._clock(), job),
        )

    def set_shown(self, job: int) -> None:
        """Note that nothing is left to be shown of the job."""
        self._change("UPDATE jobs SET shown = 1 WHERE id = ?", (job,))

    def forget_before(self, moment: float) -> None:
        """Remove the jobs that ended before `moment` (seconds since 1970) and were shown."""
        self._change("DELETE FROM jobs WHERE shown = 1 AND ended < ?", (moment,))

    def note(self, key: str) -> str | None:
        """A value kept by `set_note`; None when there is none."""
        row = self._db.execute("SELECT value FROM notes WHERE key = ?", (key,)).fetchone()
        return None if row is None else str(row[0])

    def set_note(self, key: str, value: str) -> None:
        """Keep a value over restarts."""
        self._change("INSERT OR REPLACE INTO notes VALUES (?, ?)", (key, value))

    def _change(self, statement: str, values: Iterable[object]) -> bool:
        try:
            return self._db.execute(statement, tuple(values)).rowcount > 0
        except sqlite3.Error as error:
            raise SimilubotError(
                "The job list cannot be written; look at the bot's disk.", detail=str(error)
            ) from error

    def _select(self, condition: str, values: tuple[int, ...]) -> list[JobRecord]:
        rows = self._db.execute(f"SELECT {_COLUMNS} FROM jobs {condition}", values)  # noqa: S608
        return [_record(row) for row in rows]


def _record(row: tuple[object, ...]) -> JobRecord:
    values = cast(
        "tuple[int, int, int | None, int, str, SourceKind, str, int | None, str,"
        " float, int | None, float | None, int, str | None, str, str, int | None, float | None,"
        " float, int]",
        row,
    )
    id_, user, server, channel, source, kind, name, bitrate, target = values[:9]
    created, message, started, attempts, status, text, result_name = values[9:16]
    size, duration, seconds, shown = values[16:]
    outcome = None
    if status is not None:
        outcome = JobOutcome(JobStatus(status), text, result_name, size, duration, seconds)
    request = JobRequest(user, server, channel, source, kind, name, bitrate, target)
    return JobRecord(id_, request, created, message, started, attempts, outcome, bool(shown))
