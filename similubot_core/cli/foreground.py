"""Work in the foreground of a terminal: Ctrl-C, SIGTERM and SIGHUP set the cancel token."""

import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import TypeVar

from similubot_core.cancel import CancelToken

T = TypeVar("T")


def run_in_foreground(work: Callable[[CancelToken], T]) -> T:
    """Call `work` with a token that SIGINT, SIGTERM and SIGHUP set; return what it returns.

    The work runs in a thread, so that a signal is never held up by a read that blocks; this (the
    main) thread waits for it. The handlers are put back afterwards, unless one of them was called:
    then further signals are ignored, since the program is about to end. A signal that was ignored
    when we were started, as SIGHUP under nohup, stays ignored.

    Raises:
        Cancelled: As the work raises it once the token is set.
    """
    token = CancelToken()
    outcome: list[T] = []
    failure: list[BaseException] = []
    asked: list[int] = []

    def target() -> None:
        try:
            outcome.append(work(token))
        except BaseException as error:  # noqa: BLE001  (raised again in the waiting thread)
            failure.append(error)

    def on_signal(number: int, frame: FrameType | None) -> None:
        # A second Ctrl-C may come while the first is still in `cancel`, which holds its lock.
        if not asked:
            asked.append(number)
            token.cancel()

    before = {
        number: signal.signal(number, on_signal)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        if signal.getsignal(number) is not signal.SIG_IGN
    }
    thread = threading.Thread(target=target, name="similubot-work")
    try:
        thread.start()
        while thread.is_alive():
            thread.join(0.2)  # short, so that the handler gets its turn on every platform
    finally:
        # After a cancel nothing more is heard: an impatient second Ctrl-C must not end the program
        # in the midst of telling how the first one ended.
        for number, handler in before.items():
            signal.signal(number, signal.SIG_IGN if asked else handler)
    if failure:
        raise failure[0]
    return outcome[0]
