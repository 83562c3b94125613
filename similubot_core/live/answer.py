"""What a service answers, taken with care: bounded, and no number that is none."""

from __future__ import annotations

import json
from collections.abc import AsyncIterable

LONGEST_ANSWER = 1024 * 1024
LONGEST_WAIT = 3600.0


async def json_answer(chunks: AsyncIterable[bytes]) -> dict[str, object]:
    """The JSON object that an answer's body is.

    Args:
        chunks: The body, such as ``response.content.iter_any()`` of aiohttp.

    Raises:
        ValueError: It is something else, or longer than 1 MB.
    """
    body = bytearray()
    async for chunk in chunks:
        body += chunk
        if len(body) > LONGEST_ANSWER:
            raise ValueError("an answer of more than 1 MB")
    try:
        found = json.loads(body)
    except RecursionError:
        raise ValueError("an answer that is nested too deep") from None
    if not isinstance(found, dict):
        raise ValueError("an answer that is no JSON object")
    return found


def wait_of(value: object, in_a_second: int = 1) -> float | None:
    """The seconds that a service asks to wait: within 0 and an hour; None where it asks nothing.

    Args:
        value: What it said.
        in_a_second: How many of its units a second has: 1000 for milliseconds.
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return max(0.0, min(value, LONGEST_WAIT * in_a_second) / in_a_second)
