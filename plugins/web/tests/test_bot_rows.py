"""Jobs and machines as rows of the bot's page: what is told of them, and what never is."""

from dataclasses import replace

import pytest

from similubot_bot import JobOutcome, JobRecord, JobRequest, JobStatus, Machine
from similubot_web.bot_page import ended_row, job_row, machine_row

KEY = "0123456789abcdefABCDEF0123456789abcdefABCDE"
REQUEST = JobRequest(
    2**62, None, 5, f"https://mega.nz/file/abc#{KEY}", "link", "song.wav", 128, "catbox"
)
RECORD = JobRecord(7, REQUEST, created=1000.4, started=1001.0, attempts=1)


def test_ids_are_texts_because_numbers_of_javascript_are_too_short() -> None:
    row = job_row(RECORD, "waiting")
    assert (row["user"], row["channel"], row["server"]) == (str(2**62), "5", None)


@pytest.mark.parametrize("status", list(JobStatus))
def test_no_row_holds_the_link_that_was_asked_for(status: JobStatus) -> None:
    hostile = replace(REQUEST, name=f"https://mega.nz/file/abc#{KEY}", to=f"put=https://h/#{KEY}")
    outcome = JobOutcome(status, f"https://mega.nz/file/abc#{KEY}", f"x#{KEY}.m4a")
    assert KEY not in str(ended_row(replace(RECORD, request=hostile, outcome=outcome)))


def test_a_job_that_is_done_has_its_link_and_one_that_failed_its_sentence() -> None:
    done = JobOutcome(JobStatus.DONE, "https://files.example/a.m4a", "a.m4a", 1024, 60.0, 5.0)
    row = ended_row(replace(RECORD, outcome=done))
    assert (row["link"], row["result_size"], row["took"]) == (done.text, "1.0 KB", "5s")
    assert "sentence" not in row
    failed = JobOutcome(JobStatus.FAILED, "The file is damaged.")
    row = ended_row(replace(RECORD, outcome=failed))
    assert (row["sentence"], row.get("link")) == ("The file is damaged.", None)


def test_a_link_that_has_a_secret_in_it_is_not_shown_as_one_that_leads_somewhere() -> None:
    signed = "https://cdn.example/a.m4a?signature=abcdef"
    row = ended_row(replace(RECORD, outcome=JobOutcome(JobStatus.DONE, signed, "a.m4a")))
    assert row["link"] is None
    assert "abcdef" not in str(row)


def test_a_job_can_be_asked_for_again_while_its_link_is_kept() -> None:
    record = replace(RECORD, outcome=JobOutcome(JobStatus.CANCELLED, "Cancelled."))
    assert ended_row(record)["again"] is True
    assert ended_row(replace(record, request=replace(REQUEST, source="")))["again"] is False


def test_a_machine_says_what_it_carries_or_why_it_gets_nothing() -> None:
    row = machine_row(Machine("north\n<b>", "0.1.0", 4, (7, 9), "It has another version."))
    assert (row["name"], row["jobs"]) == ("north <b>", "7, 9")
    assert row["refused"] == "It has another version."
