"""Trackers that are wrong on purpose: the rules' check names each, and none hangs it."""

import re
import sys
import threading
import time
from collections.abc import Callable

import pytest

from similubot_core import ProgressInfo, ProgressStatus, ProgressTracker
from similubot_testkit.rules import assert_tracker_keeps_the_rules

SAMPLES = [f"{n}% done, {n} of 100 KB" for n in range(0, 101, 10)]


class Sound(ProgressTracker):
    """Reads "30% done, 30 of 100 KB", each line of a text, and nothing else."""

    pattern = re.compile(r"(\d{1,3})% done, (\d{1,9}) of (\d{1,9}) KB")

    def __init__(self) -> None:
        super().__init__("Work")

    def parse_output(self, text: str) -> bool:
        found = [self.read(line) for line in re.split(r"[\r\n]+", text)]
        return any(found)

    def read(self, line: str) -> bool:
        match = self.pattern.fullmatch(line)
        if match is None:
            return False
        self.update(float(match[1]), int(match[2]) * 1024, total_size=int(match[3]) * 1024)
        return True


def test_a_sound_tracker_passes() -> None:
    assert_tracker_keeps_the_rules(Sound, SAMPLES)


class EndsByText(Sound):
    def read(self, line: str) -> bool:
        if "100%" in line:
            self.complete("It said so.")
        return super().read(line)


class FailsByText(Sound):
    def read(self, line: str) -> bool:
        if "error" in line.lower():
            self.fail("It said so.")
        return super().read(line)


class ReadsNothing(Sound):
    def read(self, line: str) -> bool:
        return False


class SaysFalse(Sound):
    def parse_output(self, text: str) -> bool:
        super().parse_output(text)
        return False


class SaysNothing(Sound):
    def parse_output(self, text: str) -> bool:
        super().parse_output(text)
        return None  # type: ignore[return-value]


class TakesNames(Sound):
    pattern = re.compile(r".*?(\d{1,3})%(?: done, )?()().*")

    def read(self, line: str) -> bool:
        match = self.pattern.fullmatch(line)
        if match:
            self.update(float(match[1]))
        return match is not None


class OnlyWholeTexts(Sound):
    def parse_output(self, text: str) -> bool:
        return self.read(text)


class OnlyTheLastLine(Sound):
    def read(self, line: str) -> bool:
        return super().read(line) if line.endswith("0 of 100 KB") else False

    def parse_output(self, text: str) -> bool:
        return self.read(text.split("\n")[0])


class BurnsTime(Sound):
    def read(self, line: str) -> bool:
        sum(range(6_000_000))
        return super().read(line)


class Sleeps(Sound):
    def read(self, line: str) -> bool:
        time.sleep(0.3)
        return super().read(line)


class Explodes(Sound):
    def read(self, line: str) -> bool:
        re.fullmatch(r"(\w+\s?)*%", line)
        return super().read(line)


class Quadratic(Sound):
    def read(self, line: str) -> bool:
        re.search(r"\s*\s*\s*done$", line)
        return super().read(line)


class HangsOnLong(Sound):
    def read(self, line: str) -> bool:
        while len(line) > 10_000:
            pass
        return super().read(line)


class Kills(Sound):
    def read(self, line: str) -> bool:
        if len(line) > 10_000:
            sys.setrecursionlimit(10**6)
            import os

            os._exit(3)
        return super().read(line)


class Shares(Sound):
    seen: list[int] = []  # noqa: RUF012  (that is the fault)

    def read(self, line: str) -> bool:
        match = self.pattern.fullmatch(line)
        if match:
            self.seen.append(int(match[2]))
            self.update(current_size=max(self.seen))
        return match is not None


_one = Sound()


class WrongUnit(Sound):
    def read(self, line: str) -> bool:
        match = self.pattern.fullmatch(line)
        if match:
            self.update(float(match[1]), int(match[2]) * 1024, total_size=int(match[3]))
        return match is not None


class HalfTheUnit(Sound):
    def read(self, line: str) -> bool:
        match = self.pattern.fullmatch(line)
        if match:
            self.update(float(match[1]) / 10, int(match[2]) * 1024, total_size=int(match[3]) * 1024)
        return match is not None


class Grows(Sound):
    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def read(self, line: str) -> bool:
        self.lines.append(line * 10)
        return super().read(line)


class GrowsByKey(Sound):
    def __init__(self) -> None:
        super().__init__()
        self.lines: dict[str, bytes] = {}

    def read(self, line: str) -> bool:
        self.lines[line] = bytes(1000)
        return super().read(line)


class Raises(Sound):
    def read(self, line: str) -> bool:
        return float(line.split("%")[0]) >= 0 and super().read(line)


class GivesUp(Sound):
    def __init__(self) -> None:
        super().__init__()
        self.broken = False

    def read(self, line: str) -> bool:
        self.broken = self.broken or "\x00" in line
        return not self.broken and super().read(line)


class Prints(Sound):
    def read(self, line: str) -> bool:
        print("read", line)
        return super().read(line)


class LeavesThreads(Sound):
    def read(self, line: str) -> bool:
        if super().read(line):
            threading.Thread(target=time.sleep, args=(1.0,), name="left", daemon=True).start()
            return True
        return False


class HasNoName(Sound):
    def __init__(self) -> None:
        ProgressTracker.__init__(self, " ")


class BeginsInTheMiddle(Sound):
    def __init__(self) -> None:
        super().__init__()
        self.update(percentage=40, current_size=1)


class IgnoresTheEnd(Sound):
    def fail(self, message: str) -> None:
        pass


class LiesAboutItsState(Sound):
    def get_current_progress(self) -> ProgressInfo:
        return ProgressInfo("Work", ProgressStatus.IN_PROGRESS, 99.0)


WRONG: list[Callable[[], ProgressTracker]] = [
    EndsByText, FailsByText, ReadsNothing, SaysFalse, SaysNothing, TakesNames, OnlyWholeTexts,
    OnlyTheLastLine, BurnsTime, Sleeps, Explodes, Quadratic, HangsOnLong, Kills, Shares,
    lambda: _one, WrongUnit, HalfTheUnit, Grows, GrowsByKey, Raises, GivesUp, Prints,
    LeavesThreads, HasNoName, BeginsInTheMiddle, IgnoresTheEnd, LiesAboutItsState,
]  # fmt: skip


TAKE_LONG = (BurnsTime, Sleeps, Explodes, Quadratic, HangsOnLong, LeavesThreads)


@pytest.mark.parametrize(
    "make",
    [pytest.param(m, marks=pytest.mark.slow) if m in TAKE_LONG else m for m in WRONG],
    ids=lambda make: getattr(make, "__name__", "one"),
)
def test_a_wrong_tracker_is_named(make: Callable[[], ProgressTracker]) -> None:
    with pytest.raises(AssertionError) as named:
        assert_tracker_keeps_the_rules(make, SAMPLES)
    assert str(named.value).strip()
