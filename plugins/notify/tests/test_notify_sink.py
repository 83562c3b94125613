"""The sink "notify": the real Apprise, and a service on loopback."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from similubot_bot.jobs.records import JobRecord, JobRequest
from similubot_bot.jobs.sinks import JobSinks
from similubot_core import (
    ConversionRequest,
    CountingTracker,
    ProgressInfo,
    ProgressStatus,
    Settings,
    SinkContext,
    StageContext,
    StageError,
    UsageError,
)
from similubot_core.jobs.pipeline import Job, run_job
from similubot_core.plugins.manager import load_plugins
from similubot_loopback.discord_server.messages import pinged_by
from similubot_loopback.telegram_server.markup import found_in
from similubot_notify import NotifySettings, NotifySink, open_notify_sink, similubot_sinks
from similubot_notify.hourly_limit import HourlyLimit
from similubot_testkit.fake_clock import FakeClock
from similubot_testkit.live_sink_rules import HOSTILE_NAMES

from .conftest import PATIENCE, JsonService

START, DONE, FAILED = ProgressStatus.STARTING, ProgressStatus.COMPLETED, ProgressStatus.FAILED
SECRET = "topic-that-is-secret"


def info(status: ProgressStatus, percentage: float = 0.0, **rest: object) -> ProgressInfo:
    return ProgressInfo("Backup", status, percentage, **rest)  # type: ignore[arg-type]


def opened(service: JsonService, title: str = "", **settings: object) -> NotifySink:
    return NotifySink([service.url], NotifySettings(**settings), title)  # type: ignore[arg-type]


def test_the_end_is_told_with_its_result_its_link_and_how_long_it_took(
    service: JsonService,
) -> None:
    sink = opened(service, "nightly")
    link = {"link": "https://files.example/a_b.m4a"}
    sink.show(info(START, timestamp=1000.0))
    sink.show(info(DONE, 100.0, timestamp=1138.0, message="5 files.", details=link))
    sink.close()
    (notice,) = service.got
    assert notice["title"] == "✅ nightly: completed"
    assert notice["message"] == "Backup\n5 files.\nhttps://files.example/a_b.m4a\nTook 2m 18s."
    assert notice["type"] == "success"


def test_a_failure_says_how_far_it_came(service: JsonService) -> None:
    sink = opened(service)
    sink.show(info(START))
    sink.show(info(FAILED, 43.2, message="The disk is full."))
    sink.close()
    (notice,) = service.got
    assert notice["title"] == "❌ Backup: failed at 43.2%"
    assert "The disk is full." in notice["message"]
    assert notice["type"] == "failure"


def test_the_start_and_every_quarter_are_told_where_that_is_wanted(service: JsonService) -> None:
    sink = opened(service, start=True, quarters=True)
    sink.show(info(START))
    for told, percentage in enumerate((25.0, 60.0, 80.0), start=2):
        sink.show(info(ProgressStatus.IN_PROGRESS, percentage))
        service.wait(got=told)
    sink.show(info(DONE, 100.0))
    sink.close()
    assert [notice["title"].rpartition(": ")[2] for notice in service.got] == [
        "starting", "at 25%", "at 50%", "at 75%", "completed",
    ]  # fmt: skip


def test_of_an_operation_with_parts_only_the_whole_is_told(service: JsonService) -> None:
    sink = opened(service)
    with CountingTracker("Whole") as whole:
        whole.add_callback(sink.show)
        for name in ("First", "Second"):
            with whole.child(name) as part:
                part.complete()
        whole.complete()
    sink.close()
    assert [notice["title"] for notice in service.got] == ["✅ Whole: completed"]


def test_of_a_job_that_fails_one_notice_has_the_sentence_of_its_stage(
    service: JsonService, tmp_path: Path
) -> None:
    class NoSound:
        def run(self, file: Path, request: ConversionRequest, context: StageContext) -> Path:
            raise StageError("The file has no sound.")

    (tmp_path / "clip.mp4").write_bytes(b"x")
    sink = opened(service, failures_only=True)
    job = Job(str(tmp_path / "clip.mp4"), None, NoSound())
    with pytest.raises(StageError):
        run_job(job, callbacks=(sink.show,))
    sink.close()
    (notice,) = service.got
    assert notice["title"] == "❌ clip.mp4: failed"
    assert notice["message"].startswith("The file has no sound.")


def test_names_from_outside_mention_nobody_and_make_no_link_or_command(
    service: JsonService,
) -> None:
    for name in HOSTILE_NAMES:
        sink = opened(service, name)
        sink.show(ProgressInfo(f"other {name}", FAILED, message=f"{name} {name}"))
        sink.close()
    assert len(service.got) == len(HOSTILE_NAMES)
    for notice in service.got:
        text = f"{notice['title']}\n{notice['message']}"
        assert found_in(text) == []
        assert pinged_by(text, None, None) == frozenset()
        assert "](" not in text
        assert "<!channel" not in text


def test_only_failures_are_told_where_that_is_wanted(service: JsonService) -> None:
    sink = opened(service, failures_only=True, start=True)
    for name, end in (("a", DONE), ("b", FAILED), ("c", ProgressStatus.CANCELLED)):
        sink.show(ProgressInfo(name, START))
        sink.show(ProgressInfo(name, end))
    sink.close()
    assert [notice["title"] for notice in service.got] == ["❌ b: failed"]


def test_an_hour_has_at_most_so_many_notices_and_the_next_counts_what_was_left_out() -> None:
    clock = FakeClock()
    limit = HourlyLimit(2, clock)
    assert [limit.take() for _ in range(5)] == [0, 0, None, None, None]
    clock.advance(3599)
    assert limit.take() is None
    clock.advance(1)
    assert [limit.take(), limit.take(), limit.take()] == [4, 0, None]


def test_the_hours_limit_holds_over_all_sinks_of_one_address(service: JsonService) -> None:
    for number in range(5):  # as the bot does: a sink for each job
        sink = opened(service, most_an_hour=2)
        sink.show(ProgressInfo(f"job {number}", FAILED))
        sink.close()
    assert [notice["title"] for notice in service.got] == ["❌ job 0: failed", "❌ job 1: failed"]


def test_the_bots_setting_brings_failures_of_all_jobs_to_operators(service: JsonService) -> None:
    environ = {
        "SIMILUBOT_NOTIFY_URLS": service.url,
        "SIMILUBOT_NOTIFY_FAILURES_ONLY": "true",
        "SIMILUBOT_NOTIFY_MOST_AN_HOUR": "3",
    }
    job_sinks = JobSinks(load_plugins(), Settings(environ=environ), ["notify"])
    for number in range(10):
        request = JobRequest(1, 2, 3, "https://x/a", "link", f"clip {number}", 128, "catbox")
        opened_sinks = job_sinks.open(JobRecord(number, request, created=0.0))
        end = DONE if number % 2 else FAILED
        opened_sinks.show(ProgressInfo("job", end, id=f"job {number}"))
        opened_sinks.close()
    assert [n["title"] for n in service.got] == [f"❌ clip {n}: failed" for n in (0, 2, 4)]


def test_a_service_that_refuses_is_told_once_and_the_other_gets_everything(
    service: JsonService, other_service: JsonService, caplog: pytest.LogCaptureFixture
) -> None:
    service.status = 500
    sink = NotifySink([service.url, other_service.url], NotifySettings(), "")
    for name in "abc":
        sink.show(ProgressInfo(name, DONE, 100.0))
    sink.close()
    assert len(other_service.got) == 3
    (said,) = [r.getMessage() for r in caplog.records if r.name == "similubot.notify"]
    assert said.startswith("The service json was not notified: ")
    assert "500" in said


def test_a_service_that_hangs_delays_neither_the_work_nor_the_other_service(
    service: JsonService, other_service: JsonService
) -> None:
    service.answering.clear()
    sink = NotifySink([service.url, other_service.url], NotifySettings(start=True), "")
    sink.show(info(START))
    service.wait(asked=1)
    for number in range(1000):
        sink.show(ProgressInfo(f"job {number}", ProgressStatus.IN_PROGRESS))
    sink.show(info(DONE, 100.0))
    other_service.wait(got=2)
    assert service.got == []
    service.answering.set()
    sink.close()


def test_no_address_is_in_a_log_or_an_error_whatever_goes_wrong(
    service: JsonService, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    service.status = 500
    sink = opened(service)
    sink.show(info(DONE, 100.0))
    sink.close()
    service.close()
    sink = opened(service)
    sink.show(info(DONE, 100.0))
    sink.close()
    own = "\n".join(r.getMessage() for r in caplog.records if r.name != "urllib3.connectionpool")
    assert own
    assert SECRET not in own
    assert SECRET not in repr(NotifySettings(urls=(service.url,)))


@pytest.mark.parametrize(
    "url", ["phone", "nothing://x-secret-x/y", "json://", "mailto://x-secret-x", ""]
)
def test_an_address_that_is_none_is_refused_in_a_sentence_that_does_not_repeat_it(
    url: str, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(UsageError) as refused:
        open_notify_sink(SinkContext(url, Settings(environ={})))
    assert "notify" in refused.value.message
    assert "x-secret-x" not in refused.value.message + caplog.text


def test_the_addresses_in_the_settings_are_the_default(
    service: JsonService, other_service: JsonService
) -> None:
    environ = {"SIMILUBOT_NOTIFY_URLS": f"{service.url}, {other_service.url}"}
    sink = similubot_sinks()[0].factory(SinkContext(None, Settings(environ=environ)))
    sink.show(info(DONE, 100.0))
    sink.close()
    assert len(service.got) == len(other_service.got) == 1


def test_doctor_names_the_kind_of_each_service_and_no_more(service: JsonService) -> None:
    check = similubot_sinks()[0].check
    assert check is not None
    environ = {"SIMILUBOT_NOTIFY_URLS": f"{service.url},nothing://x-secret-x"}
    good, bad = check(Settings(environ=environ))
    assert (good.ok, bad.ok) == (True, False)
    assert SECRET not in repr(good)
    assert "x-secret-x" not in repr(bad)


def watch(service: JsonService, *command: str) -> subprocess.CompletedProcess[str]:
    run = [sys.executable, "-m", "similubot_core", "watch", "--sink", f"notify={service.url}"]
    return subprocess.run(
        [*run, "--sink", "lines", "--", *command],
        env={k: v for k, v in os.environ.items() if not k.startswith("SIMILUBOT_")},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_watch_tells_how_a_real_command_ended(service: JsonService) -> None:
    done = watch(service, sys.executable, "-c", "raise SystemExit(3)")
    assert done.returncode == 3
    (notice,) = service.got
    assert notice["title"].startswith("❌ python")
    assert "exit status 3" in notice["message"]
    assert SECRET not in done.stdout + done.stderr


@pytest.mark.slow
def test_watch_ends_with_the_commands_status_and_one_line_where_the_service_hangs(
    service: JsonService,
) -> None:
    service.answering.clear()
    began = time.monotonic()
    done = watch(service, "true")
    assert done.returncode == 0
    assert time.monotonic() - began < PATIENCE
    assert done.stderr.count("was not notified") == 1
    assert SECRET not in done.stdout + done.stderr
