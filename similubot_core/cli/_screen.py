"""What a program draws, understood as a terminal understands it: rows of text and a cursor.

A kept emulator was tried first: pyte 0.8 takes 0.3 to 0.7 MB/s, this one 4 to 50 times that (see
`bench/watch_cost.py`), and it knows what `watch` has to know besides: which rows were redrawn,
which have left the screen, and when a row is complete and can be read.
"""

import re
import unicodedata
from collections.abc import Callable
from itertools import groupby

MOST_COLUMNS = 4096
_MOST_STYLE = 64
_TAB = 8
_FLOOD = 24
"""So many lines at once are shown at once: nobody can look at what becomes of the first."""
_PART_OF_A_SEQUENCE = re.compile(
    r"\x1b(?:\[[0-?]{0,64}[ -/]{0,4}|[\]PX^_][^\x07\x1b\x9c]{0,4096}\x1b?|[ -/]{0,4})?\Z"
)
_TOKEN = re.compile(
    r"(?P<text>[^\x00-\x1f\x7f]+)"
    r"|(?P<csi>\x1b\[(?P<private>[<-?]?)(?P<numbers>[0-9;:]*)[ -/]*(?P<final>[@-~]))"
    r"|\x1b\](?P<osc>[^\x07\x1b]*)(?:\x07|\x1b\\)"
    r"|\x1b[PX^_][^\x1b]*\x1b\\"
    r"|\x1b[ -/]+[0-~]"
    r"|\x1b(?P<esc>[0-~])"
    r"|(?P<control>[\x00-\x1f\x7f])"
)
_NOT_PLAIN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_REPORT = re.compile(r"9;4;(\d)(?:;(\d{1,3}))?")
_FULL_SCREEN = {"1049", "1047", "47", "1"}
"""The private modes of programs that take the whole screen: the alternate screen, and the keys of
applications, which less and top ask for where they do without it."""

OnRow = Callable[[str], bool]
"""Reads the text of a row; returns whether it says something about progress."""


class Row:
    """One row of the screen.

    Attributes:
        cells: A character each, with its combining marks; "" is the second half of a wide one.
        styles: The SGR sequences that hold for each.
        redrawn: Whether something in it was overwritten or erased, or it began with a carriage
            return, as rows do that are going to be.
        ended: Whether the program went on to a next line.
        wraps: Whether the line goes on in the next row.
        says_progress: Whether the text, when it was read last, said something about progress.
        unread: Whether it has changed since.
        read: What it looked like then.
        touched: When it changed last, in the seconds of whoever shows it.
        shown: What of it was shown for good; None is nothing.
    """

    __slots__ = (
        "cells",
        "ended",
        "read",
        "redrawn",
        "says_progress",
        "shown",
        "styles",
        "touched",
        "unread",
        "wraps",
    )

    def __init__(self) -> None:
        self.cells: list[str] = []
        self.styles: list[str] = []
        self.redrawn = self.ended = self.wraps = self.says_progress = self.unread = False
        self.touched = 0.0
        self.read = ""
        self.shown: str | None = None

    @property
    def text(self) -> str:
        """Its characters, without blanks at the end."""
        return "".join(self.cells).rstrip()

    def styled(self) -> str:
        """Its characters with their styles, without blanks at the end."""
        if not any(self.styles):
            return self.text
        parts, at = [], 0
        for style, group in groupby(self.styles):
            length = len(list(group))
            part = "".join(self.cells[at : at + length])
            parts.append(f"{style}{part}\x1b[0m" if style else part)
            at += length
        return "".join(parts).rstrip()

    def put(self, at: int, cells: list[str], style: str) -> None:
        """Write characters from a column on."""
        old = len(self.cells)
        if at > old:
            self.cells.extend(" " * (at - old))
            self.styles.extend([""] * (at - old))
        elif at < old and not self.redrawn:
            self.redrawn = not "".join(self.cells[at : at + len(cells)]).isspace()
        self.cells[at : at + len(cells)] = cells
        self.styles[at : at + len(cells)] = [style] * len(cells)
        self.unread = True

    def erase(self, first: int, last: int) -> None:
        """Blank the columns from `first` up to but without `last`."""
        last = min(last, len(self.cells))
        if first >= last:
            return
        self.redrawn = self.redrawn or not "".join(self.cells[first:last]).isspace()
        if last == len(self.cells):
            del self.cells[first:], self.styles[first:]
        else:
            self.cells[first:last] = " " * (last - first)
            self.styles[first:last] = [""] * (last - first)
        self.unread = True


class Screen:
    """A terminal's screen that a program's output is fed to.

    Args:
        on_row: Gets a row's text whenever it is complete: the cursor leaves it, or begins to draw
            it anew. Progress that a program reports by OSC 9;4 comes as that sequence.
        width: Columns.
        height: Rows.
        newline: Whether a line feed also goes to the first column, as behind a pipe, where no
            terminal driver adds a carriage return.
        on_full_screen: Called where a program begins to draw the whole screen: with the text from
            there on, of which it returns what is to be understood here. None takes it all here.
    """

    def __init__(
        self,
        on_row: OnRow,
        width: int = MOST_COLUMNS,
        height: int = 200,
        *,
        newline: bool = True,
        on_full_screen: Callable[[str], str] | None = None,
    ) -> None:
        self._on_row = on_row
        self._newline = newline
        self._on_full_screen = on_full_screen
        self.width, self.height = width, height
        self.rows = [Row()]
        self.x = self.y = 0
        self.depth = 0
        """How many rows above its lowest place the cursor has been at most: what is that near may
        be drawn anew."""
        self.now = 0.0
        """The seconds that rows are marked with; whoever shows them sets it."""
        self.lines_ended = 0
        """How often a line feed came."""
        self.replies: list[str] = []
        """What the program asked for and has to be typed to it."""
        self.bells = 0
        self.gone: list[tuple[str, bool]] = []
        """Rows that have left the screen and were not shown, and whether each goes on in the next.
        Whoever shows them takes them; None shows nothing."""
        self.keeps_gone = on_full_screen is not None
        self._lowest = 0
        self._style = ""
        self._saved = (0, 0, "", 0)
        self._top, self._bottom = 0, height - 1
        self._rest = ""
        self._last = ""

    def resize(self, width: int, height: int) -> None:
        """Take another size; rows above what is left have left the screen."""
        self.width = width
        while self.y >= height:
            self._leave(self.rows.pop(0))
            self.y -= 1
            self._lowest -= 1
        self.height = height
        del self.rows[height:]
        self._top, self._bottom = 0, height - 1
        self.x = min(self.x, width)
        self._lowest = max(self._lowest, self.y)

    @property
    def row(self) -> Row:
        """The row of the cursor."""
        while len(self.rows) <= self.y:
            self.rows.append(Row())
        return self.rows[self.y]

    def feed(self, text: str) -> None:
        """Take what the program wrote; it may end anywhere."""
        if self._rest:
            text, self._rest = self._rest + text, ""
        if "\x1b" in text[-4200:]:
            match = _PART_OF_A_SEQUENCE.search(text, max(0, len(text) - 4200))
            if match is not None:
                text, self._rest = text[: match.start()], match[0]
        simple = not (self._style or self.depth or self._top or self._bottom < self.height - 1)
        if simple and text.count("\n") >= (_FLOOD if self.keeps_gone else 2):
            lines = text.replace("\r\n", "\n")
            if not _NOT_PLAIN.search(lines):
                text = self._feed_lines(lines)
        self._feed(text)

    def _feed_lines(self, text: str) -> str:
        """Take whole lines at once, and return what is left: the last line, without an end."""
        first, _, rest = text.partition("\n")
        self._feed(first + ("\n" if self._newline else "\r\n"))
        *lines, last = rest.split("\n")
        if self.keeps_gone:
            for row in self.rows[: self.y]:
                self._leave(row)
            self.gone += [(line, False) for line in lines]
        kept = min(len(lines), self.height - 1)
        rows: list[Row] = []
        for at, line in enumerate(lines, kept - len(lines)):
            says_progress = bool(line) and self._on_row(line)
            if at >= 0:
                rows.append(_shown(line[: self.width], says_progress, self.now))
        self.lines_ended += len(lines)
        above = self.rows[: self.y][-(self.height - 1 - kept) :] if kept < self.height - 1 else []
        for row in above:
            row.shown = row.styled()
        self.rows = [*above, *rows, Row()]
        self.y = self._lowest = len(self.rows) - 1
        return last

    def clear(self) -> None:
        """Begin with an empty screen."""
        self.rows = [Row()]
        self.x = self.y = self._lowest = 0

    def read_row(self) -> None:
        """Read the line of the cursor, which is complete though nothing may have ended it."""
        row = self.row
        if not row.unread:
            return
        rows = self.rows[self._line_begins() : self.y + 1]
        text = row.text if len(rows) == 1 else "".join("".join(r.cells) for r in rows).rstrip()
        says_progress = bool(text) and self._on_row(text)
        for part in rows:
            part.unread = False
            part.touched = self.now
            part.says_progress = says_progress
            part.read = part.styled() if self.keeps_gone else ""

    def _line_begins(self) -> int:
        """The row in which the line of the cursor begins."""
        first = self.y
        while first > 0 and self.rows[first - 1].wraps:
            first -= 1
        return first

    # -- drawing ----------------------------------------------------------------------------------

    def _feed(self, text: str) -> None:
        at = 0
        while at < len(text):
            match = _TOKEN.match(text, at)
            if match is None:  # a sequence that no terminal knows
                at += 1
                continue
            at = match.end()
            if match["text"] is not None:
                self._write(match["text"])
            elif match["control"] is not None:
                self._control(match["control"])
            elif match["csi"] is not None:
                if self._is_full_screen(match):
                    text, at = self._leave_to_it(text[match.start() :]), 0
                    continue
                self._csi(match["private"], match["numbers"], match["final"])
            elif match["osc"] is not None:
                self._osc(match["osc"])
            elif match["esc"] is not None:
                self._escape(match["esc"])

    def _is_full_screen(self, match: "re.Match[str]") -> bool:
        return (
            self._on_full_screen is not None
            and match["final"] == "h"
            and match["private"] == "?"
            and not _FULL_SCREEN.isdisjoint(match["numbers"].split(";"))
        )

    def _leave_to_it(self, text: str) -> str:
        self.read_row()
        return self._on_full_screen(text) if self._on_full_screen is not None else ""

    def _write(self, text: str) -> None:
        cells = list(text) if text.isascii() else _cells(text)
        if text[0] >= "\u0300" and _width(text[0]) == 0:
            # A mark that belongs to the character before it.
            if 0 < self.x <= len(self.row.cells):
                self.row.cells[self.x - 1] += cells[0]
            cells = cells[1:]
        self._last = text[-1]
        while cells:
            if self.x >= self.width:
                self.row.wraps = True
                self._line_feed()
                self.x = 0
            room = self.width - self.x
            part, cells = cells[:room], cells[room:]
            self.row.put(self.x, part, self._style)
            self.x += len(part)

    def _control(self, control: str) -> None:
        if control == "\n" or control in "\x0b\x0c":
            self.read_row()
            self.row.ended = True
            self.lines_ended += 1
            self._line_feed()
            if self._newline:
                self.x = 0
        elif control == "\r":
            self.read_row()
            self.x = 0
            self.row.redrawn = self.row.redrawn or not self.row.cells
            first = self._line_begins()
            if first < self.y and self.row.says_progress:
                # A row of progress that is wider than the screen: a terminal would leave its first
                # part behind, each time.
                for row in self.rows[first : self.y + 1]:
                    row.erase(0, len(row.cells))
                    row.wraps = row.unread = False
                self.y = self._lowest = first
        elif control == "\b":
            self.read_row()
            self.x = max(0, min(self.x, self.width - 1) - 1)
        elif control == "\t":
            self.x = min(self.width - 1, (self.x // _TAB + 1) * _TAB)
        elif control == "\x07":
            self.bells += 1

    def _line_feed(self) -> None:
        if self.y == self._bottom:
            self._scroll(1)
        elif self.y < self.height - 1:
            self.y += 1
        self._lowest = max(self._lowest, self.y)

    def _scroll(self, count: int) -> None:
        """Move the rows of the scroll region up."""
        for _ in range(min(count, self.height)):
            while len(self.rows) <= self._bottom:
                self.rows.append(Row())
            row = self.rows.pop(self._top)
            if self._top == 0:
                self._leave(row)
            self.rows.insert(self._bottom, Row())

    def _leave(self, row: Row) -> None:
        """A row leaves the screen upwards."""
        if not self.keeps_gone:
            return
        text = row.styled()
        if (text or row.ended) and row.shown != text:
            self.gone.append((text, row.wraps))

    def _scroll_down(self, count: int) -> None:
        for _ in range(min(count, self.height)):
            while len(self.rows) <= self._bottom:
                self.rows.append(Row())
            self.rows.pop(self._bottom)
            self.rows.insert(self._top, Row())

    def _go_to(self, y: int, x: int | None = None) -> None:
        self.read_row()
        y = max(0, min(y, self.height - 1))
        if y < self.y:
            self.depth = max(self.depth, self._lowest - y)
        self.y = y
        self._lowest = max(self._lowest, y)
        if x is not None:
            self.x = max(0, min(x, self.width - 1))

    def _csi(self, private: str, numbers: str, final: str) -> None:
        if final == "m":
            if not private:
                self._set_style(numbers)
            return
        if private:
            return
        counts = [int(n[:5]) if n.isdigit() else 0 for n in numbers.split(";")]
        first = counts[0]
        second = counts[1] if len(counts) > 1 else 0
        move = max(1, first)
        if final in "AF":
            self._go_to(self.y - move, 0 if final == "F" else None)
        elif final in "BEe":
            self._go_to(self.y + move, 0 if final == "E" else None)
        elif final in "Ca":
            self._go_to(self.y, self.x + move)
        elif final == "D":
            self._go_to(self.y, min(self.x, self.width - 1) - move)
        elif final in "G`":
            self._go_to(self.y, move - 1)
        elif final == "d":
            self._go_to(move - 1)
        elif final in "Hf":
            self._go_to(move - 1, max(1, second) - 1)
        elif final == "r":
            top, bottom = move - 1, (second or self.height) - 1
            if top < bottom < self.height:
                self._top, self._bottom = top, bottom
                self.read_row()
                self.x = self.y = 0
        elif final in "JK":
            self._erase(final, first)
        elif final in "LMP@X":
            self._edit(final, move)
        elif final == "S":
            self._scroll(move)
        elif final == "T":
            self._scroll_down(move)
        elif final == "b":
            self._write(self._last * min(move, self.width))
        elif final == "s":
            self._saved = (self.x, self.y, self._style, self._lowest)
        elif final == "u":
            self._restore()
        elif final == "n" and first == 6:
            self.replies.append(f"\x1b[{self.y + 1};{min(self.x, self.width - 1) + 1}R")
        elif final == "n" and first == 5:
            self.replies.append("\x1b[0n")
        elif final == "c":
            self.replies.append("\x1b[?6c")

    def _erase(self, final: str, what: int) -> None:
        self.read_row()
        row = self.row
        if what == 0:
            row.erase(self.x, len(row.cells))
        elif what == 1:
            row.erase(0, self.x + 1)
        else:
            row.erase(0, len(row.cells))
        if final == "J" and what != 1:
            for other in self.rows[self.y + 1 :]:
                other.erase(0, len(other.cells))
        if final == "J" and what != 0:
            for other in self.rows[: self.y]:
                other.erase(0, len(other.cells))
        if what != 1:
            row.wraps = False
        if not row.cells:
            row.unread = row.says_progress = False
            row.read = ""

    def _edit(self, final: str, count: int) -> None:
        """Insert or delete rows or characters at the cursor."""
        self.read_row()
        row = self.row
        if final == "X":
            row.erase(self.x, self.x + count)
        elif final == "P":
            del row.cells[self.x : self.x + count], row.styles[self.x : self.x + count]
            row.unread = row.redrawn = True
        elif final == "@":
            count = min(count, self.width - self.x)
            if self.x < len(row.cells):
                row.cells[self.x : self.x] = " " * count
                row.styles[self.x : self.x] = [""] * count
                del row.cells[self.width :], row.styles[self.width :]
                row.unread = row.redrawn = True
        elif self._top <= self.y <= self._bottom:
            for _ in range(min(count, self.height)):
                while len(self.rows) <= self._bottom:
                    self.rows.append(Row())
                self.rows.pop(self.y if final == "M" else self._bottom)
                self.rows.insert(self._bottom if final == "M" else self.y, Row())

    def _escape(self, final: str) -> None:
        if final == "7":
            self._saved = (self.x, self.y, self._style, self._lowest)
        elif final == "8":
            self._restore()
        elif final in "DE":
            self.read_row()
            self._line_feed()
            if final == "E":
                self.x = 0
        elif final == "M":
            self.read_row()
            if self.y == self._top:
                self._scroll_down(1)
            else:
                self._go_to(self.y - 1)
        elif final == "c":
            self._style = ""
            self._top, self._bottom = 0, self.height - 1
            self._go_to(0, 0)
            self._erase("J", 2)

    def _restore(self) -> None:
        """Back to where the cursor was saved: no drawing anew of what is above."""
        self.read_row()
        self.x, self.y, self._style, self._lowest = self._saved
        self.y = min(self.y, self.height - 1)

    def _osc(self, text: str) -> None:
        if _REPORT.fullmatch(text):
            self._on_row(f"\x1b]{text}\x07")

    def _set_style(self, numbers: str) -> None:
        if numbers.strip("0") == "":
            self._style = ""
        elif numbers.startswith("0;"):
            self._style = f"\x1b[{numbers}m"
        elif len(self._style) < _MOST_STYLE:
            self._style += f"\x1b[{numbers}m"
        else:
            self._style = f"\x1b[{numbers}m"


def _shown(line: str, says_progress: bool, now: float) -> Row:
    """A row that was read, and shown where anything is."""
    row = Row()
    row.cells = list(line.expandtabs(_TAB)) if line.isascii() else _cells(line.expandtabs(_TAB))
    row.styles = [""] * len(row.cells)
    row.ended = True
    row.says_progress = says_progress
    row.touched = now
    row.read = row.shown = row.text
    return row


def _cells(text: str) -> list[str]:
    """One cell a column: a wide character takes two, a combining mark none."""
    cells: list[str] = []
    for character in text:
        width = 1 if character < "\u0300" else _width(character)
        if width == 0 and cells:
            at = -2 if cells[-1] == "" and len(cells) > 1 else -1
            cells[at] += character
        else:
            cells.append(character)
            if width == 2:
                cells.append("")
    return cells


def _width(character: str) -> int:
    """How many columns a character takes."""
    if unicodedata.east_asian_width(character) in "WF":
        return 2
    return 0 if unicodedata.category(character) in ("Mn", "Me", "Cf") else 1
