"""Lines out of what a program prints, cut anywhere."""

import codecs
import re
from collections.abc import Callable

LONGEST_LINE = 65_536


class LineSplitter:
    r"""Makes lines out of output that is cut anywhere.

    A line ends at ``\n`` or ``\r`` (progress lines are redrawn with it) and is handed on without
    it. Bytes that are not UTF-8 become U+FFFD. Of a line over 65,536 characters the first 65,536
    and "…" are handed on, and the rest is dropped: a tag or a file's name that a tool prints must
    not become lines of its own. Empty lines are left out. Memory and time are bounded by the bytes.

    Args:
        on_line: Gets each line.
    """

    def __init__(self, on_line: Callable[[str], object]) -> None:
        self._on_line = on_line
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._pieces: list[str] = []
        self._length = 0

    def feed(self, data: bytes) -> None:
        """Take the next bytes, and hand on the lines that they end."""
        self._take(self._decoder.decode(data))

    def close(self) -> None:
        """Hand on what is left, as the last line."""
        self._take(self._decoder.decode(b"", final=True))
        self._end_line()

    def _take(self, text: str) -> None:
        # Only the new text is searched for line ends, however long the line that it goes on with.
        first, *others = re.split(r"[\r\n]", text)
        self._add(first)
        for piece in others:
            self._end_line()
            self._add(piece)

    def _add(self, piece: str) -> None:
        # One character more than is handed on is kept: it tells that the line was longer.
        if piece and self._length <= LONGEST_LINE:
            kept = piece[: LONGEST_LINE + 1 - self._length]
            self._pieces.append(kept)
            self._length += len(kept)

    def _end_line(self) -> None:
        if not self._pieces:
            return
        line = "".join(self._pieces)
        self._pieces.clear()
        self._length = 0
        self._on_line(line if len(line) <= LONGEST_LINE else line[:LONGEST_LINE] + "…")
