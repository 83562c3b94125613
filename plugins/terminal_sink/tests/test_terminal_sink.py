"""The terminal sink: what is on the screen, on a real pseudo-terminal too."""

import io
import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from similubot_core import ProgressInfo, ProgressStatus, SinkContext, SinkSpec, UsageError
from similubot_core.plugins.manager import load_plugins
from similubot_core.progress.paced_sink import PacedSink
from similubot_terminal_sink.terminal_sink import BAR_WIDTH, TerminalSink, open_terminal_sink

ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def screen(*infos: ProgressInfo, width: int = 100) -> list[str]:
    """The lines that are left on a terminal after these states."""
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=True, width=width, no_color=True)
    sink = TerminalSink(console)
    for info in infos:
        sink.show(info)
    sink.close()
    last_drawing = re.split(r"\x1b\[2K", stream.getvalue())[-1]
    return [line.rstrip() for line in ESCAPES.sub("", last_drawing).splitlines() if line.strip()]


def info(status: ProgressStatus, **values: object) -> ProgressInfo:
    return ProgressInfo("MEGA Download", status, **values)  # type: ignore[arg-type]


def test_a_running_operation_shows_bar_percentage_sizes_speed_and_eta() -> None:
    (line,) = screen(
        info(
            ProgressStatus.IN_PROGRESS,
            percentage=60.55,
            current_size=537_185_484,
            total_size=888_353_587,
            speed=2_516_582.4,
            eta=138.0,
        )
    )
    assert line.startswith("⏳ MEGA Download")
    assert "━" in line
    assert line.endswith("60.5% 512.3 MB / 847.2 MB  2.4 MB/s  ETA 2m 18s")


@pytest.mark.parametrize("percentage", [1.0, 25.0, 50.0, 99.9])
def test_the_bar_is_as_long_as_the_percentage_says(percentage: float) -> None:
    # Without colours only the part that is done is drawn, half a character at a time.
    (line,) = screen(info(ProgressStatus.IN_PROGRESS, percentage=percentage))
    halves = line.count("━") * 2 + line.count("╸")
    assert halves == int(BAR_WIDTH * 2 * percentage / 100)


def test_what_is_unknown_is_shown_as_unknown() -> None:
    (line,) = screen(info(ProgressStatus.IN_PROGRESS))
    assert line.endswith("ETA unknown")
    assert "MB/s" not in line


@pytest.mark.parametrize(
    ("status", "mark", "word"),
    [
        (ProgressStatus.COMPLETED, "✅", "done"),
        (ProgressStatus.FAILED, "❌", "failed"),
        (ProgressStatus.CANCELLED, "🚫", "cancelled"),
    ],
)
def test_the_final_state_stays_on_the_screen(status: ProgressStatus, mark: str, word: str) -> None:
    (line,) = screen(
        info(ProgressStatus.STARTING), info(ProgressStatus.IN_PROGRESS, percentage=5.0),
        info(status, percentage=5.0),
    )  # fmt: skip
    assert line.startswith(mark)
    assert line.endswith(word)


def test_the_operations_of_a_job_stand_below_each_other_in_their_order() -> None:
    done = ProgressStatus.COMPLETED
    lines = screen(*(ProgressInfo(name, done, 100.0) for name in ("One", "Two", "Three")))
    assert [line.split()[1] for line in lines] == ["One", "Two", "Three"]


def test_text_from_outside_is_neither_markup_nor_escape() -> None:
    text = "[red]x[/red] [link=file:///etc]\x1b[2J\nnext\u202egnp"
    (line,) = screen(info(ProgressStatus.FAILED, message=text), width=120)
    assert "[red]x[/red]" in line
    assert "\x1b[2J" not in line
    assert "\u202e" not in line


def test_a_narrow_terminal_still_gets_one_line_an_operation() -> None:
    lines = screen(info(ProgressStatus.IN_PROGRESS, percentage=50.0, eta=10.0), width=40)
    assert len(lines) == 1
    assert len(lines[0]) <= 40


def test_without_a_terminal_it_is_the_plain_lines(capsys: pytest.CaptureFixture[str]) -> None:
    sink = open_terminal_sink(SinkContext())
    assert isinstance(sink, PacedSink)
    sink.show(info(ProgressStatus.COMPLETED, percentage=100.0))
    sink.close()
    assert "MEGA Download  100.0%" in capsys.readouterr().err


def test_a_target_is_refused() -> None:
    with pytest.raises(UsageError, match="no target"):
        open_terminal_sink(SinkContext(target="/dev/tty1"))


def test_it_is_found_by_its_entry_point_and_made_for_terminals() -> None:
    assert load_plugins().get(SinkSpec, "terminal").for_terminal


def test_on_a_real_terminal_the_command_line_draws_bars(tmp_path: Path) -> None:
    (tmp_path / "result.bin").write_bytes(b"x" * 1000)
    program = (
        "from pathlib import Path\n"
        "from similubot_core import SinkContext, StageContext\n"
        "from similubot_core.jobs.folder_uploader import FolderUploader\n"
        "from similubot_terminal_sink.terminal_sink import open_terminal_sink\n"
        "sink = open_terminal_sink(SinkContext())\n"
        "out = Path('out'); out.mkdir()\n"
        "context = StageContext(Path(), callbacks=(sink.show,))\n"
        "FolderUploader(out).run(Path('result.bin'), context)\n"
        "sink.close()\n"
    )
    ours, theirs = pty.openpty()
    with os.fdopen(ours, "rb", buffering=0) as screen_side:
        ended = subprocess.run(
            [sys.executable, "-c", program],
            cwd=tmp_path,
            stderr=theirs,
            env={**os.environ, "TERM": "xterm-256color", "COLUMNS": "100"},
            timeout=30,
        )
        os.close(theirs)
        drawn = b""
        try:
            while block := screen_side.read(65_536):
                drawn += block
        except OSError:  # Linux ends a pty's output with EIO
            pass
    assert ended.returncode == 0, drawn
    assert "━" in drawn.decode()
    assert "100.0%" in drawn.decode()


def test_two_operations_of_one_name_have_a_bar_each() -> None:
    done = ProgressStatus.COMPLETED
    lines = screen(*(ProgressInfo("MEGA Download", done, 100.0, id=key) for key in ("1", "2")))
    assert sum("MEGA Download" in line for line in lines) == 2


def test_bars_that_are_hidden_leave_the_screen_and_come_back_below_what_was_written() -> None:
    stream = io.StringIO()
    sink = TerminalSink(Console(file=stream, force_terminal=True, width=100, no_color=True))
    progress = sink._progress
    sink._draw(info(ProgressStatus.IN_PROGRESS, percentage=25.0))
    sink.hide()
    assert stream.getvalue().endswith("\r\x1b[2K\x1b[?25h")
    sink._draw(info(ProgressStatus.IN_PROGRESS, percentage=50.0))
    assert stream.getvalue().endswith("\x1b[?25h")
    stream.write("a line\n")
    sink.unhide()
    assert stream.getvalue().rpartition("a line\n")[2].count("50.0%") == 1
    assert progress.live.is_started
    sink.close()


def test_what_ends_while_bars_are_hidden_is_shown_by_close() -> None:
    stream = io.StringIO()
    sink = TerminalSink(Console(file=stream, force_terminal=True, width=100, no_color=True))
    sink.hide()
    sink.show(info(ProgressStatus.COMPLETED, percentage=100.0))
    sink.close()
    assert "100.0%" in stream.getvalue()
