"""The fair queue: its caps, its order, and the places that it tells."""

from hypothesis import given
from hypothesis import strategies as st
from similubot_bot.queue import Caps, FairQueue, Ticket


def jobs_of(queue: FairQueue) -> list[int]:
    return [ticket.job for ticket in queue.order()]


def test_users_take_turns_whoever_asked_first() -> None:
    queue = FairQueue(Caps(1, 1, None))
    for job in (1, 2, 3):
        queue.add(Ticket(job, user=7, server=None))
    queue.add(Ticket(4, user=8, server=None))
    queue.add(Ticket(5, user=9, server=None))
    assert jobs_of(queue) == [1, 4, 5, 2, 3]


def test_a_user_served_lately_comes_after_one_served_long_ago() -> None:
    queue = FairQueue(Caps(1, 1, None), served={7: 100.0, 8: 50.0})
    queue.add(Ticket(1, 7, None))
    queue.add(Ticket(2, 8, None))
    queue.add(Ticket(3, 9, None))
    assert jobs_of(queue) == [3, 2, 1]


def test_an_interrupted_job_goes_before_all_others() -> None:
    queue = FairQueue(Caps(1, 1, None), served={7: 100.0})
    queue.add(Ticket(2, 8, None))
    queue.add(Ticket(3, 7, None))
    queue.add(Ticket(1, 7, None, again=True))
    assert jobs_of(queue) == [1, 2, 3]


def test_a_job_that_its_users_cap_holds_up_lets_others_pass() -> None:
    queue = FairQueue(Caps(jobs=2, per_user=1, per_server=None))
    for job, user in ((1, 7), (2, 7), (3, 8)):
        queue.add(Ticket(job, user, None))
    started = [queue.start_next(1.0), queue.start_next(2.0), queue.start_next(3.0)]
    assert [ticket and ticket.job for ticket in started] == [1, 3, None]


def test_a_servers_cap_does_not_hold_up_direct_messages() -> None:
    queue = FairQueue(Caps(jobs=9, per_user=9, per_server=1))
    for job, server in ((1, 5), (2, 5), (3, None), (4, None)):
        queue.add(Ticket(job, job, server))
    started = [queue.start_next(float(n)) for n in range(5)]
    assert [ticket.job for ticket in started if ticket] == [1, 3, 4]


def test_places_count_from_one_and_move_up() -> None:
    queue = FairQueue(Caps(1, 1, None))
    for job in (1, 2, 3):
        queue.add(Ticket(job, job, None))
    queue.start_next(1.0)
    assert queue.places() == {2: 1, 3: 2}
    queue.remove(2)
    assert queue.places() == {3: 1}


Step = tuple[str, int, int]
steps = st.lists(
    st.tuples(st.sampled_from(["add", "start", "end"]), st.integers(1, 5), st.integers(0, 2)),
    max_size=120,
)


@given(steps, st.integers(1, 4), st.integers(1, 3), st.none() | st.integers(1, 3))
def test_caps_hold_and_nobody_is_passed_twice_while_they_wait(
    script: list[Step], jobs: int, per_user: int, per_server: int | None
) -> None:
    queue = FairQueue(Caps(jobs, per_user, per_server))
    passed: dict[int, dict[int, int]] = {}
    number = 0
    for now, (action, user, server) in enumerate(script):
        where = server or None
        if action == "add":
            number += 1
            queue.add(Ticket(number, user, where))
            passed.setdefault(user, {})
        elif action == "end" and queue.running:
            queue.remove(queue.running[0].job)
        elif action == "start":
            before = list(queue.running)
            ticket = queue.start_next(float(now))
            if ticket is None:
                continue
            held_up = {
                t.user
                for t in queue.order()
                if sum(r.user == t.user for r in before) >= per_user
                or (per_server is not None and t.server is not None)
            }
            passed.pop(ticket.user, None)
            waiting = {t.user for t in queue.order()}
            if ticket.user in waiting:
                passed[ticket.user] = {}
            for other in waiting - {ticket.user} - held_up:
                counts = passed.setdefault(other, {})
                counts[ticket.user] = counts.get(ticket.user, 0) + 1
                assert counts[ticket.user] <= 1, "passed twice by the same user"
            for other in held_up:
                passed[other] = {}
        running = queue.running
        assert len(running) <= jobs
        for ticket in running:
            assert sum(t.user == ticket.user for t in running) <= per_user
            if per_server is not None and ticket.server is not None:
                assert sum(t.server == ticket.server for t in running) <= per_server
        assert sorted(queue.places().values()) == list(range(1, queue.waiting + 1))
