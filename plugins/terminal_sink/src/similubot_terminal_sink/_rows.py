"""Rows: the operations that are under way, as a tree, in the order in which they began."""

from dataclasses import dataclass, field

from similubot_core import ProgressInfo

KEPT_PARTS = 20
"""Of an operation's parts that have ended, so many are remembered."""


@dataclass(slots=True)
class Row:
    """One operation.

    Attributes:
        info: Its newest state.
        began: When it was first heard of, in seconds of the sink's clock.
        ended: When it ended; None while it has not.
        parts: Those of its parts that are remembered, in the order in which they began.
    """

    info: ProgressInfo
    began: float
    ended: float | None = None
    parts: "dict[str, Row]" = field(default_factory=dict)

    def seconds(self, now: float) -> float:
        """How long it has taken, or took."""
        return max(0.0, (now if self.ended is None else self.ended) - self.began)

    @property
    def present_part(self) -> "Row | None":
        """The part at work, of its parts' parts the innermost; None where there is none.

        Of several at once it is the one that began first: the others wait for it, as a conversion
        does that takes a download as it comes.
        """
        for part in self.parts.values():
            if not part.info.status.is_final:
                return part.present_part or part
        return None


class Rows:
    """What is known of the operations under way. For one thread."""

    def __init__(self) -> None:
        self.tops: dict[str, Row] = {}
        """Those that are no part of another one that is known."""
        self._all: dict[str, Row] = {}

    def take(self, info: ProgressInfo, now: float) -> Row | None:
        """Take a state; returns the row of a whole that has ended with it, and forgets that."""
        row = self._all.get(info.id)
        parent = self._all.get(info.parent or "")
        if row is None:
            row = self._all[info.id] = Row(info, now)
            (self.tops if parent is None else parent.parts)[info.id] = row
        row.info = info
        if not info.status.is_final:
            return None
        row.ended = now
        if info.id in self.tops:
            self._forget(row)
            del self.tops[info.id]
            return row
        if parent is not None:
            self._forget_oldest_part(parent)
        return None

    def _forget(self, row: Row) -> None:
        self._all.pop(row.info.id, None)
        for part in row.parts.values():
            self._forget(part)

    def _forget_oldest_part(self, parent: Row) -> None:
        ended = [row for row in parent.parts.values() if row.info.status.is_final]
        if len(ended) > KEPT_PARTS:
            self._forget(ended[0])
            del parent.parts[ended[0].info.id]
