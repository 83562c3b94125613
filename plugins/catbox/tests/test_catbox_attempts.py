"""What is tried again, how often, after which wait, and what the user reads of it."""

import pytest

from similubot_catbox.answers import Again, Failure
from similubot_catbox.attempts import Patience, try_until_done
from similubot_catbox.services import catbox
from similubot_catbox.settings import CatboxSettings
from similubot_core import Cancelled, CancelToken, StageError
from similubot_http import NoAnswerError, Trouble

SERVICE = catbox(CatboxSettings(), None)


class WatchedToken(CancelToken):
    """A token that notes the waits asked for instead of waiting."""

    def __init__(self, cancel_at: int | None = None) -> None:
        super().__init__()
        self.waits: list[float] = []
        self._cancel_at = cancel_at

    def wait(self, seconds: float) -> bool:
        self.waits.append(seconds)
        if len(self.waits) == self._cancel_at:
            self.cancel()
        return self.cancelled


class Script:
    """An attempt that has the outcomes given, one after the other."""

    def __init__(self, *outcomes: str | Failure | NoAnswerError) -> None:
        self._outcomes = list(outcomes)
        self.calls = 0

    def __call__(self) -> str | Failure:
        self.calls += 1
        outcome = self._outcomes.pop(0)
        if isinstance(outcome, NoAnswerError):
            raise outcome
        return outcome


def failing(again: Again, wait: float | None = None) -> Failure:
    return Failure("It failed", "do this", again, wait)


def lost(*, whole: bool) -> NoAnswerError:
    return NoAnswerError(Trouble.LOST, whole=whole, detail="")


def tried(script: Script, token: CancelToken | None = None) -> tuple[str, bool]:
    return try_until_done(script, SERVICE, token or WatchedToken(), lambda _: None, Patience())


def test_success_at_once_waits_for_nothing() -> None:
    token = WatchedToken()
    assert tried(Script("link"), token) == ("link", False)
    assert token.waits == []


def test_the_waits_double() -> None:
    token = WatchedToken()
    assert tried(Script(*[failing(Again.SOON)] * 4, "link"), token) == ("link", False)
    assert token.waits == [1, 2, 4, 8]


def test_five_attempts_are_the_most_and_their_number_is_told() -> None:
    script = Script(*[failing(Again.SOON)] * 9)
    with pytest.raises(StageError, match=r"^It failed \(tried 5 times\): do this\.$"):
        tried(script)
    assert script.calls == 5


def test_what_is_hopeless_is_not_tried_again() -> None:
    script = Script(failing(Again.NEVER), "link")
    with pytest.raises(StageError, match=r"^It failed: do this\.$"):
        tried(script)
    assert script.calls == 1


def test_the_wait_that_the_server_asks_for_is_kept() -> None:
    token = WatchedToken()
    tried(Script(failing(Again.SOON, wait=7.0), "link"), token)
    assert token.waits == [7.0]


def test_a_pause_is_waited_for_three_times_ten_seconds_apart() -> None:
    token = WatchedToken()
    script = Script(*[failing(Again.PAUSED)] * 9)
    with pytest.raises(StageError):
        tried(script, token)
    assert token.waits == [10, 10, 10]


def test_what_may_have_landed_is_sent_once_more_and_told() -> None:
    assert tried(Script(lost(whole=True), "link")) == ("link", True)


def test_what_may_have_landed_is_not_sent_a_third_time() -> None:
    script = Script(lost(whole=True), failing(Again.ONCE), "link")
    with pytest.raises(StageError, match=r"may have arrived at Catbox nevertheless\.$"):
        tried(script)
    assert script.calls == 2


def test_that_it_may_have_landed_is_told_even_where_the_last_failure_is_another() -> None:
    with pytest.raises(StageError, match="may have arrived"):
        tried(Script(lost(whole=True), lost(whole=False), failing(Again.NEVER)))


def test_what_cannot_have_landed_is_not_said_to() -> None:
    assert tried(Script(lost(whole=False), "link")) == ("link", False)


def test_each_wait_is_told_with_the_number_of_the_try() -> None:
    messages: list[str] = []
    script = Script(failing(Again.SOON), "link")
    try_until_done(script, SERVICE, WatchedToken(), messages.append, Patience())
    assert messages == ["It failed. Trying again from the start in 1s (try 2 of 5)"]


def test_cancelling_while_waiting_ends_it() -> None:
    script = Script(*[failing(Again.SOON)] * 9)
    with pytest.raises(Cancelled):
        tried(script, WatchedToken(cancel_at=2))
    assert script.calls == 2
