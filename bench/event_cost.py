"""What an update costs the thread that does the work, beside other progress libraries.

    python bench/event_cost.py [--rounds N] [--updates N]

Each case runs in fresh processes, in turn. Two costs of one update are measured: in a tight loop,
the empty loop's time subtracted; and at the pace of a transfer, with a copy of 64 KiB before each
update, where the clock is read around the update alone and an empty reading subtracted. Both are
means over all updates of a process, so that what is drawn now and then is in them, and so is what a
library's own threads take from this one.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import statistics
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import perf_counter_ns
from typing import TYPE_CHECKING, TextIO

from harness import answer_of, peak_memory
from report import Goal, Report, Table, tell

if TYPE_CHECKING:
    from similubot_core import Sink

TOTAL = 10**12
TRACKERS = 10_000
SECONDS = 0.12
"""How long each loop of a case runs."""
WARM_UP = 3
"""Seconds in which every sink draws once, and what it needs for that is in memory."""
SINKS = ("json", "lines", "terminal")
MESSENGERS = ("discord", "matrix", "telegram", "notify")

TIGHT = """
def run(first, count):
    began = clock()
    for n in range(first, first + count):
        {update}
    return clock() - began
"""
BETWEEN_BLOCKS = """
def run(first, count):
    taken = 0
    for n in range(first, first + count):
        target[:] = source
        began = clock()
        {update}
        taken += clock() - began
    return taken
"""


@dataclass(frozen=True)
class Case:
    """One way to say how far the work is.

    Attributes:
        statement: What is written at each update; `n` counts them, `update` is what `opened` gives.
        opened: Sets it up, drawing on the stream that it gets; ends it afterwards.
    """

    statement: str
    opened: Callable[[TextIO], contextlib.AbstractContextManager[object]]


def mixed(count: int) -> list[str]:
    """So many kinds of sinks, by turns."""
    return [SINKS[number % len(SINKS)] for number in range(count)]


@contextlib.contextmanager
def _nothing(stream: TextIO) -> Iterator[object]:
    yield None


@contextlib.contextmanager
def open_tracker(
    stream: TextIO, kinds: Sequence[str] = (), callbacks: int = 0
) -> Iterator[Callable[..., None]]:
    """The `update` of a tracker with sinks as in a job, and with plain callbacks."""
    from similubot_core import StageContext
    from similubot_mega import MegaProgressTracker

    with open_sinks(kinds, stream) as shows:
        context = StageContext(Path(), callbacks=tuple(shows))
        tracker = context.attach(MegaProgressTracker())
        for _ in range(callbacks):  # each lambda is another one, so none counts as added twice
            tracker.add_callback(lambda info: None)
        tracker.start()
        tracker.update(current_size=0, total_size=TOTAL)
        yield tracker.update
        tracker.complete()


@contextlib.contextmanager
def open_sinks(kinds: Sequence[str], stream: TextIO) -> Iterator[list[Callable[..., None]]]:
    """Real sinks of these kinds, drawing on the stream as on a terminal; each one's `show`."""
    from rich.console import Console

    from similubot_core import Settings, SinkContext
    from similubot_core.sinks import open_json_sink, open_lines_sink
    from similubot_terminal_sink.terminal_sink import TerminalSink

    context = SinkContext("stderr", Settings(), "bench")
    makers: dict[str, Callable[[], Sink]] = {
        "json": lambda: open_json_sink(context),
        "lines": lambda: open_lines_sink(context),
        "terminal": lambda: TerminalSink(Console(file=stream, force_terminal=True)),
    }
    with contextlib.ExitStack() as stack:
        stack.enter_context(contextlib.redirect_stderr(stream))
        sinks = [
            _open_messenger(kind, stack) if kind in MESSENGERS else makers[kind]() for kind in kinds
        ]
        for sink in sinks:
            stack.callback(sink.close)
        yield [sink.show for sink in sinks]


def _open_messenger(kind: str, stack: contextlib.ExitStack) -> Sink:
    """A sink of a service of this machine, which serves in a thread of this process."""
    from similubot_core import Settings, SinkContext, SinkSpec
    from similubot_core.plugins.manager import load_plugins

    environ: dict[str, str] = {}
    if kind == "discord":
        from similubot_loopback.discord_server import LoopbackDiscord

        discord = stack.enter_context(LoopbackDiscord())
        target = discord.add_webhook().url
        environ["SIMILUBOT_DISCORD_API_URL"] = discord.api_url
    elif kind == "matrix":
        from similubot_loopback.matrix_server import LoopbackMatrix

        matrix = stack.enter_context(LoopbackMatrix())
        target = f"{matrix.url}/{matrix.add_room('#bench').alias}"
        environ["SIMILUBOT_MATRIX_TOKEN"] = matrix.token
    elif kind == "telegram":
        from similubot_loopback.telegram_server import LoopbackTelegram

        telegram = stack.enter_context(LoopbackTelegram())
        target = str(telegram.add_chat().id)
        environ["SIMILUBOT_TELEGRAM_TOKEN"] = telegram.token
        environ["SIMILUBOT_TELEGRAM_API_URL"] = telegram.url
    else:
        target = "json://127.0.0.1:9"  # where nobody listens: it is told of the end only
    context = SinkContext(target, Settings(environ=environ), "bench")
    return load_plugins().get(SinkSpec, kind).factory(context)


@contextlib.contextmanager
def _tqdm(stream: TextIO) -> Iterator[object]:
    from tqdm import tqdm

    with tqdm(total=TOTAL, file=stream) as progress:
        yield progress.update


def _rich(*, shown: bool) -> Callable[[TextIO], contextlib.AbstractContextManager[object]]:
    @contextlib.contextmanager
    def opened(stream: TextIO) -> Iterator[object]:
        from rich.console import Console
        from rich.progress import Progress

        progress = Progress(console=Console(file=stream, force_terminal=True))
        task = progress.add_task("bench", total=TOTAL)
        with progress if shown else contextlib.nullcontext():
            yield partial(progress.update, task)

    return opened


@contextlib.contextmanager
def _alive(stream: TextIO) -> Iterator[object]:
    from alive_progress import alive_bar

    with alive_bar(TOTAL, file=stream, force_tty=True) as progress:
        yield progress


def _fsspec(hooks: int) -> Callable[[TextIO], contextlib.AbstractContextManager[object]]:
    @contextlib.contextmanager
    def opened(stream: TextIO) -> Iterator[object]:
        from fsspec.callbacks import Callback

        told = {str(number): lambda size, value, **more: None for number in range(hooks)}
        yield Callback(size=TOTAL, hooks=told).relative_update

    return opened


@contextlib.contextmanager
def _advance(stream: TextIO, kinds: Sequence[str] = ()) -> Iterator[object]:
    from similubot_core import CountingTracker

    with open_sinks(kinds, stream) as shows:
        tracker = CountingTracker("bench")
        for show in shows:
            tracker.add_callback(show)
        tracker.update(current_size=0, total_size=TOTAL)
        yield tracker.advance
        tracker.complete()


def _our_track(items: range, stream: TextIO) -> Iterable[int]:
    from similubot_core import track

    with contextlib.redirect_stderr(stream):
        yield from track(items, "bench", sink="lines")


def _tqdm_loop(items: range, stream: TextIO) -> Iterable[int]:
    from tqdm import tqdm

    found: Iterable[int] = tqdm(items, file=stream)
    return found


def _rich_loop(items: range, stream: TextIO) -> Iterable[int]:
    from rich.console import Console
    from rich.progress import track

    return track(items, "bench", console=Console(file=stream, force_terminal=True))


LOOPS: dict[str, Callable[[range, TextIO], Iterable[int]]] = {
    "similubot, track": lambda items, stream: _our_track(items, stream),
    "tqdm, for": _tqdm_loop,
    "rich, track": _rich_loop,
}
"""Loops over a range, each item of which is told."""
OUR_LOOP, TQDM_LOOP = "similubot, track", "tqdm, for"

EMPTY, TQDM, GOAL = "nothing", "tqdm", "similubot, 4 sinks"
TOLD = "similubot, 4 messengers"
ADVANCE = "similubot, advance with 1 sink"
OURS, ONE = "update(current_size=n)", "update(1)"
CASES = {
    EMPTY: Case("pass", _nothing),
    "similubot, no sink": Case(OURS, open_tracker),
    "similubot, 1 sink": Case(OURS, partial(open_tracker, kinds=mixed(1))),
    GOAL: Case(OURS, partial(open_tracker, kinds=mixed(4))),
    TOLD: Case(OURS, partial(open_tracker, kinds=MESSENGERS)),
    "similubot, 1 callback": Case(OURS, partial(open_tracker, callbacks=1)),
    "similubot, 4 callbacks": Case(OURS, partial(open_tracker, callbacks=4)),
    ADVANCE: Case(ONE, partial(_advance, kinds=mixed(1))),
    TQDM: Case(ONE, _tqdm),
    "rich, not shown": Case("update(advance=1)", _rich(shown=False)),
    "rich, shown": Case("update(advance=1)", _rich(shown=True)),
    "alive-progress": Case("update()", _alive),
    "fsspec, no hook": Case(ONE, _fsspec(0)),
    "fsspec, 1 hook": Case(ONE, _fsspec(1)),
    "fsspec, 4 hooks": Case(ONE, _fsspec(4)),
}
FLAT = (GOAL, TQDM)
"""Whose memory over many updates is measured."""


def _loop(template: str, statement: str, update: object) -> Callable[[int, int], int]:
    """A function that runs the statement so often; returns nanoseconds."""
    names: dict[str, object] = {
        "update": update,
        "clock": perf_counter_ns,
        "source": memoryview(os.urandom(1 << 16)),
        "target": memoryview(bytearray(1 << 16)),
    }
    # Written out for each case, since a call through a function would cost as much as some updates.
    exec(template.format(update=statement), names)
    run: Callable[[int, int], int] = names["run"]  # type: ignore[assignment]
    return run


def nanoseconds_each(template: str, statement: str, update: object) -> float:
    """What a turn takes, measured for `SECONDS` after a warm-up."""
    run = _loop(template, statement, update)
    first, count, took = 0, 1000, 0.0
    while took < SECONDS / 10:
        first, count = first + count, 2 * count
        began = perf_counter_ns()
        run(first, count)
        took = (perf_counter_ns() - began) / 1e9
    enough = int(count * SECONDS / took)
    return run(first + count, enough) / enough


def measure_case(name: str, stream: TextIO) -> dict[str, float]:
    """In this process: both costs of an update, in nanoseconds."""
    case = CASES[name]
    with case.opened(stream) as update:
        costs = {}
        for kind, template in (("tight", TIGHT), ("between blocks", BETWEEN_BLOCKS)):
            empty = nanoseconds_each(template, "pass", None)
            costs[kind] = nanoseconds_each(template, case.statement, update) - empty
    return costs


def measure_loop(name: str, stream: TextIO) -> dict[str, float]:
    """In this process: what an item of a loop costs, in nanoseconds, the empty loop and what its
    beginning and end take subtracted.
    """

    def took(items: Iterable[int]) -> int:
        began = perf_counter_ns()
        for _ in items:
            pass
        return perf_counter_ns() - began

    loop = LOOPS[name]
    took(loop(range(1), stream))  # imports what it needs
    fixed = took(loop(range(1), stream))
    count, whole = 1000, 0
    while whole < fixed + SECONDS * 1e9:
        count *= 2
        whole = took(loop(range(count), stream))
    return {"loop": (whole - fixed - took(range(count))) / count}


def measure_trackers(count: int) -> dict[str, float]:
    """In this process: threads and bytes that so many operations alive at once take."""
    import threading

    from similubot_core import CountingTracker

    before = peak_memory()
    trackers = [CountingTracker(f"bench {number}") for number in range(count)]
    for tracker in trackers:
        tracker.add_callback(lambda info: None)
        tracker.update(current_size=0, total_size=TOTAL)
    for tracker in trackers:
        tracker.advance()
    return {"threads": threading.active_count(), "bytes": (peak_memory() - before) / count}


def measure_memory(name: str, updates: int, stream: TextIO) -> dict[str, float]:
    """In this process: bytes by which its largest resident set grows over so many updates."""
    case = CASES[name]
    with case.opened(stream) as update:
        run = _loop(TIGHT, case.statement, update)
        first, end = 0, perf_counter_ns() + WARM_UP * 10**9
        while perf_counter_ns() < end:
            run(first, 100_000)
            first += 100_000
        before = peak_memory()
        run(first, updates)
        after = peak_memory()
    return {"peak": after, "growth": after - before}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--updates", type=int, default=10_000_000, help="for the memory")
    parser.add_argument("--case", choices=(*CASES, *LOOPS), help=argparse.SUPPRESS)
    parser.add_argument("--trackers", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--memory", choices=FLAT, help=argparse.SUPPRESS)


def measure(arguments: argparse.Namespace) -> Report:
    """All cases in turn, round after round, then the memory."""
    rounds = arguments.rounds
    found: dict[str, list[dict[str, float]]] = {name: [] for name in (*CASES, *LOOPS)}
    for _ in range(rounds):
        for name, runs in found.items():
            runs.append(answer_of(__file__, "--case", name))
    costs = [
        {name: [run[kind] for run in runs] for name, runs in found.items() if kind in runs[0]}
        for kind in ("tight", "between blocks", "loop")
    ]
    alive = answer_of(__file__, "--trackers", str(TRACKERS))
    updates = str(arguments.updates)
    grown = {name: answer_of(__file__, "--memory", name, "--updates", updates) for name in FLAT}
    rows = tuple(
        (name, f"{memory['growth'] / 1024:.0f}", f"{memory['peak'] / 2**20:.1f}")
        for name, memory in grown.items()
    )
    columns = ("", "growth, KiB", "peak memory, MiB")
    memory = Table(f"Memory over {arguments.updates:,} updates", columns, rows)
    return Report(
        "The cost of an update",
        "Nanoseconds on the thread that does the work, wall time. Ours is "
        "`tracker.update(current_size=n)` with real sinks (by turns JSON, lines, a terminal's "
        "bars; then Discord, Matrix, Telegram and notices, all on loopback in the same process) "
        "attached as a job attaches them, with plain callbacks, and as `advance()` with a "
        "sink of JSON lines. The loops are `for _ in track(range(n))` and the like. tqdm is "
        "`update(1)`, "
        "rich `update(task, advance=1)`, alive-progress `bar()`, fsspec `relative_update(1)`, "
        "all with a total and their default settings. All draw on the "
        f"null device, taken for a terminal. {rounds} interleaved rounds, a fresh process for each "
        "case and round, the empty loop subtracted; the median of the rounds.",
        (
            "Between blocks the memory's caches are those of a transfer, and all that the sinks' "
            f"threads take from this one is counted: {_times(costs[1], GOAL):.2f} times "
            "tqdm's.",
        ),
        (
            _table("In a tight loop", costs[0]),
            _table("With a copy of 64 KiB before each", costs[1]),
            _table("An item of a loop", costs[2], TQDM_LOOP),
            memory,
        ),
        goals=(
            Goal("An update with 4 sinks: time, times tqdm's", _times(costs[0], GOAL), 0.5),
            Goal("An update with 4 messengers: time, times tqdm's", _times(costs[0], TOLD), 0.5),
            Goal(
                "An update with 1 callback, nanoseconds",
                statistics.median(costs[0]["similubot, 1 callback"]),
                1500,
            ),
            Goal("`advance` with 1 sink: time, times tqdm's", _times(costs[0], ADVANCE), 1),
            Goal(
                "An item of `track`: time, times tqdm's", _times(costs[2], OUR_LOOP, TQDM_LOOP), 1
            ),
            Goal(f"Threads of {TRACKERS:,} operations alive at once", alive["threads"], 4),
            Goal(
                f"Memory's growth over {arguments.updates:,} updates with 4 sinks, MiB",
                grown[GOAL]["growth"] / 2**20,
                1,
            ),
        ),
    )


def _times(costs: dict[str, list[float]], name: str, peer: str = TQDM) -> float:
    """How many times tqdm's cost: the median of the ratios of each round."""
    pairs = zip(costs[name], costs[peer], strict=True)
    return statistics.median(cost / other for cost, other in pairs)


def _table(title: str, costs: dict[str, list[float]], peer: str = TQDM) -> Table:
    rows = tuple(
        (
            name,
            f"{statistics.median(cost):.0f}",
            f"{min(cost):.0f} to {max(cost):.0f}",
            f"{_times(costs, name, peer):.2f}",
        )
        for name, cost in costs.items()
    )
    return Table(title, ("", "ns an update", "least to most", "times tqdm's"), rows)


def main() -> None:
    """Run the bench, or one case of it in a process of its own."""
    parser = argparse.ArgumentParser(add_help=False)
    add_arguments(parser)
    arguments, _ = parser.parse_known_args()
    if not (arguments.case or arguments.memory or arguments.trackers):
        tell(__doc__, measure, add_arguments)
        return
    with Path(os.devnull).open("w", encoding="utf-8") as stream:
        if arguments.trackers:
            answer = measure_trackers(arguments.trackers)
        elif arguments.case in LOOPS:
            answer = measure_loop(arguments.case, stream)
        elif arguments.case:
            answer = measure_case(arguments.case, stream)
        else:
            answer = measure_memory(arguments.memory, arguments.updates, stream)
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
