"""ProgressInfo: what is known of one operation at one moment."""

import enum
import itertools
import math
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, fields


class ProgressStatus(enum.Enum):
    """Where an operation stands. The values are what JSON carries."""

    STARTING = "starting"
    IN_PROGRESS = "in_progress"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_final(self) -> bool:
        """Whether nothing comes after this status."""
        return self not in (ProgressStatus.STARTING, ProgressStatus.IN_PROGRESS)


@dataclass(frozen=True, slots=True)
class ProgressInfo:
    """What is known of one operation at one moment.

    Attributes:
        operation: What is being done, for people: "MEGA Download".
        status: Where it stands.
        percentage: 0 to 100; 100 only with COMPLETED.
        current_size: How much is done, in `unit`; None when unknown.
        total_size: How much there is in all, in `unit`; None when unknown.
        speed: Units per second; None when unknown.
        eta: Seconds to the end; None when unknown.
        message: A sentence for people, maybe empty. It can hold text from outside (a file's name).
        details: What only this kind of operation has, such as FFmpeg's ``speed_factor``;
            values are what JSON can carry.
        timestamp: When this was so, in seconds since the epoch.
        id: Tells this operation from every other, also from another of the same name and from
            those of other programs. A state made by hand without one takes the operation's name.
        parent: The `id` of the operation that this one is a part of; None at the top.
        unit: What the sizes and the speed count: "B" for bytes, else a word such as "files".
    """

    operation: str
    status: ProgressStatus
    percentage: float = 0.0
    current_size: int | None = None
    total_size: int | None = None
    speed: float | None = None
    eta: float | None = None
    message: str = ""
    details: Mapping[str, object] = field(default_factory=dict, hash=False)
    timestamp: float = field(default_factory=time.time)
    id: str = ""
    parent: str | None = None
    unit: str = "B"

    def __post_init__(self) -> None:
        if not self.id:
            object.__setattr__(self, "id", self.operation)

    def __reduce__(self) -> tuple[type["ProgressInfo"], tuple[object, ...]]:
        # For copies and other processes: a read-only view of the details cannot be pickled.
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        return type(self), tuple({**values, "details": dict(self.details)}.values())

    def as_dict(self) -> dict[str, object]:
        """The fields by name, as JSON can carry them: `status` as its value, and a detail that is
        NaN or infinite as None.
        """
        values: dict[str, object] = {f.name: getattr(self, f.name) for f in fields(self)}
        timestamp = values.pop("timestamp")  # the last one, whatever fields come to be
        return {
            **values,
            "status": self.status.value,
            "details": _for_json(self.details),
            "timestamp": timestamp,
        }


_numbers = itertools.count(1)
_program = os.urandom(4).hex()


def new_id() -> str:
    """An id for one operation, such as "5e3a90c1-17"; no other has it, in any program."""
    return f"{_program}-{next(_numbers)}"


def _become_another_program() -> None:
    global _program
    _program = os.urandom(4).hex()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_become_another_program)


def _for_json(value: object) -> object:
    """`value` with None for NaN and infinite, which JSON has not, and text for every key."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): _for_json(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_for_json(part) for part in value]
    return value
