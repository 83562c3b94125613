"""The cancel token: set once and for good, from any thread, and obeyed by every wait."""

import logging
import threading

import pytest

from similubot_core import Cancelled, CancelToken

LIMIT = 20.0


def test_a_new_token_is_not_set_and_raises_nothing() -> None:
    token = CancelToken()
    assert not token.cancelled
    token.raise_if_cancelled()


def test_a_set_token_stays_set_and_raises_cancelled() -> None:
    token = CancelToken()
    token.cancel()
    token.cancel()
    assert token.cancelled
    with pytest.raises(Cancelled, match=r"^Cancelled\.$"):
        token.raise_if_cancelled()


def test_a_wait_says_whether_it_was_cut_short() -> None:
    token = CancelToken()
    assert token.wait(0) is False
    assert token.wait(-1) is False
    token.cancel()
    assert token.wait(3600) is True


def test_a_wait_ends_when_another_thread_cancels() -> None:
    token = CancelToken()
    answers: list[bool] = []
    waiter = threading.Thread(target=lambda: answers.append(token.wait(3600)))
    waiter.start()
    token.cancel()
    waiter.join(LIMIT)
    assert answers == [True]


def test_on_cancel_is_called_once_while_its_block_runs() -> None:
    token, calls = CancelToken(), []
    with token.on_cancel(lambda: calls.append("shut")):
        token.cancel()
        token.cancel()
    assert calls == ["shut"]


def test_on_cancel_is_called_at_once_when_the_token_is_set_already() -> None:
    token, calls = CancelToken(), []
    token.cancel()
    with token.on_cancel(lambda: calls.append("shut")):
        assert calls == ["shut"]
    assert calls == ["shut"]


def test_on_cancel_is_not_called_after_its_block() -> None:
    token, calls = CancelToken(), []
    with token.on_cancel(lambda: calls.append("shut")):
        pass
    token.cancel()
    assert calls == []


def test_one_callback_that_raises_keeps_no_other_from_running(
    caplog: pytest.LogCaptureFixture,
) -> None:
    token, calls = CancelToken(), []

    def broken() -> None:
        raise OSError("socket is gone")

    with (
        caplog.at_level(logging.ERROR),
        token.on_cancel(broken),
        token.on_cancel(lambda: calls.append("shut")),
    ):
        token.cancel()
    assert calls == ["shut"]
    assert "socket is gone" in caplog.text


def test_a_late_callback_that_raises_does_not_disturb_its_block() -> None:
    token, reached = CancelToken(), []
    token.cancel()
    with token.on_cancel(lambda: 1 / 0):
        reached.append(True)
    assert reached


def test_of_many_threads_that_cancel_one_runs_the_callbacks() -> None:
    token, calls = CancelToken(), []
    barrier = threading.Barrier(8)

    def cancel() -> None:
        barrier.wait(LIMIT)
        token.cancel()

    threads = [threading.Thread(target=cancel) for _ in range(8)]
    with token.on_cancel(lambda: calls.append("shut")):
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(LIMIT)
    assert calls == ["shut"]
