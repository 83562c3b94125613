"""The fair queue: who is next, and everybody's position. A pure data structure."""

from bisect import bisect_left, insort
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
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


_Ranked = tuple[int, float, int, Ticket]
"""A job's turn (-1 is before all turns), when its user was last served, its number, and itself."""


def _number(ticket: Ticket) -> int:
    return ticket.job


def _rank(ranked: _Ranked) -> tuple[int, float, int]:
    return ranked[:3]


class FairQueue:
    """Waiting and running jobs.

    The order: interrupted jobs; then everybody's first job, then everybody's second, and so on; in
    each such round those come first whose last job was started longest ago (never is longest). So,
    as long as a user waits and no cap holds them up, nobody else is started twice before them.

    It is used from one thread. What is next is known without sorting thousands that wait: the first
    jobs of all users are kept in order.

    Args:
        caps: How many jobs may run at once.
        served: For each user, when a job of theirs was last started: any number that grows.
    """

    def __init__(self, caps: Caps, served: Mapping[int, float] | None = None) -> None:
        self._caps = caps
        self._served = dict(served or {})
        self._waiting: dict[int, Ticket] = {}
        self._of: dict[int, list[Ticket]] = {}
        self._first: list[_Ranked] = []
        self._running: dict[int, Ticket] = {}
        self._of_user: Counter[int] = Counter()
        self._of_server: Counter[int | None] = Counter()
        self._order: list[Ticket] | None = None

    def add(self, ticket: Ticket) -> None:
        """Put a job into the queue."""
        self._stop_waiting(ticket.job)
        self._waiting[ticket.job] = ticket
        with self._changes_of(ticket.user) as tickets:
            insort(tickets, ticket, key=_number)

    def remove(self, job: int) -> None:
        """Take out a job that has ended or was cancelled."""
        self._stop_waiting(job)
        ended = self._running.pop(job, None)
        if ended is not None:
            self._count(ended, -1)

    def next(self) -> Ticket | None:
        """The next job that the caps let run; None when there is none.

        The caller sees to it that somebody is free to run it.
        """
        held_up = False
        for _, _, _, ticket in self._first:
            if self.fits(ticket):
                return ticket
            held_up |= self._of_user[ticket.user] < self._caps.per_user
        if not held_up:  # but by users' own caps: then nothing else of theirs fits either
            return None
        return next((ticket for ticket in self.order() if self.fits(ticket)), None)

    def start(self, job: int, now: float) -> None:
        """Count a waiting job as running from `now` on."""
        ticket = self._waiting[job]
        self._stop_waiting(job)
        with self._changes_of(ticket.user):
            self._served[ticket.user] = now
        self.add_running(ticket)

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
            for ticket in sorted(self._waiting.values(), key=_number):
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

    def _stop_waiting(self, job: int) -> None:
        ticket = self._waiting.pop(job, None)
        if ticket is not None:
            with self._changes_of(ticket.user) as tickets:
                tickets.remove(ticket)

    @contextmanager
    def _changes_of(self, user: int) -> Iterator[list[Ticket]]:
        """The waiting jobs of a user, to be changed, by their numbers; keeps `_first` right."""
        tickets = self._of.setdefault(user, [])
        for ranked in self._firsts(user, tickets):
            del self._first[bisect_left(self._first, ranked[:3], key=_rank)]
        yield tickets
        for ranked in self._firsts(user, tickets):
            insort(self._first, ranked, key=_rank)
        if not tickets:
            del self._of[user]
        self._order = None

    def _firsts(self, user: int, tickets: list[Ticket]) -> list[_Ranked]:
        """A user's interrupted jobs, and the first of the others, as `order` ranks them."""
        last = self._served.get(user, float("-inf"))
        found = [(-1, last, ticket.job, ticket) for ticket in tickets if ticket.again]
        first = next((ticket for ticket in tickets if not ticket.again), None)
        if first is not None:
            found.append((0, last, first.job, first))
        return found

    def _count(self, ticket: Ticket, by: int) -> None:
        self._of_user[ticket.user] += by
        if not self._of_user[ticket.user]:
            del self._of_user[ticket.user]
        self._of_server[ticket.server] += by
        if not self._of_server[ticket.server]:
            del self._of_server[ticket.server]
