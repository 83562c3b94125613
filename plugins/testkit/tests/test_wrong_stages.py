"""The checks of stages name what is wrong: tried with wrong stages, and with sound ones."""

import os
import subprocess
import tempfile
import threading
import time
from pathlib import Path

import pytest

from similubot_core import (
    Cancelled,
    ConversionRequest,
    CountingTracker,
    DamagedError,
    StageContext,
    StageError,
)
from similubot_testkit.stage_rules import (
    assert_converter_keeps_the_rules,
    assert_downloader_keeps_the_rules,
    assert_uploader_keeps_the_rules,
)

BLOCK = 10_000


class Sound:
    """All three stages, as they should be: bytes go from here to there, block by block.

    A source of zeros is what "garbage" is to the converter, and "stalled" stands still.
    """

    def copy(self, source: Path, context: StageContext, name: str = "") -> Path:
        target = context.folder / (name or source.name)
        content = self.read(source)
        with context.attach(CountingTracker("Copy")) as tracker, target.open("wb") as file:
            tracker.update(total_size=len(content), current_size=0)
            done = 0
            while done < len(content):
                self.look(context, source)
                block = content[done : done + BLOCK]
                done += len(block)
                if context.max_size is not None and done > context.max_size:
                    raise StageError("The file is larger than is allowed; choose a smaller one.")
                file.write(block)
                tracker.update(current_size=done)
            self.look(context, source)
            tracker.complete("Checked.")
        return target

    def read(self, source: Path) -> bytes:
        return source.read_bytes()

    def look(self, context: StageContext, source: Path) -> None:
        context.cancel.raise_if_cancelled()
        if "stalled" in source.name:
            self.stall(context)

    def stall(self, context: StageContext) -> None:
        context.cancel.wait(60)
        context.cancel.raise_if_cancelled()


class Downloader(Sound):
    def run(self, source: str, context: StageContext) -> Path:
        return self.copy(Path(source), context)


class Converter(Sound):
    def run(self, file: Path, request: ConversionRequest, context: StageContext) -> Path:
        size = file.stat().st_size
        if not size or b"no media" in self.read(file):
            raise StageError("The file holds no media; choose another.")
        if request.max_size is not None and request.max_size < size:
            raise StageError("The result would be larger than is allowed; leave the limit out.")
        return self.copy(file, context, "result")


class Uploader(Sound):
    def __init__(self, *, stalls: bool = False) -> None:
        self.stalls = stalls

    def look(self, context: StageContext, source: Path) -> None:
        super().look(context, source)
        if self.stalls:
            self.stall(context)

    def run(self, file: Path, context: StageContext) -> str:
        self.copy(file, context, "sent")
        return "https://files.example/1"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "clip").write_bytes(os.urandom(BLOCK * 10))
    (tmp_path / "stalled").write_bytes(os.urandom(BLOCK * 10))
    return tmp_path / "clip"


def check(stage: object, file: Path) -> None:
    stalled = file.with_name("stalled")
    if isinstance(stage, Downloader):
        assert_downloader_keeps_the_rules(stage, str(file), stalled=str(stalled))
    elif isinstance(stage, Converter):
        assert_converter_keeps_the_rules(stage, file, stalled=stalled)
    elif isinstance(stage, Uploader):
        assert_uploader_keeps_the_rules(stage, file, stalled=type(stage)(stalls=True))


@pytest.mark.parametrize("stage", [Downloader(), Converter(), Uploader()], ids=type)
def test_a_sound_stage_passes(stage: object, file: Path) -> None:
    check(stage, file)


# -- what any stage can do wrong


class IgnoresTheToken(Downloader):
    def look(self, context: StageContext, source: Path) -> None:
        pass


class IgnoresTheTokenWhileItWaits(Downloader):
    def stall(self, context: StageContext) -> None:
        time.sleep(20)


class TakesACancelForTheEnd(Downloader):
    """What has come by then is handed on as if it were all."""

    def run(self, source: str, context: StageContext) -> Path:
        try:
            return super().run(source, context)
        except Cancelled:
            return context.folder / Path(source).name


class MakesAnErrorOfACancel(Downloader):
    def run(self, source: str, context: StageContext) -> Path:
        try:
            return super().run(source, context)
        except Cancelled as error:
            raise StageError("It did not work; try again.") from error


class TellsNothing(Downloader):
    def run(self, source: str, context: StageContext) -> Path:
        target = context.folder / "clip"
        target.write_bytes(self.read(Path(source)))
        return target


class NeverCompletes(Downloader):
    def run(self, source: str, context: StageContext) -> Path:
        with context.attach(CountingTracker("Copy")):
            return TellsNothing().run(source, context)


class NeverEnds(Downloader):
    def run(self, source: str, context: StageContext) -> Path:
        context.attach(CountingTracker("Check")).start()
        return super().run(source, context)


class Prints(Downloader):
    def run(self, source: str, context: StageContext) -> Path:
        print("downloading", source)
        return super().run(source, context)


class LeavesAThread(Downloader):
    ended = threading.Event()

    def run(self, source: str, context: StageContext) -> Path:
        threading.Thread(target=self.ended.wait, args=(60,), name="left", daemon=False).start()
        return super().run(source, context)


class LeavesAChild(Downloader):
    children: list["subprocess.Popen[bytes]"] = []  # noqa: RUF012

    def run(self, source: str, context: StageContext) -> Path:
        self.children.append(subprocess.Popen(["sleep", "60"]))
        return super().run(source, context)


class LeavesATemporaryFile(Downloader):
    def run(self, source: str, context: StageContext) -> Path:
        os.close(tempfile.mkstemp(prefix="left")[0])
        return super().run(source, context)


class WritesBesideItsFolder(Downloader):
    def run(self, source: str, context: StageContext) -> Path:
        (context.folder.parent.parent / "cookies.txt").write_text("x")
        return super().run(source, context)


class RaisesWhatItMeets(Downloader):
    def run(self, source: str, context: StageContext) -> Path:
        raise ConnectionResetError("by peer")


# -- what a downloader can do wrong


class ReturnsText(Downloader):
    def run(self, source: str, context: StageContext) -> Path:
        super().run(source, context)
        return "done"  # type: ignore[return-value]


class ReturnsAFileOfTheUser(Downloader):
    def run(self, source: str, context: StageContext) -> Path:
        super().run(source, context)
        return Path(source)


class IsAsync(Downloader):
    async def run(self, source: str, context: StageContext) -> Path:  # type: ignore[override]
        return Path(source)


class FetchesMoreThanItMay(Downloader):
    def run(self, source: str, context: StageContext) -> Path:
        return super().run(source, StageContext(context.folder, context.cancel, context.callbacks))


# -- what a converter can do wrong


class MakesMoreThanWasAsked(Converter):
    def run(self, file: Path, request: ConversionRequest, context: StageContext) -> Path:
        return super().run(file, ConversionRequest(), context)


class StumblesOverGarbage(Converter):
    def run(self, file: Path, request: ConversionRequest, context: StageContext) -> Path:
        if b"no media" in self.read(file):
            raise KeyError("streams")
        return super().run(file, request, context)


class StumblesOverAnEmptyFile(Converter):
    def run(self, file: Path, request: ConversionRequest, context: StageContext) -> Path:
        100 / file.stat().st_size
        return super().run(file, request, context)


class ChangesItsSource(Converter):
    def run(self, file: Path, request: ConversionRequest, context: StageContext) -> Path:
        with file.open("ab") as source:
            source.write(b"x")
        return super().run(file, request, context)


# -- what an uploader can do wrong


class ReturnsNothing(Uploader):
    def run(self, file: Path, context: StageContext) -> str:
        super().run(file, context)
        return None  # type: ignore[return-value]


class ReturnsAPage(Uploader):
    def run(self, file: Path, context: StageContext) -> str:
        return super().run(file, context) + "\nThank you!"


class TakesTheFileAway(Uploader):
    def run(self, file: Path, context: StageContext) -> str:
        link = super().run(file, context)
        file.unlink()
        return link


class StumblesOverNames(Uploader):
    def run(self, file: Path, context: StageContext) -> str:
        file.name.encode("ascii")
        return super().run(file, context)


class SaysNothingToTheUser(Uploader):
    def run(self, file: Path, context: StageContext) -> str:
        if not file.name.isascii():
            raise DamagedError("")
        return super().run(file, context)


WRONG: list[tuple[type, str]] = [
    (IgnoresTheToken, "cancel"),
    (IgnoresTheTokenWhileItWaits, "more than 2 s while what it works on stood still"),
    (TakesACancelForTheEnd, "not with Cancelled"),
    (MakesAnErrorOfACancel, "not with Cancelled"),
    (TellsNothing, "told no progress"),
    (NeverCompletes, "told no progress that ended with COMPLETED"),
    (NeverEnds, "rule 1"),
    (Prints, "on stdout"),
    (LeavesAThread, "left behind: the thread left"),
    (LeavesAChild, "left behind: the child process"),
    (LeavesATemporaryFile, "left behind: the temporary file left"),
    (WritesBesideItsFolder, "beside its folder"),
    (RaisesWhatItMeets, "ConnectionResetError"),
    (ReturnsText, "without a file in the job's folder"),
    (ReturnsAFileOfTheUser, "without a file in the job's folder"),
    (IsAsync, "coroutine"),
    (FetchesMoreThanItMay, "max_size"),
    (MakesMoreThanWasAsked, "max_size"),
    (StumblesOverGarbage, "of a file of garbage it raised KeyError"),
    (StumblesOverAnEmptyFile, "of an empty file it raised ZeroDivisionError"),
    (ChangesItsSource, "changed its source"),
    (ReturnsNothing, "returned no link"),
    (ReturnsAPage, "returned no link"),
    (TakesTheFileAway, "took its source away"),
    (StumblesOverNames, "UnicodeEncodeError"),
    (SaysNothingToTheUser, "no sentence"),
]


@pytest.mark.parametrize(("kind", "named"), WRONG, ids=lambda value: getattr(value, "__name__", ""))
def test_a_wrong_stage_is_named(
    kind: type, named: str, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if kind in (LeavesAThread, LeavesAChild, LeavesATemporaryFile):
        monkeypatch.setattr("similubot_testkit.stage_rules.LEFT_SECONDS", 0.5)
    LeavesAThread.ended = threading.Event()
    try:
        with pytest.raises(AssertionError, match=named):
            check(kind(), file)
    finally:
        LeavesAThread.ended.set()
        for child in LeavesAChild.children:
            child.kill()
            child.wait()
        LeavesAChild.children.clear()
