"""Which jobs fit on the disk at the same time."""

from dataclasses import replace
from pathlib import Path

import pytest

from similubot_bot.jobs.disk import MIB, SPARE, DiskBudget, Fit
from similubot_bot.jobs.records import JobRequest

REQUEST = JobRequest(1, None, 2, "https://x", "link", "a.wav", 128, "catbox", size=20 * MIB)


def budget(folder: Path, *, total: int, free: int, floor: int = 0) -> DiskBudget:
    return DiskBudget(folder, floor, lambda path: (total * MIB, 0, free * MIB))


def test_four_jobs_of_20_mib_take_turns_on_a_disk_of_60(tmp_path: Path) -> None:
    disk = budget(tmp_path, total=60, free=60)
    need = disk.need(REQUEST)
    assert need == 26 * MIB
    assert disk.fit(need) is Fit.NOW
    disk.reserve(1, need)
    assert disk.fit(need) is Fit.LATER
    disk.release(1)
    assert disk.fit(need) is Fit.NOW


def test_what_a_job_has_written_already_is_not_reserved_twice(tmp_path: Path) -> None:
    (tmp_path / "1").mkdir()
    (tmp_path / "1" / "part").write_bytes(b"x" * 20 * MIB)
    disk = budget(tmp_path, total=100, free=68)  # after those 20 were written
    disk.reserve(1, 26 * MIB)
    assert disk.fit(26 * MIB) is Fit.NOW, "68 - 6 that are still to come - 32 to spare"
    assert disk.fit(31 * MIB) is Fit.LATER


def test_what_can_never_fit_is_known_and_the_figures_add_up(tmp_path: Path) -> None:
    disk = budget(tmp_path, total=60, free=10)
    assert disk.largest() + SPARE == 60 * MIB
    assert disk.fit(disk.largest()) is Fit.LATER
    assert disk.fit(disk.largest() + 1) is Fit.NEVER


def test_the_operators_floor_stays_free(tmp_path: Path) -> None:
    disk = budget(tmp_path, total=1000, free=500, floor=490 * MIB)
    assert disk.fit(10 * MIB) is Fit.NOW
    assert disk.fit(11 * MIB) is Fit.LATER


@pytest.mark.parametrize(
    ("name", "size", "need"),
    [("a.mp4", 100, 130), ("a.MKV", 100, 130), ("a.mp3", 100, 200), ("a", 100, 200)],
)
def test_a_video_needs_less_for_its_result_than_a_small_audio_file(
    tmp_path: Path, name: str, size: int, need: int
) -> None:
    disk = budget(tmp_path, total=1, free=1)
    assert disk.need(replace(REQUEST, name=name, size=size)) == need


def test_a_disk_that_cannot_be_asked_has_no_room(tmp_path: Path) -> None:
    def gone(path: Path) -> tuple[int, int, int]:
        raise FileNotFoundError(path)

    disk = DiskBudget(tmp_path, 0, gone)
    assert disk.free == 0
    assert disk.fit(1) is Fit.NEVER
