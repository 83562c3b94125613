"""Tries again what may be tried again, within limits, and tells of it."""

import itertools
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from similubot_catbox.answers import Again, Failure, failure_of
from similubot_catbox.services import Service
from similubot_core import CancelToken, StageError
from similubot_core.render import duration
from similubot_http import Limits, NoAnswerError

logger = logging.getLogger(__name__)

T = TypeVar("T")


@dataclass(frozen=True)
class Patience:
    """How often and how long is tried.

    Attributes:
        limits: Of each attempt.
        attempts: In all, the first one included.
        first_wait: Seconds before the second attempt; doubled for each further one.
        pause: Seconds before trying again a service that has paused uploads.
        pauses: How often that is done.
    """

    limits: Limits = field(default_factory=Limits)
    attempts: int = 5
    first_wait: float = 1.0
    pause: float = 10.0
    pauses: int = 3


def try_until_done(
    attempt: Callable[[], T | Failure],
    service: Service,
    cancel: CancelToken,
    tell: Callable[[str], None],
    patience: Patience,
) -> tuple[T, bool]:
    """Call `attempt` until it succeeds or is not to be tried again.

    Args:
        attempt: Sends the whole once; returns its result or why it failed.
        service: Whom it is sent to.
        cancel: Obeyed at once while waiting.
        tell: Called with a sentence for people before each wait.
        patience: How often and how long.

    Returns:
        The result, and whether an earlier attempt may have landed as well.

    Raises:
        StageError: It failed for good.
        Cancelled: The token was set.
    """
    may_have_landed = False
    pauses = 0
    for number in itertools.count(1):
        try:
            outcome = attempt()
        except NoAnswerError as error:
            outcome = failure_of(error, service)
        if not isinstance(outcome, Failure):
            return outcome, may_have_landed
        logger.info(
            "%s, attempt %d: %s (%s)", service.name, number, outcome.happened, outcome.detail
        )
        pauses += outcome.again is Again.PAUSED
        last = (
            number >= patience.attempts
            or outcome.again is Again.NEVER
            or (outcome.again is Again.ONCE and may_have_landed)
            or pauses > patience.pauses
        )
        may_have_landed |= outcome.again is Again.ONCE
        if last:
            raise _final(outcome, number, service, may_have_landed=may_have_landed)
        wait = patience.first_wait * 2 ** (number - 1)
        if outcome.again is Again.PAUSED:
            wait = patience.pause
        if outcome.wait is not None:
            wait = outcome.wait
        tell(
            f"{outcome.happened}. Trying again from the start in {duration(wait)} "
            f"(try {number + 1} of {patience.attempts})"
        )
        if cancel.wait(wait):
            cancel.raise_if_cancelled()
    raise AssertionError("not reached: counting has no end")


def _final(failure: Failure, number: int, service: Service, *, may_have_landed: bool) -> StageError:
    happened = failure.happened + (f" (tried {number} times)" if number > 1 else "")
    advice = failure.advice
    if may_have_landed:
        advice += f"; a copy of the file may have arrived at {service.name} nevertheless"
    return StageError(f"{happened}: {advice}.", detail=failure.detail)
