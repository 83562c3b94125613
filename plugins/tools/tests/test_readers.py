"""The readers of tools, on what the real programs printed.

The samples in text files were recorded from rsync 3.5.0, wget 1.21.3 and curl 7.88.1 on a loopback
server. Those in JSON files, by `bench/watch_tools.py`, are whole runs with the time of each piece;
`tests/watch/test_recordings.py` reads them as `watch` does.
"""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from similubot_core.progress.info import ProgressInfo
from similubot_tools import PROGRAMS, ToolTracker
from similubot_tools.readers import READERS

SAMPLES = Path(__file__).with_name("samples")


def lines(text: str) -> list[str]:
    return [line for line in re.split(r"[\r\n]", text) if line]


def read(name: str, text: str, *command: str) -> tuple[list[float], ToolTracker]:
    """What is shown after each line that said something, and the tracker."""
    tracker = ToolTracker(name, command)
    seen = [
        tracker.get_current_progress().percentage
        for line in lines(text)
        if tracker.parse_output(line)
    ]
    return seen, tracker


def sample(name: str) -> str:
    return (SAMPLES / name).read_text()


def test_every_program_has_a_reader() -> None:
    assert PROGRAMS.keys() == READERS.keys()


def test_rsync_counts_the_whole_once_its_list_is_complete() -> None:
    seen, tracker = read("rsync", sample("rsync-progress2.txt"), "rsync", "--info=progress2")
    assert seen == [0, 2, 47, 67, 73, 80, 86, 93, 94, 99.99, 99.99]
    assert tracker.get_current_progress().message == ""


def test_rsync_knows_no_whole_while_it_lists_files() -> None:
    text = (
        "        163,840  82%    1.20MB/s    0:00:00  \r"
        "        196,608  95%    1.20MB/s    0:00:00 (xfr#3, ir-chk=1040/1100)\r"
        "        200,000  96%    1.20MB/s    0:00:00  \r"
    )
    seen, tracker = read("rsync", text, "rsync", "-a", "--info=progress2")
    assert seen == [0, 0, 0]
    assert tracker.get_current_progress().current_size == 200_000


def test_rsync_progress_counts_each_file() -> None:
    seen, tracker = read("rsync", sample("rsync-progress.txt"), "rsync", "--progress")
    assert set(seen) == {0}
    assert tracker.get_current_progress().details["phase_percentage"] == 100


def test_curl_counts_a_transfer_of_known_length() -> None:
    seen, tracker = read("curl", sample("curl.txt"), "curl", "http://a.test/x")
    assert max(seen) == 89
    assert tracker.get_current_progress().speed is not None


def test_curls_bar_counts_until_a_response_ends() -> None:
    seen, _ = read("curl", sample("curl-bar.txt"), "curl", "-#", "http://a.test/x")
    assert seen == [15.9, 26.0, 40.2, 54.2, 88.6]


def test_curl_of_unknown_length_tells_bytes_alone() -> None:
    row = "100 4882k    0 4882k    0     0  4875k      0 --:--:--  0:00:01 --:--:-- 4874k"
    seen, tracker = read("curl", row, "curl", "http://a.test/x")
    assert seen == [0]
    assert tracker.get_current_progress().current_size == 4882 * 1024


def test_curl_of_several_files_knows_no_whole() -> None:
    seen, _ = read("curl", sample("curl.txt"), "curl", "http://a.test/x", "http://a.test/y")
    assert set(seen) == {0}


@pytest.mark.parametrize("name", ["wget-bar.txt", "wget-dots.txt"])
def test_wget_counts_one_file(name: str) -> None:
    seen, _ = read("wget", sample(name), "wget", "http://a.test/x")
    assert len(seen) > 10
    assert seen == sorted(seen)
    assert seen[-1] == 99.99


def test_wget_of_many_files_knows_no_whole() -> None:
    seen, _ = read("wget", sample("wget-bar.txt"), "wget", "-r", "http://a.test/x")
    assert set(seen) == {0}


def test_gits_phases_are_told_as_phases() -> None:
    text = (
        "remote: Counting objects: 100% (1502/1502), done.\n"
        "Receiving objects:  40% (600/1500), 3.10 MiB | 1.25 MiB/s\n"
    )
    seen, tracker = read("git", text, "git", "clone", "x")
    now = tracker.get_current_progress()
    assert seen == [0, 0]
    assert now.message == "Receiving objects: 40 %"
    assert (now.current_size, now.speed) == (int(3.1 * 1024**2), 1.25 * 1024**2)


@pytest.mark.parametrize(
    ("name", "line", "percentage"),
    [
        ("ninja", "[12/48] CXX obj/a.o", 25),
        ("cmake", "[ 25%] Building C object a.o", 25),
        ("cargo", "    Building [====>       ] 12/48: serde, libc", 0),
        ("zstd", "Read :  64.0 MiB /   256 MiB ==> 91.20%", 25),
        ("aria2c", "[#2089b0 8.0MiB/32MiB(25%) CN:1 DL:1.1MiB ETA:4m51s]", 25),
        ("pv", "25.0MiB 0:00:02 [12.5MiB/s] [====>      ] 25% ETA 0:00:06", 25),
        ("xz", "  25.0 %       3.0 MiB / 12.0 MiB = 0.250   5.0 MiB/s   0:02   0:06", 25),
        ("apt", "Reading package lists... 98%", 0),
        ("apt", "Progress: [ 32%]", 0),
        ("docker", "a3be5d4ce401: Downloading [==>   ]  12.5MB/50MB", 0),
        ("pip", "   ━━━━━━━━━━ 8.1/9.0 MB 11.2 MB/s eta 0:00:01", 0),
        (
            "zstd",
            "(L19) Buffered: 8.81 MiB - Consumed:  512 KiB - Compressed:  220 KiB => 42.95% ",
            0,
        ),
        (
            "restic",
            "[0:02] 25.00%  2 files 9.503 GiB, total 3 files 38.147 GiB, 0 errors ETA 0:07",
            25,
        ),
        ("restic", "[0:01] 0 files 6.715 MiB, total 3 files 38.147 MiB, 0 errors", 0),
        (
            "restic",
            '{"message_type":"status","seconds_remaining":2,"percent_done":0.25,"total_bytes":9000000000}',
            25,
        ),
        ("restic", '{"message_type":"status","percent_done":0.25,"total_bytes":4}', 0),
        ("borg", "703.19 kB O 408.74 kB C 408.74 kB D 0 N text/a.txt", 0),
        ("7z", " 25% + text/a.txt", 25),
        ("tar", "tar: Write checkpoint 200", 0),
        ("flac", "sound.wav: 25% complete, ratio=0.858", 25),
        (
            "handbrake",
            "Encoding: task 1 of 1, 25.00 % (95.30 fps, avg 90.10 fps, ETA 00h00m10s)",
            25,
        ),
        ("handbrake", "Encoding: task 1 of 2, 25.00 %", 0),
        ("handbrake", "Scanning title 1 of 1, preview 5, 50.00 %", 0),
        ("ytdlp", "[download]  25.0% of   10.00MiB at    1.20MiB/s ETA 00:05", 25),
    ],
)
def test_a_row_says_what_the_tool_means(name: str, line: str, percentage: float) -> None:
    seen, _ = read(name, line)
    assert seen == [pytest.approx(percentage)]


def test_apt_downloads_count_bytes_though_its_percentage_counts_items_too() -> None:
    row = "40% [1 libicu-dev 5112 kB/10.3 MB 49%]"
    assert read("apt", row, "apt-get", "download", "libicu-dev", "-o", "a=b")[0] == [50]
    second = "60% [2 libicu-dev 6422 kB/10.3 MB 62%]"
    assert read("apt", second, "apt-get", "download", "-o", "a=b", "x", "y")[0] == [62.5]
    assert read("apt", row, "apt-get", "install", "libicu-dev")[0] == [0]


def test_a_few_steps_before_the_build_and_a_second_build_claim_nothing() -> None:
    rows = "[0/1] Re-running CMake...\n[1/1] Re-checking globbed directories...\n"
    assert read("ninja", rows)[0] == [0, 0]
    assert read("ninja", rows + "[1/40] CC a.o\n[20/40] CC b.o\n")[0][-1] == 50
    assert read("ninja", "[10/40] CC a.o\n[1/50] CC a.o\n[40/50] CC b.o\n")[0] == [25, 25, 25]


def test_numbers_alone_count_where_pv_was_asked_for_them() -> None:
    assert read("pv", "25\n", "pv", "-n", "x")[0] == [25]
    assert read("pv", "25\n", "pv", "x")[0] == []


def test_dd_tells_bytes_and_speed() -> None:
    _, tracker = read("dd", "524288000 bytes (524 MB, 500 MiB) copied, 2 s, 262 MB/s")
    now = tracker.get_current_progress()
    assert (now.current_size, now.speed, now.percentage) == (524_288_000, 262_144_000, 0)


def test_rclone_counts_once_the_total_stays_the_same() -> None:
    rows = (
        "Transferred:   \t    4.0 MiB / 10.0 MiB, 40%, 0 B/s, ETA -\n"
        "Transferred:   \t    5.0 MiB / 40.0 MiB, 12%, 8.304 MiB/s, ETA 3s\n"
        "Transferred:   \t   10.0 MiB / 40.0 MiB, 25%, 8.304 MiB/s, ETA 3s\n"
        "Transferred:            1 / 3, 33%\n"
    )
    seen, tracker = read("rclone", rows, "rclone", "copy", "-P", "a", "b")
    assert seen == [0, 0, 25]
    assert tracker.get_current_progress().total_size == 40 * 1024**2


def test_rclones_json_log_is_read() -> None:
    row = '{"level":"info","msg":"x","stats":{"bytes":25,"totalBytes":100,"speed":2.5}}'
    assert read("rclone", f"{row}\n{row}", "rclone")[0] == [0, 25]


def test_borg_tells_the_bytes_of_an_archive_that_is_made_and_the_share_of_one_extracted() -> None:
    made = '{"type": "archive_progress", "original_size": 703189, "nfiles": 1, "finished": false}'
    assert read("borg", made, "borg", "create")[1].get_current_progress().current_size == 703_189
    assert read("borg", " 25.0% Extracting: text/a.txt", "borg", "extract")[0] == [25]
    assert read("borg", " 25.0% Checking segments", "borg", "check")[0] == [0]


def test_tars_checkpoints_are_records_of_the_blocking_factor() -> None:
    row = "tar: Write checkpoint 200"
    for command, size in (((), 200 * 10240), (("-b", "1"), 200 * 512)):
        tracker = read("tar", row, "tar", *command)[1]
        assert tracker.get_current_progress().current_size == size


def test_flac_of_several_files_knows_no_whole() -> None:
    command = ("flac", "a.wav", "b.wav")
    assert read("flac", "a.wav: 25% complete, ratio=0.858", *command)[0] == [0]


def test_yt_dlp_of_sound_and_picture_knows_no_whole() -> None:
    rows = (
        "[info] x: Downloading 1 format(s): 137+140\n"
        "[download]  25.0% of   10.00MiB at    1.20MiB/s ETA 00:05\n"
        "[download]   5.0% of   10.00MiB at    1.20MiB/s ETA 00:05\n"
    )
    seen, tracker = read("ytdlp", rows, "yt-dlp", "x")
    assert set(seen) == {0}
    assert tracker.get_current_progress().message == "file 2 of 2: 5 %"


def test_rsync_of_one_file_counts_it_as_the_whole(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x")
    row = "     10,000,000  25%   20.03MB/s    0:00:01"
    command = ("rsync", "-a", "--progress", str(tmp_path / "a"), "there:")
    assert read("rsync", row, *command)[0] == [25]


def test_cmakes_share_says_nothing_where_most_was_built_before() -> None:
    assert read("cmake", "[ 98%] Building C object a.o", "cmake", "--build", ".")[0] == [0]


@pytest.mark.parametrize("name", sorted(READERS))
@given(text=st.text(alphabet="0123456789%.,[]()|/# kMBis:ReadingDL=>-\x1b\r\n", max_size=200))
def test_any_text_leaves_a_reader_without_an_exception(name: str, text: str) -> None:
    tracker = ToolTracker(name, (name,))
    tracker.parse_output(text)
    assert not tracker.get_current_progress().status.is_final


@pytest.mark.parametrize("name", sorted(READERS))
@pytest.mark.parametrize("piece", [" ", "1", " 1", "(", "[ ", "#", "1%", "1,", "1.", "a", "1 "])
@pytest.mark.timeout(10)  # a pattern that tries every way to split it would need minutes
def test_a_long_line_is_read_without_trying_every_way(name: str, piece: str) -> None:
    ToolTracker(name, (name,)).parse_output(piece * (65_000 // len(piece)) + "x")


def test_it_keeps_the_rules(assert_tracker_keeps_the_rules: Callable[..., None]) -> None:
    assert_tracker_keeps_the_rules(lambda: ToolTracker("wget"), lines(sample("wget-bar.txt")))


def parts(name: str, text: str, *command: str) -> dict[str, list[float]]:
    """The percentages of each part that was shown, and 100 where it ended."""
    tracker, seen = ToolTracker(name, command), dict[str, list[float]]()

    def see(info: ProgressInfo) -> None:
        if info.parent is not None:
            seen.setdefault(info.operation, []).append(info.percentage)

    tracker.add_callback(see)
    for line in lines(text):
        tracker.parse_output(line)
        tracker.get_current_progress()
    tracker.fail("so that all is told")
    return seen


def test_dockers_layers_are_parts_downloaded_and_then_extracted() -> None:
    text = (
        "5353e63c3c02: Downloading  8MB/16MB\n"
        "988777cd8a6d: Downloading [=>    ]  1.5MB/6MB\n"
        "5353e63c3c02: Download complete\n"
        "5353e63c3c02: Extracting  4MB/16MB\n"
    )
    seen = parts("docker", text)
    assert {name: shown[-1] for name, shown in seen.items()} == {
        "5353e63c3c02 Downloading": 100,
        "988777cd8a6d Downloading": 25,
        "5353e63c3c02 Extracting": 25,
    }
    assert read("docker", text)[1].get_current_progress().percentage == 0


def test_aria2s_downloads_side_by_side_are_parts() -> None:
    text = (
        "[DL:3.0MiB][#2089b0 1.0MiB/4.0MiB(25%)][#f2d1a2 1.0MiB/2.0MiB(50%)]\n"
        "[DL:3.0MiB][#2089b0 2.0MiB/4.0MiB(50%)]\n"
    )
    seen = parts("aria2c", text, "aria2c", "-Z", "a", "b")
    assert {name: shown[-1] for name, shown in seen.items()} == {
        "download 2089b0": 50,
        "download f2d1a2": 100,
    }


def test_xz_of_several_files_knows_no_whole() -> None:
    row = "  25.0 %       3.0 MiB / 12.0 MiB = 0.250   5.0 MiB/s   0:02   0:06"
    assert read("xz", row, "xz", "-v", "-T", "2", "a")[0] == [25]
    assert read("xz", row, "xz", "-v", "a", "b")[0] == [0]


def test_wget_of_unknown_length_tells_bytes() -> None:
    row = "out.bin               [    <=>             ]   4.00M  2.00MB/s               "
    now = read("wget", row, "wget", "http://a.test/x")[1].get_current_progress()
    assert (now.percentage, now.current_size, now.speed) == (0, 4 * 1024**2, 2 * 1024**2)
