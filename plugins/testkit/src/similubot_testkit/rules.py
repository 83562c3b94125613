"""The six rules of progress as one check that any tracker, ours or a stranger's, is put through."""

import logging
import math
import random
import threading
from collections.abc import Callable, Sequence

from similubot_core import ProgressInfo, ProgressStatus, ProgressTracker
from similubot_testkit._reading import check_reading

WAIT_SECONDS = 30.0
"""How long the check waits for the threads that it starts; far more than a sound tracker needs."""

_HOSTILE_TEXTS = (
    "",
    "\x00\r\n\x1b[2J",
    "completed failed cancelled error 100% done.mp3",
    "COMPLETED\nFAILED\nCANCELLED\n",
    "\ufffd" * 100,
    "9" * 400 + "%",
)
_ODD_NUMBERS = (math.nan, math.inf, -math.inf, -1.0, 0.0, 1e308)


def assert_progress_keeps_the_rules(seen: Sequence[ProgressInfo]) -> None:
    """Assert that what a sink or callback was told of one operation keeps rules 1 to 3.

    Args:
        seen: Everything it was told, in order, from STARTING to the end.

    Raises:
        AssertionError: Names the rule and the state that breaks it.
    """
    assert seen, "rule 1: nothing was told at all"
    assert seen[0].status is ProgressStatus.STARTING, f"rule 1: it began with {seen[0]}"
    statuses = [info.status for info in seen]
    assert statuses.count(ProgressStatus.STARTING) == 1, "rule 1: STARTING came more than once"
    ends = [info for info in seen if info.status.is_final]
    assert len(ends) == 1, f"rule 1: {len(ends)} ends instead of one"
    assert seen[-1].status.is_final, f"rule 1: something came after the end: {seen[-1]}"
    last = 0.0
    for info in seen:
        assert 0.0 <= info.percentage <= 100.0, f"rule 2: not within 0 to 100: {info}"
        assert info.percentage >= last, f"rule 2: it fell from {last}: {info}"
        completed = info.status is ProgressStatus.COMPLETED
        assert (info.percentage == 100.0) == completed, f"rule 2: 100 is for COMPLETED: {info}"
        last = info.percentage
        for name in ("speed", "eta", "current_size", "total_size"):
            value = getattr(info, name)
            if value is not None:
                assert math.isfinite(value), f"rule 3: {name} is not finite: {info}"
                assert value >= 0, f"rule 3: {name} is negative: {info}"


def assert_tracker_keeps_the_rules(
    make: Callable[[], ProgressTracker], samples: Sequence[str] = ()
) -> None:
    """Put a tracker through the six rules of progress.

    Every check is made on a tracker of its own, so `make` is called several times.

    Args:
        make: Makes a tracker for one operation, such as the class itself.
        samples: What the tool really prints, in order: lines, or any text.

    Raises:
        AssertionError: Names the rule that is broken, or what is wrong with the reading.
    """
    try:
        check_reading(make, samples)
        for end, status in (
            (lambda tracker: tracker.complete("done"), ProgressStatus.COMPLETED),
            (lambda tracker: tracker.fail("It did not work; try again."), ProgressStatus.FAILED),
            (lambda tracker: tracker.cancel(), ProgressStatus.CANCELLED),
        ):
            _one_operation(make(), samples, end, status)
        _ends_whatever_happens(make)
        _callbacks_do_not_hurt(make, samples)
        _text_is_no_status(make, samples)
        _safe_from_threads(make, samples)
    except AssertionError:
        raise
    except (Exception, SystemExit) as error:
        raise AssertionError(f"it raised {type(error).__name__}: {error}") from error


def _record(tracker: ProgressTracker) -> list[ProgressInfo]:
    seen: list[ProgressInfo] = []
    tracker.add_callback(seen.append)
    return seen


def _one_operation(
    tracker: ProgressTracker,
    samples: Sequence[str],
    end: Callable[[ProgressTracker], None],
    status: ProgressStatus,
) -> None:
    """Rules 1 to 3 over the samples, odd numbers, an end, and attempts to go on after it."""
    seen = _record(tracker)
    tracker.start()
    for text in samples:
        tracker.parse_output(text)
    before = tracker.get_current_progress().percentage
    for number in _ODD_NUMBERS:
        tracker.update(percentage=number, speed=number, eta=number)
        tracker.update(percentage=before / 2)
    end(tracker)
    told = len(seen)
    tracker.start()
    tracker.update(percentage=1.0)
    for text in samples:
        tracker.parse_output(text)
    tracker.complete("again")
    tracker.fail("again")
    tracker.cancel()
    assert len(seen) == told, "rule 1: something was told after the end"
    assert_progress_keeps_the_rules(seen)
    assert seen[-1].status is status, f"rule 1: it ended as {seen[-1].status}, not as {status}"


def _ends_whatever_happens(make: Callable[[], ProgressTracker]) -> None:
    """Rule 1: the context manager ends the operation, however the block ends."""
    for error in (None, ValueError("x"), KeyboardInterrupt()):
        tracker = make()
        seen = _record(tracker)
        raised: BaseException | None = None
        try:
            with tracker as entered:
                assert entered is tracker, f"a with block gives {entered!r}, not the tracker"
                if error is not None:
                    raise error
        except (ValueError, KeyboardInterrupt) as came:
            raised = came
        assert raised is error, f"a with block swallowed {error!r}"
        assert_progress_keeps_the_rules(seen)
        expected = (
            ProgressStatus.CANCELLED
            if isinstance(error, KeyboardInterrupt)
            else ProgressStatus.FAILED
        )
        assert seen[-1].status is expected, (
            f"rule 1: a block that ended by {error!r} gave {seen[-1]}"
        )


def _callbacks_do_not_hurt(make: Callable[[], ProgressTracker], samples: Sequence[str]) -> None:
    """Rule 4: one callback raises, one hangs; the third is told all, and the work goes on."""
    tracker = make()
    release, hanging = threading.Event(), threading.Event()

    def raises(info: ProgressInfo) -> None:
        raise RuntimeError("a callback of the rules' check")

    def hangs(info: ProgressInfo) -> None:
        # Its first call takes longer than the tracker bears; from then on it must be alone.
        if hanging.is_set():
            release.wait(WAIT_SECONDS)
        else:
            hanging.set()
            release.wait(0.2)

    tracker.add_callback(raises)
    tracker.add_callback(hangs)
    seen = _record(tracker)
    done = threading.Event()

    def work() -> None:
        tracker.start()
        for text in samples:
            tracker.parse_output(text)
        for percentage in range(100):
            tracker.update(percentage=percentage)
        tracker.complete()
        done.set()

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        assert done.wait(WAIT_SECONDS / 3), "rule 4: a slow callback held up the work"
        assert_progress_keeps_the_rules(seen)
    finally:
        release.set()
        thread.join(WAIT_SECONDS)


def _text_is_no_status(make: Callable[[], ProgressTracker], samples: Sequence[str]) -> None:
    """Rule 5: whatever is printed, only the methods end an operation, and nothing raises."""
    tracker = make()
    seen = _record(tracker)
    refused = _Refused()
    core = logging.getLogger("similubot_core.progress.tracker")
    core.addHandler(refused)
    try:
        for text in _HOSTILE_TEXTS:
            tracker.parse_output(text)
            tracker.update(message=text)
        for text in samples:
            tracker.parse_output(text)
    finally:
        core.removeHandler(refused)
    assert not refused.messages, f"rule 5: {refused.messages[0]}"
    now = tracker.get_current_progress()
    assert not now.status.is_final, f"rule 5: text ended the operation: {now}"
    tracker.complete()
    assert_progress_keeps_the_rules(seen)


class _Refused(logging.Handler):
    """Keeps what the core says of ends that it refused."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.append(record.getMessage())


def _safe_from_threads(make: Callable[[], ProgressTracker], samples: Sequence[str]) -> None:
    """Rule 6: updates, output and an end from several threads at once keep rules 1 to 3."""
    tracker = make()
    seen = _record(tracker)
    tracker.start()
    failures: list[BaseException] = []
    ready = threading.Barrier(4)

    def work(seed: int) -> None:
        chance = random.Random(seed)  # noqa: S311  (a reproducible order, no secret)
        try:
            ready.wait(WAIT_SECONDS)
            for _ in range(200):
                tracker.update(percentage=chance.uniform(-10, 110), speed=chance.uniform(-1, 9))
                if samples:
                    tracker.parse_output(chance.choice(samples))
            tracker.complete()
        except BaseException as error:  # noqa: BLE001  (told by the assertion below)
            failures.append(error)

    threads = [threading.Thread(target=work, args=(seed,), daemon=True) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(WAIT_SECONDS)
    assert not failures, f"rule 6: an update from a thread raised {failures[0]!r}"
    assert not any(thread.is_alive() for thread in threads), "rule 6: a thread hangs"
    assert_progress_keeps_the_rules(seen)
