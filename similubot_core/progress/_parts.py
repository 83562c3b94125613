"""Parts: what follows for an operation from the operations that it is made of."""

from dataclasses import dataclass
from typing import Protocol

from similubot_core.progress.info import ProgressInfo, ProgressStatus


class Part(Protocol):
    """An operation that is a part of another; a tracker."""

    def get_current_progress(self) -> ProgressInfo:
        """Its newest state."""


@dataclass(frozen=True, slots=True)
class Figures:
    """What the parts say of the whole; None is unknown.

    Attributes:
        percentage: 0 to 100, by the weights.
        current_size: Units done.
        total_size: Units in all, of the parts that are known.
        speed: Units per second.
    """

    percentage: float | None
    current_size: int | None
    total_size: int | None
    speed: float | None


class Parts:
    """The parts of one operation, with their weights.

    A part that has ended is only counted, so that a million of them take no memory. Not safe from
    several threads at once: the tracker uses it under its own lock.

    Args:
        unit: The unit of the whole; sizes and speeds are summed where all parts have it.
    """

    def __init__(self, unit: str) -> None:
        self._unit = unit
        self._unfinished: dict[str, tuple[Part, float | None]] = {}
        self._weighted = _Sum()
        self._current = _Sum()
        self._total = _Sum()
        self._weights = _Sum()
        self.planned_weight: float | None = None
        """The weights of all parts, those still to come too, where that is known beforehand."""

    def add(self, key: str, part: Part, weight: float | None) -> None:
        """Count a part, begun or not."""
        self._unfinished[key] = (part, weight)

    def end(self, info: ProgressInfo) -> None:
        """Count a part's last state, and forget the part."""
        found = self._unfinished.pop(info.id, None)
        if found is not None:
            self._count(info, found[1], self._weighted, self._weights, self._current, self._total)

    def unfinished(self) -> list[Part]:
        """The parts that have not ended, in the order they were added."""
        return [part for part, _ in self._unfinished.values()]

    def figures(self) -> Figures:
        """What follows from the parts now.

        The percentage follows from the weights, where every part has one. The sums are known
        where every part has the unit of the whole and knows its own.
        """
        weighted, weights = self._weighted.copy(), self._weights.copy()
        current, total = self._current.copy(), self._total.copy()
        speed = _Sum()
        for part, weight in list(self._unfinished.values()):
            info = part.get_current_progress()
            self._count(info, weight, weighted, weights, current, total)
            if info.status is ProgressStatus.IN_PROGRESS:
                speed.add(info.speed if info.unit == self._unit else None)
        in_all = weights.value
        if in_all is not None and self.planned_weight is not None:
            in_all = max(in_all, self.planned_weight)
        return Figures(
            weighted.value / in_all if weighted.value is not None and in_all else None,
            None if current.value is None or not current.count else int(current.value),
            None if total.value is None or not total.count else int(total.value),
            speed.value if speed.count else None,
        )

    def _count(
        self,
        info: ProgressInfo,
        weight: float | None,
        weighted: "_Sum",
        weights: "_Sum",
        current: "_Sum",
        total: "_Sum",
    ) -> None:
        weights.add(weight)
        weighted.add(None if weight is None else weight * info.percentage)
        same_unit = info.unit == self._unit
        done = info.current_size
        if done is None and info.status is ProgressStatus.STARTING:
            done = 0
        current.add(done if same_unit else None)
        total.add(info.total_size if same_unit else None)


class _Sum:
    """A sum that is unknown (None) once one of its numbers is."""

    __slots__ = ("_sum", "count", "count_unknown")

    def __init__(self) -> None:
        self._sum: float = 0
        self.count = 0
        self.count_unknown = 0

    @property
    def value(self) -> float | None:
        return None if self.count_unknown else self._sum

    def add(self, number: float | None) -> None:
        self.count += 1
        if number is None:
            self.count_unknown += 1
        else:
            self._sum += number

    def copy(self) -> "_Sum":
        copied = _Sum()
        copied._sum, copied.count = self._sum, self.count
        copied.count_unknown = self.count_unknown
        return copied
