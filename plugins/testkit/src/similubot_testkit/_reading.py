"""How a tracker reads: the checks of `rules` that are about `parse_output` and what it costs."""

import contextlib
import gc
import io
import json
import locale
import os
import re
import select
import signal
import statistics
import sys
import threading
import time
import tracemalloc
import warnings
from collections.abc import Callable, Coroutine, Iterator, Sequence
from pathlib import Path

from similubot_core import ProgressInfo, ProgressTracker

Make = Callable[[], ProgressTracker]

SECONDS_A_LINE = 0.02
"""CPU time that a line may take on average: a hundred times what a sound tracker needs."""
WAIT_A_LINE = 0.01
"""Seconds that most lines may wait for something; a sound tracker waits for nothing."""
HANG_SECONDS = 10.0
"""How long a child process may take over all lines together."""
KEPT_BYTES = 512 * 1024
"""What a tracker may keep after having read its samples many times."""
KEPT_FILES = 20
POINTS = 2.0
MANY_TIMES = 25.0
"""So many times too long is no time left of a speed that changes, but another unit."""

_NAMES = (
    "Opening '100% wool.mp3' for reading",
    "Saving to: my 97% cotton mix.bin",
    "title: 88 of 89 - 63.5% proof",
    "./folder 42%/[51%] of 99.flac",
)
_SAYS_SOMETHING = re.compile(r"\d\s?%|\d\s?/\s?\d|\d\s?[KMGkmg]i?B\b|\d bytes")
_PERCENT = re.compile(r"(?<!\d)(\d{1,9}(?:\.\d{1,9})?)\s?%")
_DECIMAL_PERCENT = re.compile(r"(\d)\.(\d+\s?%)")
_AMOUNT = re.compile(r"(?<![\d.,])(\d+(?:\.\d+)?)\s?[KMGT]i?B(/s)?\b")
_KINDS = (re.compile(r"\d"), re.compile(r"\s"), re.compile(r"[a-zA-Z]"))
_LONG = 20_000


def check_reading(make: Make, samples: Sequence[str]) -> None:
    """All checks; each raises an AssertionError that says what is wrong."""
    _never_hangs(make, samples)  # in a child, so that nothing here has read anything yet
    before = _surroundings()
    try:
        _operations_share_nothing(make, samples)
        _checks_itself(make, samples)
        _is_quick(make, samples)
        _reads_something(make, samples)
        _names_are_no_progress(make)
        _line_ends_do_not_matter(make, samples)
        _lines_may_come_together(make, samples)
        _odd_text_does_not_end_the_reading(make, samples)
        _figures_agree(make, samples)
        _units_are_those_of_the_text(make, samples)
        _other_decimal_points_are_no_other_numbers(make, samples)
        _keeps_little(make, samples)
        _leaves_nothing_running(make, samples)
    finally:
        after = _surroundings()
        _restore(before)
    for name, value in before.items():
        assert after[name] == value, f"reading changes {name} of the whole program"


def _surroundings() -> dict[str, object]:
    """What a tracker has no business to change."""
    return {
        "the folder": Path.cwd(),
        "the environment": dict(os.environ),
        "the locale": locale.setlocale(locale.LC_ALL),
        "the handling of signals": {
            number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)
        },
        "the limit of recursion": sys.getrecursionlimit(),
    }


def _restore(before: dict[str, object]) -> None:
    """What a wrong tracker has changed is not the next test's to bear."""
    after = _surroundings()
    if after["the folder"] != before["the folder"]:
        os.chdir(str(before["the folder"]))
    if after["the environment"] != before["the environment"]:
        assert isinstance(before["the environment"], dict)
        os.environ.clear()
        os.environ.update(before["the environment"])
    if after["the locale"] != before["the locale"]:
        locale.setlocale(locale.LC_ALL, str(before["the locale"]))
    if after["the handling of signals"] != before["the handling of signals"]:
        assert isinstance(before["the handling of signals"], dict)
        for taken, handler in before["the handling of signals"].items():
            signal.signal(taken, handler)


def _parse(tracker: ProgressTracker, text: str) -> bool:
    printed = io.StringIO()
    try:
        with contextlib.redirect_stdout(printed):
            read: object = tracker.parse_output(text)
    except (Exception, SystemExit) as error:
        raise AssertionError(
            f"rule 5: parse_output raised {type(error).__name__} on {text[:80]!r}: {error}"
        ) from error
    if isinstance(read, Coroutine):
        read.close()
    assert isinstance(read, bool), f"parse_output returned {read!r} on {text[:80]!r}, not a bool"
    assert not printed.getvalue(), f"parse_output printed {printed.getvalue()[:80]!r}"
    return read


def _figures(info: ProgressInfo) -> tuple[object, ...]:
    return (info.percentage, info.current_size, info.total_size, info.unit, info.status)


def _checks_itself(make: Make, samples: Sequence[str]) -> None:
    tracker = make()
    info = tracker.get_current_progress()
    assert info.operation.strip(), "the operation has no name"
    assert info.unit.strip(), "the unit is empty; bytes are 'B'"
    assert info.status.value == "starting", f"rule 1: it was made as {info.status.value}"
    assert (info.percentage, info.current_size) == (0.0, None), (
        f"a new tracker knows something already: {info}"
    )
    assert tracker.get_current_progress().id != make().get_current_progress().id, (
        "two operations have one id: make a new tracker each time"
    )
    for text in samples:
        _parse(tracker, text)
        now = tracker.get_current_progress()
        assert (now.id, now.operation, now.unit) == (info.id, info.operation, info.unit), (
            f"it became another operation on {text[:80]!r}: {now}"
        )


def _reads_something(make: Make, samples: Sequence[str]) -> None:
    if not any(_SAYS_SOMETHING.search(text) for text in samples):
        return
    tracker = make()
    before = tracker.get_current_progress()
    read = [_parse(tracker, text) for text in samples]
    after = tracker.get_current_progress()

    def known(info: ProgressInfo) -> tuple[object, ...]:
        return (info.message, info.details, info.speed, info.status, *_figures(info)[:3])

    changed = known(after) != known(before)
    assert any(read) or changed, "nothing was read of the samples, which hold figures"
    assert any(read) or not changed, "parse_output says False of lines that it read"
    assert changed, "parse_output says True of lines, and nothing is known after them"
    assert after.status.value != "starting", f"rule 1: it read of progress, and says {after}"
    assert isinstance(after.message, str), f"the message is no text: {after.message!r}"
    try:
        json.dumps(after.as_dict(), allow_nan=False)
    except (TypeError, ValueError) as error:
        raise AssertionError(f"its state is nothing that JSON can carry: {error}") from None


def _names_are_no_progress(make: Make) -> None:
    tracker = make()
    for text in _NAMES:
        _parse(tracker, text)
    info = tracker.get_current_progress()
    assert info.percentage == 0.0, (
        f"rule 5: text within a file's name was taken for progress: {info.percentage:g} %"
    )


def _single_lines(samples: Sequence[str]) -> Sequence[str]:
    """The samples, where each is one line; else none."""
    lines = [text for text in samples if "\n" not in text and "\r" not in text]
    return lines if len(lines) == len(samples) else []


def _after(make: Make, texts: Sequence[str]) -> ProgressInfo:
    tracker = make()
    for text in texts:
        _parse(tracker, text)
    return tracker.get_current_progress()


def _line_ends_do_not_matter(make: Make, samples: Sequence[str]) -> None:
    lines = _single_lines(samples)
    plain = _after(make, lines)
    for end in ("\n", "\r\n", "\r"):
        ended = _after(make, [line + end for line in lines])
        assert _figures(ended) == _figures(plain), (
            f"with {end!r} at the end of each line it reads something else: "
            f"{ended.percentage:g} % and {ended.current_size}, "
            f"not {plain.percentage:g} % and {plain.current_size}"
        )


def _lines_may_come_together(make: Make, samples: Sequence[str]) -> None:
    lines = _single_lines(samples)
    if len(lines) < 2:
        return
    one = _after(make, lines)
    for end in ("\n", "\r"):
        other = _after(make, [end.join(lines) + end])
        assert one.percentage == 0.0 or other.percentage > 0.0 or other.message, (
            "several lines in one text are not read: one by one they gave "
            f"{one.percentage:g} %, together nothing"
        )
        for name in ("current_size", "percentage"):
            single, together = getattr(one, name), getattr(other, name)
            assert together == single, (
                f"several lines in one text give another {name}: {together}, not {single}"
            )


def _odd_text_does_not_end_the_reading(make: Make, samples: Sequence[str]) -> None:
    plain, disturbed = make(), make()
    for text in samples:
        _parse(plain, text)
    for text in ("", "\x00\ufffd\x1b[2J", "x" * 5000):
        assert not _parse(disturbed, text), (
            f"parse_output says True of {text[:20]!r}, which says nothing of progress"
        )
    for text in samples:
        _parse(disturbed, text)
    one, other = plain.get_current_progress(), disturbed.get_current_progress()
    assert one.current_size == other.current_size, (
        "after a line that it does not know it reads something else: "
        f"{other.current_size}, not {one.current_size}"
    )


def _operations_share_nothing(make: Make, samples: Sequence[str]) -> None:
    few = samples[: max(1, len(samples) // 3)]
    expected = _figures(_after(make, few))
    first, second = make(), make()
    untouched = _figures(second.get_current_progress())
    for text in samples:
        _parse(first, text)
    assert _figures(second.get_current_progress()) == untouched, (
        "two operations share their state: what one read changed the other"
    )
    for text in few:
        _parse(second, text)
    assert _figures(second.get_current_progress()) == expected, (
        "two operations share their state: the second reads what the first left"
    )


def _figures_agree(make: Make, samples: Sequence[str]) -> None:
    tracker = make()
    last = tracker.get_current_progress()
    times: list[float] = []
    for text in samples:
        _parse(tracker, text)
        info, before = tracker.get_current_progress(), last
        last = info
        assert info.percentage >= before.percentage, (
            f"rule 2: it fell from {before.percentage:g} to {info.percentage:g} on {text[:80]!r}"
        )
        if info.current_size is None or not info.total_size:
            continue
        assert info.current_size <= info.total_size * 1.02, (
            f"more is done than there is: {info.current_size} of {info.total_size} {info.unit}"
        )
        share = 100.0 * info.current_size / info.total_size
        least = 0.98 * share - POINTS if info.percentage else 0.0
        most = share + 50.0 if before.percentage == 0.0 else 100.0
        assert least <= info.percentage <= most, (
            f"the figures disagree: {info.current_size} of {info.total_size} is {share:.1f} %, "
            f"not {info.percentage:.1f}; is a unit wrong?"
        )
        if info.speed and info.eta and info.current_size < info.total_size:
            times.append(info.eta * info.speed / (info.total_size - info.current_size))
    if times:
        off = statistics.median(times)
        assert 1 / MANY_TIMES < off < MANY_TIMES, (
            f"the figures disagree: the time left is {off:g} times what is left by the speed; is a "
            "unit wrong?"
        )


def _units_are_those_of_the_text(make: Make, samples: Sequence[str]) -> None:
    tracker = make()
    highest = 0.0
    for text in samples:
        _parse(tracker, text)
        info = tracker.get_current_progress()
        highest = max([highest, *(float(found) for found in _PERCENT.findall(text))])
        for number, is_speed in _AMOUNT.findall(text):
            value = float(number)
            taken = (info.speed,) if is_speed else (info.current_size, info.total_size)
            assert info.unit != "B" or value < 2 or value not in taken, (
                f"a unit is wrong: of {text[:80]!r} it took {value:g} for bytes"
            )
    shown = tracker.get_current_progress().percentage
    assert highest < 50.0 or not 0.0 < shown <= 1.0, (
        f"a unit is wrong: the text comes to {highest:g} %, the percentage to {shown:g} of 100"
    )


def _other_decimal_points_are_no_other_numbers(make: Make, samples: Sequence[str]) -> None:
    """A tool writes "12,5 %" in other languages; that is no 5 %."""
    for text in samples:
        other = _DECIMAL_PERCENT.sub(r"\1,\2", text)
        if other == text:
            continue
        one, two = _after(make, [text]).percentage, _after(make, [other]).percentage
        assert two == 0.0 or abs(one - two) <= 1.0, (
            f"{other[:80]!r} was read as {two:g} %: unknown is right, wrong is not"
        )


def _is_quick(make: Make, samples: Sequence[str]) -> None:
    if not samples:
        return
    tracker = make()
    cpu, waited = 0.0, list[float]()
    end = time.monotonic() + 5.0
    while len(waited) < 50 and time.monotonic() < end:
        wall_before, cpu_before = time.monotonic(), time.thread_time()
        _parse(tracker, samples[len(waited) % len(samples)])
        took = time.thread_time() - cpu_before
        waited.append(time.monotonic() - wall_before - took)
        cpu += took
    each = cpu / len(waited)
    assert each < SECONDS_A_LINE, f"reading is slow: {each * 1000:.0f} ms of CPU a line"
    # Most lines: on a machine that does something else a few wait for the processor.
    usual = statistics.median(waited)
    assert usual < WAIT_A_LINE, f"reading waits: {usual * 1000:.0f} ms a line"


def _keeps_little(make: Make, samples: Sequence[str]) -> None:
    texts = list(samples) or ["a line that says nothing"]
    tracker, number = make(), 0

    def read(rounds: int) -> int:
        nonlocal number
        for _ in range(rounds):
            number += 1
            _parse(tracker, f"{texts[number % len(texts)][:400]} {number}")
            _parse(tracker, texts[number % len(texts)])
        gc.collect()
        return tracemalloc.get_traced_memory()[0]

    files = _open_files()
    was_tracing = tracemalloc.is_tracing()
    if not was_tracing:
        tracemalloc.start()
    try:
        before = read(300)
        opened = _open_files() - files
        assert opened < KEPT_FILES, f"it leaves {opened} files open after 600 lines"
        kept = read(1500) - before
    finally:
        if not was_tracing:
            tracemalloc.stop()
    assert kept < KEPT_BYTES, f"memory grows: {kept // 1024} KiB more after 3,000 lines"


def _open_files() -> int:
    """Of this process, where the system says so."""
    folder = Path("/proc/self/fd")
    return len(list(folder.iterdir())) if folder.is_dir() else 0


def _leaves_nothing_running(make: Make, samples: Sequence[str]) -> None:
    before = set(threading.enumerate())
    tracker = make()
    for text in samples:
        _parse(tracker, text)
    tracker.cancel()
    left = {
        t.name for t in set(threading.enumerate()) - before if not t.name.startswith("similubot")
    }
    assert not left, f"it leaves threads running: {', '.join(sorted(left))}"


def _long_lines(samples: Sequence[str]) -> list[str]:
    """Lines that make a pattern with several ways to match try all of them."""
    pieces = (" ", "1", "a", "a ", "1 ", "#", "-", "1,", "=", ".", "\n", "\r", "\t", "\u2588")
    lines = [piece * (_LONG // len(piece)) + "!" for piece in pieces]
    for text in list(samples)[:8]:
        for kind in _KINDS:
            for match in list(kind.finditer(text[:400]))[:3]:
                at = match.start()
                lines.append(text[:at] + text[at] * _LONG + "!")
    return lines


def _odd_lines(samples: Sequence[str]) -> list[str]:
    """Lines in which what looks like a number or a text is none that can be read or written."""
    lines = ["", "\x00", "\udcff", "²", "٣%"]
    for text in list(samples)[:8]:
        lines += [re.sub(r"\d", digit, text, flags=re.ASCII) for digit in ("²", "٣", "½")]
        lines += [f"\udcff{text}", f"{text}\udcff", text[: len(text) // 2], text[len(text) // 2 :]]
    return lines


def _steps(make: Make, samples: Sequence[str]) -> Iterator[tuple[str, Callable[[], object]]]:
    """What may hang or raise, and how it is called for people."""
    made: list[ProgressTracker] = []
    yield "making it", lambda: made.append(make())
    yield "start()", lambda: made[0].start()
    for text in (*list(samples)[:50], *_odd_lines(samples), *_long_lines(samples)):
        shown = f"{text[:60]!r}{'…' * (len(text) > 60)} ({len(text)} characters)"
        yield f"reading {shown}", lambda text=text: made[0].parse_output(text)  # type: ignore[misc]
    yield "complete()", lambda: made[0].complete()
    yield "fail()", lambda: make().fail("It did not work.")
    yield "cancel()", lambda: make().cancel()


def _never_hangs(make: Make, samples: Sequence[str]) -> None:
    """In a child process, since a pattern that explodes cannot be stopped from within."""
    reading, writing = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of a fork beside threads
        child = os.fork()
    if child == 0:
        try:
            for number, (_, step) in enumerate(_steps(make, samples)):
                os.write(writing, f"{number} ".encode())
                try:
                    with contextlib.redirect_stdout(io.StringIO()):
                        step()
                except BaseException as error:  # noqa: BLE001  (told by the parent)
                    os.write(writing, type(error).__name__.encode())
                os.write(writing, b"\n")
            os.write(writing, b"done\n")
        finally:
            os._exit(0)
    os.close(writing)
    told, end = b"", time.monotonic() + HANG_SECONDS
    waiting = select.poll()
    waiting.register(reading, select.POLLIN)
    try:
        while not told.endswith(b"done\n"):
            left = end - time.monotonic()
            if left <= 0 or not waiting.poll(left * 1000):
                break
            data = os.read(reading, 65_536)
            if not data:
                break
            told += data
    finally:
        os.close(reading)
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    names = [name for name, _ in _steps(make, samples)]
    steps = [line.partition(" ") for line in told.decode().splitlines() if line != "done"]
    for step_number, _, raised in steps:
        assert not raised, f"rule 5: {names[int(step_number)]} raised {raised}"
    assert told.endswith(b"done\n"), (
        f"{names[int(steps[-1][0]) if steps else 0]} hangs, or ends the program: does a pattern "
        "have several ways to match?"
    )
