"""The fair queue: its caps, its order and its positions."""

from collections.abc import Iterator

from hypothesis import given
from hypothesis import strategies as st

from similubot_bot.jobs.queue import Caps, FairQueue, Ticket


def jobs_of(queue: FairQueue) -> list[int]:
    return [ticket.job for ticket in queue.order()]


def test_users_take_turns_whoever_asked_first() -> None:
    queue = FairQueue(Caps(1, None))
    for job in (1, 2, 3):
        queue.add(Ticket(job, user=7, server=None))
    queue.add(Ticket(4, user=8, server=None))
    queue.add(Ticket(5, user=9, server=None))
    assert jobs_of(queue) == [1, 4, 5, 2, 3]


def test_a_user_served_lately_comes_after_one_served_long_ago() -> None:
    queue = FairQueue(Caps(1, None), served={7: 100.0, 8: 50.0})
    queue.add(Ticket(1, 7, None))
    queue.add(Ticket(2, 8, None))
    queue.add(Ticket(3, 9, None))
    assert jobs_of(queue) == [3, 2, 1]


def test_an_interrupted_job_goes_before_all_others() -> None:
    queue = FairQueue(Caps(1, None), served={7: 100.0})
    queue.add(Ticket(2, 8, None))
    queue.add(Ticket(3, 7, None))
    queue.add(Ticket(1, 7, None, again=True))
    assert jobs_of(queue) == [1, 2, 3]


def test_a_job_that_its_users_cap_holds_up_lets_others_pass() -> None:
    queue = FairQueue(Caps(per_user=1, per_server=None))
    for job, user in ((1, 7), (2, 7), (3, 8)):
        queue.add(Ticket(job, user, None))
    started = [queue.start_next(1.0), queue.start_next(2.0), queue.start_next(3.0)]
    assert [ticket and ticket.job for ticket in started] == [1, 3, None]


def test_a_servers_cap_does_not_hold_up_direct_messages() -> None:
    queue = FairQueue(Caps(per_user=9, per_server=1))
    for job, server in ((1, 5), (2, 5), (3, None), (4, None)):
        queue.add(Ticket(job, job, server))
    started = [queue.start_next(float(n)) for n in range(5)]
    assert [ticket.job for ticket in started if ticket] == [1, 3, 4]


def test_positions_count_from_one_and_move_up() -> None:
    queue = FairQueue(Caps(1, None))
    for job in (1, 2, 3):
        queue.add(Ticket(job, job, None))
    queue.start_next(1.0)
    assert queue.positions() == {2: 1, 3: 2}
    queue.remove(2)
    assert queue.positions() == {3: 1}


def test_the_position_of_a_new_job_is_known_before_it_is_added() -> None:
    queue = FairQueue(Caps(per_user=1, per_server=None))
    assert queue.fits(Ticket(1, 7, None))
    queue.add(Ticket(1, 7, None))
    queue.start_next(1.0)
    assert queue.fits(Ticket(2, 8, None))
    assert not queue.fits(Ticket(2, 7, None))
    assert queue.position_if_added(Ticket(2, 7, None)) == 1, "their cap holds it up"
    assert queue.waiting == 0


Arrivals = list[list[tuple[int, int]]]
arrivals = st.lists(
    st.lists(st.tuples(st.integers(1, 4), st.integers(0, 2)), max_size=4), min_size=1, max_size=40
)


def play(
    queue: FairQueue, ticks: Arrivals, jobs: int
) -> Iterator[tuple[list[Ticket], Ticket, list[Ticket]]]:
    """Each tick brings jobs, ends the oldest running one, and starts what may start.

    Yields, for each start: what ran before it, what was started, what waits then.
    """
    number = 0
    now = 0.0
    for arriving in [*ticks, *[[]] * 200]:
        for user, server in arriving:
            number += 1
            queue.add(Ticket(number, user, server or None))
        if queue.running:
            queue.remove(queue.running[0].job)
        before = queue.running
        while len(queue.running) < jobs and (ticket := queue.start_next(now := now + 1)):
            yield before, ticket, queue.order()
            before = queue.running
    assert queue.waiting == 0, "somebody waits for ever"


@given(arrivals, st.integers(1, 4), st.integers(1, 3))
def test_while_a_user_waits_nobody_else_is_started_twice(
    ticks: Arrivals, jobs: int, per_user: int
) -> None:
    queue = FairQueue(Caps(per_user, None))
    started: dict[int, set[int]] = {}
    for before, ticket, waiting in play(queue, ticks, jobs):
        at_cap = {t.user for t in before if sum(r.user == t.user for r in before) >= per_user}
        users = {t.user for t in waiting}
        for user in users - {ticket.user} - at_cap:
            assert ticket.user not in started.get(user, ()), f"{user} was passed twice"
            started.setdefault(user, set()).add(ticket.user)
        for user in [u for u in started if u not in users or u == ticket.user or u in at_cap]:
            del started[user]


@given(arrivals, st.integers(1, 4), st.integers(1, 3), st.none() | st.integers(1, 3))
def test_the_caps_hold_at_every_start_and_all_get_their_turn(
    ticks: Arrivals, jobs: int, per_user: int, per_server: int | None
) -> None:
    queue = FairQueue(Caps(per_user, per_server))
    for before, ticket, waiting in play(queue, ticks, jobs):
        running = [*before, ticket]
        assert len(running) <= jobs
        assert sum(t.user == ticket.user for t in running) <= per_user
        if per_server is not None and ticket.server is not None:
            assert sum(t.server == ticket.server for t in running) <= per_server
        assert queue.positions() == {t.job: n for n, t in enumerate(waiting, start=1)}


asked = st.tuples(st.integers(1, 4), st.none() | st.integers(1, 2), st.booleans())


@given(st.lists(asked, max_size=12), st.lists(asked, max_size=4), st.integers(1, 2))
def test_the_next_is_the_first_of_the_order_that_the_caps_let_run(
    waiting: list[tuple[int, int | None, bool]],
    running: list[tuple[int, int | None, bool]],
    per_user: int,
) -> None:
    queue = FairQueue(Caps(per_user, per_server=1), served={1: 5.0, 2: 3.0})
    for job, (user, server, _) in enumerate(running, start=100):
        queue.add_running(Ticket(job, user, server))
    for job, (user, server, again) in enumerate(waiting, start=1):
        queue.add(Ticket(job, user, server, again))
    for now in range(len(waiting) + 1):
        first = next((ticket for ticket in queue.order() if queue.fits(ticket)), None)
        assert queue.next() == first
        if first is None and queue.running:
            queue.remove(queue.running[0].job)
        elif first is not None:
            queue.start(first.job, 10.0 + now)
