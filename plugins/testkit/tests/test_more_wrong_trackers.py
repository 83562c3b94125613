"""More trackers that are wrong on purpose, of a tool that prints speed and time left too."""

import asyncio
import locale
import os
import re
import signal
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace

import pytest

from similubot_core import ProgressInfo, ProgressStatus, ProgressTracker
from similubot_testkit.rules import assert_tracker_keeps_the_rules

SAMPLES = [
    f"{n}.5% done, {n} of 100 KB, 2.5 KB/s, ETA 0:{(100 - n) * 2 // 5:02}" for n in range(0, 100, 9)
]


class Sound(ProgressTracker):
    """Reads "30.5% done, 30 of 100 KB, 2.5 KB/s, ETA 0:05", each line of a text."""

    pattern = re.compile(
        r"(\d{1,3}[.,]\d)% done, (\d{1,9}) of (\d{1,9}) KB, (\d{1,9}\.\d) KB/s, ETA (\d+):(\d\d)",
        re.ASCII,
    )

    def __init__(self) -> None:
        super().__init__("Work")

    def parse_output(self, text: str) -> bool:
        found = [self.read(line) for line in re.split(r"[\r\n]+", text)]
        return any(found)

    def read(self, line: str) -> bool:
        match = self.pattern.fullmatch(line) if len(line) < 200 else None
        if match is not None:
            self.tell(match)
        return match is not None

    def tell(self, match: re.Match[str]) -> None:
        self.update(
            float(match[1].replace(",", ".")),
            int(match[2]) * 1024,
            total_size=int(match[3]) * 1024,
            speed=float(match[4]) * 1024,
            eta=int(match[5]) * 60 + int(match[6]),
        )


def test_a_sound_tracker_passes() -> None:
    assert_tracker_keeps_the_rules(Sound, SAMPLES)


class Terse(Sound):
    """Tells the percentage only."""

    def tell(self, match: re.Match[str]) -> None:
        self.update(float(match[1].replace(",", ".")))


def test_a_tracker_that_reads_percentages_only_passes() -> None:
    assert_tracker_keeps_the_rules(Terse, SAMPLES)


class EndsWithTheLastLine(Sound):
    def tell(self, match: re.Match[str]) -> None:
        super().tell(match)
        if match[2] == "99":
            self.complete("All of it.")


class EndsALittleLater(Sound):
    def tell(self, match: re.Match[str]) -> None:
        super().tell(match)
        if match[2] == "99":
            ending = threading.Thread(target=self.complete)
            ending.start()
            ending.join()


class KilobytesAreBytes(Sound):
    def tell(self, match: re.Match[str]) -> None:
        self.update(current_size=int(match[2]), total_size=int(match[3]))


class SpeedInKilobytes(Sound):
    def tell(self, match: re.Match[str]) -> None:
        super().tell(match)
        self.update(speed=float(match[4]), eta=None)


class MinutesAreSeconds(Sound):
    def tell(self, match: re.Match[str]) -> None:
        super().tell(match)
        self.update(eta=(int(match[5]) * 60 + int(match[6])) * 60)


class ShareOfOne(Terse):
    def tell(self, match: re.Match[str]) -> None:
        self.update(float(match[1]) / 100)


class WhatIsLeft(Sound):
    def tell(self, match: re.Match[str]) -> None:
        self.update(100 - float(match[1]), int(match[2]) * 1024, total_size=int(match[3]) * 1024)


class TakesWhatIsBehindTheComma(Terse):
    pattern = re.compile(r".*?(\d{1,3}(?:\.\d)?)% done, .*")


class TripsOverCarriageReturns(Sound):
    def parse_output(self, text: str) -> bool:
        found = [self.read(line) for line in text.split("\n")]
        return any(found)


class WantsALineEnd(Sound):
    def parse_output(self, text: str) -> bool:
        return self.read(text) if not text.endswith("\n") else False


class TheFirstOfSeveral(Terse):
    def parse_output(self, text: str) -> bool:
        lines = [line for line in re.split(r"[\r\n]+", text) if self.pattern.fullmatch(line)]
        return self.read(lines[1 if len(lines) > 1 else 0]) if lines else False


class SaysYesToAll(Sound):
    def parse_output(self, text: str) -> bool:
        super().parse_output(text)
        return True


class HangsOnASample(Sound):
    def tell(self, match: re.Match[str]) -> None:
        while match[2] == "99":
            pass


class HangsWhenMade(Sound):
    def __init__(self) -> None:
        super().__init__()
        threading.Event().wait()


class HangsAtItsEnd(Sound):
    def complete(self, message: str = "") -> None:
        threading.Event().wait()


class ExplodesOnLineEnds(Sound):
    def parse_output(self, text: str) -> bool:
        re.fullmatch(r"(\n+|\s+)*done", text)
        return super().parse_output(text)


class ExplodesOnBars(Sound):
    def read(self, line: str) -> bool:
        re.match(r"\[?(=+)+>", line)
        return super().read(line)


class EndsTheProgram(Sound):
    def read(self, line: str) -> bool:
        if "\x00" in line:
            sys.exit(3)
        return super().read(line)


class RaisesOnManyDigits(Sound):
    def read(self, line: str) -> bool:
        match = re.match(r"(\d+)", line)
        return match is not None and int(match[1]) >= 0 and super().read(line)


class RaisesOnOtherDigits(Sound):
    def read(self, line: str) -> bool:
        first = line[:1]
        return first.isdigit() and int(first) >= 0 and super().read(line)


class RaisesOnBytesThatAreNoText(Sound):
    def read(self, line: str) -> bool:
        return bool(line.encode()) and super().read(line)


class WantsBytes(Sound):
    def parse_output(self, text: str) -> bool:
        return super().parse_output(text.decode())  # type: ignore[attr-defined]


class SaysBytes(Sound):
    def tell(self, match: re.Match[str]) -> None:
        super().tell(match)
        self.update(message=match[0].encode())  # type: ignore[arg-type]


class DetailsNobodyCanWrite(Sound):
    def tell(self, match: re.Match[str]) -> None:
        super().tell(match)
        self.update(details={"match": match})


class SharesItsHighest(Terse):
    highest = 0.0

    def tell(self, match: re.Match[str]) -> None:
        type(self).highest = max(self.highest, float(match[1].replace(",", ".")))
        self.update(self.highest)


class SetsTheLocale(Sound):
    def tell(self, match: re.Match[str]) -> None:
        locale.setlocale(locale.LC_NUMERIC, "C" if locale.localeconv() is None else "C.UTF-8")
        super().tell(match)


class SetsTheEnvironment(Sound):
    def tell(self, match: re.Match[str]) -> None:
        os.environ["LAST_PERCENTAGE"] = match[1]
        super().tell(match)


class ChangesTheFolder(Sound):
    def tell(self, match: re.Match[str]) -> None:
        os.chdir("/")
        super().tell(match)


class TakesSignals(Sound):
    def tell(self, match: re.Match[str]) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        super().tell(match)


class SleepsALittle(Sound):
    def tell(self, match: re.Match[str]) -> None:
        time.sleep(0.03)
        super().tell(match)


class LeavesFilesOpen(Sound):
    files: list[int] = []  # noqa: RUF012  (that is the fault)

    def tell(self, match: re.Match[str]) -> None:
        self.files.append(os.open(os.devnull, os.O_RDONLY))
        super().tell(match)


class BeginsAnew(Sound):
    def tell(self, match: re.Match[str]) -> None:
        if match[2] == "45":
            self.__init__()  # type: ignore[misc]
        super().tell(match)


class IdOfItsName(Sound):
    def get_current_progress(self) -> ProgressInfo:
        return replace(super().get_current_progress(), id="Work")


class TakesItsNameFromTheText(Sound):
    def __init__(self) -> None:
        super().__init__()
        self.name = "Work"

    def tell(self, match: re.Match[str]) -> None:
        self.name = match[0]
        super().tell(match)

    def get_current_progress(self) -> ProgressInfo:
        return replace(super().get_current_progress(), operation=self.name)


class GoesBack(Sound):
    def get_current_progress(self) -> ProgressInfo:
        info = super().get_current_progress()
        return replace(info, status=ProgressStatus.STARTING, percentage=0.0)


class CompletesWhenCancelled(Sound):
    def cancel(self, message: str = "Cancelled.") -> None:
        self.complete(message)


class SwallowsErrors(Sound):
    def __exit__(self, *error: object) -> bool:  # type: ignore[override]
        super().__exit__(*error)  # type: ignore[arg-type]
        return True


class EntersAsNothing(Sound):
    def __enter__(self) -> None:  # type: ignore[override]
        self.start()


class CallsBackItself(Sound):
    def __init__(self) -> None:
        super().__init__()
        self.callbacks: list[Callable[[ProgressInfo], object]] = []

    def add_callback(self, callback: Callable[[ProgressInfo], object]) -> None:
        self.callbacks.append(callback)

    def update(self, *figures: float, **changes: object) -> None:  # type: ignore[override]
        super().update(*figures, **changes)  # type: ignore[arg-type]
        for callback in self.callbacks:
            callback(self.get_current_progress())


class IsAwaited(Sound):
    async def parse_output(self, text: str) -> bool:  # type: ignore[override]
        await asyncio.sleep(0)
        return super().parse_output(text)


class ForgetsItsBase(Sound):
    def __init__(self) -> None:
        self.lines = 0


class BeginsInSilence(Sound):
    def start(self, message: str = "") -> None:
        pass


class APartForEveryLine(Sound):
    def tell(self, match: re.Match[str]) -> None:
        self.child(f"part {match[1]}").update(float(match[2]))


WRONG: list[Callable[[], ProgressTracker]] = [
    EndsWithTheLastLine, EndsALittleLater, KilobytesAreBytes, SpeedInKilobytes, MinutesAreSeconds,
    ShareOfOne, WhatIsLeft, TakesWhatIsBehindTheComma, TripsOverCarriageReturns, WantsALineEnd,
    TheFirstOfSeveral, SaysYesToAll, HangsOnASample, HangsWhenMade, HangsAtItsEnd,
    ExplodesOnLineEnds, ExplodesOnBars, EndsTheProgram, RaisesOnManyDigits, RaisesOnOtherDigits,
    RaisesOnBytesThatAreNoText, WantsBytes, SaysBytes, DetailsNobodyCanWrite, SharesItsHighest,
    SetsTheLocale, SetsTheEnvironment, ChangesTheFolder, TakesSignals, SleepsALittle,
    LeavesFilesOpen, BeginsAnew, IdOfItsName, TakesItsNameFromTheText, GoesBack,
    CompletesWhenCancelled, SwallowsErrors, EntersAsNothing, CallsBackItself, IsAwaited,
    ForgetsItsBase, BeginsInSilence, APartForEveryLine,
]  # fmt: skip

TAKE_LONG = (
    HangsOnASample, HangsWhenMade, HangsAtItsEnd, ExplodesOnLineEnds, ExplodesOnBars, SleepsALittle,
    CallsBackItself, TakesSignals,
)  # fmt: skip


@pytest.mark.parametrize(
    "make",
    [pytest.param(m, marks=pytest.mark.slow) if m in TAKE_LONG else m for m in WRONG],
    ids=lambda make: make.__name__,
)
def test_a_wrong_tracker_is_named(make: Callable[[], ProgressTracker]) -> None:
    try:
        with pytest.raises(AssertionError) as named:
            assert_tracker_keeps_the_rules(make, SAMPLES)
    finally:
        while LeavesFilesOpen.files:
            os.close(LeavesFilesOpen.files.pop())
    assert str(named.value).strip()
