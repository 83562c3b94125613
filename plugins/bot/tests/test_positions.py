"""The positions that messages show are corrected, the most wrong first."""

import asyncio

import pytest

from similubot_bot.jobs import positions as positions_module
from similubot_bot.jobs.positions import QueuePositions, most_wrong


def test_the_most_wrong_position_is_the_one_that_matters_most_to_its_reader() -> None:
    assert most_wrong({1: 5, 2: 52}, {1: 1, 2: 48}) == 1
    assert most_wrong({1: 1, 2: 2}, {1: 1, 2: 2}) is None
    assert most_wrong({}, {4: 9, 5: 1}) == 5, "equally wrong: the nearer to its turn"


async def test_every_message_is_put_right_and_then_left_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(positions_module, "INTERVAL", 0.0)
    shown: list[tuple[int, int]] = []
    done = asyncio.Event()

    async def show(job: int, position: int) -> None:
        shown.append((job, position))
        if len(shown) == 3:
            done.set()

    board = QueuePositions(show, lambda job: 1)
    board.shown(1, 1)
    board.shown(2, 3)
    board.set({1: 1, 2: 2, 3: 3, 4: 4})
    async with asyncio.timeout(5):
        await done.wait()
    assert sorted(shown) == [(2, 2), (3, 3), (4, 4)]
    board.close()


async def test_an_edit_under_way_can_be_waited_for_and_is_the_last(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(positions_module, "INTERVAL", 0.0)
    begun, limit = asyncio.Event(), asyncio.Event()
    landed: list[int] = []

    async def show(job: int, position: int) -> None:
        begun.set()
        await limit.wait()  # as in discord.py, for a rate limit
        landed.append(job)

    board = QueuePositions(show, lambda job: 1)
    board.set({1: 2})
    async with asyncio.timeout(5):
        await begun.wait()
        board.drop(1)
        board.close()
        settled = asyncio.create_task(board.settled(1))
        await asyncio.sleep(0)
        assert not settled.done()
        limit.set()
        await settled
    assert landed == [1]
    await board.settled(1)
