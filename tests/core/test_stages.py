"""Stages: the context that a job gives to each, and a folder for one that is used without a job."""

from pathlib import Path

import pytest

from similubot_core import (
    ConversionRequest,
    ProgressInfo,
    ProgressTracker,
    StageContext,
    StageError,
)
from similubot_core.jobs.stages import standalone_context


class Tracker(ProgressTracker):
    def __init__(self) -> None:
        super().__init__("Test")

    def parse_output(self, text: str) -> bool:
        return False


def test_attach_has_a_tracker_tell_every_callback_and_returns_it(tmp_path: Path) -> None:
    one, two = list[ProgressInfo](), list[ProgressInfo]()
    context = StageContext(tmp_path, callbacks=(one.append, two.append))
    tracker = Tracker()
    with context.attach(tracker) as attached:
        attached.complete("done")
    assert attached is tracker
    assert [info.status.value for info in one] == ["starting", "completed"]
    assert one == two


def test_each_context_has_a_token_of_its_own_unless_it_is_given_one(tmp_path: Path) -> None:
    one, two = StageContext(tmp_path), StageContext(tmp_path)
    one.cancel.cancel()
    assert not two.cancel.cancelled


def test_a_request_asks_for_nothing_by_default() -> None:
    assert ConversionRequest() == ConversionRequest(bitrate=None, max_size=None)


def test_a_stage_without_a_job_gets_a_new_folder_below_the_named_one(tmp_path: Path) -> None:
    parent = tmp_path / "a" / "b"
    told: list[ProgressInfo] = []
    one = standalone_context(parent, (None, told.append))
    two = standalone_context(str(parent))
    assert one.folder != two.folder
    assert one.folder.parent == two.folder.parent == parent
    assert one.callbacks == (told.append,)


@pytest.mark.parametrize("name", ["file/below", "x" * 5000], ids=["below a file", "long"])
def test_a_folder_that_cannot_be_made_is_a_sentence(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StageError, match=r"^No folder can be made in .*: .+\.$"):
        standalone_context(tmp_path / name)
