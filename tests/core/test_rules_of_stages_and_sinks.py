"""The core's own stages and sinks are put through the checks of every stage and sink."""

import os
from pathlib import Path

import pytest

from similubot_core import Sink, SinkContext
from similubot_core.jobs.folder_uploader import FolderUploader
from similubot_core.sinks import open_json_sink, open_lines_sink
from similubot_testkit.sink_rules import assert_sink_keeps_the_rules
from similubot_testkit.stage_rules import assert_uploader_keeps_the_rules


def test_the_uploader_into_a_folder(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "file").write_bytes(os.urandom(300_000))
    assert_uploader_keeps_the_rules(FolderUploader(tmp_path / "there"), tmp_path / "file")


def test_the_sink_of_json_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "shown"
    with path.open("a", encoding="utf-8") as there:
        monkeypatch.setattr("sys.stderr", there)
        assert_sink_keeps_the_rules(
            lambda: open_json_sink(SinkContext("stderr")), lambda: path.read_text("utf-8")
        )


@pytest.mark.slow
def test_the_sink_of_plain_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "shown"
    reading, writing = os.pipe()  # which nobody reads
    os.set_blocking(writing, False)
    os.write(writing, bytes(65_536))
    os.set_blocking(writing, True)
    with path.open("a", encoding="utf-8", errors="backslashreplace") as there:

        def opened() -> Sink:
            monkeypatch.setattr("sys.stderr", there)
            return open_lines_sink(SinkContext("stderr"))

        def stalled() -> Sink:
            monkeypatch.setattr("sys.stderr", os.fdopen(writing, "w", closefd=False))
            return open_lines_sink(SinkContext("stderr"))

        assert_sink_keeps_the_rules(opened, lambda: path.read_text("utf-8"), stalled=stalled)
    os.close(reading)
