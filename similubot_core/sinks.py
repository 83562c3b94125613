"""The two sinks that need nothing but a stream: plain lines for people, JSON lines for programs."""

import contextlib
import json
import math
import sys
import threading
from collections.abc import Iterator
from typing import TextIO

from similubot_core import render
from similubot_core.errors import UsageError
from similubot_core.jobs.stages import STAGES
from similubot_core.plugins.specs import Sink, SinkContext
from similubot_core.progress.info import ProgressInfo, ProgressStatus
from similubot_core.progress.paced_sink import PacedSink

LINES_INTERVAL = 2.0
JSON_INTERVAL = 0.1


def open_lines_sink(context: SinkContext) -> PacedSink:
    """A plain line on stderr every 2 seconds, and one for each change of status.

    Of a job, its stages are shown.
    """
    stream = _stream(context.target, "lines", default="stderr")

    def write(info: ProgressInfo) -> None:
        if info.unit != STAGES:
            _write_line(stream, line(info))

    return PacedSink(write, LINES_INTERVAL)


def open_json_sink(context: SinkContext) -> PacedSink:
    """A JSON object a line (the target says where: stdout, else stderr), at most 10 a second."""
    stream = _stream(context.target, "json", default="stdout")
    return PacedSink(lambda info: write_event(stream, "progress", info.as_dict()), JSON_INTERVAL)


@contextlib.contextmanager
def default_sink(choice: str | None = None) -> Iterator[Sink]:
    """The sink in which a program shows its progress; it is open while the block runs.

    Blocks within each other, and in several threads, share one.

    Args:
        choice: ``NAME`` or ``NAME=TARGET`` of an installed sink, or "none"; None is bars where
            stderr is a terminal, else plain lines.

    Raises:
        UsageError: There is no such sink, or it does not take the target.
    """
    key = choice or ""
    with _sharing:
        sink, users = _shared.get(key) or (_open(choice), 0)
        _shared[key] = (sink, users + 1)
    try:
        yield sink
    finally:
        with _sharing:
            sink, users = _shared.pop(key)
            if users > 1:
                _shared[key] = (sink, users - 1)
        if users == 1:
            from similubot_core.plugins.making import close_sink

            close_sink(sink, choice or "")


_sharing = threading.Lock()
_shared: dict[str, tuple[Sink, int]] = {}


def _open(choice: str | None) -> Sink:
    if choice == "none":
        return PacedSink(lambda info: None, math.inf)
    from similubot_core.plugins.making import open_sink
    from similubot_core.plugins.manager import load_plugins
    from similubot_core.plugins.specs import SinkSpec
    from similubot_core.settings import Settings

    plugins = load_plugins()
    if choice is None:
        bars = [s.name for s in plugins.all(SinkSpec) if s.for_terminal and sys.stderr.isatty()]
        choice = bars[0] if bars else "lines"
    name, _, target = choice.partition("=")
    settings = Settings(search_default_paths=True)
    return open_sink(plugins.get(SinkSpec, name), SinkContext(target or None, settings))


def write_event(stream: TextIO, event: str, values: dict[str, object]) -> None:
    """Write one JSON object on one line, with ``"event"`` first."""
    # A detail that JSON does not know is shown as text; NaN is no JSON and cannot come in.
    _write_line(stream, json.dumps({"event": event, **values}, default=str))


def _write_line(stream: TextIO, text: str) -> None:
    """In one call, so that the lines of several sinks on one stream do not run into each other."""
    stream.write(f"{text}\n")
    stream.flush()


def line(info: ProgressInfo) -> str:
    """One state as one line: ``⏳ MEGA Download  60.5%  512.3 MB / 847.2 MB  ETA 2m 18s``.

    What is not known is left out, but for the ETA of something in progress.
    """
    parts = [f"{render.MARKS[info.status]} {render.sanitize_line(info.operation)}"]
    if info.status is not ProgressStatus.STARTING:
        parts.append(render.percent(info.percentage))
    if info.current_size is not None or info.total_size is not None:
        parts.append(render.sizes(info))
    if info.speed is not None:
        parts.append(render.speed(info.speed, info.unit))
    if info.status is ProgressStatus.IN_PROGRESS:
        parts.append(f"ETA {render.duration(info.eta)}")
    if info.message:
        parts.append(render.sanitize_line(info.message))
    return "  ".join(parts)


def _stream(target: str | None, sink: str, *, default: str) -> TextIO:
    name = target or default
    if name == "stdout":
        return sys.stdout
    if name == "stderr":
        return sys.stderr
    raise UsageError(f"The sink {sink} takes the targets stdout and stderr, not {name!r}.")
