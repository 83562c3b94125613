"""What FFmpeg prints: every line of the samples, and what no FFmpeg would print."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from similubot_ffmpeg.output import OutputReader, Reading, number, seconds

SAMPLES = Path(__file__).parent / "samples"


def lines_of(sample: Path) -> list[str]:
    text = sample.read_bytes().decode("utf-8", errors="replace")
    return [line for line in re.split(r"[\r\n]", text) if line]


def readings(*lines: str) -> list[Reading]:
    reader = OutputReader()
    return [reading for line in lines if (reading := reader.read(line)) is not None]


@pytest.mark.parametrize("version", ["4.2.2", "5.1.9", "7.0.2", "9.0.2"])
def test_every_stats_line_and_block_of_the_samples_is_read(version: str) -> None:
    samples = sorted(SAMPLES.glob(f"{version}__*"))
    assert samples
    expected = read = 0
    for sample in samples:
        lines = lines_of(sample)
        # Counted by hand-made rules of the file's kind, not by the parser's.
        if sample.name.endswith(".progress.txt"):
            expected += sum(line.startswith("progress=") for line in lines)
        else:
            expected += sum("size=" in line and "time=" in line for line in lines)
        read += len(readings(*lines))
    assert expected > 50
    assert read == expected


@pytest.mark.parametrize(
    ("line", "reading"),
    [
        (
            "size=     256kB time=00:00:31.32 bitrate=  67.0kbits/s speed=31.2x    ",
            Reading(31.32, 262_144, 67.0, 31.2),
        ),
        ("size=       0kB time=00:00:00.00 bitrate=N/A speed=N/A", Reading(0.0, 0)),
        # A negative time is none that was written.
        (
            "size=       0kB time=-577014:32:22.77 bitrate=  -0.0kbits/s speed=N/A",
            Reading(0.0, 0, 0.0),
        ),
        (
            "frame=  148 fps=0.0 q=16.0 size=       9kB time=00:00:05.90 bitrate=  12.5kbits/s "
            "dup=74 drop=0 speed=5.91x",
            Reading(5.9, 9216, 12.5, 5.91),
        ),
        ("size=N/A time=00:08:20.82 bitrate=N/A speed=1e+03x", Reading(500.82, None, None, 1000.0)),
        (
            "size=    2304KiB time=00:02:32.20 bitrate= 124.0kbits/s speed=  38x    ",
            Reading(152.2, 2_359_296, 124.0, 38.0),
        ),
        (
            "size=    9502KiB time=00:10:00.00 bitrate= 129.7kbits/s speed=49.5x "
            "elapsed=0:00:12.11",
            Reading(600.0, 9_730_048, 129.7, 49.5),
        ),
        ("size=N/A time=111:06:41.00 bitrate=N/A speed=4.3e+07x", Reading(400_001.0, speed=4.3e7)),
        (
            "[info] frame=  500 fps=194 q=-1.0 Lsize=     806KiB time=00:00:20.00 "
            "bitrate= 330.1kbits/s speed=7.78x",
            Reading(20.0, 825_344, 330.1, 7.78, last=True),
        ),
    ],
)
def test_stats_lines_of_versions_4_to_9(line: str, reading: Reading) -> None:
    (read,) = readings(line)
    assert read.out_time == pytest.approx(reading.out_time)
    assert (read.total_size, read.bitrate, read.speed, read.last) == (
        reading.total_size,
        reading.bitrate,
        reading.speed,
        reading.last,
    )


def test_a_block_is_one_reading_and_its_padded_values_are_read() -> None:
    (reading,) = readings(
        "bitrate= 130.4kbits/s",
        "total_size=262304",
        "out_time_us=16091429",
        "out_time_ms=16091429",
        "out_time=00:00:16.091429",
        "speed=   0x",
        "progress=continue",
    )
    assert reading == Reading(16.091429, 262_304, 130.4, 0.0)


def test_a_block_of_unknown_values_is_unknown() -> None:
    assert readings("total_size=N/A", "out_time_us=N/A", "out_time=N/A", "progress=end") == [
        Reading(last=True)
    ]


def test_a_block_does_not_keep_the_one_before() -> None:
    first, second = readings("out_time_us=5000000", "progress=continue", "speed=2x", "progress=end")
    assert (first.out_time, second.out_time) == (5.0, None)


def test_the_demuxers_duration_is_taken_and_not_a_tags() -> None:
    reader = OutputReader()
    for line in (
        "Input #0, mp3, from 'a.mp3':",
        "  Metadata:",
        "    comment         : Duration: 01:02:03.04, start: 0.000000, bitrate: 1 kb/s",
        "                    :   Duration: 01:02:03.04, start: 0.000000, bitrate: 1 kb/s",
        "  Duration: 00:10:00.03, start: 0.025057, bitrate: 192 kb/s",
        "    Duration        : 09:00:00.00, start: 1",
    ):
        reader.read(line)
    assert reader.duration == pytest.approx(600.03)


def test_a_name_of_several_lines_is_neither_duration_nor_progress() -> None:
    reader = OutputReader()
    for line in (
        "Input #0, wav, from 'evil",
        "  Duration: 09:00:00.00, start: 0.000000, bitrate: 1 kb/s",
        "size=     256kB time=00:00:31.32 bitrate=  67.0kbits/s speed=31.2x",
        ".wav':",
    ):
        assert reader.read(line) is None
    assert reader.duration is None
    reader.read("  Duration: 00:00:07.00, bitrate: 1411 kb/s")
    assert reader.duration == 7.0


def test_the_longest_input_counts_and_an_unknown_one_is_unknown() -> None:
    reader = OutputReader()
    for number_, length in enumerate(("N/A", "00:00:05.00", "00:00:03.00")):
        reader.read(f"Input #{number_}, mp3, from 'x':")
        reader.read(f"  Duration: {length}, start: 0.000000, bitrate: N/A")
    assert reader.durations == {0: None, 1: 5.0, 2: 3.0}
    assert reader.duration == 5.0


@pytest.mark.parametrize("line", ["time=00:00:01.00", "encoder size=5 time=1", "size=5", "fps=nan"])
def test_what_only_resembles_progress_is_none(line: str) -> None:
    assert readings(line) == []


@given(st.lists(st.text(alphabet=st.characters(codec="utf-8"), max_size=60), max_size=20))
def test_any_text_leaves_the_reader_without_an_exception(lines: list[str]) -> None:
    readings(*lines)


PIECES = st.sampled_from(
    (
        *("size=", "Lsize=", "time=", "bitrate=", "speed=", "frame=", "out_time_us=", "progress="),
        *("  Duration: ", "Input #0, ", "from '", "':", "00:00:01.00", ", start: ", "N/A", "-"),
        *("9" * 25, " ", "e+999", "kB", "KiB", "x", "[info] ", "inf", "nan", "\x00", "٣", "²"),
    )
)


@given(st.lists(st.lists(PIECES, max_size=12).map("".join), max_size=12))
def test_pieces_of_real_lines_in_any_order_give_only_numbers_that_can_be(lines: list[str]) -> None:
    for reading in readings(*lines):
        for value in (reading.out_time, reading.total_size, reading.bitrate, reading.speed):
            assert value is None or 0 <= value < float("inf")


@given(st.text(max_size=40))
def test_numbers_and_times_of_any_text_are_none_or_finite(text: str) -> None:
    for value in (number(text), seconds(text)):
        assert value is None or abs(value) < float("inf")
