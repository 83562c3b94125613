"""MEGA's proof of work."""

import base64
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from similubot_core import Cancelled, CancelToken
from similubot_mega.hashcash import HashcashRefused, solve

TOKEN = base64.urlsafe_b64encode(bytes(range(48))).decode()


def test_the_answer_is_as_hard_as_was_asked() -> None:
    easiness = 250
    version, token, nonce = solve(f"1:{easiness}:1763000000:{TOKEN}", CancelToken()).split(":")
    assert (version, token) == ("1", TOKEN)
    work = base64.urlsafe_b64decode(nonce + "==") + base64.urlsafe_b64decode(TOKEN) * 262_144
    first = int.from_bytes(hashlib.sha256(work).digest()[:4], "big")
    assert first <= (((easiness & 63) << 1) + 1) << ((easiness >> 6) * 7 + 3)


def test_a_cancel_ends_the_search() -> None:
    cancel = CancelToken()
    cancel.cancel()
    with pytest.raises(Cancelled):
        solve(f"1:0:1763000000:{TOKEN}", cancel)


def test_more_work_than_a_minutes_is_refused() -> None:
    times = iter([0.0, 30.0, 61.0])
    with pytest.raises(HashcashRefused):
        solve(f"1:0:1763000000:{TOKEN}", CancelToken(), lambda: next(times))


@pytest.mark.parametrize(
    "challenge",
    [
        "",
        "1:2:3",
        f"2:255:1:{TOKEN}",
        f"1:x:1:{TOKEN}",
        f"1:999:1:{TOKEN}",
        "1:255:1:",
        "1:255:1:%%%%%",
    ],
)
def test_a_challenge_that_is_none_is_refused(challenge: str) -> None:
    with pytest.raises(HashcashRefused):
        solve(challenge, CancelToken())


@given(st.text())
def test_any_text_is_refused(challenge: str) -> None:
    with pytest.raises(HashcashRefused):
        solve(challenge, CancelToken())
