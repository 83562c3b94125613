"""The bot's SQLite file: opening, migrating, backing up, recovering."""

import contextlib
import logging
import os
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from similubot_bot.i18n import _
from similubot_bot.jobs.secrets import SecretBox
from similubot_core import SimilubotError, UsageError

logger = logging.getLogger(__name__)

BACKUPS = "backups"


class StoreError(SimilubotError):
    """The job list cannot be used just now. The message is for members, `detail` for the log."""


def _encrypt_sources(db: sqlite3.Connection, box: SecretBox) -> None:
    for job, source in db.execute("SELECT id, source FROM jobs WHERE source != ''").fetchall():
        db.execute("UPDATE jobs SET source = ? WHERE id = ?", (box.seal(source), job))


Step = str | Callable[[sqlite3.Connection, SecretBox], None]

MIGRATIONS: Sequence[Sequence[Step]] = (
    # to version 1
    (
        """CREATE TABLE jobs (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            user INTEGER NOT NULL, server INTEGER, channel INTEGER NOT NULL,
            source TEXT NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL,
            bitrate INTEGER, target TEXT NOT NULL,
            created REAL NOT NULL, message INTEGER,
            started REAL, starts INTEGER NOT NULL DEFAULT 0,
            ended REAL, outcome TEXT, text TEXT, result_name TEXT, size INTEGER, duration REAL,
            seconds REAL, shown INTEGER NOT NULL DEFAULT 0
        ) STRICT""",
        "CREATE INDEX jobs_open ON jobs (shown) WHERE shown = 0",
        "CREATE INDEX jobs_of_user ON jobs (user, started)",
        "CREATE TABLE notes (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT",
    ),
    # to version 2: sources are encrypted; what members, servers and operators set
    (
        "ALTER TABLE jobs ADD COLUMN format TEXT",
        "ALTER TABLE jobs ADD COLUMN private INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE jobs ADD COLUMN request_message INTEGER",
        "ALTER TABLE jobs ADD COLUMN locale TEXT NOT NULL DEFAULT 'en'",
        "ALTER TABLE jobs ADD COLUMN source_size INTEGER",
        "ALTER TABLE jobs ADD COLUMN message_channel INTEGER",
        "ALTER TABLE jobs ADD COLUMN keep_damaged INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE jobs ADD COLUMN damaged INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE jobs ADD COLUMN note TEXT NOT NULL DEFAULT ''",
        "CREATE INDEX jobs_by_time ON jobs (created)",
        "CREATE INDEX jobs_with_source ON jobs (ended) WHERE source != ''",
        _encrypt_sources,
        """CREATE TABLE members (
            user INTEGER PRIMARY KEY, settings TEXT NOT NULL, userhash TEXT NOT NULL DEFAULT ''
        ) STRICT""",
        "CREATE TABLE servers (server INTEGER PRIMARY KEY, settings TEXT NOT NULL) STRICT",
        """CREATE TABLE blocks (
            kind TEXT NOT NULL, id INTEGER NOT NULL, reason TEXT NOT NULL, created REAL NOT NULL,
            PRIMARY KEY (kind, id)
        ) STRICT""",
        """CREATE TABLE audit (
            id INTEGER PRIMARY KEY, created REAL NOT NULL, actor TEXT NOT NULL,
            action TEXT NOT NULL, subject TEXT NOT NULL, detail TEXT NOT NULL
        ) STRICT""",
        """CREATE TABLE channels (
            channel INTEGER PRIMARY KEY, server INTEGER, last_message INTEGER NOT NULL,
            used REAL NOT NULL
        ) STRICT""",
    ),
)
"""What brings a file from one version (``PRAGMA user_version``) to the next."""

VERSION = len(MIGRATIONS)


class Database:
    """One SQLite file with a write-ahead log. It is used from one thread.

    It is opened again by itself when the file went away and is back. What was written survives a
    crash of the bot (``kill -9``) always, and a loss of power but for the last moments
    (``synchronous=NORMAL``); the file itself stays whole in any case.

    Args:
        path: The file; made when missing, for its owner only.
        box: Encrypts what is secret in it.

    Raises:
        UsageError: It cannot be opened, or a later version of the bot wrote it.
    """

    def __init__(self, path: Path, box: SecretBox) -> None:
        self.path = path
        self.box = box
        self._broken = False
        self._identity: tuple[int, int] | None = None
        try:
            self._db = self._open()
        except (OSError, sqlite3.Error) as error:
            raise UsageError(
                f"The job list {path} cannot be opened ({error}); take the newest good backup with "
                "`similubot bot --recover`, or name another [bot] data_folder."
            ) from error

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def change(self, statement: str, values: Iterable[object] = ()) -> sqlite3.Cursor:
        """Run a statement that writes.

        Raises:
            StoreError: It cannot be written at the moment.
        """
        return self._run(statement, tuple(values))

    def select(self, statement: str, values: Iterable[object] = ()) -> list[tuple[object, ...]]:
        """All rows of a query.

        Raises:
            StoreError: It cannot be read at the moment.
        """
        return list(self._run(statement, tuple(values)))

    def empty_log(self) -> None:
        """Move the write-ahead log into the file and cut it: nothing wiped is left in it."""
        with contextlib.suppress(StoreError):
            self._run("PRAGMA wal_checkpoint(TRUNCATE)", ()).fetchall()

    def back_up(self, keep: int) -> Path:
        """Copy the file, while it is used, into the folder of backups; the oldest go.

        Raises:
            StoreError: It cannot be written.
        """
        folder = self.path.parent / BACKUPS
        target = folder / f"{self.path.stem}-{time.strftime('%Y%m%d-%H%M%S')}.db"
        try:
            folder.mkdir(mode=0o700, exist_ok=True)
            _copy(self._db, target)
            for old in backups(self.path)[keep:]:
                old.unlink(missing_ok=True)
        except (OSError, sqlite3.Error) as error:
            raise StoreError(
                _("The backup could not be written; the log says why."), detail=str(error)
            ) from error
        return target

    def _run(self, statement: str, values: tuple[object, ...]) -> sqlite3.Cursor:
        try:
            if not self._is_there():
                self._identity = None
                with contextlib.suppress(sqlite3.Error):
                    self._db.close()
                self._db = self._open()
            cursor = self._db.execute(statement, values)
        except (OSError, sqlite3.Error) as error:
            if not self._broken:
                self._broken = True
                logger.error(
                    "The job list %s cannot be used: %s. No job is accepted until it can be again.",
                    self.path,
                    error,
                )
            raise StoreError(
                _("I can't save anything at the moment; try again in a few minutes."),
                detail=str(error),
            ) from error
        if self._broken:
            self._broken = False
            logger.warning("The job list %s can be used again.", self.path)
        return cursor

    def _is_there(self) -> bool:
        """Whether the file that is open is the one at the path: a folder may have been removed, or
        its disk unmounted.
        """
        status = self.path.stat() if self.path.exists() else None
        return status is not None and (status.st_dev, status.st_ino) == self._identity

    def _open(self) -> sqlite3.Connection:
        existed = self.path.exists()
        if not existed:
            handle = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            os.close(handle)
        self.box.save()
        db = sqlite3.connect(self.path, isolation_level=None)
        try:
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = NORMAL")
            db.execute("PRAGMA busy_timeout = 10000")
            db.execute("PRAGMA secure_delete = ON")
            (version,) = db.execute("PRAGMA user_version").fetchone()
            if version > VERSION:
                raise UsageError(
                    f"The job list {self.path} is of a later version of the bot; update "
                    "similubot-bot."
                )
            self._migrate(db, version)
        except BaseException:
            db.close()
            raise
        status = self.path.stat()
        self._identity = (status.st_dev, status.st_ino)
        return db

    def _migrate(self, db: sqlite3.Connection, version: int) -> None:
        if version == VERSION:
            return
        if version:
            folder = self.path.parent / BACKUPS
            folder.mkdir(mode=0o700, exist_ok=True)
            target = folder / f"{self.path.stem}-v{version}-{time.strftime('%Y%m%d-%H%M%S')}.db"
            _copy(db, target)
            logger.info("The job list is brought up to date; a copy of before is %s", target)
        db.execute("BEGIN IMMEDIATE")
        try:
            for steps in MIGRATIONS[version:]:
                for step in steps:
                    if isinstance(step, str):
                        db.execute(step)
                    else:
                        step(db, self.box)
            db.execute(f"PRAGMA user_version = {VERSION}")
            db.execute("COMMIT")
        except BaseException:
            db.execute("ROLLBACK")
            raise
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def backups(path: Path) -> list[Path]:
    """The backups of a file, the newest first."""
    found = (path.parent / BACKUPS).glob(f"{path.stem}-*.db")
    return sorted(found, key=lambda file: file.stat().st_mtime, reverse=True)


def recover(path: Path) -> str:
    """Put a broken job list aside and take the newest good backup.

    Returns:
        A sentence that says what was done.

    Raises:
        UsageError: A file could not be moved or copied.
    """
    if not path.exists() or is_whole(path):
        return f"The job list {path} is whole; nothing had to be recovered."
    aside = path.parent / f"broken-{time.strftime('%Y%m%d-%H%M%S')}"
    try:
        aside.mkdir(mode=0o700)
        for suffix in ("", "-wal", "-shm"):
            file = path.with_name(path.name + suffix)
            if file.exists():
                file.rename(aside / file.name)
        good = next((backup for backup in backups(path) if is_whole(backup)), None)
        if good is None:
            return (
                f"The job list was broken and lies in {aside} now. There is no good backup, so the "
                "bot begins with an empty list."
            )
        shutil.copyfile(good, path)
        path.chmod(0o600)
    except OSError as error:
        raise UsageError(
            f"The job list cannot be recovered: {error.strerror} ({error.filename})."
        ) from error
    return f"The job list was broken and lies in {aside} now; the backup {good} took its place."


def is_whole(path: Path) -> bool:
    """Whether a file is a job list without damage."""
    try:
        with contextlib.closing(sqlite3.connect(f"file:{path}?mode=rw", uri=True)) as db:
            (told,) = db.execute("PRAGMA quick_check(1)").fetchone()
            db.execute("SELECT count(*) FROM jobs").fetchone()
            return bool(told == "ok")
    except sqlite3.Error:
        return False


def _copy(db: sqlite3.Connection, target: Path) -> None:
    """An exact copy of an open database, in a file for its owner only; whole or not there."""
    unfinished = target.with_suffix(".part")
    with _removed_on_error(unfinished):
        handle = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.close(handle)
        with contextlib.closing(sqlite3.connect(unfinished)) as copy:
            db.backup(copy)
        unfinished.replace(target)


@contextlib.contextmanager
def _removed_on_error(path: Path) -> Iterator[None]:
    try:
        yield
    except BaseException:
        path.unlink(missing_ok=True)
        raise
