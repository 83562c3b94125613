"""The plan hands out every chunk once."""

from hypothesis import given
from hypothesis import strategies as st

from similubot_mega.crypto import MIB, chunk_at, chunk_count, chunk_start
from similubot_mega.plan import LARGEST_REQUEST, Plan


@given(st.integers(1, 400 * MIB), st.integers(1, 16))
def test_every_chunk_is_handed_out_once_in_order(size: int, connections: int) -> None:
    chunks = chunk_count(size)
    plan = Plan([(0, chunks)], size, connections)
    runs = list(iter(plan.take, None))
    assert [index for first, end in runs for index in range(first, end)] == list(range(chunks))
    assert all(
        end - first == 1 or chunk_start(end) - chunk_start(first) <= LARGEST_REQUEST
        for first, end in runs
    )


def test_single_chunks_are_handed_out_as_they_are() -> None:
    plan = Plan([(3, 4), (9, 10)], 100 * MIB, 8)
    assert list(iter(plan.take, None)) == [(3, 4), (9, 10)]


def test_the_work_ends_in_small_runs_so_that_all_connections_end_together() -> None:
    plan = Plan([(0, chunk_count(1000 * MIB))], 1000 * MIB, 8)
    runs = list(iter(plan.take, None))
    assert runs[0][1] - runs[0][0] > 16
    assert all(end - first == 1 for first, end in runs[-8:])


@given(st.integers(0, 40 * MIB))
def test_a_byte_lies_in_its_chunk(offset: int) -> None:
    assert chunk_start(chunk_at(offset)) <= offset < chunk_start(chunk_at(offset) + 1)


def test_what_a_reader_waits_for_comes_first_and_a_little_ahead_of_it() -> None:
    waits_at = [chunk_start(90)]
    plan = Plan([(0, 100)], 200 * MIB, 4, lambda: waits_at)
    assert [plan.take() for _ in range(8)] == [(n, n + 1) for n in range(90, 98)]
    assert plan.take() == (0, 7)  # enough is on its way to the reader
    waits_at[0] = 0
    taken = list(iter(plan.take, None))
    covered = [chunk for first, end in taken for chunk in range(first, end)]
    assert sorted(covered) == [*range(7, 90), 98, 99]


def test_with_a_reader_requests_stay_small() -> None:
    plan = Plan([(0, chunk_count(400 * MIB))], 400 * MIB, 4, lambda: ())
    assert all(end - first <= 4 or end <= 8 for first, end in iter(plan.take, None))


def test_of_a_file_that_is_read_as_it_comes_the_first_requests_are_short() -> None:
    """So that a connection is soon free for what the reader asks for, such as the file's end."""
    size = 100 * MIB
    chunks = chunk_at(size - 1) + 1
    plan = Plan([(0, chunks)], size, 4, wanted=lambda: ())
    runs = [plan.take() for _ in range(5)]
    assert runs[:4] == [(0, 1), (1, 2), (2, 3), (3, 4)]
    assert runs[4] is not None
    assert runs[4][1] - runs[4][0] > 1
