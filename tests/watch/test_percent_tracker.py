"""The tracker of any tool that prints percentages."""

import re
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from similubot_core.progress.info import ProgressInfo
from similubot_core.progress.percent_tracker import PercentTracker
from similubot_testkit.fake_clock import FakeClock


def lines(text: str) -> list[str]:
    return [line for line in re.split(r"[\r\n]", text) if line]


def reading(text: str, seconds: float = 1.0) -> tuple[PercentTracker, list[float]]:
    """A tracker that got these lines, one every `seconds`, and what it showed after each row."""
    clock = FakeClock()
    tracker, shown = PercentTracker(clock=clock), list[float]()
    for line in lines(text):
        if tracker.parse_output(line):
            shown.append(tracker.get_current_progress().percentage)
        clock.advance(seconds)
    return tracker, shown


def percentages(text: str) -> list[float]:
    return reading(text)[1]


def message(text: str) -> str:
    return reading(text)[0].get_current_progress().message


def test_the_printed_speed_is_taken_in_bytes_per_second() -> None:
    tracker, _ = reading("".join(f"{n}% 11.1 MiB/s\n" for n in (1, 2, 3, 4)))
    assert tracker.get_current_progress().speed == 11.1 * 1024**2


def test_the_eta_is_that_of_the_percentages() -> None:
    tracker, _ = reading("".join(f"[{10 * n}%]\n" for n in range(1, 6)))
    assert tracker.get_current_progress().eta == pytest.approx(5)


RSYNC_STILL_LOOKING = """
         10,000  12%   20.03MB/s    0:00:01 (xfr#1, ir-chk=1020/1022)
         20,000  25%   20.03MB/s    0:00:01 (xfr#2, ir-chk=1019/1022)
         30,000  38%   20.03MB/s    0:00:01
         40,000  51%   20.03MB/s    0:00:01
"""


def test_what_was_found_so_far_is_not_the_whole() -> None:
    assert set(percentages(RSYNC_STILL_LOOKING)) == {0}
    assert message(RSYNC_STILL_LOOKING) == "of what was found so far: 51 %"


def test_a_total_that_is_complete_counts() -> None:
    rows = RSYNC_STILL_LOOKING.replace("ir-chk", "to-chk")
    assert percentages(rows) == [0, 0, 38, 51]


def test_a_total_that_grows_by_the_size_beside_it_does_not_count() -> None:
    rows = "".join(
        f"  {size}K {n}% 1MB/s\n" for size, n in ((10, 10), (40, 20), (160, 30), (640, 40))
    )
    assert set(percentages(rows)) == {0}


def test_a_percentage_that_is_rounded_down_is_no_total_that_grows() -> None:
    rows = "".join(f"  {size}K {size * 100 // 5000}% 1MB/s\n" for size in range(50, 4500, 50))
    assert percentages(rows)[-1] == 89


CURL_WITHOUT_A_LENGTH = """
  0     0    0     0    0     0      0      0 --:--:-- --:--:-- --:--:--     0
100 4883k    0 4883k    0     0  4770k      0 --:--:--  0:00:01 --:--:-- 4768k
100 9766k    0 9766k    0     0  4826k      0 --:--:--  0:00:02 --:--:-- 4825k
"""


def test_numbers_without_a_sign_are_no_percentages() -> None:
    assert percentages(CURL_WITHOUT_A_LENGTH) == []


GIT = """
remote: Counting objects:  50% (5/10)
remote: Counting objects: 100% (10/10), done.
remote: Compressing objects: 100% (8/8), done.
Receiving objects:  10% (100/1000), 3.1 MiB | 1.2 MiB/s
Receiving objects:  20% (200/1000), 3.1 MiB | 1.2 MiB/s
Receiving objects:  40% (400/1000), 3.1 MiB | 1.2 MiB/s
"""


def test_phases_are_told_as_phases_and_the_whole_as_unknown() -> None:
    assert set(percentages(GIT)) == {0}
    assert message(GIT) == "3rd phase, Receiving objects: 40 %"


NESTED = """
  0%|          | 0/5 [00:00<?, ?it/s]
 50%|█████     | 10/20 [00:00<00:00, 49.9it/s]
 95%|█████████▌| 19/20 [00:00<00:00, 49.9it/s]
 20%|██        | 1/5 [00:00<00:01,  2.4it/s]
"""


def test_of_two_bars_neither_is_the_whole() -> None:
    assert set(percentages(NESTED)) == {0}


def test_bars_that_move_side_by_side_are_parts() -> None:
    clock = FakeClock()
    tracker, seen = PercentTracker(clock=clock), dict[str, list[float]]()

    def see(info: ProgressInfo) -> None:
        if info.parent is not None:
            seen.setdefault(f"{info.operation} {info.id}", []).append(info.percentage)

    tracker.add_callback(see)
    for outer in (0, 20, 40):
        tracker.parse_output(f"outer: {outer:3}%|███ | {outer // 20}/5")
        for inner in (0, 50, 95):
            tracker.parse_output(f"inner: {inner:3}%|███ | {inner}/100")
            clock.advance(1)
    tracker.complete()
    names = [key.split()[0] for key in seen]
    assert names.count("outer") == 1
    assert names.count("inner") == 2  # each time it begins anew is another part
    assert all(shown == sorted(shown) for shown in seen.values())


@pytest.mark.parametrize("bar", ["━━━━╸ ", "====> ", ""])
def test_a_bar_that_stands_still_beside_another_is_a_bar(bar: str) -> None:
    rows = "".join(f"outer {bar}0%\ninner {bar}{n}%\n" for n in (5, 10, 20, 40, 80))
    assert set(percentages(rows)) == {0}


def test_a_bar_that_begins_anew_leaves_what_was_shown_and_names_the_phase() -> None:
    twice = "".join(f"{n}%\n" for n in (0, 20, 40, 60, 5, 30, 50, 70))
    assert percentages(twice) == [0, 0, 40, 60, 60, 60, 60, 60]
    assert message(twice) == "2nd phase, 70 %"


def test_a_phase_that_is_over_at_once_does_not_count() -> None:
    assert set(reading("0%\n50%\n99%\n", seconds=0.1)[1]) == {0}


@pytest.mark.parametrize(
    "row",
    [
        "[{0}/20] Building CXX object x.o",  # ninja
        "{0}/20",
        "file {0} of 20",
        "{0}.0 MiB / 20.0 MiB",
        "copied {0} MB of 20 MB",
        "step {0} of 20: compiling file{0}.c",
    ],
)
def test_counts_of_a_total_count(row: str) -> None:
    shown = percentages("\n".join(row.format(n) for n in (1, 5, 10, 19)))
    assert shown[-1] == 95


def test_of_a_few_steps_nobody_knows_whether_the_last_has_begun_or_is_done() -> None:
    rows = "\n".join(f"shred: x: pass {n}/4 (random)..." for n in (1, 2, 3, 4))
    assert set(percentages(rows)) == {0}
    assert message(rows) == "4 of 4: 100 %"


@pytest.mark.parametrize("row", ["{0}/11/2026", "/usr/{0}/20", "v1.{0}/20", "{0}/20/x"])
def test_dates_paths_and_versions_are_no_counts(row: str) -> None:
    assert percentages("\n".join(row.format(n) for n in (1, 5, 10, 19))) == []


@pytest.mark.parametrize(
    "row",
    [
        "CPU {}% busy",
        "memory usage: {}%",
        "big.txt : {}%   ( 100 MiB =>  30 MiB)  ratio",
        "idle {}%",
    ],
)
def test_a_percentage_of_something_else_is_not_read(row: str) -> None:
    assert percentages("\n".join(row.format(n) for n in (10, 20, 30, 40))) == []


def test_where_the_counts_on_a_row_disagree_the_counts_are_read() -> None:
    rows = "\n".join(f"Read {n} MB / 100 MB, 33.{n}% left of it" for n in (10, 20, 30))
    assert percentages(rows)[-1] == 30


def test_what_a_program_reports_to_its_terminal_counts_and_its_other_rows_do_not() -> None:
    rows = "\n".join(f"\x1b]9;4;1;{n}\x07file {n}: 99%" for n in (1, 5, 10, 19))
    assert percentages(rows)[-1] == 19


def test_reports_need_no_line_ends() -> None:
    clock = FakeClock()
    tracker = PercentTracker(clock=clock)
    for n in range(1, 9):
        tracker.parse_output(f"\x1b]9;4;1;{n}\x1b\\\x1b]9;4;1;{n + 1}\x1b\\\x1b]9;4;0\x07")
        clock.advance(1)
    assert tracker.get_current_progress().percentage == 9


@pytest.mark.parametrize(
    "row",
    [
        " {0}%|███▏      | {0}/100 [00:03<00:06, 10.1it/s]",  # tqdm
        "[ {0}%] Building CXX object x.o",  # cmake
        "[#2089b0 {0}.0MiB/100.0MiB({0}%) CN:1 DL:115.7KiB ETA:4m51s]",  # aria2c
        "[download]  {0}.2% of   10.00MiB at    1.20MiB/s ETA 00:05",  # yt-dlp
        "Progress: {0}%",  # mkvmerge
        "Encoding: task 1 of 1, {0}.20 % (95.3 fps, avg 90.1 fps)",  # HandBrake
    ],
)
def test_a_row_counts_once_it_has_moved_alone_for_a_while(row: str) -> None:
    shown = percentages("\n".join(row.format(n) for n in (10, 11, 32)))
    assert shown[:-1] in ([], [0], [0, 0])
    assert 32 <= shown[-1] < 33


@pytest.mark.parametrize(
    "line",
    ["100% wool.mp3", "Saving to: 99%.bin", "5000%", "12.5.6%", "%", "abc50%", "50%off", "-5%", ""],
)
def test_a_file_named_like_a_percentage_says_nothing(line: str) -> None:
    assert set(percentages(line)) <= {0}


def test_a_name_that_looks_like_a_percentage_does_not_hide_the_bar() -> None:
    assert percentages("100% wool.mp3\n" + "".join(f"{n}%\n" for n in (1, 5, 10, 20)))[-1] == 20


@pytest.mark.parametrize("piece", [" ", "1", " 1", "(", "[ ", "#", "1%", "1,", "kB", "\x1b]", "1 "])
@pytest.mark.timeout(10)  # a pattern that tries every way to split it would need minutes
def test_a_line_of_any_length_is_refused_without_trying_every_way(piece: str) -> None:
    line = piece * (65_000 // len(piece))
    assert not PercentTracker().parse_output(line + "x")


@given(st.text())
def test_any_text_leaves_it_without_an_exception_or_an_end(text: str) -> None:
    tracker = PercentTracker()
    tracker.parse_output(text)
    assert not tracker.get_current_progress().status.is_final


@given(st.lists(st.text(alphabet="0123456789%.,[]()| kMB/s#\x1b\r\n:KDownloading"), max_size=30))
def test_what_it_tells_never_falls_and_stays_within_bounds(texts: list[str]) -> None:
    tracker = PercentTracker()
    seen: list[ProgressInfo] = []
    tracker.add_callback(seen.append)
    for text in texts:
        tracker.parse_output(text)
    shown = [info.percentage for info in seen]
    assert shown == sorted(shown)
    assert all(0 <= percentage < 100 for percentage in shown)
    assert all(info.speed is None or info.speed >= 0 for info in seen)


def test_it_keeps_the_rules(assert_tracker_keeps_the_rules: Callable[..., None]) -> None:
    rows = [f"{n}% of it, {n}.5 MiB/s" for n in range(0, 100, 5)]
    assert_tracker_keeps_the_rules(PercentTracker, rows)
