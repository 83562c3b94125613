"""How values reach one callback: in order, one at a time, and without slowing the sender."""

import logging
import subprocess
import sys
import threading
from collections.abc import Callable

import pytest

from similubot_core.progress._delivery import Delivery

LIMIT = 20.0
Until = Callable[[Callable[[], bool]], None]


def send(delivery: Delivery[int], *values: int, keep: bool = False) -> None:
    for value in values:
        delivery.put(value, keep=keep)
        delivery.flush()


class Slow:
    """A callback that is held up until it is let go."""

    def __init__(self) -> None:
        self.got: list[int] = []
        self.threads: set[int] = set()
        self.entered = threading.Event()
        self.go = threading.Event()

    def __call__(self, value: int) -> None:
        self.entered.set()
        assert self.go.wait(LIMIT)
        self.got.append(value)
        self.threads.add(threading.get_ident())


def make_slow(delivery: Delivery[int], callback: Slow) -> None:
    """Let the first call take long in a thread, so that it is seen to be slow."""
    first = threading.Thread(target=send, args=(delivery, 0))
    first.start()
    assert callback.entered.wait(LIMIT)
    threading.Event().wait(0.1)  # what "slow" means is a length of time
    callback.go.set()
    first.join(LIMIT)
    assert callback.got == [0]
    callback.go.clear()
    callback.entered.clear()


def test_a_quick_callback_gets_every_value_in_the_sending_thread() -> None:
    got: list[tuple[int, int]] = []
    delivery: Delivery[int] = Delivery(lambda v: got.append((v, threading.get_ident())))
    send(delivery, 1, 2, 3)
    assert got == [(v, threading.get_ident()) for v in (1, 2, 3)]


def test_a_value_gives_way_to_a_newer_one_and_a_kept_one_does_not() -> None:
    got: list[int] = []
    delivery: Delivery[int] = Delivery(got.append)
    for value, keep in ((1, True), (2, False), (3, False), (4, True), (5, False)):
        delivery.put(value, keep=keep)
    delivery.flush()
    assert got == [1, 4, 5]


def test_a_slow_callback_no_longer_holds_up_the_sender(until: Until) -> None:
    callback = Slow()
    delivery: Delivery[int] = Delivery(callback)
    make_slow(delivery, callback)
    send(delivery, *range(1, 1000))  # would never return if it were called here
    assert callback.got == [0]
    callback.go.set()
    until(lambda: callback.got[-1] == 999)


def test_a_slow_callback_gets_the_newest_value_and_all_that_are_kept(until: Until) -> None:
    callback = Slow()
    delivery: Delivery[int] = Delivery(callback)
    make_slow(delivery, callback)
    send(delivery, 1)
    assert callback.entered.wait(LIMIT)  # it is busy with 1
    send(delivery, 2, 3, 4)
    send(delivery, 5, keep=True)
    send(delivery, 6, 7)
    callback.go.set()
    until(lambda: callback.got[-1] == 7)
    assert callback.got == [0, 1, 5, 7]
    assert threading.get_ident() not in callback.threads


def test_a_slow_callback_leaves_no_thread_behind(nothing_left: None) -> None:
    callback = Slow()
    delivery: Delivery[int] = Delivery(callback)
    make_slow(delivery, callback)
    callback.go.set()
    send(delivery, 1)


def test_a_callback_that_raises_is_logged_once_a_kind_and_called_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def broken(value: int) -> None:
        raise ValueError("odd") if value % 2 else KeyError("even")

    with caplog.at_level(logging.ERROR):
        send(Delivery(broken), 1, 2, 3, 4)
    assert [type((r.exc_info or (0, 0))[1]) for r in caplog.records] == [ValueError, KeyError]


def test_an_interrupt_in_a_callback_goes_on_and_the_next_value_is_still_delivered() -> None:
    got: list[int] = []

    def interrupted(value: int) -> None:
        if value == 1:
            raise KeyboardInterrupt
        got.append(value)

    delivery: Delivery[int] = Delivery(interrupted)
    with pytest.raises(KeyboardInterrupt):
        send(delivery, 1)
    send(delivery, 2)
    assert got == [2]


def test_what_a_callback_sends_itself_comes_after_what_it_is_at() -> None:
    got: list[int] = []

    def echo(value: int) -> None:
        if value < 3:
            send(delivery, value + 1)
        got.append(value)

    delivery: Delivery[int] = Delivery(echo)
    send(delivery, 1)
    assert got == [1, 2, 3]


def test_it_is_never_called_twice_at_once_and_never_out_of_order(until: Until) -> None:
    got: list[int] = []
    inside = threading.Lock()

    def callback(value: int) -> None:
        assert inside.acquire(blocking=False), "called twice at once"
        got.append(value)
        inside.release()

    delivery: Delivery[int] = Delivery(callback)
    lock, counter = threading.Lock(), iter(range(4000))

    def sender() -> None:
        for _ in range(1000):
            with lock:
                delivery.put(next(counter), keep=True)
            delivery.flush()

    threads = [threading.Thread(target=sender) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LIMIT)
    until(lambda: len(got) == 4000)
    assert got == list(range(4000))


def test_once_stopped_it_delivers_nothing_more(until: Until) -> None:
    callback = Slow()
    delivery: Delivery[int] = Delivery(callback)
    make_slow(delivery, callback)
    send(delivery, 1)
    assert callback.entered.wait(LIMIT)
    send(delivery, 2, keep=True)
    delivery.stop()
    send(delivery, 3, keep=True)
    callback.go.set()
    until(lambda: callback.got == [0, 1])
    until(lambda: all(t.name != "similubot-slow-callback" for t in threading.enumerate()))
    assert callback.got == [0, 1]


def test_where_no_thread_can_be_had_a_slow_callback_is_called_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    callback = Slow()
    delivery: Delivery[int] = Delivery(callback)
    make_slow(delivery, callback)
    callback.go.set()

    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    send(delivery, 1, 2)
    assert callback.got == [0, 1, 2]


def test_a_program_that_ends_still_shows_a_slow_callback_the_last_value() -> None:
    program = """
import time
from similubot_core.progress._delivery import Delivery
def slow(value):
    time.sleep(0.2)
    print(value, flush=True)
delivery = Delivery(slow)
for value in ("first", "lost", "last"):
    delivery.put(value, keep=value != "lost")
    delivery.flush()
"""
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True
    )
    assert ended.stdout.splitlines()[-1] == "last"
