"""How a tracker reads: the checks of `rules` that are about `parse_output` and what it costs."""

import contextlib
import gc
import io
import json
import os
import re
import select
import signal
import threading
import time
import tracemalloc
import warnings
from collections.abc import Callable, Sequence

from similubot_core import ProgressInfo, ProgressTracker

Make = Callable[[], ProgressTracker]

SECONDS_A_LINE = 0.02
"""CPU time that a line may take on average: a hundred times what a sound tracker needs."""
HANG_SECONDS = 10.0
"""How long a child process may take over all long lines together."""
KEPT_BYTES = 512 * 1024
"""What a tracker may keep after having read its samples many times."""
POINTS = 2.0

_NAMES = (
    "Opening '100% wool.mp3' for reading",
    "Saving to: my 97% cotton mix.bin",
    "title: 88 of 89 - 63.5% proof",
    "./folder 42%/[51%] of 99.flac",
)
_SAYS_SOMETHING = re.compile(r"\d\s?%|\d\s?/\s?\d|\d\s?[KMGkmg]i?B\b|\d bytes")
_KINDS = (re.compile(r"\d"), re.compile(r"\s"), re.compile(r"[a-zA-Z]"))
_LONG = 20_000


def check_reading(make: Make, samples: Sequence[str]) -> None:
    """All checks; each raises an AssertionError that says what is wrong."""
    _operations_share_nothing(make, samples)  # before anything else was read
    _checks_itself(make)
    _never_hangs(make, samples)
    _reads_something(make, samples)
    _names_are_no_progress(make)
    _lines_may_come_together(make, samples)
    _odd_text_does_not_end_the_reading(make, samples)
    _figures_agree(make, samples)
    _is_quick(make, samples)
    _keeps_little(make, samples)
    _leaves_nothing_running(make, samples)


def _parse(tracker: ProgressTracker, text: str) -> bool:
    printed = io.StringIO()
    try:
        with contextlib.redirect_stdout(printed):
            read: object = tracker.parse_output(text)
    except Exception as error:
        raise AssertionError(
            f"rule 5: parse_output raised {type(error).__name__} on {text[:80]!r}: {error}"
        ) from error
    assert isinstance(read, bool), f"parse_output returned {read!r} on {text[:80]!r}, not a bool"
    assert not printed.getvalue(), f"parse_output printed {printed.getvalue()[:80]!r}"
    return read


def _figures(info: ProgressInfo) -> tuple[object, ...]:
    return (info.percentage, info.current_size, info.total_size, info.unit, info.status)


def _checks_itself(make: Make) -> None:
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


def _reads_something(make: Make, samples: Sequence[str]) -> None:
    if not any(_SAYS_SOMETHING.search(text) for text in samples):
        return
    tracker = make()
    before = tracker.get_current_progress()
    read = [_parse(tracker, text) for text in samples]
    after = tracker.get_current_progress()
    changed = (after.message, after.details, *_figures(after)[:3]) != (
        before.message,
        before.details,
        *_figures(before)[:3],
    )
    assert any(read) or changed, "nothing was read of the samples, which hold figures"
    assert any(read) or not changed, "parse_output says False of lines that it read"
    json.dumps(after.as_dict(), allow_nan=False)


def _names_are_no_progress(make: Make) -> None:
    tracker = make()
    for text in _NAMES:
        _parse(tracker, text)
    info = tracker.get_current_progress()
    assert info.percentage == 0.0, (
        f"rule 5: text within a file's name was taken for progress: {info.percentage:g} %"
    )


def _lines_may_come_together(make: Make, samples: Sequence[str]) -> None:
    lines = [text for text in samples if "\n" not in text and "\r" not in text]
    if len(lines) < 2 or len(lines) != len(samples):
        return
    single, together = make(), make()
    for text in lines:
        _parse(single, text)
    _parse(together, "\n".join(lines) + "\n")
    one, other = single.get_current_progress(), together.get_current_progress()
    assert one.percentage == 0.0 or other.percentage > 0.0 or other.message, (
        "several lines in one text are not read: one by one they gave "
        f"{one.percentage:g} %, together nothing"
    )
    assert other.current_size == one.current_size, (
        f"several lines in one text give another size: {other.current_size}, not {one.current_size}"
    )


def _odd_text_does_not_end_the_reading(make: Make, samples: Sequence[str]) -> None:
    plain, disturbed = make(), make()
    for text in samples:
        _parse(plain, text)
    for text in ("", "\x00\ufffd\x1b[2J", "x" * 5000):
        _parse(disturbed, text)
    for text in samples:
        _parse(disturbed, text)
    one, other = plain.get_current_progress(), disturbed.get_current_progress()
    assert one.current_size == other.current_size, (
        "after a line that it does not know it reads something else: "
        f"{other.current_size}, not {one.current_size}"
    )


def _operations_share_nothing(make: Make, samples: Sequence[str]) -> None:
    few = samples[: max(1, len(samples) // 3)]
    alone = make()
    for text in few:
        _parse(alone, text)
    expected = alone.get_current_progress().current_size
    first, second = make(), make()
    untouched = _figures(second.get_current_progress())
    for text in samples:
        _parse(first, text)
    assert _figures(second.get_current_progress()) == untouched, (
        "two operations share their state: what one read changed the other"
    )
    for text in few:
        _parse(second, text)
    assert second.get_current_progress().current_size == expected, (
        "two operations share their state: the second reads what the first left"
    )


def _figures_agree(make: Make, samples: Sequence[str]) -> None:
    tracker = make()
    for text in samples:
        _parse(tracker, text)
        info = tracker.get_current_progress()
        if info.current_size is None or not info.total_size:
            continue
        assert info.current_size <= info.total_size * 1.02, (
            f"more is done than there is: {info.current_size} of {info.total_size} {info.unit}"
        )
        share = 100.0 * info.current_size / info.total_size
        assert share <= info.percentage + POINTS + 0.02 * share or info.percentage == 0.0, (
            f"the figures disagree: {info.current_size} of {info.total_size} is {share:.1f} %, "
            f"not {info.percentage:.1f}; is a unit wrong?"
        )


def _is_quick(make: Make, samples: Sequence[str]) -> None:
    if not samples:
        return
    tracker, count = make(), 0
    cpu, wall = time.thread_time(), time.monotonic()
    while count < 50 and time.monotonic() - wall < 5.0:
        _parse(tracker, samples[count % len(samples)])
        count += 1
    cpu_each = (time.thread_time() - cpu) / count
    waited_each = (time.monotonic() - wall) / count - cpu_each
    assert cpu_each < SECONDS_A_LINE, f"reading is slow: {cpu_each * 1000:.0f} ms of CPU a line"
    assert waited_each < 0.2, f"reading waits: {waited_each * 1000:.0f} ms a line"


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

    was_tracing = tracemalloc.is_tracing()
    if not was_tracing:
        tracemalloc.start()
    try:
        before = read(300)
        kept = read(1500) - before
    finally:
        if not was_tracing:
            tracemalloc.stop()
    assert kept < KEPT_BYTES, f"memory grows: {kept // 1024} KiB more after 3,000 lines"


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
    lines = [
        piece * (_LONG // len(piece)) + "!" for piece in (" ", "1", "a", "a ", "1 ", "#", "-", "1,")
    ]
    for text in list(samples)[:8]:
        for kind in _KINDS:
            for match in list(kind.finditer(text[:400]))[:3]:
                at = match.start()
                lines.append(text[:at] + text[at] * _LONG + "!")
    return lines


def _never_hangs(make: Make, samples: Sequence[str]) -> None:
    """In a child process, since a pattern that explodes cannot be stopped from within."""
    lines = [*_long_lines(samples), *list(samples)[:50]]
    reading, writing = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of a fork beside threads
        child = os.fork()
    if child == 0:
        try:
            tracker = make()
            for number, text in enumerate(lines):
                os.write(writing, f"{number}\n".encode())
                with contextlib.suppress(BaseException), contextlib.redirect_stdout(io.StringIO()):
                    tracker.parse_output(text)
            os.write(writing, b"done\n")
        finally:
            os._exit(0)
    os.close(writing)
    told, end = b"", time.monotonic() + HANG_SECONDS
    try:
        while not told.endswith(b"done\n"):
            left = end - time.monotonic()
            if left <= 0 or not select.select([reading], [], [], left)[0]:
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
    if not told.endswith(b"done\n"):
        number = int(told.split()[-1]) if told.split() else 0
        raise AssertionError(
            f"reading hangs, or ends the program, on a line such as {lines[number][:60]!r}… "
            f"({len(lines[number])} characters): does a pattern have several ways to match it?"
        )
