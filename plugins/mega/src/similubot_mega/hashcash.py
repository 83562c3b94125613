"""MEGA's proof of work, asked for by HTTP 402 and the header X-Hashcash (since 2025)."""

import base64
import hashlib
import time
from collections.abc import Callable

from similubot_core.cancel import CancelToken

_REPEATS = 262_144
LONGEST_SECONDS = 60.0
"""A solution is searched for no longer; what MEGA asks for takes a few seconds."""
_LONGEST_TOKEN = 64  # bytes; MEGA sends 48


class HashcashRefused(Exception):  # noqa: N818
    """The challenge is none that we can solve."""


def solve(challenge: str, cancel: CancelToken, clock: Callable[[], float] = time.monotonic) -> str:
    """Solve `1:<easiness>:<timestamp>:<token>`; a try takes about 7 ms.

    Raises:
        HashcashRefused: Another version, nonsense, or more work than a minute's.
        Cancelled: `cancel` was set.
    """
    try:
        version, easiness_text, _, token = challenge.split(":")
        easiness = int(easiness_text)
        body = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
    except ValueError as error:
        raise HashcashRefused from error
    if version != "1" or not 0 <= easiness <= 255 or not 0 < len(body) <= _LONGEST_TOKEN:
        raise HashcashRefused
    threshold = (((easiness & 63) << 1) + 1) << ((easiness >> 6) * 7 + 3)
    work = bytearray(4) + body * _REPEATS
    deadline = clock() + LONGEST_SECONDS
    for number in range(1 << 32):
        cancel.raise_if_cancelled()
        if clock() > deadline:
            break
        work[:4] = number.to_bytes(4, "big")
        if int.from_bytes(hashlib.sha256(work).digest()[:4], "big") <= threshold:
            nonce = base64.urlsafe_b64encode(work[:4]).rstrip(b"=").decode("ascii")
            return f"1:{token}:{nonce}"
    raise HashcashRefused
