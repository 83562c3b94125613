"""The tracker of any tool that prints percentages, on what real tools printed.

The samples were recorded from rsync 3.5.0, wget 1.21.3 and curl 7.88.1 on a loopback server.
"""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from similubot_core.progress.info import ProgressInfo
from similubot_core.progress.percent_tracker import PercentTracker

SAMPLES = Path(__file__).with_name("samples")

# As Docker 20 to 28's client prints it (its jsonmessage package): on a pipe without sizes, on a
# terminal with bars and escape sequences. Written by hand: nothing can be pulled where this ran.
DOCKER_ON_A_PIPE = """latest: Pulling from library/python
a3be5d4ce401: Pulling fs layer
0f0e6b0d1b2c: Pulling fs layer
0f0e6b0d1b2c: Verifying Checksum
0f0e6b0d1b2c: Download complete
a3be5d4ce401: Download complete
a3be5d4ce401: Pull complete
0f0e6b0d1b2c: Pull complete
Digest: sha256:0000
"""
DOCKER_ON_A_TERMINAL = (
    "\x1b[2A\x1b[2K\ra3be5d4ce401: Downloading [=====>      ]  12.5MB/50MB\r\x1b[2B"
    "\x1b[1A\x1b[2K\r0f0e6b0d1b2c: Downloading [==========> ]  512kB/1.024MB\r\x1b[1B"
    "\x1b[2A\x1b[2K\ra3be5d4ce401: Extracting [=====>      ]  25MB/50MB\r\x1b[2B"
)


def lines(text: str) -> list[str]:
    return [line for line in re.split(r"[\r\n]", text) if line]


def percentages(text: str, tracker: PercentTracker | None = None) -> list[float]:
    """What the tracker shows after each line that told it something."""
    tracker = tracker or PercentTracker()
    return [
        tracker.get_current_progress().percentage
        for line in lines(text)
        if tracker.parse_output(line)
    ]


@pytest.mark.parametrize(
    ("sample", "printed"),
    [
        ("rsync-progress2.txt", [0, 2, 47, 67, 73, 80, 86, 93, 94, 99.99, 99.99]),
        ("rsync-human-verbose.txt", [0, 2, 47, 67, 73, 80, 86, 93, 94, 99.99, 99.99]),
        ("curl.txt", [0, 55, 89, 99.99]),
        ("curl-bar.txt", [15.9, 26.0, 40.2, 54.2, 88.6, 99.99]),
        ("wget-bar.txt", [0, 10, 21, 32, 42, 53, 64, 74, 85, 96, 99.99]),
    ],
)
def test_it_shows_what_the_tool_printed(sample: str, printed: list[float]) -> None:
    assert percentages((SAMPLES / sample).read_text()) == printed


def test_it_follows_wgets_dots() -> None:
    seen = percentages((SAMPLES / "wget-dots.txt").read_text())
    assert len(seen) > 20
    assert seen == sorted(seen)
    assert seen[-1] == 99.99


def test_the_printed_speed_is_taken_in_bytes_per_second() -> None:
    tracker = PercentTracker()
    percentages((SAMPLES / "curl.txt").read_text(), tracker)
    assert tracker.get_current_progress().speed == 11.1 * 1024**2


def test_the_eta_is_that_of_the_percentages() -> None:
    now = [0.0]
    tracker = PercentTracker(clock=lambda: now[0])
    for second in range(1, 6):
        now[0] = float(second)
        tracker.parse_output(f"[{10 * second}%]")
    assert tracker.get_current_progress().eta == pytest.approx(5.0)


def test_a_tool_that_counts_anew_for_every_file_leaves_the_bar_and_names_the_item() -> None:
    tracker = PercentTracker()
    seen = percentages((SAMPLES / "rsync-progress.txt").read_text(), tracker)
    assert seen == sorted(seen)
    now = tracker.get_current_progress()
    assert now.message == "item 7: 100%"
    assert now.eta is None


def test_docker_pull_on_a_pipe_is_the_mean_of_its_layers() -> None:
    assert percentages(DOCKER_ON_A_PIPE) == [0, 0, 25, 25, 50, 75, 99.99]


def test_docker_pull_on_a_terminal_counts_bytes_within_each_layer() -> None:
    assert percentages(DOCKER_ON_A_TERMINAL) == [12.5, 18.75, 50]


@pytest.mark.parametrize(
    ("line", "percentage"),
    [
        (" 32%|███▏      | 32/100 [00:03<00:06, 10.1it/s]", 32),  # tqdm
        ("[ 47%] Building CXX object CMakeFiles/x.dir/a.cpp.o", 47),  # cmake
        ("[#2089b0 400.0KiB/33.2MiB(1%) CN:1 DL:115.7KiB ETA:4m51s]", 1),  # aria2c
        ("clip.mp4            7%[>          ]   1.2M  350KB/s", 7),  # wget
    ],
)
def test_a_percentage_at_a_bar_or_in_brackets_counts_at_once(line: str, percentage: float) -> None:
    assert percentages(line) == [percentage]


@pytest.mark.parametrize(
    "row",
    [
        "Receiving objects:  {}% (310/1000), 3.1 MiB | 1.2 MiB/s",  # git
        "[download]  {}.2% of   10.00MiB at    1.20MiB/s ETA 00:05",  # yt-dlp
        "Progress: {}%",  # mkvmerge
        "Encoding: task 1 of 1, {}.20 % (95.3 fps, avg 90.1 fps)",  # HandBrake
    ],
)
def test_other_percentages_count_from_the_second_line_with_the_same_words(row: str) -> None:
    tracker = PercentTracker()
    assert not tracker.parse_output(row.format(30))
    assert tracker.parse_output(row.format(31))
    assert 31 <= tracker.get_current_progress().percentage < 32


@pytest.mark.parametrize(
    "line",
    ["100% wool.mp3", "Saving to: 99%.bin", "5000%", "12.5.6%", "%", "abc50%", "50%off", "-5%", ""],
)
def test_a_file_named_like_a_percentage_says_nothing(line: str) -> None:
    assert percentages(line) == []


def test_once_a_known_tool_speaks_no_other_line_counts() -> None:
    tracker = PercentTracker()
    tracker.parse_output("     21,774,912  47%   20.03MB/s    0:00:01  ")
    assert not tracker.parse_output("[ 99%] of nothing.mp3")
    assert tracker.get_current_progress().percentage == 47


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


@pytest.mark.parametrize("sample", sorted(path.name for path in SAMPLES.iterdir()))
def test_it_keeps_the_rules(
    sample: str, assert_tracker_keeps_the_rules: Callable[..., None]
) -> None:
    assert_tracker_keeps_the_rules(PercentTracker, lines((SAMPLES / sample).read_text()))
