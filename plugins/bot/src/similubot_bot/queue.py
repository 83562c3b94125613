"""The fair queue: who is next, and which place everybody has. A pure data structure."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Caps:
    """How many jobs may run at once.

    Attributes:
        jobs: In all.
        per_user: Of one user.
        per_server: Of one server; None is no limit of its own.
    """

    jobs: int
    per_user: int
    per_server: int | None


@dataclass(frozen=True, slots=True)
class Ticket:
    """A job in the queue.

    Attributes:
        job: Its number.
        user: Whose it is.
        server: Where it was asked for; None in direct messages.
        again: Whether it was begun before and interrupted; such go before all others.
    """

    job: int
    user: int
    server: int | None
    again: bool = False


class FairQueue:
    """Waiting and running jobs.

    The order: interrupted jobs; then everybody's first job, then everybody's second, and so on; in
    each such round those come first whose last job was started longest ago (never is longest). So,
    as long as a user waits and is held up by no cap, nobody else is started twice before them.

    It is used from one thread.

    Args:
        caps: How many jobs may run at once.
        served: For each user, when a job of theirs was last started: any number that grows.
    """

    def __init__(self, caps: Caps, served: Mapping[int, float] | None = None) -> None:
        self._caps = caps
        self._served = dict(served or {})
        self._waiting: dict[int, Ticket] = {}
        self._running: dict[int, Ticket] = {}
        self._order: list[Ticket] | None = None

    def add(self, ticket: Ticket) -> None:
        """Put a job into the queue."""
        self._waiting[ticket.job] = ticket
        self._order = None

    def remove(self, job: int) -> None:
        """Take out a job that has ended, or that is not wanted any more."""
        self._waiting.pop(job, None)
        self._running.pop(job, None)
        self._order = None

    def start_next(self, now: float) -> Ticket | None:
        """Choose the next job that the caps let run, and count it as running from `now` on.

        None when there is none.
        """
        if len(self._running) >= self._caps.jobs:
            return None
        users = Counter(ticket.user for ticket in self._running.values())
        servers = Counter(ticket.server for ticket in self._running.values())
        for ticket in self.order():
            per_server = self._caps.per_server if ticket.server is not None else None
            if users[ticket.user] < self._caps.per_user and (
                per_server is None or servers[ticket.server] < per_server
            ):
                self._running[ticket.job] = self._waiting.pop(ticket.job)
                self._served[ticket.user] = now
                self._order = None
                return ticket
        return None

    def order(self) -> list[Ticket]:
        """The waiting jobs, the next one first. Caps may let a later one begin earlier."""
        if self._order is None:
            rounds: Counter[int] = Counter()
            ranked = []
            for ticket in sorted(self._waiting.values(), key=lambda ticket: ticket.job):
                last = self._served.get(ticket.user, float("-inf"))
                turn = -1 if ticket.again else rounds[ticket.user]
                rounds[ticket.user] += not ticket.again
                ranked.append((turn, last, ticket.job, ticket))
            self._order = [ticket for *_, ticket in sorted(ranked, key=lambda rank: rank[:3])]
        return self._order

    def places(self) -> dict[int, int]:
        """The place of each waiting job, from 1."""
        return {ticket.job: place for place, ticket in enumerate(self.order(), start=1)}

    @property
    def waiting(self) -> int:
        """How many jobs wait."""
        return len(self._waiting)

    @property
    def running(self) -> list[Ticket]:
        """The jobs that run, in the order of their start."""
        return list(self._running.values())
