"""What every sink owes to who tells it, as a check that any sink is put through."""

import contextlib
import threading
from collections.abc import Callable, Sequence

from similubot_core import ProgressInfo, ProgressStatus, Sink

SHOW_SECONDS = 10.0
"""How long 200 calls of `show` may take; far more than any sink that does not wait needs."""
CLOSE_SECONDS = 20.0
"""How long `close` may take."""
STATES = 2000
HOSTILE_NAMES = (
    "\x1b]0;owned\x07\x1b[2J\x1b[1;1H",
    "a\r\nb\x00c\x7f",
    "\u202egpj.exe",
    "[bold red]x[/] {0} %s $HOME `id` <b>&amp; @everyone *x* _y_",
    "\udcff\ud800",
    "x" * 10_000,
    " ",
)
_FORBIDDEN = {"\x1b": "an escape", "\x00": "a null", "\x07": "a bell", "\u202e": "a turned text"}


def assert_sink_keeps_the_rules(
    open_sink: Callable[[], Sink],
    shown: Callable[[], str],
    *,
    stalled: Callable[[], Sink] | None = None,
) -> None:
    """Check what a sink owes to who tells it.

    `show` never waits and never raises, from any thread and after `close` too; the final state is
    shown, and nothing older after it; of many states in a moment only some are shown; hostile names
    reach the screen as harmless text; `close` is bounded and may come twice; no thread is left that
    would keep a program from ending.

    Args:
        open_sink: Opens one; called several times.
        shown: All that is shown by now, as text: what was written into a file or sent to a server.
            It may go on from one sink to the next. Without what the sink itself makes of it, such
            as a terminal's colours.
        stalled: Opens one whose place takes nothing, such as a server that does not answer; None
            leaves out whether `show` and `close` are then as quick.

    Raises:
        AssertionError: Says what it does not keep to.
    """
    before = _threads()
    _the_end_is_shown(open_sink, shown)
    _many_states(open_sink, shown)
    _hostile_names(open_sink, shown)
    _threads_at_once(open_sink)
    if stalled is not None:
        _stalled(stalled)
    left = _threads() - before
    assert not left, f"left behind: the thread {', '.join(sorted(left))}"


def _info(status: ProgressStatus, percentage: float = 0.0, **values: str) -> ProgressInfo:
    """A state with a time stamp that is always the same, so that two runs can be compared."""
    return ProgressInfo(
        values.pop("operation", "Work"),
        status,
        percentage,
        timestamp=1_700_000_000.0,
        **values,  # type: ignore[arg-type]
    )


def _the_end_is_shown(open_sink: Callable[[], Sink], shown: Callable[[], str]) -> None:
    """The end comes right after another state, when a sink that has a pace is not due."""
    found = {}
    for status in (ProgressStatus.COMPLETED, ProgressStatus.FAILED, ProgressStatus.CANCELLED):
        before = shown()
        sink = open_sink()
        _show(sink, _info(ProgressStatus.STARTING))
        _show(sink, _info(ProgressStatus.IN_PROGRESS, 50.0))
        percentage = 100.0 if status is ProgressStatus.COMPLETED else 50.0
        _show(sink, _info(status, percentage))
        _close(sink)
        found[status] = shown().removeprefix(before)
    assert any(found.values()), "it showed nothing at all"
    assert len(set(found.values())) == len(found), (
        "the final state is not shown: what is completed, failed and cancelled look alike after "
        "close"
    )


def _many_states(open_sink: Callable[[], Sink], shown: Callable[[], str]) -> None:
    """Thousands of states in a moment; the newest wins."""
    before = shown()
    sink = open_sink()
    _show(sink, _info(ProgressStatus.STARTING, operation="Many"))
    going_on = [
        _info(
            ProgressStatus.IN_PROGRESS,
            number * 99.0 / STATES,
            operation="Many",
            message=f"mark{number}mark",
        )
        for number in range(STATES)
    ]
    _in_time(
        SHOW_SECONDS,
        lambda: _show_all(sink, going_on),
        f"show waits: {STATES} calls took more than {SHOW_SECONDS:g} s; hand the state over "
        "(PacedSink does)",
    )
    _show(sink, _info(ProgressStatus.COMPLETED, 100.0, operation="Many", message="markendmark"))
    _close(sink)
    now = shown().removeprefix(before)
    marks = now.count("mark") // 2
    assert marks <= STATES // 2, (
        f"newest wins: it showed {marks} of {STATES} states of one moment; leave out what is soon "
        "replaced (PacedSink does)"
    )
    end = now.rfind("markendmark")
    older = max(now.rfind(f"mark{number}mark") for number in range(STATES))
    assert end == -1 or older < end, "newest wins: it showed an older state after the final one"


def _hostile_names(open_sink: Callable[[], Sink], shown: Callable[[], str]) -> None:
    before = shown()
    sink = open_sink()
    for number, name in enumerate(HOSTILE_NAMES):
        for status in (ProgressStatus.STARTING, ProgressStatus.FAILED):
            _show(sink, _info(status, operation=name, message=name, id=f"hostile {number}"))
    _show(sink, _info(ProgressStatus.COMPLETED, 100.0, operation="Harmless"))
    _close(sink)
    now = shown().removeprefix(before)
    assert "Harmless" in now, "hostile names: after them it showed nothing more"
    for character, what in _FORBIDDEN.items():
        assert character not in now, (
            f"hostile names: {what} of a name reached the screen; similubot_core.render."
            "sanitize_line makes a harmless line of any text"
        )
    broken = "a\nb" in now or "a\r\nb" in now
    assert not broken, "hostile names: a name broke its line; sanitize_line makes one of it"


def _threads_at_once(open_sink: Callable[[], Sink]) -> None:
    sink = open_sink()
    failures: list[BaseException] = []
    ready = threading.Barrier(4)

    def tell(key: str) -> None:
        try:
            ready.wait(SHOW_SECONDS)
            for number in range(50):
                sink.show(_info(ProgressStatus.IN_PROGRESS, float(number), id=key))
            sink.show(_info(ProgressStatus.COMPLETED, 100.0, id=key))
        except BaseException as error:  # noqa: BLE001  (it is what is looked at)
            failures.append(error)

    threads = [threading.Thread(target=tell, args=(key,), daemon=True) for key in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SHOW_SECONDS)
    assert not failures, f"threads: show raised {failures[0]!r} where four threads call it"
    assert not any(thread.is_alive() for thread in threads), "threads: show hangs"
    _close(sink)
    _close(sink, "close raised when it was called a second time")
    _show(sink, _info(ProgressStatus.COMPLETED, 100.0, operation="Late"), "after close, show")


def _stalled(open_sink: Callable[[], Sink]) -> None:
    """Its place takes nothing; who tells it must not notice."""
    sink = open_sink()
    told = [
        _info(status, float(number), id=f"{number}")
        for number in range(20)
        for status in (ProgressStatus.STARTING, ProgressStatus.IN_PROGRESS)
    ]
    _in_time(
        SHOW_SECONDS,
        lambda: _show_all(sink, told),
        "show waits for a place that takes nothing; hand the state over (PacedSink does)",
    )
    _close(sink, "close raised where its place takes nothing")


def _show_all(sink: Sink, infos: Sequence[ProgressInfo]) -> None:
    for info in infos:
        sink.show(info)


def _show(sink: Sink, info: ProgressInfo, what: str = "show") -> None:
    _in_time(SHOW_SECONDS, lambda: sink.show(info), f"{what} hangs", what)


def _close(sink: Sink, raised: str = "close raised") -> None:
    _in_time(
        CLOSE_SECONDS,
        sink.close,
        f"close is not bounded: it took more than {CLOSE_SECONDS:g} s",
        raised,
    )


def _in_time(seconds: float, call: Callable[[], object], too_long: str, what: str = "show") -> None:
    """Call it in a thread, as it may hang."""
    failures: list[BaseException] = []

    def target() -> None:
        try:
            call()
        except BaseException as error:  # noqa: BLE001  (it is what is looked at)
            failures.append(error)

    thread = threading.Thread(target=target, name="similubot-check", daemon=True)
    thread.start()
    thread.join(seconds)
    assert not thread.is_alive(), too_long
    if failures:
        with contextlib.suppress(Exception):
            failures[0].__traceback__ = None
        raised = what if "raised" in what else f"{what} raised"
        raise AssertionError(f"{raised}: {failures[0]!r}")


def _threads() -> set[str]:
    """Those that a program's end waits for."""
    return {
        f"{thread.name} ({thread.ident})" for thread in threading.enumerate() if not thread.daemon
    }
