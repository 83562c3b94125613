"""What people read: the same words and bars in every sink, for any number and any text."""

import math
import unicodedata

import pytest
from hypothesis import given
from hypothesis import settings as settings_of_a_run
from hypothesis import strategies as st

from similubot_core import ProgressInfo, ProgressStatus, render

unhurried = settings_of_a_run(deadline=None, max_examples=60)  # a loaded machine is no failure

numbers = st.one_of(
    st.floats(), st.integers(), st.integers(min_value=10**308, max_value=10**400), st.none()
)


@pytest.mark.parametrize(
    ("percentage", "shown"),
    [
        (0, "░" * 20),
        (0.624, "░" * 20),
        (0.625, "▏" + "░" * 19),
        (61, "█" * 12 + "▏" + "░" * 7),
        (50, "█" * 10 + "░" * 10),
        (99.99, "█" * 19 + "▉"),
        (100, "█" * 20),
        (-5, "░" * 20),
        (500, "█" * 20),
        (math.nan, "░" * 20),
        (math.inf, "░" * 20),
    ],
)
def test_a_bar_shows_eighths(percentage: float, shown: str) -> None:
    assert render.bar(percentage) == shown


@unhurried
@given(st.floats(), st.integers(-5, 200))
def test_a_bar_has_its_length_and_is_full_only_at_100(percentage: float, length: int) -> None:
    bar = render.bar(percentage, length)
    assert len(bar) == max(1, length)
    assert (set(bar) == {"█"}) == (math.isfinite(percentage) and percentage >= 100)


@unhurried
@given(st.floats(0, 100), st.floats(0, 100))
def test_a_bar_and_a_percentage_never_fall_while_the_number_grows(a: float, b: float) -> None:
    low, high = sorted((a, b))
    assert float(render.percent(low)[:-1]) <= float(render.percent(high)[:-1])
    filled = [
        sum(8 if c == "█" else (render.EIGHTHS.find(c) + 1) for c in render.bar(p))
        for p in (low, high)
    ]
    assert filled == sorted(filled)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (60.5, "60.5%"),
        (0, "0.0%"),
        (99.99, "99.9%"),
        (99.999_999_999_99, "99.9%"),
        (100, "100.0%"),
        (8.2, "8.2%"),
        (0.3, "0.3%"),
        (-1, "0.0%"),
        (math.nan, "unknown"),
    ],
)
def test_a_percentage_is_rounded_down(value: float, shown: str) -> None:
    assert render.percent(value) == shown


@unhurried
@given(st.integers(0, 999))
def test_every_tenth_of_a_per_cent_is_shown_as_itself(tenths: int) -> None:
    assert render.percent(tenths / 10) == f"{tenths / 10:.1f}%"


@pytest.mark.parametrize(
    ("count", "shown"),
    [
        (None, "unknown"),
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KB"),
        (1024 * 1024 - 1, "1.0 MB"),
        (537_185_485, "512.3 MB"),
        (3 * 1024**3, "3.0 GB"),
        (2048 * 1024**4, "2048.0 TB"),
        (-1, "unknown"),
        (math.nan, "unknown"),
        (10**400, "unknown"),
    ],
)
def test_sizes_count_1024(count: float | None, shown: str) -> None:
    assert render.size(count) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [(None, "unknown"), (2_516_582.4, "2.4 MB/s"), (0, "0 B/s"), (math.inf, "unknown")],
)
def test_speeds_are_sizes_a_second(value: float | None, shown: str) -> None:
    assert render.speed(value) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (None, "unknown"),
        (0, "0s"),
        (0.4, "0s"),
        (59.4, "59s"),
        (59.6, "1m 0s"),
        (138, "2m 18s"),
        (3599.6, "1h 0m"),
        (3900, "1h 5m"),
        (86_399.9, "1d 0h"),
        (3 * 86_400 + 4 * 3600 + 59, "3d 4h"),
        (-1, "unknown"),
        (math.nan, "unknown"),
        (math.inf, "unknown"),
    ],
)
def test_durations_show_two_units(seconds: float | None, shown: str) -> None:
    assert render.duration(seconds) == shown


@unhurried
@given(numbers)
def test_any_number_at_all_is_shown(value: float | None) -> None:
    for shown in (render.size(value), render.speed(value), render.duration(value)):
        assert shown
        assert "nan" not in shown
        assert "inf" not in shown


@pytest.mark.parametrize(
    ("current", "total", "shown"),
    [
        (None, None, "unknown"),
        (1024, None, "1.0 KB"),
        (1024, 2048, "1.0 KB / 2.0 KB"),
        (None, 2048, "unknown / 2.0 KB"),
    ],
)
def test_the_sizes_of_a_state(current: int | None, total: int | None, shown: str) -> None:
    info = ProgressInfo("X", ProgressStatus.IN_PROGRESS, current_size=current, total_size=total)
    assert render.sizes(info) == shown


@pytest.mark.parametrize(
    ("current", "total", "shown"),
    [(5, 12, "5 / 12 files"), (5, None, "5 files"), (None, 1204, "unknown / 1,204 files")],
)
def test_counts_of_things_are_no_bytes(current: int | None, total: int | None, shown: str) -> None:
    info = ProgressInfo(
        "X", ProgressStatus.IN_PROGRESS, current_size=current, total_size=total, unit="files"
    )
    assert render.sizes(info) == shown


@pytest.mark.parametrize(
    ("value", "shown"), [(0.25, "0.25 files/s"), (3.0, "3 files/s"), (1204.4, "1,204 files/s")]
)
def test_speeds_of_things_are_no_bytes_a_second(value: float, shown: str) -> None:
    assert render.speed(value, "files") == shown


def test_every_status_has_a_mark() -> None:
    assert set(render.MARKS) == set(ProgressStatus)


@unhurried
@given(st.text(st.characters(), max_size=300), st.integers(1, 100))
def test_text_from_outside_becomes_one_printable_line(text: str, limit: int) -> None:
    shown = render.sanitize_line(text, limit)
    assert len(shown) <= limit
    assert all(unicodedata.category(c)[0] != "C" for c in shown)
    assert len(shown.splitlines()) <= 1
    shown.encode()


def test_a_names_ending_cannot_be_pushed_out_of_sight() -> None:
    assert render.sanitize_line("song" + " " * 5000 + ".exe") == "song…"
    assert render.sanitize_line("gnp.\u202eexe") == "gnp. exe"
    assert render.sanitize_line("a\x1b[2Jb\r\nc") == "a [2Jb c"


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("https://mega.nz/file/AbCdEfGh#S3CRET", "https://mega.nz/file/AbCdEfGh…"),
        ("https://mega.nz/#!AbCdEfGh!S3CRET", "https://mega.nz/#!AbCdEfGh…"),
        ("https://mega.co.nz/#F!AbCdEfGh!S3CRET", "https://mega.co.nz/#F!AbCdEfGh…"),
        ("https://mega.nz/%23!AbCdEfGh!S3CRET", "https://mega.nz/#!AbCdEfGh…"),
        ("https://mega.nz/file/AbCdEfGh%23S3CRET", "https://mega.nz/file/AbCdEfGh…"),
        ("mega.nz/file/AbCdEfGh#S3CRET", "mega.nz/file/AbCdEfGh…"),
        ("www.mega.nz:443/#!AbCdEfGh!S3CRET", "www.mega.nz:443/#!AbCdEfGh…"),
        ("<https://mega.nz/file/AbCdEfGh#S3CRET>", "<https://mega.nz/file/AbCdEfGh…"),
        ("\n https://mega.nz/file/AbCdEfGh#S3C\nRET", "https://mega.nz/file/AbCdEfGh…"),
        ("https://me:S3CRET@host.example/x", "https://host.example/x"),
        ("https://host.example/x?token=S3CRET", "https://host.example/x…"),
        ("https://host.example/@someone", "https://host.example/@someone"),
        ("clip #1.mp4", "clip #1.mp4"),
        ("folder/clip.mp4", "folder/clip.mp4"),
    ],
)
def test_of_a_link_the_secret_part_is_cut(source: str, shown: str) -> None:
    assert render.redact_source(source) == shown


@unhurried
@given(
    st.text(), st.sampled_from(["https://mega.nz/file/H#", "https://mega.nz/#!H!", "x://h/p?k="])
)
def test_no_text_after_the_mark_is_ever_shown(text: str, link: str) -> None:
    shown = render.redact_source(link + "S3CRET" + text)
    assert "S3CRET" not in shown
