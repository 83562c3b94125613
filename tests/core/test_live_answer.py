"""A service's answers, however they are: bounded, and no number that is none."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator

import pytest

from similubot_core.live.answer import LONGEST_ANSWER, json_answer, wait_of


async def body(*chunks: bytes) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk


async def test_an_object_in_pieces_is_read() -> None:
    assert await json_answer(body(b'{"ok": ', b"true}")) == {"ok": True}


@pytest.mark.parametrize(
    "chunk",
    [b"", b"[1]", b"null", b"<html>502</html>", b"\xff\xfe", b"[" * 100_000, b"9" * 5000, b'"x"'],
)
async def test_what_is_no_object_is_a_value_error(chunk: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  (json's own words differ)
        await json_answer(body(chunk))


async def test_an_answer_without_an_end_is_not_read_to_it() -> None:
    read = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal read
        while True:
            read += 65_536
            yield b" " * 65_536

    with pytest.raises(ValueError, match="more than 1 MB"):
        await json_answer(endless())
    assert read <= LONGEST_ANSWER + 65_536


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (5, 5.0),
        (0.25, 0.25),
        (-3, 0.0),
        (10**400, 3600.0),
        (math.inf, 3600.0),
        (math.nan, 0.0),
        ("5", None),
        (True, None),
        (None, None),
    ],
)
def test_a_wait_is_within_an_hour_whatever_was_said(value: object, seconds: float | None) -> None:
    assert wait_of(value) == seconds


def test_a_wait_in_milliseconds() -> None:
    assert wait_of(4200, 1000) == 4.2
