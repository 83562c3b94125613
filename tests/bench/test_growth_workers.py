"""The bot's queue and its executor over a simulated day of workers that come, break off and go."""

import sys
from pathlib import Path

import pytest

BENCH = Path(__file__).parents[2] / "bench"


@pytest.fixture(autouse=True)
def _scripts_of_bench(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(BENCH)
    for name in ("report", "growth_workers"):
        monkeypatch.delitem(sys.modules, name, raising=False)


@pytest.mark.parametrize(
    ("workers", "jobs", "seconds", "deaths"),
    [
        (30, 1000, 20_000.0, 40),
        pytest.param(1000, 100_000, 86_400.0, 500, marks=pytest.mark.slow),
    ],
)
def test_every_job_of_a_day_ends_once_within_caps_and_slots_though_workers_die(
    workers: int, jobs: int, seconds: float, deaths: int
) -> None:
    from growth_workers import Load, Simulation

    load = Load(workers, jobs, seconds, users=jobs // 5, deaths=deaths)
    found = Simulation(load).run()
    assert len(found.ended) == jobs
    assert set(found.ended.values()) == {1}
    assert found.lost > 0
    assert found.begun == jobs + found.lost
    assert found.most_of_a_user == 1
    assert found.most_on_a_worker == 1
    assert workers * 0.8 < found.most_running <= workers + deaths
    assert found.idle_while_waiting == 0
