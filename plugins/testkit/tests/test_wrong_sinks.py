"""The check of a sink names what is wrong: sinks that are wrong on purpose, and one that is not."""

import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from similubot_core import ProgressInfo, ProgressStatus, render
from similubot_core.progress.paced_sink import PacedSink
from similubot_testkit import sink_rules
from similubot_testkit.sink_rules import assert_sink_keeps_the_rules

INTERVAL = 0.5


def line(info: ProgressInfo) -> str:
    told = (info.operation, info.status.value, render.percent(info.percentage), info.message)
    return render.sanitize_line(" ".join(told), 500) + "\n"


class Sound:
    """Appends lines to a file, by a paced sink."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.paced = PacedSink(self.write, INTERVAL)

    def write(self, info: ProgressInfo) -> None:
        self.append(line(info))

    def append(self, text: str) -> None:
        with self.path.open("a", encoding="utf-8", errors="surrogateescape") as file:
            file.write(text)

    def show(self, info: ProgressInfo) -> None:
        self.paced.show(info)

    def close(self) -> None:
        self.paced.close()


def check(kind: Callable[[Path], Sound], folder: Path, **stalled: Callable[[], Sound]) -> None:
    path = folder / "shown"
    path.touch()
    assert_sink_keeps_the_rules(
        lambda: kind(path),
        lambda: path.read_bytes().decode(errors="surrogateescape"),
        **stalled,
    )


def test_a_sound_sink_passes(tmp_path: Path) -> None:
    check(Sound, tmp_path)


class Waits(Sound):
    """Writes at once, to a slow place."""

    def show(self, info: ProgressInfo) -> None:
        time.sleep(0.01)
        self.write(info)


class WritesAll(Sound):
    def show(self, info: ProgressInfo) -> None:
        self.write(info)


class LosesTheEnd(Sound):
    """A pace that the end does not break."""

    last = -INTERVAL

    def show(self, info: ProgressInfo) -> None:
        if time.monotonic() - self.last > INTERVAL:
            self.last = time.monotonic()
            self.write(info)


class ShowsTheLastAgain(Sound):
    """What it kept back comes after the end."""

    kept: ProgressInfo | None = None

    def show(self, info: ProgressInfo) -> None:
        if info.status is ProgressStatus.IN_PROGRESS:
            self.kept = info
        else:
            self.write(info)

    def close(self) -> None:
        if self.kept is not None:
            self.write(self.kept)


class ShowsNothing(Sound):
    def write(self, info: ProgressInfo) -> None:
        pass


class ShowsNoStatus(Sound):
    def write(self, info: ProgressInfo) -> None:
        self.append(f"{render.sanitize_line(info.operation)}\n")


class PassesEscapes(Sound):
    def write(self, info: ProgressInfo) -> None:
        self.append(f"{info.operation} {info.status.value} {info.message}\n")


class PassesLineEnds(Sound):
    def write(self, info: ProgressInfo) -> None:
        name = info.operation
        for character in "\x1b\x00\x07\u202e":
            name = name.replace(character, "")
        self.append(f"{name} {info.status.value} {line(info)}")


class StumblesOverNames(Sound):
    broken = False

    def write(self, info: ProgressInfo) -> None:
        if self.broken:
            return
        self.broken = True
        info.operation.encode()
        self.broken = False
        super().write(info)


class RaisesAfterClose(Sound):
    closed = False

    def show(self, info: ProgressInfo) -> None:
        if self.closed:
            raise ValueError("I/O operation on closed file")
        super().show(info)

    def close(self) -> None:
        super().close()
        self.closed = True


class ClosesOnce(Sound):
    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.file = path.open("a")

    def close(self) -> None:
        super().close()
        self.file.fileno()
        self.file.close()


class HangsInClose(Sound):
    def close(self) -> None:
        super().close()
        threading.Event().wait(60)


class LeavesItsThread(Sound):
    ended = threading.Event()

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        threading.Thread(target=self.ended.wait, args=(60,), name="left").start()


class RaisesInThreads(Sound):
    """Its state belongs to the thread that made it."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.threads: set[int] = set()

    def show(self, info: ProgressInfo) -> None:
        if info.id in "abcd":
            self.threads.add(threading.get_ident())
            if len(self.threads) > 1:
                raise RuntimeError("used in another thread")
        super().show(info)


WRONG: list[tuple[type[Sound], str]] = [
    (Waits, "show waits"),
    (WritesAll, "newest wins"),
    (LosesTheEnd, "final state is not shown"),
    (ShowsTheLastAgain, "older state after the final"),
    (ShowsNothing, "nothing at all"),
    (ShowsNoStatus, "final state is not shown"),
    (PassesEscapes, "hostile names"),
    (PassesLineEnds, "broke its line"),
    (StumblesOverNames, "hostile names"),
    (RaisesAfterClose, "after close"),
    (ClosesOnce, "a second time"),
    (HangsInClose, "close is not bounded"),
    (LeavesItsThread, "left behind"),
    (RaisesInThreads, "four threads"),
]


@pytest.mark.parametrize(("kind", "named"), WRONG, ids=lambda value: getattr(value, "__name__", ""))
def test_a_wrong_sink_is_named(
    kind: type[Sound], named: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if kind in (Waits, HangsInClose):  # where the limit is what is waited for
        monkeypatch.setattr(sink_rules, "SHOW_SECONDS", 2.0)
        monkeypatch.setattr(sink_rules, "CLOSE_SECONDS", 2.0)
    LeavesItsThread.ended = threading.Event()
    try:
        with pytest.raises(AssertionError, match=named):
            check(kind, tmp_path)
    finally:
        LeavesItsThread.ended.set()


def test_a_place_that_takes_nothing_may_not_be_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sink_rules, "SHOW_SECONDS", 2.0)

    class Hangs(Sound):
        def show(self, info: ProgressInfo) -> None:
            threading.Event().wait(60)

    with pytest.raises(AssertionError, match="takes nothing"):
        check(Sound, tmp_path, stalled=lambda: Hangs(tmp_path / "shown"))
