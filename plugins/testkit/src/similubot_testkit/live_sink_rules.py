"""What a sink that keeps one message of a messenger true owes, as a check with a clock of its own.

The sink stands on `similubot_core.live`, and writes to a stand-in of the messenger that limits by
the same clock. A minute passes in a few seconds.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Protocol

from similubot_core import ProgressInfo, ProgressStatus, Sink
from similubot_core.live.loop import going_by, join_loop, leave_loop, turn_over
from similubot_testkit.fake_clock import FakeClock

STEP = 0.25
"""Seconds of the clock that pass at once."""
PAUSE = 0.01
"""Real seconds after each, for the sink's requests."""
OUTAGE = 60.0
LONGEST_RETRY = 60.0
"""Seconds that the engine waits at most before it tries again."""
A_MINUTE = 60.0
MANY = 8
CLOSE_SECONDS = 30.0

HOSTILE_NAMES = (
    "@everyone @here @room @someone",
    "<@123456789012345678> <@&1> <#1> <!channel> <!here|x> <https://evil.example|x>",
    "**bold** __u__ ~~s~~ ||spoiler|| `code` ```block``` [text](https://evil.example)",
    "# heading",
    "- item",
    "1. item",
    "> quote",
    "<b>x</b><script>alert(1)</script></code><a href='https://evil.example'>x</a> &lt; & &#60;",
    "<b",
    "</b>",
    "https://evil.example/x tg://resolve?domain=x www.evil.example evil.example clip.mov",
    "/start #tag $USD !cmd",
    "\u202egpj.exe\u2066\x00\x1b[31m\r\nsecond line",
    "\\" * 300,
    "`" * 300,
    "&" * 3000,
    "😀" * 3000,
    "e\u0301" * 2000,
    "@" * 3000,
    "\ud800\udfff",
    " ",
)
"""Names, tags and tools' text that mean something in one markup or another."""


class Messenger(Protocol):
    """The stand-in of a messenger and the sink that writes to it, as the check sees them.

    Any thread may call it, and each call waits until the stand-in's thread has answered.
    """

    def open(self, title: str) -> Sink:
        """Open a sink with a message of its own; all of them share the account and the place."""

    def messages(self) -> Sequence[str]:
        """What people read now of each message that is not deleted, oldest first."""

    def refused(self) -> int:
        """How many requests were answered that they came too soon, by now."""

    def delete(self, part: str) -> None:
        """Delete the message that holds this text, as a person would."""

    def set_away(self, away: bool) -> None:
        """Have the stand-in be away, or back."""

    def alerts(self) -> Sequence[str]:
        """What in all messages mentions or pings somebody, links or can be clicked."""


def assert_live_sink_keeps_the_rules(
    messenger: Messenger, clock: FakeClock, *, final_within: float, interval: float
) -> None:
    """Check what a sink of live messages owes.

    It sends one message and edits that; the newest state wins, and nothing older comes after it;
    the service's limit is kept, but for one request a minute; the final state is there in time,
    also of many operations that end at once, and after the service was away for a minute; a message
    that people delete is not sent again and holds up no other; hostile names mention nobody, link
    nowhere and are never refused. The sink shows `ProgressInfo.message` of the present operation.

    Args:
        messenger: The stand-in, which goes by `clock`, and its sink.
        clock: Stands still until the check lets time pass.
        final_within: Seconds from the end of an operation to the final state on its message, where
            the service's limit is not used up; with many, each has that much time.
        interval: Seconds between two edits of a message in progress.

    Raises:
        AssertionError: Says what it does not keep to.
    """
    check = _Check(messenger, clock, final_within, interval)
    with going_by(clock):
        loop = join_loop()  # kept from the first to the last: it knows what of a limit is used up
        try:
            check.one_message_is_kept_true()
            check.many_end_at_once()
            check.one_is_deleted()
            check.the_service_is_away()
            check.names_are_hostile()
        finally:
            check.close_all()
            leave_loop(loop)
    minutes = max(1.0, clock() - check.began) / A_MINUTE
    refused = messenger.refused()
    assert refused <= minutes + 1, f"limit: {refused} requests too soon in {minutes:.0f} minutes"


class _Check:
    def __init__(
        self, messenger: Messenger, clock: FakeClock, final_within: float, interval: float
    ) -> None:
        self.messenger, self.clock = messenger, clock
        self.final_within, self.interval = final_within, interval
        self.began = clock()
        self._opened: list[Sink] = []

    def one_message_is_kept_true(self) -> None:
        sink = self._open("kept true")
        self._show(sink, "a", "begun", ProgressStatus.STARTING)
        self._until(lambda: self._with("kept true"), self.final_within, "nothing is shown")
        newest = 0
        for number in range(1, int(4 * self.interval * 20)):
            self._show(sink, "a", f"state {number} of it", percentage=number / 100)
            if number % 20 == 0:
                self._pass(1.0)
                shown = self._number(self._with("kept true"))
                assert shown >= newest, f"newest wins: {shown} came after {newest}"
                newest = shown
        assert newest, "newest wins: no state in progress was ever shown"
        last = f"state {number} of it"
        self._until(
            lambda: self._with(last),
            2 * self.interval + self.final_within,
            "newest wins: the last state before a pause is not shown",
        )
        self._end(sink, "a", "the end of it")
        self._until(lambda: self._with("the end of it"), self.final_within, "no final state")
        self._show(sink, "a", "late news", percentage=50.0)
        self._pass(2 * self.interval)
        assert self._with("the end of it"), "the final state was shown, and is not any more"
        assert len(self._with("kept true")) == 1, "there is more than one message"
        self._close(sink)

    def many_end_at_once(self) -> None:
        sinks = [self._open(f"many {number}.") for number in range(MANY)]
        for number, sink in enumerate(sinks):
            self._show(sink, f"m{number}", "begun", ProgressStatus.STARTING)
        self._pass(self.interval)
        for number, sink in enumerate(sinks):
            self._end(sink, f"m{number}", f"end {number} of many")
        self._until(
            lambda: len(self._with("of many")) == MANY,
            MANY * self.final_within,
            "many that end at once: not all final states are shown",
        )
        for sink in sinks:
            self._close(sink)

    def one_is_deleted(self) -> None:
        gone, other = self._open("to be gone"), self._open("to stay")
        for sink in (gone, other):
            self._show(sink, "d", "begun", ProgressStatus.STARTING)
        self._until(lambda: self._with("to be gone") and self._with("to stay"),
                    self.interval + 2 * self.final_within, "nothing is shown")  # fmt: skip
        self.messenger.delete("to be gone")
        for sink in (gone, other):
            self._show(sink, "d", "going on", percentage=50.0)
        self._pass(2 * self.interval + self.final_within)
        self._end(gone, "d", "the end of the deleted")
        self._end(other, "d", "the end of the other")
        self._until(
            lambda: self._with("the end of the other"),
            2 * self.final_within,
            "deleted: another message does not get its final state",
        )
        self._pass(2 * self.interval)
        assert not self._with("to be gone"), "deleted: the message was sent again"
        self._close(gone)
        self._close(other)

    def the_service_is_away(self) -> None:
        sink = self._open("outage")
        self._show(sink, "o", "begun", ProgressStatus.STARTING)
        self._until(lambda: self._with("outage"), self.final_within, "nothing is shown")
        self.messenger.set_away(True)
        for number in range(int(OUTAGE)):
            self._show(sink, "o", f"state {number} of it", percentage=number)
            self._pass(1.0)
        self._end(sink, "o", "the end of the outage")
        self._pass(self.final_within)
        self.messenger.set_away(False)
        self._until(
            lambda: self._with("the end of the outage"),
            LONGEST_RETRY + 2 * self.final_within,
            "away for a minute: the final state is not shown afterwards",
        )
        assert len(self._with("outage")) == 1, "away for a minute: there are two messages"
        self._close(sink)

    def names_are_hostile(self) -> None:
        for number, name in enumerate(HOSTILE_NAMES):
            sink = self._open(name)
            marker = f"hostile {number} ended"
            sink.show(ProgressInfo(name, ProgressStatus.STARTING, id="h"))
            sink.show(ProgressInfo(f"other {name}", ProgressStatus.STARTING, message=name, id="i"))
            sink.show(ProgressInfo(name, ProgressStatus.COMPLETED, 100.0, message=name, id="h"))
            end = f"{marker} {name}"
            sink.show(
                ProgressInfo(f"other {name}", ProgressStatus.FAILED, 5.0, message=end, id="i")
            )
            self._until(
                lambda marker=marker: self._with(marker),  # type: ignore[misc]
                self.interval + 4 * self.final_within,
                f"hostile names: {name[:60]!r} keeps the final state away",
            )
            alerts = self.messenger.alerts()
            assert not alerts, f"hostile names: {name[:60]!r} makes {alerts[0]!r}"
            self._close(sink)

    def close_all(self) -> None:
        """Close what an assertion has left open."""
        closing = [threading.Thread(target=s.close, daemon=True) for s in self._opened]
        for thread in closing:
            thread.start()
        until = self.clock() + CLOSE_SECONDS
        while any(thread.is_alive() for thread in closing) and self.clock() < until:
            self._pass(STEP)

    def _open(self, title: str) -> Sink:
        sink = self.messenger.open(title)
        self._opened.append(sink)
        return sink

    # -- time, and what is shown -----------------------------------------------------------------

    def _pass(self, seconds: float) -> None:
        until = self.clock() + seconds
        while self.clock() < until - 1e-9:
            self.clock.advance(STEP)
            turn_over()
            self.messenger.messages()
            time.sleep(PAUSE)
            turn_over()

    def _close(self, sink: Sink) -> None:
        closing = threading.Thread(target=sink.close, daemon=True)
        closing.start()
        until = self.clock() + CLOSE_SECONDS
        while closing.is_alive():
            assert self.clock() < until, f"close takes more than {CLOSE_SECONDS:.0f} seconds"
            self._pass(STEP)
        self._opened.remove(sink)

    def _until(self, condition: Callable[[], object], seconds: float, otherwise: str) -> None:
        until = self.clock() + seconds
        while not condition():
            assert self.clock() < until, f"{otherwise} within {seconds:.0f} seconds"
            self._pass(STEP)

    def _with(self, part: str) -> list[str]:
        return [text for text in self.messenger.messages() if part in text]

    @staticmethod
    def _number(texts: Sequence[str]) -> int:
        assert len(texts) == 1, f"there are {len(texts)} messages instead of one"
        words = texts[0].split()
        return int(words[words.index("state") + 1]) if "state" in words else 0

    @staticmethod
    def _show(
        sink: Sink,
        key: str,
        message: str,
        status: ProgressStatus = ProgressStatus.IN_PROGRESS,
        percentage: float = 0.0,
    ) -> None:
        sink.show(ProgressInfo("Work", status, percentage, message=message, id=key))

    def _end(self, sink: Sink, key: str, message: str) -> None:
        self._show(sink, key, message, ProgressStatus.COMPLETED, 100.0)
