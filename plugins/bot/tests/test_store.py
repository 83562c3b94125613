"""The job list on disk."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from similubot_bot.jobs.records import JobOutcome, JobRecord, JobRequest, JobStatus
from similubot_bot.jobs.store import Store
from similubot_core import UsageError

REQUEST = JobRequest(1, 2, 3, "https://mega.nz/file/a#key", "link", "a", 128, "catbox")


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


def test_a_job_ends_once_and_its_source_is_forgotten(path: Path) -> None:
    store = Store(path)
    job = store.add(REQUEST).id
    done = JobOutcome(JobStatus.DONE, "https://files/x.m4a", "x.m4a", 10, 2.5, 1.5)
    assert store.end(job, done)
    assert not store.end(job, JobOutcome(JobStatus.FAILED, "No."))
    record = store.get(job)
    assert record is not None
    assert record.outcome == done
    assert record.request.source == ""


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
    store._db.execute("PRAGMA user_version = 99")
    store.close()
    with pytest.raises(UsageError, match="a later version"):
        Store(path)


text = st.text(st.characters(codec="utf-8", exclude_characters="\0"))


@given(text, text, st.integers(0, 2**62), st.none() | st.integers(0, 2**62))
def test_any_text_comes_back_as_it_was(
    tmp_path_factory: pytest.TempPathFactory, source: str, name: str, user: int, server: int | None
) -> None:
    request = JobRequest(user, server, 3, source, "attachment", name, None, "catbox")
    path = tmp_path_factory.getbasetemp() / "fuzzed.db"
    store = Store(path)
    job = store.add(request).id
    record = store.get(job)
    store.close()
    assert record is not None
    assert record.request == request
