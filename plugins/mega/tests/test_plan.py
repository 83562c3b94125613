"""The plan hands out every chunk once."""

from hypothesis import given
from hypothesis import strategies as st

from similubot_mega.crypto import MIB, chunk_count, chunk_start
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
