"""A converter that begins while its source is downloaded, and what becomes of what it made."""

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from similubot_core import (
    Cancelled,
    CancelToken,
    ConversionRequest,
    ProgressInfo,
    StageContext,
    StageError,
)
from similubot_core.jobs import GrowingFile
from similubot_core.jobs.pipeline import Job, run_job

LIMIT = 30.0
WHOLE = b"first half, second half"
HALF = 11


class Fetch:
    """Writes a file in two halves and offers it after the first; `between` is called there."""

    def __init__(
        self,
        between: Callable[[GrowingFile], object] = lambda file: None,
        end: Callable[[GrowingFile], object] = GrowingFile.finish,
    ) -> None:
        self.between = between
        self.end = end

    def run(self, source: str, context: StageContext) -> Path:
        part = context.folder / "part"
        part.write_bytes(WHOLE[:HALF])
        growing = GrowingFile(part, len(WHOLE), "clip.txt")
        growing.add(0, HALF)
        if context.offer is not None:
            context.offer(growing)
        self.between(growing)
        context.cancel.raise_if_cancelled()
        with part.open("ab") as file:
            file.write(WHOLE[HALF:])
        growing.add(HALF, len(WHOLE))
        self.end(growing)
        return part.rename(context.folder / "clip.txt")


class Shout:
    """Converts to capitals; notes how it was begun."""

    def __init__(self) -> None:
        self.began: list[str] = []
        self.read_early = threading.Event()

    def run(self, file: Path, request: ConversionRequest, context: StageContext) -> Path:
        self.began.append("whole")
        return self._write(file.read_bytes(), context)

    def run_growing(
        self, file: GrowingFile, request: ConversionRequest, context: StageContext
    ) -> Path:
        self.began.append("growing")
        file.wait_for(0, context.cancel)
        self.read_early.set()
        return self._write(file.wait_until_whole(context.cancel).read_bytes(), context)

    def _write(self, content: bytes, context: StageContext) -> Path:
        result = context.folder / "clip.up"
        result.write_bytes(content.upper())
        return result


class PlainShout:
    """A converter that knows nothing of growing files."""

    def run(self, file: Path, request: ConversionRequest, context: StageContext) -> Path:
        assert context.offer is None
        result = context.folder / "clip.up"
        result.write_bytes(file.read_bytes().upper())
        return result


def convert(
    fetch: Fetch, converter: Shout | PlainShout, folder: Path, cancel: CancelToken | None = None
) -> bytes:
    result = run_job(Job("x://clip", fetch, converter, output=folder), cancel=cancel)
    return Path(result.result).read_bytes()


def test_it_begins_before_all_is_here(tmp_path: Path) -> None:
    shout = Shout()
    fetch = Fetch(between=lambda file: shout.read_early.wait(LIMIT))
    assert convert(fetch, shout, tmp_path) == WHOLE.upper()
    assert shout.read_early.is_set()
    assert shout.began == ["growing"]


def test_a_converter_that_takes_whole_files_only_is_offered_none(tmp_path: Path) -> None:
    assert convert(Fetch(), PlainShout(), tmp_path) == WHOLE.upper()


def test_what_was_made_of_a_file_that_was_not_verified_is_made_anew(tmp_path: Path) -> None:
    """As when a checksum is found wrong at the end, and the wrong part is fetched again."""
    shout = Shout()
    fetch = Fetch(end=lambda file: file.fail("A part was damaged."))
    assert convert(fetch, shout, tmp_path) == WHOLE.upper()
    assert shout.began == ["growing", "whole"]


def test_a_download_that_fails_ends_the_conversion_and_leaves_nothing(tmp_path: Path) -> None:
    shout = Shout()

    def break_off(file: GrowingFile) -> None:
        shout.read_early.wait(LIMIT)
        file.fail("The line was cut.")
        raise StageError("The line was cut.")

    with pytest.raises(StageError, match="The line was cut"):
        convert(Fetch(break_off), shout, tmp_path)
    assert list(tmp_path.iterdir()) == []
    assert not [thread for thread in threading.enumerate() if thread.name == "early"]


def test_the_converters_own_error_is_the_jobs(tmp_path: Path) -> None:
    class Refuses(Shout):
        def run_growing(
            self, file: GrowingFile, request: ConversionRequest, context: StageContext
        ) -> Path:
            file.wait_until_whole(context.cancel)
            raise StageError("It has no audio.")

    with pytest.raises(StageError, match="It has no audio"):
        convert(Fetch(), Refuses(), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_cancel_ends_both(tmp_path: Path) -> None:
    shout, cancel = Shout(), CancelToken()

    def wait_for_the_cancel(file: GrowingFile) -> None:
        shout.read_early.wait(LIMIT)
        cancel.cancel()

    with pytest.raises(Cancelled):
        convert(Fetch(wait_for_the_cancel), shout, tmp_path, cancel)
    assert list(tmp_path.iterdir()) == []
    assert not [thread for thread in threading.enumerate() if thread.name == "early"]


def test_a_file_outside_the_jobs_folder_is_refused(tmp_path: Path) -> None:
    class Elsewhere(Shout):
        def run_growing(
            self, file: GrowingFile, request: ConversionRequest, context: StageContext
        ) -> Path:
            file.wait_until_whole(context.cancel)
            return Path("/etc/passwd")

    with pytest.raises(StageError, match="without a file in the job's folder"):
        convert(Fetch(), Elsewhere(), tmp_path)


def test_the_second_offer_is_not_taken(tmp_path: Path) -> None:
    class OffersTwice(Fetch):
        def run(self, source: str, context: StageContext) -> Path:
            assert context.offer is not None
            made = super().run(source, context)
            context.offer(GrowingFile(made, 3, "other.txt"))
            return made

    shout = Shout()
    assert convert(OffersTwice(), shout, tmp_path) == WHOLE.upper()
    assert shout.began == ["growing"]


def test_an_offer_of_something_else_is_not_taken(tmp_path: Path) -> None:
    class OffersText(Fetch):
        def run(self, source: str, context: StageContext) -> Path:
            assert context.offer is not None
            context.offer("a file")  # type: ignore[arg-type]
            file = context.folder / "clip.txt"
            file.write_bytes(WHOLE)
            return file

    shout = Shout()
    assert convert(OffersText(), shout, tmp_path) == WHOLE.upper()
    assert shout.began == ["whole"]


def test_a_job_that_goes_on_in_its_folder_converts_what_it_has(tmp_path: Path) -> None:
    own, shout = tmp_path / "own", Shout()

    class Fails(Shout):
        def run_growing(
            self, file: GrowingFile, request: ConversionRequest, context: StageContext
        ) -> Path:
            file.wait_until_whole(context.cancel)
            raise StageError("The disk is full.")

    with pytest.raises(StageError, match="The disk is full"):
        run_job(Job("x://clip", Fetch(), Fails(), output=tmp_path), resume_in=own)
    job = Job("x://clip", Fetch(lambda file: pytest.fail("fetched again")), shout, output=tmp_path)
    assert Path(run_job(job, resume_in=own).result).read_bytes() == WHOLE.upper()
    assert shout.began == ["whole"]


def test_both_stages_are_shown_as_parts_of_the_job(tmp_path: Path) -> None:
    from similubot_core import CountingTracker

    class Shows(Shout):
        def run_growing(
            self, file: GrowingFile, request: ConversionRequest, context: StageContext
        ) -> Path:
            with context.attach(CountingTracker("Shouting")) as tracker:
                made = super().run_growing(file, request, context)
                tracker.complete()
            return made

    states: list[ProgressInfo] = []
    shout = Shows()
    fetch = Fetch(between=lambda file: shout.read_early.wait(LIMIT))
    run_job(Job("x://clip", fetch, shout, output=tmp_path), callbacks=(states.append,))
    (job,) = {info.id for info in states if info.parent is None}
    assert {info.parent for info in states if info.operation == "Shouting"} == {job}
    assert states[-1].id == job
