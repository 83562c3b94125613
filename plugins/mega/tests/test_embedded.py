"""The embedded backend against a MEGA server with faults: the right file, or a clear error."""

import errno
import os
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import pytest

from similubot_core import ProgressInfo, ProgressStatus, StageContext, StageError
from similubot_loopback.mega_server import LoopbackMega
from similubot_mega import MegaDownloader
from similubot_mega.backoff import Waits
from similubot_mega.crypto import MIB, chunk_start

Make = Callable[..., MegaDownloader]

CONTENT = os.urandom(6 * MIB + 12_345)


@pytest.fixture
def link(server: LoopbackMega) -> str:
    return server.add_file("clip.mp4", CONTENT)


def files_in(folder: Path) -> list[str]:
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*"))


def run(downloader: MegaDownloader, link: str, folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    return downloader.run(link, StageContext(folder))


def fails(downloader: MegaDownloader, link: str, folder: Path) -> str:
    """The sentence that the download fails with; nothing is left of it."""
    folder.mkdir(exist_ok=True)
    events: list[ProgressInfo] = []
    with pytest.raises(StageError) as caught:
        downloader.run(link, StageContext(folder, callbacks=(events.append,)))
    assert files_in(folder) == []
    assert (events[-1].status, events[-1].message) == (ProgressStatus.FAILED, caught.value.message)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("mega-")]
    return caught.value.message


# What goes well


@pytest.mark.parametrize(
    "size",
    [0, 1, 15, 16, 17, 128 * 1024 - 1, 128 * 1024, 128 * 1024 + 1, chunk_start(8) + 1, 9 * MIB],
)
def test_a_file_of_any_size_arrives(
    server: LoopbackMega, downloader: MegaDownloader, tmp_path: Path, size: int
) -> None:
    content = os.urandom(size)
    file = run(downloader, server.add_file("ünï 試.bin", content), tmp_path / "job")
    assert file == tmp_path / "job" / "ünï 試.bin"
    assert file.read_bytes() == content
    assert files_in(tmp_path / "job") == ["ünï 試.bin"]


def test_every_byte_is_fetched_once_over_several_connections(
    server: LoopbackMega, make_downloader: Make, link: str, tmp_path: Path
) -> None:
    server.limit = 20 * MIB
    assert run(make_downloader(connections=5), link, tmp_path).read_bytes() == CONTENT
    server.wait_until_idle()
    assert server.counters.bytes_served == len(CONTENT)
    assert server.counters.peak_downloads == 5


def test_one_connection_is_enough(
    server: LoopbackMega, make_downloader: Make, link: str, tmp_path: Path
) -> None:
    assert run(make_downloader(connections=1), link, tmp_path).read_bytes() == CONTENT
    assert server.counters.peak_downloads == 1


def test_progress_has_sizes_and_ends_with_what_was_checked(
    downloader: MegaDownloader, link: str, tmp_path: Path
) -> None:
    events: list[ProgressInfo] = []
    downloader.run(link, StageContext(tmp_path, callbacks=(events.append,)))
    assert events[0].status is ProgressStatus.STARTING
    assert [e.status for e in events[1:-1]] == [ProgressStatus.IN_PROGRESS] * (len(events) - 2)
    last = events[-1]
    assert (last.status, last.percentage) == (ProgressStatus.COMPLETED, 100.0)
    assert (last.current_size, last.total_size) == (len(CONTENT), len(CONTENT))
    assert last.message == "Downloaded clip.mp4"


def test_a_name_that_is_there_already_is_not_overwritten(
    downloader: MegaDownloader, link: str, tmp_path: Path
) -> None:
    (tmp_path / "clip.mp4").write_bytes(b"mine")
    assert run(downloader, link, tmp_path).name == "clip (1).mp4"
    assert (tmp_path / "clip.mp4").read_bytes() == b"mine"


@pytest.mark.parametrize(
    "name", ["../../escape.mp4", "/abs.mp4", "CON", "", "x" * 4000 + ".mp4", "a\0b"]
)
def test_a_hostile_name_stays_in_the_jobs_folder(
    server: LoopbackMega, downloader: MegaDownloader, tmp_path: Path, name: str
) -> None:
    job = tmp_path / "deep" / "er" / "job"
    job.mkdir(parents=True)
    file = run(downloader, server.add_file(name, b"content"), job)
    assert file.parent == job
    assert file.read_bytes() == b"content"
    assert files_in(tmp_path / "deep") == ["er", "er/job", f"er/job/{file.name}"]


# Connections that break


@pytest.mark.parametrize("kind", ["reset", "short", "stall"])
def test_after_a_break_in_mid_body_only_the_rest_is_fetched(
    server: LoopbackMega,
    make_downloader: Make,
    link: str,
    tmp_path: Path,
    kind: Literal["reset", "short", "stall"],
) -> None:
    for at in (1_000, 1_234_567, 3 * MIB, 5 * MIB + 99):
        server.fail_data(kind, at=at)
    downloader = make_downloader(waits=Waits(first=0.01, silence=0.5))
    assert run(downloader, link, tmp_path).read_bytes() == CONTENT
    server.wait_until_idle()
    assert server.counters.bytes_served <= 1.05 * len(CONTENT)


def test_a_server_that_resets_every_request_once_is_outlasted(
    server: LoopbackMega, downloader: MegaDownloader, link: str, tmp_path: Path
) -> None:
    for at in range(0, len(CONTENT), 300_000):
        server.fail_data("reset", at=at)
    assert run(downloader, link, tmp_path).read_bytes() == CONTENT


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_busy_data_server_is_asked_again(
    server: LoopbackMega, downloader: MegaDownloader, link: str, tmp_path: Path, status: int
) -> None:
    server.fail_data("status", status=status, times=6, headers={"Retry-After": "0"})
    assert run(downloader, link, tmp_path).read_bytes() == CONTENT


def test_an_address_that_dies_in_mid_file_is_replaced_by_a_fresh_one(
    server: LoopbackMega, downloader: MegaDownloader, link: str, tmp_path: Path
) -> None:
    server.fail_data("expire", at=4 * MIB)
    assert run(downloader, link, tmp_path).read_bytes() == CONTENT
    server.wait_until_idle()
    assert server.counters.bytes_served <= 1.05 * len(CONTENT)
    assert server.counters.api_requests == 3  # size and name, address, fresh address


def test_addresses_that_are_all_dead_end_in_an_error(
    server: LoopbackMega, downloader: MegaDownloader, link: str, tmp_path: Path
) -> None:
    server.fail_data("status", status=403, times=None)
    assert "refuses this file" in fails(downloader, link, tmp_path / "job")


def test_a_stall_is_told_and_ends_the_download_after_the_settable_time(
    server: LoopbackMega, make_downloader: Make, link: str, tmp_path: Path
) -> None:
    server.fail_data("stall", at=MIB, times=None)
    server.fail_data("stall", times=None)
    events: list[ProgressInfo] = []
    with pytest.raises(StageError, match="sent nothing for"):
        make_downloader(stall_timeout=0.6).run(
            link, StageContext(tmp_path, callbacks=(events.append,))
        )
    assert any("MEGA has sent nothing for" in event.message for event in events[:-1])
    assert files_in(tmp_path) == []


def test_a_lasting_failure_is_named_in_the_error(
    server: LoopbackMega, make_downloader: Make, link: str, tmp_path: Path
) -> None:
    server.fail_data("status", status=503, times=None)
    message = fails(make_downloader(stall_timeout=0.5), link, tmp_path / "job")
    assert "HTTP 503" in message


def test_quota_in_mid_file_is_told_with_the_time_left(
    server: LoopbackMega, downloader: MegaDownloader, link: str, tmp_path: Path
) -> None:
    server.fail_data(
        "status", at=3 * MIB, status=509, headers={"X-MEGA-Time-Left": "5400"}, times=None
    )
    message = fails(downloader, link, tmp_path / "job")
    assert message == (
        "MEGA's transfer quota for this network address is used up; try again in 1h 30m."
    )


# Bytes that are wrong


@pytest.mark.parametrize("at", [0, 2 * MIB + 7, len(CONTENT) - 1])
def test_a_wrong_byte_is_found_by_its_mac_and_its_part_fetched_again(
    server: LoopbackMega,
    downloader: MegaDownloader,
    link: str,
    tmp_path: Path,
    at: int,
    on_each_update: Callable[[Callable[[ProgressInfo], object]], None],
) -> None:
    server.fail_data("wrong_byte", at=at)
    events: list[ProgressInfo] = []
    messages: list[str] = []
    on_each_update(lambda info: messages.append(info.message))
    file = downloader.run(link, StageContext(tmp_path, callbacks=(events.append,)))
    assert file.read_bytes() == CONTENT
    assert any("damaged" in message for message in messages)
    assert events[-1].status is ProgressStatus.COMPLETED


def test_wrong_bytes_in_the_second_fetch_too_are_put_right(
    server: LoopbackMega, make_downloader: Make, link: str, tmp_path: Path
) -> None:
    server.fail_data("wrong_byte", at=5 * MIB)
    server.fail_data("wrong_byte", at=1 * MIB, skip=1)
    assert run(make_downloader(connections=1), link, tmp_path).read_bytes() == CONTENT


def test_a_byte_that_stays_wrong_ends_in_a_clear_error_and_no_file(
    server: LoopbackMega, downloader: MegaDownloader, link: str, tmp_path: Path
) -> None:
    server.fail_data("wrong_byte", at=2 * MIB, times=None)
    message = fails(downloader, link, tmp_path / "job")
    assert "The file is damaged: its checksum does not fit its MEGA link" in message


# The API


@pytest.mark.parametrize(
    ("code", "says"),
    [
        (-2, "copy it again"),
        (-6, "broke their terms"),
        (-9, "removed, or the link is misspelt"),
        (-11, "refuses access"),
        (-16, "blocked"),
        (-17, "quota"),
        (-99, "error -99"),
    ],
)
def test_a_final_no_of_the_api_becomes_its_own_sentence(
    server: LoopbackMega,
    downloader: MegaDownloader,
    link: str,
    tmp_path: Path,
    code: int,
    says: str,
) -> None:
    server.fail_api(code, times=None)
    assert says in fails(downloader, link, tmp_path / "job")
    assert server.counters.api_requests == 1


@pytest.mark.parametrize("code", [-3, -4, -18, -19])
def test_a_passing_no_of_the_api_is_asked_again(
    server: LoopbackMega, downloader: MegaDownloader, link: str, tmp_path: Path, code: int
) -> None:
    server.fail_api(code, times=3)
    assert run(downloader, link, tmp_path).read_bytes() == CONTENT
    assert server.counters.api_requests == 5


@pytest.mark.parametrize(
    ("code", "says"), [(-3, "busy"), (-4, "no more requests"), (-18, "temporarily unavailable")]
)
def test_a_passing_no_that_lasts_becomes_its_own_sentence(
    server: LoopbackMega, make_downloader: Make, link: str, tmp_path: Path, code: int, says: str
) -> None:
    server.fail_api(code, times=None)
    assert says in fails(make_downloader(stall_timeout=0.2), link, tmp_path / "job")


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_busy_api_is_asked_again(
    server: LoopbackMega, downloader: MegaDownloader, link: str, tmp_path: Path, status: int
) -> None:
    server.fail_api(status=status, times=2)
    assert run(downloader, link, tmp_path).read_bytes() == CONTENT


def test_a_busy_api_is_told_before_it_is_asked_again(
    server: LoopbackMega,
    downloader: MegaDownloader,
    link: str,
    tmp_path: Path,
    on_each_update: Callable[[Callable[[ProgressInfo], object]], None],
) -> None:
    server.fail_api(-18, times=1)
    events: list[ProgressInfo] = []
    on_each_update(events.append)
    downloader.run(link, StageContext(tmp_path))
    message = "MEGA says that this file is temporarily unavailable; trying again…"
    assert message in [event.message for event in events]


def test_quota_at_the_api_is_told_with_the_time_left(
    server: LoopbackMega, downloader: MegaDownloader, link: str, tmp_path: Path
) -> None:
    server.fail_api(status=509, headers={"X-MEGA-Time-Left": "90"})
    assert fails(downloader, link, tmp_path / "job").endswith("try again in 1m 30s.")


def test_hashcash_is_solved(
    server: LoopbackMega, downloader: MegaDownloader, link: str, tmp_path: Path
) -> None:
    server.ask_for_hashcash(252)
    assert run(downloader, link, tmp_path).read_bytes() == CONTENT


def test_an_api_that_is_not_there_is_told(make_downloader: Make, link: str, tmp_path: Path) -> None:
    gone = LoopbackMega()
    url = gone.url
    gone._http.server_close()
    gone._folder.cleanup()
    downloader = make_downloader(api_url=url, stall_timeout=0.2)
    assert "cannot be reached" in fails(downloader, link, tmp_path / "job")


@pytest.mark.parametrize("status", [301, 401, 404])
def test_what_is_not_megas_api_is_told(
    server: LoopbackMega, downloader: MegaDownloader, link: str, tmp_path: Path, status: int
) -> None:
    server.fail_api(status=status)
    assert "is not MEGA's API" in fails(downloader, link, tmp_path / "job")


def test_a_wrong_key_is_told(
    server: LoopbackMega, downloader: MegaDownloader, link: str, tmp_path: Path
) -> None:
    wrong = link[:-43] + link[-43:].swapcase()
    assert "key of this MEGA link is wrong" in fails(downloader, wrong, tmp_path / "job")


# Limits


def test_a_file_over_max_size_is_refused_before_its_first_byte(
    server: LoopbackMega, make_downloader: Make, link: str, tmp_path: Path
) -> None:
    message = fails(make_downloader(max_size=MIB), link, tmp_path / "job")
    assert "6.0 MB, more than the 1.0 MB" in message
    assert server.counters.data_requests == 0


def test_a_file_larger_than_the_free_disk_is_refused_before_its_first_byte(
    server: LoopbackMega,
    downloader: MegaDownloader,
    link: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    everything = shutil.disk_usage(tmp_path).total
    monkeypatch.setattr("similubot_mega.downloader._SPARE_BYTES", everything)
    message = fails(downloader, link, tmp_path / "job")
    assert "of disk space" in message
    assert server.counters.data_requests == 0


@pytest.mark.parametrize("url", ["nonsense", "ftp://127.0.0.1", "http://[", "http://"])
def test_an_api_url_that_is_none_is_told_at_once(
    make_downloader: Make, link: str, tmp_path: Path, url: str
) -> None:
    downloader = make_downloader(api_url=url, stall_timeout=60)
    assert "api_url in the settings" in fails(downloader, link, tmp_path / "job")


def test_a_folder_that_is_gone_is_told(
    downloader: MegaDownloader, link: str, tmp_path: Path
) -> None:
    with pytest.raises(StageError, match="cannot be written"):
        downloader.run(link, StageContext(tmp_path / "gone"))


def test_a_disk_that_fills_up_is_told_and_leaves_no_file(
    server: LoopbackMega,
    downloader: MegaDownloader,
    link: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    written = os.pwrite

    def full(file: int, data: bytes, offset: int) -> int:
        if offset > 3 * MIB:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return written(file, data, offset)

    monkeypatch.setattr(os, "pwrite", full)
    assert "No space left on device" in fails(downloader, link, tmp_path / "job")
