-- A job list as version 1 of the bot wrote it.
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
INSERT INTO jobs (user, server, channel, source, kind, name, bitrate, target, created, message, started, starts)
VALUES (1, 2, 3, 'https://mega.nz/file/AAAAAAAA#k1', 'link', 'https://mega.nz/file/AAAAAAAA…', 128, 'catbox', 5.0, 99, 6.0, 1);
INSERT INTO jobs (user, server, channel, source, kind, name, bitrate, target, created, message, started, starts, ended, outcome, text, result_name, size, duration, seconds, shown)
VALUES (1, NULL, 3, '', 'attachment', 'a.mp3', NULL, 'litterbox', 5.0, 98, 6.0, 1, 9.0, 'done', 'https://files/x.m4a', 'x.m4a', 10, 2.5, 1.5, 1);
INSERT INTO notes VALUES ('commands', 'digest');
PRAGMA user_version = 1;
