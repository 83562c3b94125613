"""A job is an operation: its stages are its parts, and nothing that they return is trusted."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from similubot_core import (
    Cancelled,
    CancelToken,
    ConversionRequest,
    CountingTracker,
    ProgressInfo,
    ProgressStatus,
    StageContext,
    StageError,
)
from similubot_core.jobs._rates import read_rates
from similubot_core.jobs.pipeline import Job, run_job
from similubot_testkit.rules import assert_progress_keeps_the_rules


class Fetch:
    """Fetches 100,000 bytes of anything, half first."""

    half: Callable[[StageContext], object] = staticmethod(lambda context: None)

    def run(self, source: str, context: StageContext) -> Path:
        with context.attach(CountingTracker("Fetch")) as tracker:
            tracker.update(current_size=50_000, total_size=100_000)
            self.half(context)
            (context.folder / "song.wav").write_bytes(bytes(100_000))
            tracker.complete()
        return context.folder / "song.wav"


class Convert:
    def run(self, file: Path, request: ConversionRequest, context: StageContext) -> Path:
        with context.attach(CountingTracker("Convert")) as tracker:
            (context.folder / "song.m4a").write_bytes(bytes(1000))
            tracker.complete()
        return context.folder / "song.m4a"


class Upload:
    returns: object = "https://files.example/song.m4a"

    def run(self, file: Path, context: StageContext) -> str:
        with context.attach(CountingTracker("Upload")) as tracker:
            tracker.complete()
        return self.returns  # type: ignore[return-value]


@pytest.fixture(autouse=True)
def _own_rates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "caches"))


def seen_of(job: Job, tmp_path: Path) -> list[ProgressInfo]:
    seen: list[ProgressInfo] = []
    run_job(job, callbacks=(seen.append,), folder=tmp_path)
    return seen


def a_job(uploader: object = None) -> Job:
    return Job("https://host.example/x", Fetch(), Convert(), uploader=uploader or Upload())  # type: ignore[arg-type]


def test_the_stages_are_parts_of_the_job(tmp_path: Path) -> None:
    seen = seen_of(a_job(), tmp_path)
    wholes = [info for info in seen if info.parent is None]
    assert {info.id for info in wholes} == {seen[0].id}
    parts = {info.operation: info.parent for info in seen if info.parent is not None}
    assert parts == dict.fromkeys(["Fetch", "Convert", "Upload"], seen[0].id)
    for key in {info.id for info in seen}:
        assert_progress_keeps_the_rules([info for info in seen if info.id == key])


def test_the_last_state_of_a_job_says_what_came_of_it(tmp_path: Path) -> None:
    last = seen_of(a_job(), tmp_path)[-1]
    assert last.parent is None
    assert last.status is ProgressStatus.COMPLETED
    seconds = last.details["seconds"]
    assert dict(last.details) == {
        "link": "https://files.example/song.m4a", "name": "song.m4a", "size": 1000,
        "seconds": seconds,
    }  # fmt: skip
    assert isinstance(seconds, float)


def test_a_job_that_ends_in_a_file_says_its_path_and_the_name_it_has_there(tmp_path: Path) -> None:
    job = Job("https://host.example/x", Fetch(), Convert(), output=tmp_path / "out.m4a")
    last = seen_of(job, tmp_path)[-1]
    assert last.details["path"] == str(tmp_path / "out.m4a")
    assert last.details["name"] == "out.m4a"
    assert "out.m4a" in last.message


def test_a_job_whose_stage_fails_fails_with_its_sentence(tmp_path: Path) -> None:
    job = a_job()
    job.downloader.half = fail  # type: ignore[union-attr]
    seen: list[ProgressInfo] = []
    with pytest.raises(StageError):
        run_job(job, callbacks=(seen.append,), folder=tmp_path)
    ends = {info.operation: info for info in seen if info.status.is_final}
    assert [info.status for info in ends.values()] == [ProgressStatus.FAILED] * 2
    assert {info.message for info in ends.values()} == {"The host is gone; try again."}


def test_a_job_that_is_cancelled_ends_as_cancelled(tmp_path: Path) -> None:
    token = CancelToken()
    token.cancel()
    seen: list[ProgressInfo] = []
    with pytest.raises(Cancelled):
        run_job(a_job(), cancel=token, callbacks=(seen.append,), folder=tmp_path)
    assert seen[-1].status is ProgressStatus.CANCELLED


def fail(context: StageContext) -> None:
    raise StageError("The host is gone; try again.")


def percentage_at_half(tmp_path: Path) -> float:
    """What a job shows when half of its source is there."""
    job, found = a_job(), list[float]()

    def look(context: StageContext) -> None:
        assert context.parent is not None
        found.append(context.parent.get_current_progress().percentage)

    job.downloader.half = look  # type: ignore[union-attr]
    run_job(job, folder=tmp_path)
    return found[0]


def test_on_a_new_machine_the_percentage_of_a_job_is_unknown(tmp_path: Path) -> None:
    assert percentage_at_half(tmp_path) == 0.0


def test_the_weights_of_the_stages_are_how_long_they_took_before(tmp_path: Path) -> None:
    seen_of(a_job(), tmp_path)
    rates = read_rates()
    assert len(rates) == 3
    named = {name.rpartition(".")[2]: name for name in rates}
    file = tmp_path / "caches" / "similubot" / "stage-rates.json"
    weights = {named["Fetch"]: 6.0, named["Convert"]: 3.0, named["Upload"]: 1.0}
    file.write_text(json.dumps(weights))
    assert percentage_at_half(tmp_path) == pytest.approx(30.0)


@pytest.mark.parametrize("content", ["", "[]", '{"a": "x"}', '{"a": -1, "b": 1e999}', "\x00"])
def test_damaged_rates_are_none(tmp_path: Path, content: str) -> None:
    file = tmp_path / "caches" / "similubot" / "stage-rates.json"
    file.parent.mkdir(parents=True)
    file.write_text(content)
    assert read_rates() == {}
    seen_of(a_job(), tmp_path)
    assert len(read_rates()) == 3


@pytest.mark.parametrize("link", [None, "", "  ", "a\nb", 7, b"link", Path("x"), "x" * 9000])
def test_an_uploader_that_returns_no_link_is_named(tmp_path: Path, link: object) -> None:
    uploader = Upload()
    uploader.returns = link
    with pytest.raises(StageError, match=r"returned no link but .*\(uploader Upload of "):
        run_job(a_job(uploader), folder=tmp_path)


def test_a_stage_that_is_a_coroutine_function_is_named(tmp_path: Path) -> None:
    class Later:
        async def run(self, file: Path, context: StageContext) -> str:
            return "https://files.example/never"

    with pytest.raises(StageError, match=r"The uploader did nothing: .*coroutine.*Later"):
        run_job(a_job(Later()), folder=tmp_path)


def test_a_converter_that_does_not_keep_to_the_size_is_named(tmp_path: Path) -> None:
    job = Job("https://host.example/x", Fetch(), Convert(), ConversionRequest(max_size=500),
              output=tmp_path / "out.m4a")  # fmt: skip
    with pytest.raises(StageError, match=r"1000 B, more than the 500 B .*converter Convert of "):
        run_job(job, folder=tmp_path)
    assert not (tmp_path / "out.m4a").exists()


def test_a_stage_that_lacks_a_module_says_which(tmp_path: Path) -> None:
    class Lacks:
        def run(self, file: Path, context: StageContext) -> str:
            import a_module_that_is_not_there  # type: ignore[import-not-found]

            return str(a_module_that_is_not_there)

    with pytest.raises(StageError, match="no module 'a_module_that_is_not_there'"):
        run_job(a_job(Lacks()), folder=tmp_path)
