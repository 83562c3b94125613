"""What stands on a terminal while operations are under way, and what stays of them."""

import io
import re
from pathlib import Path

import pytest
from rich.cells import cell_len
from rich.console import Console

from similubot_core import ProgressInfo, ProgressStatus
from similubot_core.jobs.stages import STAGES
from similubot_terminal_sink._lines import Line
from similubot_terminal_sink._screen import Screen

ROOT = Path(__file__).parents[3]
STARTING, RUNNING = ProgressStatus.STARTING, ProgressStatus.IN_PROGRESS
DONE = ProgressStatus.COMPLETED
MB = 1_048_576


class Terminal:
    """A screen of a certain size, and a clock that stands still until it is told."""

    def __init__(self, width: int = 80, height: int = 24, stages: bool | None = None) -> None:
        console = Console(
            file=io.StringIO(), force_terminal=True, width=width, height=height, no_color=True
        )
        self.now = 0.0
        self.screen = Screen(console, stages, lambda: self.now)

    def show(self, *infos: ProgressInfo) -> list[str]:
        """Take these states; the lines that stay of what has ended."""
        return [line for info in infos for line in self.texts(self.screen.take(info, self.now))]

    @property
    def lines(self) -> list[str]:
        return self.texts(self.screen.lines())

    def texts(self, lines: list[Line]) -> list[str]:
        return ["".join(segment.text for segment in line).rstrip() for line in lines]


def operation(status: ProgressStatus = RUNNING, **values: object) -> ProgressInfo:
    return ProgressInfo("MEGA Download", status, **values)  # type: ignore[arg-type]


DOWNLOAD = operation(
    percentage=60.55, current_size=537_185_484, total_size=888_353_587, speed=2_516_582.4,
    eta=138.0,
)  # fmt: skip


def a_job(percentage: float = 20.0, name: str = "holiday.mp4", key: str = "job") -> ProgressInfo:
    eta = 72.0 if percentage else None
    return ProgressInfo(name, RUNNING, percentage, eta=eta, unit=STAGES, id=key)


def a_stage(
    name: str, status: ProgressStatus = RUNNING, percentage: float = 63.0, job: str = "job"
) -> ProgressInfo:
    return ProgressInfo(
        name, status, percentage, 63 * MB, 100 * MB, 2.5 * MB, 14.0, id=f"{job} {name}", parent=job
    )


# -- one operation


def test_at_80_columns_name_bar_percentage_speed_eta_and_elapsed_time_stand_in_one_line() -> None:
    terminal = Terminal(80)
    terminal.show(DOWNLOAD)
    terminal.now = 61.0
    line, below = terminal.lines
    assert re.fullmatch(r"⏳ MEGA Download  +━+╸? +60\.5%  +2\.4 MB/s  ETA 2m 18s  +1m 1s", line), (
        line
    )
    assert below == "   512.3 MB / 847.2 MB"


def test_at_60_columns_name_bar_percentage_speed_and_eta_stand_in_one_line() -> None:
    terminal = Terminal(60)
    terminal.show(DOWNLOAD)
    line, _ = terminal.lines
    assert re.fullmatch(r"⏳ MEGA Downlo… +━+╸? +60\.5%  +2\.4 MB/s  ETA 2m 18s", line), line


def test_at_120_columns_the_sizes_stand_there_too() -> None:
    terminal = Terminal(120)
    terminal.show(DOWNLOAD)
    (line,) = terminal.lines
    assert re.search(r"60\.5% +512\.3 MB / 847\.2 MB +2\.4 MB/s  ETA 2m 18s +0s$", line), line


@pytest.mark.parametrize("width", [14, 24, 40, 60, 79, 80, 81, 120, 300])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    terminal = Terminal(width, stages=False)
    terminal.show(
        a_job(name="日本語の名前" * 9), a_stage("Very Long Name of a Stage" * 9), DOWNLOAD
    )
    assert all(cell_len(line) < width for line in terminal.lines)


def test_the_widest_figures_keep_their_columns() -> None:
    terminal = Terminal(120)
    terminal.show(
        operation(
            percentage=99.99, current_size=1023 * 2**40, total_size=1023 * 2**40,
            speed=1023.9 * 1024, eta=86_390.0,
        )
    )  # fmt: skip
    terminal.now = 86_390.0
    (line,) = terminal.lines
    assert line.endswith("1023.0 TB / 1023.0 TB  1023.9 KB/s  ETA 23h 59m  23h 59m")


def test_the_bar_moves_while_nothing_is_known() -> None:
    terminal = Terminal()
    terminal.show(operation())
    drawings = set()
    for tenth in range(20):
        terminal.now = tenth / 10
        drawings.add(str(terminal.screen.lines()[0]))
    assert len(drawings) > 5
    assert "ETA unknown" in terminal.lines[0]


def test_the_bar_stands_still_where_the_percentage_is_known_to_be_0() -> None:
    terminal = Terminal()
    terminal.show(operation(current_size=0, total_size=10))
    assert "  0.0%" in terminal.lines[0]
    assert "━" not in terminal.lines[0]


@pytest.mark.parametrize("percentage", [1.0, 25.0, 50.0, 99.9])
def test_the_bar_is_as_long_as_the_percentage_says(percentage: float) -> None:
    # Without colours only the part that is done is drawn, half a character at a time.
    terminal = Terminal(300)
    terminal.show(operation(percentage=percentage))
    halves = terminal.lines[0].count("━") * 2 + terminal.lines[0].count("╸")
    assert halves == int(40 * 2 * percentage / 100)


def test_ffmpegs_speed_is_shown_where_there_is_no_other() -> None:
    terminal = Terminal()
    terminal.show(operation(percentage=5.0, details={"speed_factor": 31.42}))
    assert "  31.4×  ETA" in terminal.lines[0]


def test_the_message_stands_below_the_bar() -> None:
    terminal = Terminal(120)
    terminal.show(operation(percentage=5.0, message="IMG_0005.raw"))
    assert terminal.lines[1] == "   IMG_0005.raw"


def test_text_from_outside_is_neither_markup_nor_escape() -> None:
    text = "[red]x[/red] [link=file:///etc]\x1b[2J\nnext\u202egnp"
    terminal = Terminal(120)
    terminal.show(operation(percentage=5.0, message=text))
    (stays, why) = terminal.show(operation(ProgressStatus.FAILED, message=text))
    for line in (*terminal.lines, stays, why):
        assert "\x1b" not in line
        assert "\n" not in line
        assert "\u202e" not in line
    assert "[red]x[/red]" in why


# -- what stays


def test_what_is_done_stays_with_its_size_and_how_long_it_took() -> None:
    terminal = Terminal()
    terminal.show(operation(STARTING))
    terminal.now = 63.0
    (line,) = terminal.show(operation(DONE, percentage=100.0, current_size=MB, total_size=MB))
    assert re.fullmatch(r"✅ MEGA Download  +━+  100\.0%  done  1\.0 MB  1m 3s", line)
    assert terminal.lines == []


def test_what_failed_stays_with_the_reason() -> None:
    failed = operation(ProgressStatus.FAILED, percentage=5.0, message="No such file; try again.")
    line, why = Terminal().show(failed)
    assert re.fullmatch(r"❌ MEGA Download +╸?━* +5\.0%  failed  0s", line), line
    assert why == "   No such file; try again."


def test_a_percentage_that_was_never_known_is_not_shown_as_0() -> None:
    (line,) = Terminal().show(operation(ProgressStatus.CANCELLED))
    assert "%" not in line
    assert line.endswith("cancelled  0s")


def test_what_never_ended_stays_as_it_was() -> None:
    terminal = Terminal()
    terminal.show(DOWNLOAD)
    (line,) = terminal.texts(terminal.screen.unfinished())
    assert "60.5%" in line


# -- jobs


def test_a_job_has_one_bar_and_its_present_stage_below() -> None:
    terminal = Terminal()
    terminal.show(a_job(), a_stage("MEGA Download", DONE, 100.0), a_stage("Audio Conversion"))
    bar, stage = terminal.lines
    assert re.fullmatch(r"⏳ holiday.mp4 +━+╸? +20\.0%  +2\.5 MB/s  ETA 1m 12s  +0s", bar), bar
    assert stage == "   Audio Conversion  63.0%  63.0 MB / 100.0 MB"


def test_of_two_stages_at_once_the_one_that_began_first_is_shown() -> None:
    terminal = Terminal()
    terminal.show(a_job(), a_stage("MEGA Download"), a_stage("Audio Conversion"))
    assert terminal.lines[1].startswith("   MEGA Download")
    terminal.show(a_stage("MEGA Download", DONE, 100.0))
    assert terminal.lines[1].startswith("   Audio Conversion")


def test_where_nothing_is_known_of_the_job_the_bar_is_its_present_stages_and_has_its_name() -> None:
    terminal = Terminal()
    terminal.show(a_job(0.0), a_stage("MEGA Download"))
    bar, job = terminal.lines
    assert re.fullmatch(r"⏳ MEGA Download +━+╸? +63\.0%  +2\.5 MB/s  ETA 14s  +0s", bar), bar
    assert job == "   holiday.mp4  63.0 MB / 100.0 MB"


def test_asked_for_stages_each_has_a_bar_and_stays() -> None:
    terminal = Terminal(stages=True)
    terminal.show(a_job(), a_stage("MEGA Download", DONE, 100.0), a_stage("Audio Conversion"))
    assert [line.strip()[:6] for line in terminal.lines] == ["⏳ holi", "✅ MEGA", "⏳ Audi"]
    stays = terminal.show(
        a_stage("Audio Conversion", DONE, 100.0),
        ProgressInfo("holiday.mp4", DONE, 100.0, unit=STAGES, id="job", details={"size": 3 * MB}),
    )
    assert [line.strip()[:6] for line in stays] == ["✅ holi", "✅ MEGA", "✅ Audi"]
    assert stays[0].endswith("done  3.0 MB  0s")


def test_a_tall_terminal_shows_the_stages_and_keeps_one_line() -> None:
    terminal = Terminal(height=40)
    terminal.show(a_job(), a_stage("MEGA Download", DONE, 100.0), a_stage("Audio Conversion"))
    assert len(terminal.lines) == 3
    assert len(terminal.show(ProgressInfo("holiday.mp4", DONE, 100.0, id="job"))) == 1


def test_stages_that_do_not_fit_give_way_to_their_jobs() -> None:
    terminal = Terminal(height=8, stages=True)
    for number in range(3):
        job = f"job {number}"
        stages = (a_stage(f"Stage {letter}", job=job) for letter in "ABC")
        terminal.show(a_job(name=f"{number}.mp4", key=job), *stages)
    assert len(terminal.lines) == 6
    assert all("Stage A" in line for line in terminal.lines[1::2])


def test_more_jobs_than_lines_are_counted() -> None:
    terminal = Terminal(height=10)
    terminal.show(*(operation(percentage=1.0, id=str(number)) for number in range(50)))
    lines = terminal.lines
    assert len(lines) == 9
    assert lines[-1] == "   … and 42 lines more"


def test_two_operations_of_one_name_have_a_bar_each() -> None:
    terminal = Terminal()
    terminal.show(*(operation(percentage=1.0, id=key) for key in ("1", "2")))
    assert len(terminal.lines) == 2


def test_a_million_parts_take_no_memory() -> None:
    terminal = Terminal(stages=True, height=100)
    terminal.show(a_job())
    for number in range(1000):
        terminal.show(a_stage(f"Track {number}", DONE, 100.0))
    assert len(terminal.lines) <= 22


# -- the guide


@pytest.mark.parametrize("width", [60, 80, 120])
def test_the_guides_picture_of_the_terminal_is_true(width: int) -> None:
    terminal = Terminal(width)
    stays = terminal.show(operation(STARTING, id="1"))
    terminal.now = 41.0
    stays += terminal.show(operation(DONE, percentage=100.0, current_size=63 * MB, id="1"))
    terminal.now = 60.0
    terminal.show(a_job(42.0), a_stage("Audio Conversion"))
    terminal.show(a_job(0.0, "interview.mkv", "2"), a_stage("MEGA Download", job="2"))
    terminal.show(operation(percentage=0.0, id="3", message="waiting for its server"))
    terminal.now = 100.0
    picture = "\n".join([*stays, *terminal.lines])
    page = (ROOT / "docs/terminal.md").read_text(encoding="utf-8")
    assert f"```text\n{picture}\n```" in page, picture
