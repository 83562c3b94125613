"""What a watched command draws, on our terminal: its lines above the bars that a sink draws there.

A row in which the command shows its progress stays away while it moves, since the sink's bar stands
for it, and comes once it is left as it is. Other rows that may still change, such as a question,
stand between the lines and the bars. A program that takes the whole screen has it.
"""

import contextlib
import re
import termios
import time
from collections.abc import Callable, Sequence
from typing import BinaryIO

from similubot_core.cli._screen import OnRow, Row, Screen
from similubot_core.plugins.specs import TerminalSink

INTERVAL = 0.05
"""Seconds between two drawings."""
HOLD_SECONDS = 0.5
"""How long a row of progress that a line end has left stays away: it may be drawn anew."""
TYPING_SECONDS = 2.0
"""How long after a key the cursor stays where the command has it, and the bars away."""
_MOST_HELD = 262_144
_ALTERNATE = re.compile(r"\x1b\[\?(?:1049|1047|47)h")
_LEAVES_ALTERNATE = re.compile(r"\x1b\[\?(?:1049|1047|47)l")
_LEAVES = re.compile(r"\x1b\[\?1l")
_ASKS = re.compile(r"(?:[?:>]|[\[(][yYnN][^\])]{0,12}[\])][?:]?)\Z")


class TerminalView:
    """Draws on a terminal what a command writes; in the main thread alone.

    Args:
        read: Reads the text of a row, for the tracker.
        terminal: Ours, to write to.
        bars: The sinks that draw there too.
        size: Columns and rows that the command has.
        newline: See `Screen`.
        reply: Types to the command what it asked the terminal for.
        on_full_screen: Called with True when the command takes the whole screen, and with False
            when it gives it back.
        clock: Returns seconds that only grow.
    """

    def __init__(
        self,
        read: OnRow,
        terminal: BinaryIO,
        bars: Sequence[TerminalSink],
        size: tuple[int, int],
        *,
        newline: bool,
        reply: Callable[[bytes], object],
        on_full_screen: Callable[[bool], object],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._terminal = terminal
        self._bars = bars
        self._reply = reply
        self._on_full_screen = on_full_screen
        self._clock = clock
        self._screen = Screen(read, *size, newline=newline, on_full_screen=self._take_all)
        self._drawn: list[str] = []
        self._cursor_at = 0  # rows below the first of `_drawn`
        self._drawn_at = -INTERVAL
        self._typed_at = -TYPING_SECONDS
        self._typed_after = -1
        self._all: str | None = None  # the end of what a full-screen program wrote last
        self._has_alternate = False  # whether that one is on the alternate screen

    def feed(self, text: str) -> None:
        """Take what the command wrote."""
        self._screen.now = self._clock()
        if self._all is not None:
            text = self._pass(text)
        if text:
            self._screen.feed(text)
        for reply in self._screen.replies:
            self._reply(reply.encode())
        self._screen.replies.clear()
        is_due = self._clock() - self._drawn_at >= INTERVAL or self._is_typing()
        if is_due or sum(len(line) for line, _ in self._screen.gone) > _MOST_HELD:
            self._draw()

    def quiet(self) -> None:
        """Nothing came for a tenth of a second: what is there is complete."""
        if self._all is not None:
            return
        self._screen.now = self._clock()
        if not self._screen.row.unread or not self._is_typing():
            self._screen.read_row()
        self._draw()

    def key(self) -> None:
        """A key was typed: where the command waits for an answer, the cursor goes there."""
        row = self._screen.row
        if self._all is None and (not row.says_progress or _asks(row, self._clock())):
            self._typed_at = self._clock()
            self._typed_after = self._screen.lines_ended

    def leave(self) -> None:
        """The terminal is somebody else's for a while: what was drawn stays there."""
        if self._all is None:
            self._draw_before_all()

    def resize(self, size: tuple[int, int]) -> None:
        """The command's terminal has another size."""
        if size != (self._screen.width, self._screen.height):
            self._screen.resize(*size)

    def close(self) -> None:
        """The command has ended: what it has left on its screen stays."""
        if self._all is not None:
            self._give_back()
        self._screen.now = self._clock()
        self._screen.read_row()
        self._typed_at = -TYPING_SECONDS
        self._draw(ended=True)

    # -- drawing ----------------------------------------------------------------------------------

    def _is_typing(self) -> bool:
        is_recent = self._clock() - self._typed_at < TYPING_SECONDS
        return is_recent and self._typed_after == self._screen.lines_ended

    def _draw(self, *, ended: bool = False) -> None:
        if self._all is not None:
            return
        screen = self._screen
        typing = self._is_typing()
        lines = self._lines(ended=ended)
        live, cursor = ([], 0) if ended else self._live(typing=typing)
        bells, screen.bells = screen.bells, 0
        self._drawn_at = self._clock()
        at = cursor if typing else len(live)
        if not lines and live == self._drawn and at == self._cursor_at and not typing and not bells:
            return
        self._hide_bars()
        out = ["\a" if bells else "", "\r"]
        if self._cursor_at:
            out.append(f"\x1b[{self._cursor_at}A")
        if self._drawn:
            out.append("\x1b[J")
        out += [text if wraps else f"{text}\n" for text, wraps in lines]
        out += [f"{text}\n" for text in live]
        if typing:
            out.append(f"\x1b[{len(live) - at}A" if at < len(live) else "")
            out.append(f"\x1b[{min(screen.x, screen.width - 1) + 1}G")
        self._drawn, self._cursor_at = live, at
        self._write("".join(out))
        if not typing:
            self._show_bars()

    def _lines(self, *, ended: bool) -> list[tuple[str, bool]]:
        """The rows that stay as they are, and were not shown yet; whether the next one goes on."""
        screen = self._screen
        lines, screen.gone = screen.gone, []
        last = len(screen.rows) if ended else max(0, screen.y - screen.depth)
        for row in screen.rows[:last]:
            is_young = screen.now - row.touched < HOLD_SECONDS
            if row.says_progress and is_young and row.shown is None and not ended:
                break  # and those below it, so that they keep their order
            text = row.styled()
            if (text or row.ended) and row.shown != text:
                lines.append((text, row.wraps and not ended))
            row.shown = text
        if lines and lines[-1][1]:
            lines[-1] = (lines[-1][0], False)
        return lines

    def _live(self, *, typing: bool) -> tuple[list[str], int]:
        """The rows that may change and show no progress; and which of them has the cursor."""
        screen = self._screen
        live: list[str] = []
        cursor = 0
        for at, row in enumerate(screen.rows):
            mine = at == screen.y
            text = row.styled() if mine and typing else row.read
            is_hidden = row.says_progress and not (mine and _asks(row, screen.now))
            if mine and typing:
                cursor = len(live)
                live.append(text)
            elif text and not is_hidden and row.shown != text:
                live.append(text)
        most = max(1, screen.height - 1)
        cut = max(0, len(live) - most)
        return live[cut:], max(0, cursor - cut)

    def _hide_bars(self) -> None:
        for sink in self._bars:
            sink.hide()

    def _show_bars(self) -> None:
        for sink in self._bars:
            sink.unhide()

    def _write(self, text: str) -> None:
        self._terminal.write(text.encode(errors="surrogateescape"))
        self._terminal.flush()

    # -- programs that take the whole screen ------------------------------------------------------

    def _take_all(self, text: str) -> str:
        self._draw_before_all()
        self._all = ""
        self._has_alternate = False
        self._on_full_screen(True)
        self._use_line_ends(added=False)
        return self._pass(text)

    def _draw_before_all(self) -> None:
        """Show all that came before, and leave the cursor below it."""
        self._draw(ended=True)
        self._hide_bars()
        self._screen.clear()

    def _pass(self, text: str) -> str:
        """Pass on what is for the whole screen; return what comes after it."""
        before = self._all or ""
        self._has_alternate = self._has_alternate or bool(_ALTERNATE.search(before + text))
        leaves = _LEAVES_ALTERNATE if self._has_alternate else _LEAVES
        match = leaves.search(before + text)
        if match is None:
            self._all = (before + text)[-16:]
            self._write(text)
            return ""
        # The alternate screen's end puts the cursor back; else the rest is about that too.
        end = match.end() - len(before) if self._has_alternate else len(text)
        self._write(text[:end])
        self._give_back()
        return text[end:]

    def _give_back(self) -> None:
        self._all = None
        self._use_line_ends(added=True)
        self._on_full_screen(False)
        self._write("\r")
        self._show_bars()

    def _use_line_ends(self, *, added: bool) -> None:
        """Whether our terminal adds a carriage return to a line feed."""
        with contextlib.suppress(termios.error, OSError, ValueError):
            modes = termios.tcgetattr(self._terminal.fileno())
            modes[1] = modes[1] | termios.OPOST if added else modes[1] & ~termios.OPOST
            termios.tcsetattr(self._terminal.fileno(), termios.TCSADRAIN, modes)


def _asks(row: Row, now: float) -> bool:
    """Whether a row that says something about progress asks something all the same.

    It ends as questions do, or it stays as it is and nothing ends it.
    """
    stays = not row.ended and now - row.touched >= HOLD_SECONDS
    return not row.redrawn and (stays or bool(_ASKS.search(row.text)))
