"""The fair queue: who is next, and everybody's position. A pure data structure."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Caps:
    """How many jobs may run at once.

    Attributes:
        per_user: Of one user.
        per_server: Of one server; None is no limit of its own.
    """

    per_user: int
    per_server: int | None


@dataclass(frozen=True, slots=True)
class Ticket:
    """A job in the queue.

    Attributes:
        job: Its number.
        user: Whose it is.
        server: Where it was requested; None in direct messages.
        again: Whether an attempt was interrupted; such jobs go before all others.
    """

    job: int
    user: int
    server: int | None
    again: bool = False


class FairQueue:
    """Waiting and running jobs.

    The order: interrupted jobs; then everybody's first job, then everybody's second, and so on; in
    each such round those come first whose last job was started longest ago (never is longest). So,
    as long as a user waits and no cap holds them up, nobody else is started twice before them.

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
        self._of_user: Counter[int] = Counter()
        self._of_server: Counter[int | None] = Counter()
        self._order: list[Ticket] | None = None

    def add(self, ticket: Ticket) -> None:
        """Put a job into the queue."""
        self._waiting[ticket.job] = ticket
        self._order = None

    def remove(self, job: int) -> None:
        """Take out a job that has ended or was cancelled."""
        self._waiting.pop(job, None)
        ended = self._running.pop(job, None)
        if ended is not None:
            self._count(ended, -1)
        self._order = None

    def next(self) -> Ticket | None:
        """The next job that the caps let run; None when there is none.

        The caller sees to it that somebody is free to run it.
        """
        return next((ticket for ticket in self.order() if self.fits(ticket)), None)

    def start(self, job: int, now: float) -> None:
        """Count a waiting job as running from `now` on."""
        ticket = self._waiting.pop(job)
        self.add_running(ticket)
        self._served[ticket.user] = now
        self._order = None

    def start_next(self, now: float) -> Ticket | None:
        """Start what `next` names; None when there is nothing."""
        ticket = self.next()
        if ticket is not None:
            self.start(ticket.job, now)
        return ticket

    def add_running(self, ticket: Ticket) -> None:
        """Count a job as running that was started before."""
        self._running[ticket.job] = ticket
        self._count(ticket, 1)

    def position_if_added(self, ticket: Ticket) -> int:
        """The position that a job would have."""
        self.add(ticket)
        position = self.positions()[ticket.job]
        self.remove(ticket.job)
        return position

    def fits(self, ticket: Ticket) -> bool:
        """Whether the caps let it run now."""
        if self._of_user[ticket.user] >= self._caps.per_user:
            return False
        if ticket.server is None or self._caps.per_server is None:
            return True
        return self._of_server[ticket.server] < self._caps.per_server

    def order(self) -> list[Ticket]:
        """The waiting jobs, the next one first. Caps may let a later one start earlier."""
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

    def positions(self) -> dict[int, int]:
        """The position of each waiting job, from 1."""
        return {ticket.job: position for position, ticket in enumerate(self.order(), start=1)}

    @property
    def waiting(self) -> int:
        """How many jobs wait."""
        return len(self._waiting)

    @property
    def running(self) -> list[Ticket]:
        """The jobs that run, in the order of their start."""
        return list(self._running.values())

    def _count(self, ticket: Ticket, by: int) -> None:
        self._of_user[ticket.user] += by
        if not self._of_user[ticket.user]:
            del self._of_user[ticket.user]
        self._of_server[ticket.server] += by
        if not self._of_server[ticket.server]:
            del self._of_server[ticket.server]
