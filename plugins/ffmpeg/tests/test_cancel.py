"""Cancelled, killed, hung: FFmpeg ends, and nothing of it stays."""

import os
import signal
import struct
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from similubot_core import (
    Cancelled,
    CancelToken,
    ConversionRequest,
    ProgressInfo,
    ProgressStatus,
    StageContext,
    StageError,
)
from similubot_core.process import ProcessStalled
from similubot_ffmpeg import AudioConverter, FFmpegSettings
from similubot_ffmpeg.output import Reading
from similubot_ffmpeg.runs import Watch
from similubot_testkit.rules import assert_progress_keeps_the_rules

PROMISED_SECONDS = 2.0
"""Within which the design promises that a cancel is obeyed."""

needs_proc = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="finds child processes in /proc"
)


@pytest.fixture(scope="module")
def hours(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three hours of sound in a file with a hole: encoding it takes minutes."""
    path = tmp_path_factory.mktemp("long") / "hours.wav"
    samples = 3 * 3600 * 44_100 * 4
    with path.open("wb") as file:
        file.write(b"RIFF" + struct.pack("<I", samples + 36) + b"WAVEfmt ")
        file.write(struct.pack("<IHHIIHH", 16, 1, 2, 44_100, 176_400, 4, 16))
        file.write(b"data" + struct.pack("<I", samples))
        file.truncate(samples + 44)
    return path


class Conversion(threading.Thread):
    """A conversion in a thread of its own, which ends when the test does."""

    def __init__(self, converter: AudioConverter, source: Path, folder: Path) -> None:
        super().__init__()
        self.seen: list[ProgressInfo] = []
        self.encoding = threading.Event()
        self.error: BaseException | None = None
        self.token = CancelToken()
        self._converter, self._source = converter, source
        self._context = StageContext(folder, self.token, (self._take,))

    def _take(self, info: ProgressInfo) -> None:
        self.seen.append(info)
        if info.details.get("out_time"):
            self.encoding.set()

    def run(self) -> None:
        try:
            self._converter.run(self._source, ConversionRequest(), self._context)
        except BaseException as error:
            self.error = error


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[[AudioConverter, Path], Conversion]]:
    started: list[Conversion] = []

    def start(converter: AudioConverter, source: Path) -> Conversion:
        conversion = Conversion(converter, source, tmp_path)
        started.append(conversion)
        conversion.start()
        assert conversion.encoding.wait(30)
        return conversion

    yield start
    for conversion in started:
        conversion.token.cancel()
        conversion.join(10)
        assert not conversion.is_alive()


def children_running(program: Path) -> list[int]:
    """The FFmpegs that this process started, by way of others."""

    def below(pid: int) -> Iterator[int]:
        for thread in Path(f"/proc/{pid}/task").glob("*/children"):
            for child in map(int, thread.read_text().split()):
                yield child
                yield from below(child)

    return [
        pid
        for pid in below(os.getpid())
        if Path(f"/proc/{pid}/cmdline")
        .read_bytes()
        .split(b"\0")[0]
        .endswith(b"/" + program.name.encode())
    ]


@needs_proc
def test_a_cancel_ends_it_and_leaves_neither_child_nor_file(
    ffmpeg: Path,
    converter: AudioConverter,
    hours: Path,
    start: Callable[[AudioConverter, Path], Conversion],
    tmp_path: Path,
) -> None:
    conversion = start(converter, hours)
    assert len(children_running(ffmpeg)) >= 1
    conversion.token.cancel()
    conversion.join(PROMISED_SECONDS)
    assert not conversion.is_alive()
    assert isinstance(conversion.error, Cancelled)
    assert children_running(ffmpeg) == []
    assert list(tmp_path.iterdir()) == []
    assert_progress_keeps_the_rules(conversion.seen)
    assert conversion.seen[-1].status is ProgressStatus.CANCELLED


@needs_proc
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV])
def test_an_ffmpeg_that_dies_fails_the_operation_and_leaves_no_file(
    number: signal.Signals,
    ffmpeg: Path,
    converter: AudioConverter,
    hours: Path,
    start: Callable[[AudioConverter, Path], Conversion],
    tmp_path: Path,
) -> None:
    conversion = start(converter, hours)
    for pid in children_running(ffmpeg):
        os.kill(pid, number)
    conversion.join(30)
    assert isinstance(conversion.error, StageError)
    assert f"(signal {number.value})" in conversion.error.message
    assert list(tmp_path.iterdir()) == []
    assert conversion.seen[-1].status is ProgressStatus.FAILED


@needs_proc
def test_an_ffmpeg_that_was_told_to_stop_early_is_no_success(
    ffmpeg: Path,
    converter: AudioConverter,
    hours: Path,
    start: Callable[[AudioConverter, Path], Conversion],
    tmp_path: Path,
) -> None:
    # It ends its file properly then and prints progress=end, as after a whole run.
    conversion = start(converter, hours)
    for pid in children_running(ffmpeg):
        os.kill(pid, signal.SIGTERM)
    conversion.join(30)
    assert isinstance(conversion.error, StageError)
    assert "was stopped from outside before hours.wav was converted" in conversion.error.message
    assert list(tmp_path.iterdir()) == []


@needs_proc
@pytest.mark.slow
def test_an_ffmpeg_that_hangs_is_noticed_and_ended(
    ffmpeg: Path,
    hours: Path,
    start: Callable[[AudioConverter, Path], Conversion],
    tmp_path: Path,
) -> None:
    settings = FFmpegSettings(program=str(ffmpeg), stall_timeout=1.5)
    conversion = start(AudioConverter(settings=settings), hours)
    for pid in children_running(ffmpeg):
        os.kill(pid, signal.SIGSTOP)
    conversion.join(30)
    assert isinstance(conversion.error, ProcessStalled)
    assert "said nothing for 1.5 s" in conversion.error.message
    assert children_running(ffmpeg) == []
    assert list(tmp_path.iterdir()) == []


class Clock:
    """A clock that the test sets."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_an_ffmpeg_that_prints_the_same_for_ever_is_noticed() -> None:
    clock = Clock()
    watch = Watch(FFmpegSettings(stall_timeout=60), clock)
    stuck = Reading(out_time=5.0, total_size=1000, speed=1.0)
    watch.take(stuck)
    clock.now += 60
    watch.take(stuck)
    clock.now += 1
    with pytest.raises(ProcessStalled, match="no progress for 60 s"):
        watch.take(stuck)


def test_whatever_moves_counts_as_progress() -> None:
    clock = Clock()
    watch = Watch(FFmpegSettings(stall_timeout=60), clock)
    for step in range(10):
        clock.now += 50
        watch.take(Reading(out_time=step // 2, total_size=(step + 1) // 2))
    clock.now += 500
    watch.take(Reading(out_time=4, total_size=5, last=True))
    assert watch.out_time == 4
