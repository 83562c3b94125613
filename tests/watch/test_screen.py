"""The screen: what a program draws, understood as a terminal understands it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from similubot_core.cli._screen import Screen


def drawn(text: str, *, width: int = 40, height: int = 10) -> tuple[list[str], list[str]]:
    """What is on the screen after this, and the rows that were read on the way."""
    seen: list[str] = []

    def read(row: str) -> bool:
        seen.append(row)
        return "%" in row

    screen = Screen(read, width, height)
    screen.feed(text)
    return [row.text for row in screen.rows], seen


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("one\ntwo\n", ["one", "two", ""]),
        ("a line\rA", ["A line"]),
        ("12%\b\b\b45%", ["45%"]),
        ("long row\r\x1b[Knew", ["new"]),
        ("long row\r\x1b[2Kx", ["x"]),
        ("abcdef\x1b[3DX", ["abcXef"]),
        ("abcdef\x1b[2GX\x1b[1K!", ["  !def"]),
        ("one\ntwo\nthree\x1b[2AX", ["one  X", "two", "three"]),
        ("one\ntwo\x1b[1F1", ["1ne", "two"]),
        ("one\ntwo\x1b[1;2HX", ["oXe", "two"]),
        ("one\ntwo\x1b[H\x1b[Jnew", ["new", ""]),
        ("abc\x1b[2D\x1b[Px", ["ax"]),
        ("abc\x1b[2D\x1b[@x", ["axbc"]),
        ("a\nb\nc\x1b[2A\x1b[M", ["b", "c"]),
        ("a\nb\x1b[1A\x1b[Lx", [" x", "a", "b"]),
        ("a\x1b7bc\x1b8X", ["aXc"]),
        ("a\tb", ["a       b"]),
        ("界界\x1b[3GX", ["界X"]),
        ("e\u0301a", ["e\u0301a"]),
        ("\x1b[31mred\x1b[0m plain", ["red plain"]),
        ("\x1b]0;title\x07text\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", ["textlink"]),
        ("\x1bPq#0\x1b\\text\x1b(B", ["text"]),
        ("x\x1b[3b", ["xxxx"]),
        ("12345678901234567890123456789012345678901", ["1234567890" * 4, "1"]),
    ],
)
def test_a_row_is_what_a_terminal_shows(text: str, rows: list[str]) -> None:
    shown = drawn(text)[0]
    assert [row for row in shown if row] == [row for row in rows if row]


def test_a_sequence_may_come_in_pieces() -> None:
    screen = Screen(lambda row: False, 40, 10)
    for piece in ("abc\x1b", "[", "2", "D", "X\x1b]9;4;1", ";40\x07!"):
        screen.feed(piece)
    assert screen.row.text == "aX!"


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("10%\r20%\r30%", ["10%", "20%"]),
        ("10%\n20%\n", ["10%", "20%"]),
        ("  5%\b\b\b\b 10%\b\b\b\b 15%", ["  5%", " 10%"]),
        ("a 1%\nb 1%\n\x1b[2Aa 2%\n\x1b[1Bb 2%", ["a 1%", "b 1%", "a 2%"]),
        ("\x1b]9;4;1;40\x07\x1b]9;4;1;50\x1b\\", ["\x1b]9;4;1;40\x07", "\x1b]9;4;1;50\x07"]),
        ("\x1b]0;90%\x07", []),
    ],
)
def test_a_row_is_read_when_it_is_complete(text: str, seen: list[str]) -> None:
    assert drawn(text)[1] == seen


def test_a_row_that_goes_on_in_the_next_is_read_as_one() -> None:
    text = "a" * 50 + " 10%"
    assert drawn(text + "\n", width=40)[1] == [text]


def test_a_row_of_progress_that_is_too_wide_is_drawn_over_as_a_whole() -> None:
    row = "size= 1 KiB time=00:00:01 bitrate= 1 kbit/s"
    rows, _ = drawn(f"{row} 10%\r{row} 20%\r", width=40)
    assert [text for text in rows if text] == []


def test_what_leaves_the_screen_is_handed_on_once() -> None:
    screen = Screen(lambda row: False, 40, 3, on_full_screen=lambda text: "")
    screen.feed("".join(f"line {n}\n" for n in range(6)) + "\x1b[0m")
    assert [text for text, _ in screen.gone] == [f"line {n}" for n in range(4)]


def test_a_line_keeps_its_colours() -> None:
    screen = Screen(lambda row: False, 40, 3, on_full_screen=lambda text: "")
    screen.feed("a \x1b[1m\x1b[31mred\x1b[0m b")
    assert screen.row.styled() == "a \x1b[1m\x1b[31mred\x1b[0m b"


def test_it_answers_what_a_program_asks_a_terminal() -> None:
    screen = Screen(lambda row: False, 40, 10)
    screen.feed("ab\n\x1b[3C\x1b[6n\x1b[c")
    assert screen.replies == ["\x1b[2;4R", "\x1b[?6c"]


def test_rows_within_the_scroll_region_scroll_and_others_stay() -> None:
    rows, _ = drawn("\x1b[4;1Hstatus\x1b[1;3r" + "a\nb\nc\nd\n", height=4)
    assert rows == ["c", "d", "", "status"]


@given(
    st.lists(
        st.text(alphabet="ab\r\n\b\t\x1b[]0123456789;?ABCDHJKLMPSTXm@bhlrsu78cDEM界\u0301\x07")
    )
)
def test_any_text_keeps_it_within_its_size(texts: list[str]) -> None:
    screen = Screen(lambda row: True, 12, 5, on_full_screen=lambda text: text[6:])
    for text in texts:
        screen.feed(text)
        assert 0 <= screen.y < 5
        assert len(screen.rows) <= 5
        assert all(len(row.cells) <= 12 + 1 for row in screen.rows)
        assert all(len(row.cells) == len(row.styles) for row in screen.rows)
