"""The fixtures as a stranger's repository meets them: pytest in a folder with nothing of ours."""

import os
import subprocess
import sys
from pathlib import Path

STRANGERS_TESTS = """
import sys

import pytest

heavy = ("aiohttp", "cryptography", "requests", "discord", "rich", "similubot_testkit.rules")


def test_nothing_heavy_is_imported_before_a_fixture_is_asked_for():
    assert [name for name in heavy if name in sys.modules] == []


def test_a_sink_that_records(recording_sink):
    from similubot_core import CountingTracker, ProgressStatus

    tracker = CountingTracker("Copy")
    tracker.add_callback(recording_sink.show)
    with tracker:
        tracker.update(current_size=5, total_size=10)
        tracker.complete()
    assert [info.status for info in recording_sink.of("Copy")] == [
        ProgressStatus.STARTING, ProgressStatus.IN_PROGRESS, ProgressStatus.COMPLETED
    ]


def test_a_clock_that_is_told_the_time(fake_clock):
    from similubot_core import RateMeter

    meter = RateMeter(clock=fake_clock)
    meter.sample(0)
    fake_clock.advance(2)
    meter.sample(100)
    assert meter.speed == 50
    with pytest.raises(ValueError):
        fake_clock.advance(-1)


def test_a_stage_gets_a_folder_and_the_sink(stage_context, recording_sink, tmp_path):
    from similubot_core.jobs.folder_uploader import FolderUploader

    (tmp_path / "file").write_bytes(b"data")
    (tmp_path / "there").mkdir()
    FolderUploader(tmp_path / "there").run(tmp_path / "file", stage_context)
    assert recording_sink.seen[-1].percentage == 100
    assert list(stage_context.folder.iterdir()) == []


class Good:
    from similubot_core import hookimpl

    @hookimpl
    def similubot_sinks(self):
        from similubot_core import SinkSpec
        from similubot_testkit.recording_sink import RecordingSink

        return [SinkSpec("mine", "my own", lambda context: RecordingSink())]


def test_a_manager_that_discovers_nothing(load_only):
    from similubot_core import SinkSpec, UploaderSpec

    plugins = load_only(Good())
    assert [spec.name for spec in plugins.all(SinkSpec)] == ["json", "lines", "mine"]
    assert [spec.name for spec in plugins.all(UploaderSpec)] == ["folder"]


def test_a_plugin_that_breaks_fails_the_test_with_its_reason(load_only):
    with pytest.raises(AssertionError, match="names a class"):
        load_only(Good)


def test_two_plugins_that_claim_one_name_fail_the_test(load_only):
    with pytest.raises(AssertionError, match="mine"):
        load_only(Good(), Good())


def test_the_core_alone(no_plugins):
    assert [record.name for record in no_plugins.records] == ["core"]


def test_a_tracker_that_keeps_the_rules_passes(assert_tracker_keeps_the_rules):
    from similubot_core.progress.percent_tracker import PercentTracker

    assert_tracker_keeps_the_rules(PercentTracker, ["[ 1%]", "[ 99%]"])


def test_a_tracker_that_takes_text_for_the_end_does_not(assert_tracker_keeps_the_rules):
    from similubot_core import ProgressTracker

    class Gullible(ProgressTracker):
        def parse_output(self, text):
            if "completed" in text:
                self.complete()
            return False

    with pytest.raises(AssertionError, match="rule 5"):
        assert_tracker_keeps_the_rules(lambda: Gullible("Work"))
"""


def test_the_fixtures_work_in_a_strangers_repository(tmp_path: Path) -> None:
    (tmp_path / "test_strange.py").write_text(STRANGERS_TESTS)
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "similubot_testkit.pytest_plugin", "."],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        # Other plugins of this environment are not a stranger's; ours is found by its entry point
        # in tests/install.
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "10 passed" in ran.stdout
