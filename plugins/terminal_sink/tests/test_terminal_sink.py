"""The terminal sink on streams: a real pseudo-terminal, one that does not move, a pipe."""

import contextlib
import io
import os
import pty
import re
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from rich.console import Console

from similubot_core import (
    CountingTracker,
    ProgressInfo,
    ProgressStatus,
    SinkContext,
    SinkSpec,
    UsageError,
)
from similubot_core.plugins.manager import load_plugins
from similubot_core.progress.paced_sink import PacedSink
from similubot_terminal_sink.terminal_sink import TerminalSink, open_terminal_sink

ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
HIDE_CURSOR, SHOW_CURSOR = "\x1b[?25l", "\x1b[?25h"


def on_terminal(program: str, folder: Path, **environment: str) -> tuple[str, str]:
    """What a program draws on a terminal of 100 columns, and what it prints into a pipe."""
    ours, theirs = pty.openpty()
    with os.fdopen(ours, "rb", buffering=0) as screen_side:
        ended = subprocess.run(
            [sys.executable, "-c", program],
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=theirs,
            env={**os.environ, "TERM": "xterm-256color", "COLUMNS": "100", **environment},
            timeout=60,
        )
        os.close(theirs)
        drawn = b""
        try:
            while block := screen_side.read(65_536):
                drawn += block
        except OSError:  # Linux ends a pty's output with EIO
            pass
    assert ended.returncode == 0, drawn
    return drawn.decode(), ended.stdout.decode()


TRACKED = """
from similubot_core import tracked

with tracked("Packing", total=12, unit="files") as packing:
    packing.advance(5)
    print("a result", flush=True)
"""


def test_a_program_on_a_terminal_gets_a_bar_and_its_cursor_back(tmp_path: Path) -> None:
    drawn, _ = on_terminal(TRACKED, tmp_path)
    assert "✅ Packing" in ESCAPES.sub("", drawn)
    assert "━" in drawn
    assert drawn.rindex(SHOW_CURSOR) > drawn.rindex(HIDE_CURSOR)


def test_what_a_program_prints_into_a_pipe_stays_there_while_bars_are_drawn(tmp_path: Path) -> None:
    drawn, printed = on_terminal(TRACKED, tmp_path)
    assert printed == "a result\n"
    assert "a result" not in drawn


def test_a_program_that_forgets_to_close_its_sink_gets_the_cursor_back(tmp_path: Path) -> None:
    program = (
        "from similubot_core import CountingTracker, SinkContext\n"
        "from similubot_terminal_sink.terminal_sink import open_terminal_sink\n"
        "tracker = CountingTracker('Copy')\n"
        "tracker.add_callback(open_terminal_sink(SinkContext()).show)\n"
        "tracker.update(5)\n"
    )
    drawn, _ = on_terminal(program, tmp_path)
    assert "⏳ Copy" in ESCAPES.sub("", drawn)
    assert drawn.rindex(SHOW_CURSOR) > drawn.rindex(HIDE_CURSOR)


def test_a_terminal_that_cannot_move_its_cursor_gets_lines(tmp_path: Path) -> None:
    drawn, _ = on_terminal(TRACKED, tmp_path, TERM="dumb")
    assert drawn.splitlines()[-1] == "✅ Packing  100.0%  12 / 12 files"
    assert "\x1b" not in drawn


def test_a_pipe_gets_lines_also_where_colours_are_forced(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    sink = open_terminal_sink(SinkContext())
    assert isinstance(sink, PacedSink)
    sink.show(ProgressInfo("MEGA Download", ProgressStatus.COMPLETED, 100.0))
    sink.close()
    assert capsys.readouterr().err == "✅ MEGA Download  100.0%\n"


@pytest.mark.slow
def test_a_terminal_that_stands_still_holds_neither_the_work_nor_the_end_up() -> None:
    # As after Ctrl-S: nobody reads what is written, and a write takes for ever.
    ours, theirs = os.pipe()
    stream = os.fdopen(theirs, "w", encoding="utf-8")
    console = Console(file=stream, force_terminal=True, width=100_000)
    os.set_blocking(theirs, False)
    with contextlib.suppress(BlockingIOError):
        while os.write(theirs, bytes(4096)):
            pass
    os.set_blocking(theirs, True)
    sink = TerminalSink(console)
    tracker = CountingTracker("Copy")
    tracker.add_callback(sink.show)
    began = time.monotonic()
    tracker.update(5)
    tracker.complete()
    closing = threading.Thread(target=sink.close)
    closing.start()
    closing.join(60)
    assert not closing.is_alive()
    assert time.monotonic() - began < 40
    # Somebody presses Ctrl-Q.
    drawn: list[bytes] = []
    with os.fdopen(ours, "rb") as reading:
        screen = threading.Thread(target=lambda: drawn.append(reading.read()))
        screen.start()
        sink.close()
        stream.close()
        screen.join(60)
    assert "✅ Copy" in ESCAPES.sub("", drawn[0].decode())


def test_the_final_states_are_on_the_screen_when_it_is_closed() -> None:
    stream = io.StringIO()
    sink = TerminalSink(Console(file=stream, force_terminal=True, width=100, no_color=True))
    for number in range(20):
        tracker = CountingTracker(f"Part {number}")
        tracker.add_callback(sink.show)
        tracker.complete()
    sink.close()
    left = ESCAPES.sub("", stream.getvalue())
    assert [n for n in range(20) if f"✅ Part {n} " in left] == list(range(20))


def test_bars_that_are_hidden_leave_the_screen_and_come_back_below_what_was_written() -> None:
    stream = io.StringIO()
    sink = TerminalSink(Console(file=stream, force_terminal=True, width=100, no_color=True))
    tracker = CountingTracker("Copy")
    tracker.add_callback(sink.show)
    tracker.update(25)
    sink.feed.wait(30, even_if_slow=True)
    sink.unhide()
    assert "25.0%" in stream.getvalue()
    sink.hide()
    assert stream.getvalue().endswith(f"\x1b[2K{SHOW_CURSOR}")
    before = stream.getvalue()
    tracker.update(50)
    other = CountingTracker("Move")
    other.add_callback(sink.show)
    other.complete()
    sink.feed.wait(30, even_if_slow=True)
    assert stream.getvalue() == before
    stream.write("a line\n")
    sink.unhide()
    drawn = ESCAPES.sub("", stream.getvalue().rpartition("a line\n")[2])
    assert drawn.index("✅ Move") < drawn.index("⏳ Copy")
    sink.close()


def test_what_ends_while_bars_are_hidden_is_shown_by_close() -> None:
    stream = io.StringIO()
    sink = TerminalSink(Console(file=stream, force_terminal=True, width=100, no_color=True))
    sink.hide()
    tracker = CountingTracker("Copy")
    tracker.add_callback(sink.show)
    tracker.complete()
    sink.close()
    assert "✅ Copy" in ESCAPES.sub("", stream.getvalue())


def test_stages_are_the_only_target() -> None:
    with pytest.raises(UsageError, match="only target is stages"):
        open_terminal_sink(SinkContext(target="/dev/tty1"))
    open_terminal_sink(SinkContext(target="stages")).close()


def test_it_is_found_by_its_entry_point_and_made_for_terminals() -> None:
    assert load_plugins().get(SinkSpec, "terminal").for_terminal
