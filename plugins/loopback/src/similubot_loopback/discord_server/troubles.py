"""What goes wrong on the loopback Discord when a test wants it: limits, faults, outages, drops."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator

from similubot_loopback.discord_server.errors import MESSAGES
from similubot_loopback.discord_server.interactions import Interactions
from similubot_loopback.discord_server.limits import Fault
from similubot_loopback.discord_server.messages import Message
from similubot_loopback.discord_server.rest import Rest
from similubot_loopback.discord_server.state import State
from similubot_loopback.serving import ServerThread


class Troubles:
    """The part of `LoopbackDiscord` that breaks things; its methods are the server's own."""

    def __init__(
        self, thread: ServerThread, state: State, interactions: Interactions, rest: Rest
    ) -> None:
        self._thread = thread
        self._state = state
        self._interactions = interactions
        self._rest = rest

    def set_limit(self, route: str, limit: int, seconds: float) -> None:
        """Change a bucket: `set_limit("PATCH /channels/{channel}/messages/{message}", 5, 5.0)`."""
        self._thread.call(lambda: self._rest.buckets.set_limit(route, limit, seconds))

    def set_global_limit(self, requests_a_second: int) -> None:
        """Change the limit over all requests (50 a second)."""
        self._rest.buckets.global_limit = requests_a_second

    def set_old_message_limit(self, edits: int, seconds: float) -> None:
        """Change how often a message over an hour old may be edited (3 in 60 s), else 30046."""
        self._rest.old_edits.limit, self._rest.old_edits.seconds = edits, seconds

    def fail(
        self,
        method: str = "*",
        path: str = "",
        *,
        code: int = 0,
        status: int | None = None,
        message: Message | None = None,
        retry_after: float | None = None,
        via: bool = True,
        reset: bool = False,
        applied: bool = False,
        delay: float = 0.0,
        skip: int = 0,
        times: int | None = 1,
    ) -> Fault:
        """Make matching requests go wrong; `.hits` of the returned rule counts them.

        Args:
            method: "PATCH", or "*" for any.
            path: A regular expression searched in the request's path.
            code: Discord's error code, which also gives the status (10008, 50013, 30046 …).
            status: An HTTP status, where no code is wanted or the code has another one.
            message: Only requests that name this message.
            retry_after: Seconds, for a 429; None leaves it out of the answer.
            via: Whether a 429 has the Via header, without which discord.py sees a ban.
            reset: Cut the connection instead of answering.
            applied: Carry the request out first, then answer or cut.
            delay: Seconds to wait first; alone, the request is only slow.
            skip: Let that many matching requests pass first.
            times: How many to hit; None is all.
        """
        known_status, words = MESSAGES.get(code, (0, ""))
        if status is None and code:
            status = known_status
        pattern = path if message is None else f"/messages/{message.id}$"
        words = words or ("You are being rate limited." if status == 429 else f"{status}")
        rule = Fault(
            method=method,
            path=re.compile(pattern),
            status=status or 0,
            code=code,
            words=words,
            retry_after=retry_after,
            via=via,
            reset=reset,
            applied=applied,
            delay=delay,
            skip=skip,
            times=times,
        )
        self._thread.call(lambda: self._rest.faults.rules.append(rule))
        return rule

    def heal(self) -> None:
        """Remove all rules of `fail` and end an outage."""

        def clear() -> None:
            self._rest.faults.rules.clear()
            self._state.gateway.refuses = False

        self._thread.call(clear)

    @contextlib.contextmanager
    def outage(self) -> Iterator[None]:
        """All of Discord is down: 503 on every request, the gateway cut and refused."""
        self.fail(status=503, times=None)
        self._state.gateway.refuses = True
        self.drop_gateway(1001)
        try:
            yield
        finally:
            self.heal()

    def drop_gateway(self, code: int | None = None) -> None:
        """Cut the gateway connections: with a close code, or hard (None). They may resume."""
        self._thread.run(self._state.gateway.drop(code))

    def ask_reconnect(self) -> None:
        """Ask clients to reconnect and resume (op 7)."""
        self._thread.call(self._state.gateway.ask_reconnect)

    def invalidate_sessions(self) -> None:
        """End all gateway sessions; clients must identify anew (op 9)."""
        self._thread.call(self._state.gateway.invalidate)

    def set_gateway(
        self,
        *,
        privileged_intents: int | None = None,
        heartbeat_interval: float | None = None,
        answers_heartbeats: bool | None = None,
    ) -> None:
        """Change the gateway: intents allowed (others are closed with 4014), seconds, silence."""
        gateway = self._state.gateway
        if privileged_intents is not None:
            gateway.privileged_intents = privileged_intents
        if heartbeat_interval is not None:
            gateway.heartbeat_interval = heartbeat_interval
        if answers_heartbeats is not None:
            gateway.answers_heartbeats = answers_heartbeats

    def expire_interactions(self) -> None:
        """All interaction tokens so far die, as they do after 15 minutes (50027)."""

        def expire() -> None:
            for made in self._interactions.by_id.values():
                made.expired = True

        self._thread.call(expire)
