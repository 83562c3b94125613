"""MegaDownloader's tuple methods, cancelling, secrets, and what its users rely on."""

import logging
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from similubot_core import Cancelled, CancelToken, ProgressInfo, ProgressStatus, StageContext
from similubot_loopback.mega_server import LoopbackMega
from similubot_mega import MegaDownloader
from similubot_mega.crypto import MIB

Make = Callable[..., MegaDownloader]

CONTENT = os.urandom(3 * MIB)


@pytest.fixture
def link(server: LoopbackMega) -> str:
    return server.add_file("clip.mp4", CONTENT)


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def mega_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("mega-")]


# The tuple methods


def test_a_download_returns_the_path_of_the_file(
    downloader: MegaDownloader, link: str, tmp_path: Path
) -> None:
    success, path, error = downloader.download(link)
    assert (success, path, error) == (True, str(tmp_path / "out" / "clip.mp4"), None)
    assert path is not None
    assert Path(path).read_bytes() == CONTENT
    assert names_in(tmp_path / "out") == ["clip.mp4"]


def test_a_second_download_of_the_same_link_gets_a_name_of_its_own(
    downloader: MegaDownloader, link: str
) -> None:
    first, second = downloader.download(link)[1], downloader.download(link)[1]
    assert first is not None
    assert second is not None
    assert Path(second).name == "clip (1).mp4"
    assert Path(first).read_bytes() == Path(second).read_bytes() == CONTENT


def test_the_callback_is_told_from_start_to_end(downloader: MegaDownloader, link: str) -> None:
    events: list[ProgressInfo] = []
    assert downloader.download_with_progress(link, progress_callback=events.append)[0]
    assert events[0].status is ProgressStatus.STARTING
    assert events[-1].status is ProgressStatus.COMPLETED
    assert {event.operation for event in events} == {"MEGA Download"}


def test_a_callback_that_raises_disturbs_nobody(downloader: MegaDownloader, link: str) -> None:
    def raises(info: ProgressInfo) -> None:
        raise ValueError

    assert downloader.download_with_progress(link, raises)[0]


@pytest.mark.parametrize(
    "url", ["", "nonsense", "https://mega.nz/file/AAAAAAAA", "https://example.com/x.mp4"]
)
def test_a_failed_download_returns_the_sentence_and_raises_nothing(
    downloader: MegaDownloader, tmp_path: Path, url: str
) -> None:
    events: list[ProgressInfo] = []
    success, path, error = downloader.download_with_progress(url, events.append)
    assert (success, path) == (False, None)
    assert error
    assert (events[-1].status, events[-1].message) == (ProgressStatus.FAILED, error)
    assert names_in(tmp_path / "out") == []


def test_a_folder_that_cannot_be_made_is_a_sentence_too(tmp_path: Path, link: str) -> None:
    (tmp_path / "file").write_text("in the way")
    success, _, error = MegaDownloader(tmp_path / "file").download(link)
    assert not success
    assert error
    assert "No folder can be made" in error


def test_name_and_size_are_known_before_the_first_byte(
    server: LoopbackMega, downloader: MegaDownloader, link: str
) -> None:
    success, info, error = downloader.get_file_info(link)
    assert (success, error) == (True, None)
    assert info is not None
    name, size = info
    assert (name, size) == ("clip.mp4", len(CONTENT))
    assert server.counters.data_requests == 0


def test_the_info_of_a_link_that_is_gone_is_a_sentence(
    server: LoopbackMega, downloader: MegaDownloader, link: str
) -> None:
    server.fail_api(-9)
    success, info, error = downloader.get_file_info(link)
    assert (success, info) == (False, None)
    assert error
    assert "nothing at this link" in error


def test_links_are_told_and_found(downloader: MegaDownloader, link: str) -> None:
    assert downloader.is_mega_link(link)
    assert not downloader.is_mega_link("https://example.com")
    assert downloader.extract_mega_links(f"look: {link}!") == [link]


def test_without_megacmd_only_the_backend_megacmd_is_unavailable(
    make_downloader: Make, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert make_downloader(backend="auto").is_available()
    assert make_downloader(backend="embedded").is_available()
    assert not make_downloader(backend="megacmd").is_available()


def test_the_settings_come_from_the_environment(
    server: LoopbackMega, link: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIMILUBOT_MEGA_API_URL", server.url)
    assert MegaDownloader(temp_dir=str(tmp_path / "out")).download(link)[0]


def test_two_downloads_at_once_do_not_disturb_each_other(
    server: LoopbackMega, downloader: MegaDownloader
) -> None:
    links = [server.add_file("same.bin", bytes([n]) * MIB) for n in range(4)]
    paths: dict[int, str | None] = {}

    def fetch(number: int) -> None:
        paths[number] = downloader.download(links[number])[1]

    threads = [threading.Thread(target=fetch, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert len(set(paths.values())) == 4
    for number, path in paths.items():
        assert path is not None
        assert Path(path).read_bytes() == bytes([number]) * MIB


# Cancelling


@pytest.mark.parametrize("where", ["flow", "stall", "before the head", "api", "back-off", "repair"])
def test_a_cancel_ends_it_within_2_seconds_and_leaves_only_what_is_gone_on_from(
    server: LoopbackMega,
    make_downloader: Make,
    link: str,
    tmp_path: Path,
    where: str,
    on_each_update: Callable[[Callable[[ProgressInfo], object]], None],
) -> None:
    from similubot_mega.backoff import Waits

    job = tmp_path / "job"
    job.mkdir()
    cancel = CancelToken()
    reached = threading.Event()
    downloader = make_downloader(stall_timeout=60)
    downloader._waits = Waits(first=50, longest=50)
    conditions: dict[str, Callable[[ProgressInfo], bool]] = {
        "flow": lambda info: bool(info.current_size),
        "stall": lambda info: bool(info.current_size),
        "before the head": lambda info: bool(info.total_size),
        "api": lambda info: "Asking" in info.message,
        "back-off": lambda info: bool(info.total_size),
        "repair": lambda info: "damaged" in info.message,
    }
    server.limit = 500_000
    if where == "stall":
        server.fail_data("stall", at=100_000, times=None)
        server.fail_data("stall", times=None)
    elif where == "before the head":
        server.fail_data("hold", times=None)
    elif where == "api":
        server.fail_api(-3, times=None)
    elif where == "back-off":
        server.fail_data("status", status=500, times=None)
    elif where == "repair":
        server.limit = None
        server.fail_data("wrong_byte", at=5)
        server.fail_data("stall", at=MIB, times=None, skip=1)

    def watch(info: ProgressInfo) -> None:
        if conditions[where](info):
            reached.set()

    outcome: list[BaseException] = []

    def run() -> None:
        try:
            downloader.run(link, StageContext(job, cancel))
        except BaseException as error:
            outcome.append(error)

    on_each_update(watch)
    thread = threading.Thread(target=run)
    thread.start()
    assert reached.wait(10)
    began = time.monotonic()
    cancel.cancel()
    thread.join(10)
    # The promise itself, not a measurement: 2 seconds.
    assert time.monotonic() - began < 2
    assert isinstance(outcome[0], Cancelled)
    assert set(names_in(job)) <= {"clip.mp4.part", "clip.mp4.part.chunks"}
    assert mega_threads() == []


def test_a_job_that_is_cancelled_already_asks_nobody(
    server: LoopbackMega, downloader: MegaDownloader, link: str, tmp_path: Path
) -> None:
    cancel = CancelToken()
    cancel.cancel()
    with pytest.raises(Cancelled):
        downloader.run(link, StageContext(tmp_path, cancel))
    assert server.counters.api_requests == 0


# Secrets


@pytest.mark.parametrize(
    "fault", ["none", "reset", "expire", "wrong_byte", "status", "api", "unreachable", "megacmd"]
)
def test_the_key_is_in_no_log_message_error_or_file_name(
    server: LoopbackMega,
    make_downloader: Make,
    link: str,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    install_mega_get: Callable[[str], Path],
    fault: str,
) -> None:
    caplog.set_level(logging.DEBUG)
    settings: dict[str, object] = {"stall_timeout": 0.5}
    if fault in ("reset", "expire"):
        server.fail_data(fault, at=MIB)  # type: ignore[arg-type]
    elif fault == "wrong_byte":
        server.fail_data("wrong_byte", at=MIB, times=None)
    elif fault == "status":
        server.fail_data("status", status=503, times=None)
    elif fault == "api":
        server.fail_api(-9)
    elif fault == "unreachable":
        settings["api_url"] = "http://127.0.0.1:9"
    elif fault == "megacmd":
        install_mega_get("say(f'ERR could not get {link}'.encode()); sys.exit(9)")
        settings["backend"] = "megacmd"
    events: list[ProgressInfo] = []
    success, path, error = make_downloader(**settings).download_with_progress(link, events.append)
    key = link.partition("#")[2]
    shown = f"{success} {path} {error} {events!r} {caplog.text} {names_in(tmp_path / 'out')}"
    assert len(shown) > 500
    assert key not in shown
    assert key[:12] not in shown
    assert key[-12:] not in shown
