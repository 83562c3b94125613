"""A job that was interrupted and is run again in the same folder."""

from pathlib import Path

import pytest

from similubot_core import Cancelled, CancelToken, ConversionRequest, StageContext
from similubot_core.jobs.pipeline import Job, run_job


class Downloads:
    def __init__(self) -> None:
        self.folders: list[Path] = []

    def run(self, source: str, context: StageContext) -> Path:
        self.folders.append(context.folder)
        file = context.folder / "sound.wav"
        file.write_text(source)
        return file


class Converts:
    def __init__(self, *, interrupted: bool) -> None:
        self.interrupted = interrupted

    def run(self, file: Path, request: ConversionRequest, context: StageContext) -> Path:
        result = context.folder / "sound.m4a"
        assert not result.exists()
        result.write_text(f"{file.read_text()} converted")
        if self.interrupted:
            context.cancel.cancel()
            context.cancel.raise_if_cancelled()
        return result


class Uploads:
    def run(self, file: Path, context: StageContext) -> str:
        return file.read_text()


def test_a_job_run_again_in_its_folder_does_not_download_again(tmp_path: Path) -> None:
    downloads = Downloads()
    with pytest.raises(Cancelled):
        run_job(
            Job("link", downloads, Converts(interrupted=True), uploader=Uploads()),
            cancel=CancelToken(),
            resume_in=tmp_path / "job",
        )
    result = run_job(
        Job("link", downloads, Converts(interrupted=False), uploader=Uploads()),
        resume_in=tmp_path / "job",
    )
    assert result.result == "link converted"
    assert len(downloads.folders) == 1


def test_a_download_that_was_interrupted_gets_its_old_folder(tmp_path: Path) -> None:
    class Interrupted(Downloads):
        def run(self, source: str, context: StageContext) -> Path:
            super().run(source, context)
            raise Cancelled

    first, second = Interrupted(), Downloads()
    with pytest.raises(Cancelled):
        run_job(
            Job("a", first, Converts(interrupted=False), uploader=Uploads()),
            resume_in=tmp_path / "job",
        )
    assert (first.folders[0] / "sound.wav").exists()
    run_job(
        Job("a", second, Converts(interrupted=False), uploader=Uploads()),
        resume_in=tmp_path / "job",
    )
    assert second.folders == first.folders


def test_a_job_without_a_folder_of_the_callers_leaves_nothing(tmp_path: Path) -> None:
    run_job(Job("a", Downloads(), Converts(interrupted=False), uploader=Uploads()), folder=tmp_path)
    assert list(tmp_path.iterdir()) == []
