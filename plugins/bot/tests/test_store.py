"""The job list on disk."""

import contextlib
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from similubot_bot.jobs.database import VERSION, StoreError, recover
from similubot_bot.jobs.records import JobOutcome, JobRecord, JobRequest, JobStatus
from similubot_bot.jobs.store import Store
from similubot_core import UsageError

REQUEST = JobRequest(1, 2, 3, "https://mega.nz/file/a#key", "link", "a", 128, "catbox")


SCHEMAS = Path(__file__).parent / "schemas"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "jobs.db"


def test_what_was_written_is_there_after_opening_it_again(path: Path) -> None:
    store = Store(path, clock=lambda: 5.0)
    record = store.add(REQUEST)
    store.set_message(record.id, 99)
    store.start(record.id)
    again = Store(path)
    assert again.unfinished() == [
        JobRecord(record.id, REQUEST, created=5.0, message=99, started=5.0, attempts=1)
    ]
    assert again.served() == {1: 5.0}


def test_a_job_ends_once_and_its_source_is_forgotten_with_its_retry_time(path: Path) -> None:
    store = Store(path, clock=lambda: 100.0)
    job = store.add(REQUEST).id
    done = JobOutcome(JobStatus.DONE, "https://files/x.m4a", "x.m4a", 10, 2.5, 1.5)
    assert store.end(job, done)
    assert not store.end(job, JobOutcome(JobStatus.FAILED, "No."))
    record = store.get(job)
    assert record is not None
    assert record.outcome == done
    assert record.request == REQUEST, "it can be repeated"
    store.forget_sources(101.0)
    record = store.get(job)
    assert record is not None
    assert record.request.source == ""


def test_what_was_asked_of_a_damaged_source_and_what_came_of_it_is_kept(path: Path) -> None:
    store = Store(path)
    job = store.add(replace(REQUEST, keep_damaged=True)).id
    damaged = JobOutcome(JobStatus.FAILED, "Cut.", damaged=True, note="a note")
    store.end(job, damaged)
    record = store.get(job)
    assert record is not None
    assert (record.request.keep_damaged, record.outcome) == (True, damaged)


def test_no_file_ever_holds_a_links_key(path: Path) -> None:
    store = Store(path)
    store.end(store.add(REQUEST).id, JobOutcome(JobStatus.CANCELLED, "Cancelled."))
    store.add(REQUEST)
    store.db.back_up(3)
    files = [file for file in path.parent.rglob("*") if file.is_file()]
    assert {file.name for file in files} >= {"jobs.db", "jobs.db-wal"}
    assert not [file.name for file in files if b"#key" in file.read_bytes()]


@pytest.mark.parametrize("version", range(1, VERSION))
def test_a_list_of_each_earlier_version_is_migrated_with_a_backup(path: Path, version: int) -> None:
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.executescript((SCHEMAS / f"v{version}.sql").read_text(encoding="utf-8"))
    before = path.read_bytes()
    store = Store(path)
    open_, done = store.find("ORDER BY id")
    assert open_.request.source == "https://mega.nz/file/AAAAAAAA#k1"
    assert (open_.request.user, open_.message, open_.attempts) == (1, 99, 1)
    assert done.outcome == JobOutcome(JobStatus.DONE, "https://files/x.m4a", "x.m4a", 10, 2.5, 1.5)
    assert store.note("commands") == "digest"
    assert store.add(REQUEST).id == 3
    (backup,) = (path.parent / "backups").iterdir()
    with contextlib.closing(sqlite3.connect(backup)) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (version,)
        assert db.execute("SELECT count(*) FROM jobs").fetchone() == (2,)
    assert before
    store.close()
    Store(path).close()
    assert len(list((path.parent / "backups").iterdir())) == 1, "once"


def test_a_broken_list_is_put_aside_and_the_newest_good_backup_taken(path: Path) -> None:
    store = Store(path)
    first = store.add(REQUEST)
    good = store.db.back_up(3)
    store.close()
    bad = good.with_name("jobs-99999999-000000.db")
    bad.write_bytes(b"not a backup" * 999)
    path.write_bytes(b"broken" * 9999)
    told = recover(path)
    assert str(good) in told
    assert [record.id for record in Store(path).unfinished()] == [first.id]
    (aside,) = path.parent.glob("broken-*")
    assert (aside / "jobs.db").read_bytes().startswith(b"broken")
    assert "nothing had to be recovered" in recover(path)


def test_the_list_goes_on_by_itself_once_its_folder_is_back(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder, away = tmp_path / "bot", tmp_path / "away"
    folder.mkdir()
    store = Store(folder / "jobs.db")
    job = store.add(REQUEST)
    folder.rename(away)
    for _ in range(2):
        with pytest.raises(StoreError, match="can't save anything at the moment"):
            store.add(REQUEST)
    away.rename(folder)
    assert store.add(REQUEST).id == job.id + 1
    assert caplog.text.count("cannot be used") == 1
    assert caplog.text.count("can be used again") == 1


def test_a_full_disk_is_one_sentence_and_the_list_goes_on_afterwards(path: Path) -> None:
    store = Store(path)
    store.add(REQUEST)
    (pages,) = store.db.select("PRAGMA page_count")[0]
    store.db.select(f"PRAGMA max_page_count = {pages}")
    add_many = [store.add] * 200
    with pytest.raises(StoreError, match="can't save anything") as refused:
        _ = [add(REQUEST) for add in add_many]
    assert "full" in refused.value.detail
    store.db.select("PRAGMA max_page_count = 100000")
    store.add(REQUEST)


def test_an_ended_job_is_unfinished_until_its_message_says_so(path: Path) -> None:
    store = Store(path)
    job = store.add(REQUEST).id
    store.end(job, JobOutcome(JobStatus.CANCELLED, "Cancelled."))
    assert [record.id for record in store.unfinished()] == [job]
    store.set_shown(job)
    assert store.unfinished() == []


def test_old_jobs_are_forgotten_but_no_number_is_used_again(path: Path) -> None:
    store = Store(path, clock=lambda: 100.0)
    first = store.add(REQUEST).id
    store.end(first, JobOutcome(JobStatus.CANCELLED, "Cancelled."))
    store.forget_before(1000.0)
    assert store.get(first) is not None, "its message does not say so yet"
    store.set_shown(first)
    store.forget_before(1000.0)
    assert store.get(first) is None
    assert store.add(REQUEST).id == first + 1


def test_the_file_is_for_its_owner_only(path: Path) -> None:
    Store(path).add(REQUEST)
    assert {file.stat().st_mode & 0o077 for file in path.parent.iterdir()} == {0}


def test_a_file_that_is_no_job_list_is_told(path: Path) -> None:
    path.write_text("this is no database, though it is long enough to be one" * 50)
    with pytest.raises(UsageError, match=r"jobs\.db cannot be opened"):
        Store(path)


def test_a_job_list_of_a_later_version_is_left_alone(path: Path) -> None:
    store = Store(path)
    store.db.change("PRAGMA user_version = 99")
    store.close()
    with pytest.raises(UsageError, match="a later version"):
        Store(path)


text = st.text(st.characters(codec="utf-8", exclude_characters="\0"))


@pytest.fixture(scope="module")
def one_store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return Store(tmp_path_factory.mktemp("fuzzed") / "jobs.db")


@given(text, text, st.integers(0, 2**62), st.none() | st.integers(0, 2**62))
def test_any_text_comes_back_as_it_was(
    one_store: Store, source: str, name: str, user: int, server: int | None
) -> None:
    request = JobRequest(user, server, 3, source, "attachment", name, None, "catbox")
    record = one_store.get(one_store.add(request).id)
    assert record is not None
    assert record.request == request


def test_ended_jobs_are_found_by_name_sentence_and_number(path: Path) -> None:
    store = Store(path)
    names = ("Wembley 1974.mp4", "Konzert.mkv", "podcast.mp3", "still running")
    jobs = [
        store.add(replace(REQUEST, name=name, user=user, channel=500)).id
        for user, name in enumerate(names, 70)
    ]
    store.end(jobs[0], JobOutcome(JobStatus.DONE, "https://files/x.m4a", "wembley.m4a"))
    store.end(jobs[1], JobOutcome(JobStatus.FAILED, "The file is damaged."))
    store.end(jobs[2], JobOutcome(JobStatus.CANCELLED, "Cancelled."))

    def found(*asked: object) -> list[int]:
        return [record.id for record in store.search(*asked)]  # type: ignore[arg-type]

    assert found() == [jobs[2], jobs[1], jobs[0]]
    assert found("WEMBLEY") == [jobs[0]]
    assert found("damaged") == [jobs[1]]
    assert found("%") == []
    assert found("70") == [jobs[0]], "the user's id"
    assert found(str(jobs[2])) == [jobs[2]]
    assert found("9" * 30) == []
    assert found("", JobStatus.FAILED) == [jobs[1]]
    assert found("", None, jobs[1]) == [jobs[0]]
    assert found("", None, None, 1) == [jobs[2]]
