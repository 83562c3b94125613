"""Work in the foreground: signals cancel it, and the handlers are put back."""

import os
import signal
import threading
from collections.abc import Iterator

import pytest

from similubot_core import Cancelled, CancelToken
from similubot_core.cli.foreground import run_in_foreground

SIGNALS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]


@pytest.fixture(autouse=True)
def handlers() -> Iterator[dict[signal.Signals, object]]:
    before = {number: signal.getsignal(number) for number in SIGNALS}
    yield dict(before)
    for number, handler in before.items():
        signal.signal(number, handler)


def test_it_returns_what_the_work_returns_and_puts_the_handlers_back(
    handlers: dict[signal.Signals, object], nothing_left: None
) -> None:
    assert run_in_foreground(lambda token: token.cancelled) is False
    assert {number: signal.getsignal(number) for number in SIGNALS} == handlers


def test_the_work_runs_in_a_thread_of_its_own() -> None:
    assert run_in_foreground(lambda token: threading.get_ident()) != threading.get_ident()


@pytest.mark.parametrize("error", [ValueError("x"), SystemExit(3), Cancelled()])
def test_it_raises_what_the_work_raises(
    error: BaseException, handlers: dict[signal.Signals, object]
) -> None:
    def work(token: CancelToken) -> None:
        raise error

    with pytest.raises(type(error)) as caught:
        run_in_foreground(work)
    assert caught.value is error
    assert {number: signal.getsignal(number) for number in SIGNALS} == handlers


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_sets_the_token_and_further_ones_are_ignored(number: signal.Signals) -> None:
    def work(token: CancelToken) -> bool:
        os.kill(os.getpid(), number)
        return token.wait(20)

    assert run_in_foreground(work) is True
    for late in SIGNALS:
        os.kill(os.getpid(), late)


def test_a_signal_that_was_ignored_stays_ignored() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)

    def work(token: CancelToken) -> bool:
        os.kill(os.getpid(), signal.SIGHUP)
        return token.wait(0.3)

    assert run_in_foreground(work) is False
    assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
