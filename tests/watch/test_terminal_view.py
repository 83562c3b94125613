"""What a command draws on our terminal: its lines above the bars, its own bars away."""

import io
import re

import pytest

from similubot_core.cli._screen import Screen
from similubot_core.cli._terminal_view import HOLD_SECONDS, INTERVAL, TYPING_SECONDS, TerminalView
from similubot_core.progress.info import ProgressInfo
from similubot_testkit.fake_clock import FakeClock

BAR = "== our bar =="
PROGRESS = re.compile(r"\d%|Pulling|Downloading")


class Ours:
    """Our terminal with a bar of one line on it, and a command that draws there."""

    def __init__(self, *, height: int = 10) -> None:
        self.clock = FakeClock()
        self.clock.advance(10)
        self.terminal = io.BytesIO()
        self.is_hidden = False
        self.full: list[bool] = []
        self.replies: list[bytes] = []
        self.view = TerminalView(
            lambda row: bool(PROGRESS.search(row)),
            self.terminal,
            [self],
            (40, height),
            newline=True,
            reply=self.replies.append,
            on_full_screen=self.full.append,
            clock=self.clock,
        )
        self.unhide()

    def show(self, info: ProgressInfo) -> None:
        raise NotImplementedError

    def close(self) -> None:
        raise NotImplementedError

    def hide(self) -> None:
        if not self.is_hidden:
            self.terminal.write(b"\r\x1b[2K")
        self.is_hidden = True

    def unhide(self) -> None:
        self.terminal.write(BAR.encode())
        self.is_hidden = False

    def gets(self, text: str, *, then_seconds: float = INTERVAL) -> None:
        self.view.feed(text)
        self.clock.advance(then_seconds)

    def quiet(self, seconds: float = 0.1) -> None:
        self.clock.advance(seconds)
        self.view.quiet()

    def screen(self) -> tuple[list[str], tuple[int, int]]:
        """What a person sees, and where the cursor is."""
        screen = Screen(lambda row: False, 40, 30)
        screen.feed(self.terminal.getvalue().decode())
        rows = [row.text for row in screen.rows]
        while rows and not rows[-1]:
            rows.pop()
        return rows, (screen.y, screen.x)

    @property
    def rows(self) -> list[str]:
        return self.screen()[0]


def test_lines_go_above_the_bar() -> None:
    ours = Ours()
    ours.gets("one\ntwo\n")
    assert ours.rows == ["one", "two", BAR]


def test_a_bar_that_moves_stays_away() -> None:
    ours = Ours()
    ours.gets("one\n")
    for n in range(5):
        ours.gets(f"\r{n}% of it")
        ours.quiet()
    assert ours.rows == ["one", BAR]


def test_a_bar_that_is_left_as_it_is_stays() -> None:
    ours = Ours()
    ours.gets("\r10% of it\r100% of it, done.\nnext\n")
    ours.quiet(HOLD_SECONDS)
    assert ours.rows == ["100% of it, done.", "next", BAR]


def test_rows_that_are_drawn_anew_above_each_other_stay_away_until_the_end() -> None:
    ours = Ours()
    ours.gets("latest: from x\na: Pulling\nb: Pulling\n")
    for n in range(5):
        ours.gets(f"\x1b[2A\ra: Downloading {n}\x1b[2B\x1b[1A\rb: Downloading {n}\x1b[1B\r")
        ours.quiet()
    assert ours.rows == ["latest: from x", BAR]
    ours.gets("\x1b[2A\ra: complete\x1b[K\n\rb: complete\x1b[K\n")
    ours.view.close()
    assert ours.rows == ["latest: from x", "a: complete", "b: complete", BAR]


def test_a_question_is_seen_before_it_is_answered() -> None:
    ours = Ours()
    ours.gets("Your name, please, ")
    ours.quiet()
    assert ours.rows == ["Your name, please,", BAR]


@pytest.mark.parametrize(
    "question",
    [
        "Keep the 45% that are done? ",
        "Go on at 45% [Y/n] ",
        "Go on at 45% (yes/no/all): ",
        "45% are done, your name, please, ",
        "Type 1% or 2% ",
        "Passphrase for part 45%",
        "45%\n$ ",
        "mysql (45%)> ",
        "45% 宽 »",
    ],
)
def test_a_question_of_any_ending_is_seen_before_it_is_answered(question: str) -> None:
    ours = Ours()
    ours.gets("one\n" + question)
    ours.quiet()
    ours.quiet(HOLD_SECONDS)
    assert ours.rows == ["one", *(row.rstrip() for row in question.split("\n")), BAR]


def test_a_bar_that_has_begun_and_stands_still_is_no_question() -> None:
    ours = Ours()
    ours.gets("one\n\r  0%|     | 0/5")
    ours.quiet()
    ours.quiet(HOLD_SECONDS)
    assert ours.rows == ["one", BAR]


def test_a_question_about_progress_is_seen_too() -> None:
    ours = Ours()
    ours.gets("At 50%. Go on [y/N]? ")
    ours.quiet()
    assert ours.rows == ["At 50%. Go on [y/N]?", BAR]


def test_while_somebody_types_the_cursor_is_where_the_command_has_it() -> None:
    ours = Ours()
    ours.gets("Your name, ")
    ours.quiet()
    ours.view.key()
    ours.gets("Bo")
    assert ours.screen() == (["Your name, Bo"], (0, 13))
    ours.view.key()
    ours.gets("\b \b")
    assert ours.screen() == (["Your name, B"], (0, 12))
    ours.view.key()
    ours.gets("\nHello B\n")
    ours.quiet()
    assert ours.rows == ["Your name, B", "Hello B", BAR]


def test_the_bar_comes_back_when_nobody_types_any_more() -> None:
    ours = Ours()
    ours.gets("Your name, ")
    ours.view.key()
    ours.gets("Bo")
    ours.quiet(TYPING_SECONDS)
    assert ours.rows == ["Your name, Bo", BAR]


def test_a_key_for_a_command_that_shows_progress_leaves_the_bar() -> None:
    ours = Ours()
    ours.gets("\r10% of it")
    ours.quiet()
    ours.view.key()
    ours.gets("\r11% of it")
    ours.quiet()
    assert ours.rows == [BAR]


def test_a_spinner_that_says_nothing_of_progress_is_seen() -> None:
    ours = Ours()
    for sign in "|/-\\":
        ours.gets(f"\r{sign} thinking")
    ours.quiet()
    assert ours.rows == ["\\ thinking", BAR]


def test_a_line_that_is_wider_than_the_terminal_stays_one_line() -> None:
    ours = Ours()
    ours.gets("x" * 50 + "\nnext\n")
    ours.quiet()
    assert ours.rows == ["x" * 40, "x" * 10, "next", BAR]
    assert b"x" * 50 in ours.terminal.getvalue()


def test_a_flood_of_lines_is_shown_whole_and_in_order() -> None:
    ours = Ours(height=5)
    ours.gets("first\n" + "".join(f"line {n}\n" for n in range(1000)) + "rest")
    ours.view.close()
    shown = re.findall(r"line (\d+)", ours.terminal.getvalue().decode())
    assert shown == [str(n) for n in range(1000)]
    assert ours.rows[-2:] == ["rest", BAR]


def test_a_program_that_takes_the_whole_screen_has_it() -> None:
    ours = Ours()
    ours.gets("before\n\x1b[?1049h\x1b[Hall 50% of\x1b[1;1H it")
    assert ours.is_hidden
    assert ours.terminal.getvalue().endswith(b"\x1b[?1049h\x1b[Hall 50% of\x1b[1;1H it")
    ours.gets("more\x1b[?10")
    ours.gets("49lafter\n")
    ours.quiet()
    assert ours.full == [True, False]
    assert ours.terminal.getvalue().count(b"\x1b[?1049l") == 1
    assert ours.rows[-2:] == ["after", BAR]


def test_bytes_that_are_no_text_go_on_as_they_are() -> None:
    ours = Ours()
    ours.gets(b"caf\xe9\n".decode(errors="surrogateescape"))
    assert b"caf\xe9\n" in ours.terminal.getvalue()


def test_what_a_program_asks_the_terminal_is_typed_to_it() -> None:
    ours = Ours()
    ours.gets("ab\x1b[6n")
    assert ours.replies == [b"\x1b[1;3R"]
