"""The faults that the loopback MEGA server has on request, and its proof of work."""

from __future__ import annotations

import base64
import hashlib
import os
from dataclasses import dataclass, field
from typing import Generic, Literal, TypeVar

DataFaultKind = Literal["hold", "stall", "reset", "short", "status", "expire", "wrong_byte"]


@dataclass(frozen=True)
class ApiFault:
    """What the API answers instead of the truth."""

    code: int | None = None
    """MEGA's own error (-9 not found, -17 over quota …), sent as the whole answer."""
    status: int = 200
    """HTTP status."""
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class DataFault:
    """What goes wrong when the byte `at` of a file is asked for."""

    kind: DataFaultKind
    """`hold`: no answer at all, the connection stays; `stall`: no byte from `at` on, it stays;
    `reset`: cut there by RST; `short`: closed there, though more was promised; `status`: the
    request gets `status`; `expire`: 403, and the download address is dead from then on;
    `wrong_byte`: this byte is not the file's."""
    at: int | None = None
    """Offset in the file, bytes; None strikes every request at its own first byte."""
    status: int = 500
    """HTTP status for `status`."""
    headers: dict[str, str] = field(default_factory=dict)

    def strikes(self, first: int, last: int) -> bool:
        """Tell whether a request for the bytes `first` to `last` (inclusive) meets this fault."""
        return self.at is None or first <= self.at <= last


FaultT = TypeVar("FaultT", ApiFault, DataFault)


@dataclass
class Planned(Generic[FaultT]):
    """A fault with the number of times that it is still to strike; None is for ever."""

    fault: FaultT
    left: int | None
    skip: int = 0
    """Strikes that it lets pass first."""

    def strike(self) -> bool:
        """Use up one strike; False when none is left, or it is to be let pass."""
        if self.skip > 0:
            self.skip -= 1
            return False
        if self.left is None:
            return True
        self.left -= 1
        return self.left >= 0


def hashcash_challenge(easiness: int, timestamp: int) -> str:
    """Make a value for `X-Hashcash`: easiness 0 to 255, the higher the easier."""
    token = base64.urlsafe_b64encode(os.urandom(48)).decode("ascii")
    return f"1:{easiness}:{timestamp}:{token}"


def hashcash_is_right(challenge: str, answer: str) -> bool:
    """Check an answer `1:<token>:<nonce>` against its challenge, as MEGA's SDK defines it."""
    _, easiness_text, _, token = challenge.split(":")
    parts = answer.split(":")
    if len(parts) != 3 or parts[0] != "1" or parts[1] != token:
        return False
    try:
        nonce = base64.urlsafe_b64decode(parts[2] + "=" * (-len(parts[2]) % 4))
    except ValueError:
        return False
    if len(nonce) != 4:
        return False
    easiness = int(easiness_text)
    threshold = (((easiness & 63) << 1) + 1) << ((easiness >> 6) * 7 + 3)
    digest = hashlib.sha256(nonce + base64.urlsafe_b64decode(token) * 262_144).digest()
    return int.from_bytes(digest[:4], "big") <= threshold
