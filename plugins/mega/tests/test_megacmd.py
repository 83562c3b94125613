"""The download by MEGAcmd, with a stand-in that prints what the real mega-get prints.

The real one is in no package registry, so it cannot be installed for the tests: the stand-in
replays its recorded output, its exit codes and the traps that are known of it.
"""

import os
import re
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from similubot_core import (
    Cancelled,
    CancelToken,
    ProgressInfo,
    ProgressStatus,
    StageContext,
    StageError,
)
from similubot_loopback.mega_server import LoopbackMega
from similubot_mega import MegaDownloader

Make = Callable[..., MegaDownloader]
Install = Callable[[str], Path]

CONTENT = os.urandom(300_000)
BAR = "TRANSFERRING ||########........||(1/2 MB:  50.00 %) \\0\\r"


@pytest.fixture
def link(server: LoopbackMega) -> str:
    return server.add_file("../clip?.mp4", CONTENT)


@pytest.fixture
def content_file(tmp_path: Path) -> Path:
    path = tmp_path / "content"
    path.write_bytes(CONTENT)
    return path


@pytest.fixture
def megacmd(make_downloader: Make) -> MegaDownloader:
    return make_downloader(backend="megacmd")


@pytest.fixture
def auto(
    make_downloader: Make, server: LoopbackMega, monkeypatch: pytest.MonkeyPatch
) -> MegaDownloader:
    """The backend auto, with the loopback server in the place of MEGA's own."""
    monkeypatch.setattr("similubot_mega.downloader.OFFICIAL_API", server.url)
    return make_downloader(backend="auto")


def run(downloader: MegaDownloader, link: str, folder: Path) -> tuple[Path, list[ProgressInfo]]:
    folder.mkdir(exist_ok=True)
    events: list[ProgressInfo] = []
    return downloader.run(link, StageContext(folder, callbacks=(events.append,))), events


def fails(downloader: MegaDownloader, link: str, folder: Path) -> str:
    folder.mkdir(exist_ok=True)
    with pytest.raises(StageError) as caught:
        downloader.run(link, StageContext(folder))
    assert list(folder.iterdir()) == []
    return caught.value.message


def good(sample: Path, content: Path) -> str:
    return f"""
        say(b"[Initiating MEGAcmd server in background. Log: /root/.megaCmd/megacmdserver.log]\\n")
        for line in Path({str(sample)!r}).read_bytes().replace(b"\\r", b"\\r\\n").splitlines(True):
            say(line.replace(b"\\r\\n", b"\\r"))
            time.sleep(0.002)
        (folder / "its own name.mp4").write_bytes(Path({str(content)!r}).read_bytes())
        say(f"Download finished: {{folder}}/its own name.mp4\\n".encode(), to=1)
    """


@pytest.mark.parametrize(
    "sample", ["download-683KB", "download-1714MB", "fetching-nodes-then-download", "download-0B"]
)
def test_a_download_shows_what_mega_get_prints_and_brings_the_file(
    install_mega_get: Install,
    megacmd: MegaDownloader,
    samples: Path,
    link: str,
    tmp_path: Path,
    content_file: Path,
    sample: str,
    on_each_update: Callable[[Callable[[ProgressInfo], object]], None],
) -> None:
    install_mega_get(good(samples / f"{sample}.stderr.bin", content_file))
    states: list[ProgressInfo] = []
    on_each_update(states.append)
    file, events = run(megacmd, link, tmp_path / "job")
    assert file == tmp_path / "job" / "_clip_.mp4"
    assert file.read_bytes() == CONTENT
    assert list(file.parent.iterdir()) == [file]
    assert events[0].status is ProgressStatus.STARTING
    assert (events[-1].status, events[-1].percentage) == (ProgressStatus.COMPLETED, 100.0)
    assert (events[-1].current_size, events[-1].total_size) == (len(CONTENT), len(CONTENT))
    percentages = [event.percentage for event in events]
    assert percentages == sorted(percentages)
    printed = {state.details.get("printed") for state in states}
    assert sample == "download-0B" or len(printed) >= 7


def test_mega_get_is_run_with_pipes_in_an_empty_folder_of_its_own(
    install_mega_get: Install,
    megacmd: MegaDownloader,
    link: str,
    tmp_path: Path,
    content_file: Path,
) -> None:
    install_mega_get(f"""
        assert not any(os.isatty(number) for number in range(3))
        assert sys.stdin.read() == ""
        assert list(folder.iterdir()) == []
        assert folder.parent == Path({str(tmp_path / "job")!r})
        assert sys.argv[1:] == [{link!r}, str(folder)]
        (folder / "x").write_bytes(Path({str(content_file)!r}).read_bytes())
    """)
    run(megacmd, link, tmp_path / "job")


def test_what_a_killed_run_left_is_removed(
    install_mega_get: Install,
    megacmd: MegaDownloader,
    link: str,
    tmp_path: Path,
    content_file: Path,
) -> None:
    install_mega_get(f"""
        (folder / "x").write_bytes(Path({str(content_file)!r}).read_bytes())
    """)
    left = tmp_path / "job" / "mega-get-abc"
    left.mkdir(parents=True)
    (left / "half").write_bytes(b"half")
    file, _ = run(megacmd, link, tmp_path / "job")
    assert list((tmp_path / "job").iterdir()) == [file]


@pytest.mark.parametrize(
    ("code", "printed", "says"),
    [
        (2, "ERR  The link provided might be incorrect", "does not know what to do with this link"),
        (9, "ERR  Failed to get public node: Not found", "nothing at this link"),
        (13, "ERR  The key is missing or wrong", "missing or wrong"),
        (16, "Download failed. error code: Blocked", "blocked"),
        (20, "Download failed. error code: Write error", "free some disk space"),
        (51, "is not a valid Download Folder", "does not take the folder"),
        (55, "is not a valid Download Folder", "does not take the folder"),
        (56, "Write not allowed in", "may not write into the folder"),
        (57, "[API:err: 10:23:30] Not logged in.", "wants a login"),
        (254, "Unable to connect to service: error=111", "server could not be started"),
        (77, "?", "MEGAcmd failed (exit 77)"),
    ],
)
def test_every_exit_code_becomes_its_own_sentence(
    install_mega_get: Install,
    megacmd: MegaDownloader,
    link: str,
    tmp_path: Path,
    code: int,
    printed: str,
    says: str,
) -> None:
    install_mega_get(f"say({printed.encode()!r}); sys.exit({code})")
    assert says in fails(megacmd, link, tmp_path / "job")


def test_a_mega_get_that_crashes_is_told(
    install_mega_get: Install, megacmd: MegaDownloader, link: str, tmp_path: Path
) -> None:
    install_mega_get("os.kill(os.getpid(), signal.SIGSEGV)")
    assert "MEGAcmd failed (exit -11)" in fails(megacmd, link, tmp_path / "job")


def test_exit_0_over_quota_is_no_success(
    install_mega_get: Install, megacmd: MegaDownloader, link: str, tmp_path: Path
) -> None:
    install_mega_get("""
        say(b"Transfer not started. Your transfer quota is used up, try again in 2 hours\\n", to=1)
        say(b"TRANSFERRING ||#######||(0/0 KB: 100.00 %) \\0\\n")
    """)
    message = fails(megacmd, link, tmp_path / "job")
    assert message.endswith(
        "transfer quota for this network address is used up; try again in 2 hours."
    )


@pytest.mark.parametrize(
    "body",
    [
        "pass",
        "(folder / 'x').write_bytes(b'short')",
        "(folder / 'x').mkdir()",
        "(folder / 'x').symlink_to('/etc/passwd')",
    ],
)
def test_exit_0_without_the_whole_file_is_no_success(
    install_mega_get: Install, megacmd: MegaDownloader, link: str, tmp_path: Path, body: str
) -> None:
    install_mega_get(body)
    assert "the file is not there in full" in fails(megacmd, link, tmp_path / "job")


def test_a_stall_is_told_and_ends_mega_get_after_the_settable_time(
    install_mega_get: Install,
    make_downloader: Make,
    link: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("similubot_mega.megacmd.TOLD_SECONDS", 0.1)
    monkeypatch.setattr("similubot_mega.megacmd._POLL_SECONDS", 0.05)
    install_mega_get(f"say({BAR.encode().decode('unicode_escape').encode()!r}); time.sleep(60)")
    events: list[ProgressInfo] = []
    with pytest.raises(StageError, match="brought nothing for"):
        make_downloader(backend="megacmd", stall_timeout=0.6).run(
            link, StageContext(tmp_path, callbacks=(events.append,))
        )
    assert any("MEGAcmd has brought nothing" in event.message for event in events[:-1])
    assert events[-2].percentage == 50.0


def test_a_file_that_grows_is_no_stall_though_nothing_is_printed(
    install_mega_get: Install,
    make_downloader: Make,
    link: str,
    tmp_path: Path,
    content_file: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("similubot_mega.megacmd._POLL_SECONDS", 0.05)
    install_mega_get(f"""
        content = Path({str(content_file)!r}).read_bytes()
        with (folder / ".getxfer.1.mega").open("wb", buffering=0) as file:
            for start in range(0, len(content), 30_000):
                file.write(content[start : start + 30_000])
                time.sleep(0.15)
        (folder / ".getxfer.1.mega").rename(folder / "x")
    """)
    downloader = make_downloader(backend="megacmd", stall_timeout=1.0)
    assert run(downloader, link, tmp_path / "job")[0].read_bytes() == CONTENT


@pytest.mark.parametrize("stubborn", [False, True])
def test_a_cancel_ends_mega_get_and_its_children_within_2_seconds(
    install_mega_get: Install, megacmd: MegaDownloader, link: str, tmp_path: Path, stubborn: bool
) -> None:
    pids = tmp_path / "pids"
    install_mega_get(f"""
        if {stubborn}:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
        Path({str(pids)!r}).write_text(f"{{os.getpid()}} {{child.pid}}")
        say(b"TRANSFERRING ||##..||(1/2 MB:  50.00 %) \\0\\r")
        time.sleep(60)
    """)
    job = tmp_path / "job"
    job.mkdir()
    cancel, reached = CancelToken(), threading.Event()
    outcome: list[BaseException] = []

    def watch(info: ProgressInfo) -> None:
        if info.percentage:
            reached.set()

    def download() -> None:
        try:
            megacmd.run(link, StageContext(job, cancel, (watch,)))
        except BaseException as error:
            outcome.append(error)

    thread = threading.Thread(target=download)
    thread.start()
    assert reached.wait(10)
    began = time.monotonic()
    cancel.cancel()
    thread.join(10)
    assert time.monotonic() - began < 2  # the promise, not a measurement
    assert isinstance(outcome[0], Cancelled)
    assert list(job.iterdir()) == []
    for pid in map(int, pids.read_text().split()):
        assert _is_gone(pid)


def _is_gone(pid: int) -> bool:
    """Whether a process ended; a killed grandchild may wait a moment for its new parent."""
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except FileNotFoundError:
            return True
        if state == "Z":
            return True
        time.sleep(0.01)
    return False


# Which backend


def test_auto_takes_megacmd_where_it_is_installed(
    install_mega_get: Install,
    auto: MegaDownloader,
    server: LoopbackMega,
    link: str,
    tmp_path: Path,
    samples: Path,
    content_file: Path,
) -> None:
    install_mega_get(good(samples / "download-683KB.stderr.bin", content_file))
    assert run(auto, link, tmp_path / "job")[0].read_bytes() == CONTENT
    assert server.counters.data_requests == 0


def test_auto_takes_the_embedded_backend_without_megacmd(
    auto: MegaDownloader,
    server: LoopbackMega,
    link: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert run(auto, link, tmp_path / "job")[0].read_bytes() == CONTENT
    assert server.counters.data_requests > 0


def test_auto_takes_the_embedded_backend_for_another_api_than_megas(
    install_mega_get: Install, make_downloader: Make, link: str, tmp_path: Path
) -> None:
    install_mega_get("sys.exit(9)")
    assert run(make_downloader(), link, tmp_path / "job")[0].read_bytes() == CONTENT


def test_auto_takes_the_embedded_backend_for_folders(
    install_mega_get: Install, auto: MegaDownloader, server: LoopbackMega, tmp_path: Path
) -> None:
    install_mega_get("sys.exit(9)")
    shared = server.add_folder("F", {"a.mp3": CONTENT})
    assert run(auto, shared.link, tmp_path / "job")[0].read_bytes() == CONTENT


@pytest.mark.parametrize(
    "body",
    [
        "sys.exit(254)",
        "sys.exit(51)",
        "os.kill(os.getpid(), signal.SIGSEGV)",
        "pass",
        f"say({BAR.encode().decode('unicode_escape').encode()!r}); sys.exit(1)",
    ],
)
def test_where_megacmd_fails_in_its_own_way_the_embedded_backend_takes_over(
    install_mega_get: Install,
    auto: MegaDownloader,
    link: str,
    tmp_path: Path,
    body: str,
    on_each_update: Callable[[Callable[[ProgressInfo], object]], None],
) -> None:
    install_mega_get(body)
    messages: list[str] = []
    on_each_update(lambda info: messages.append(info.message))
    file, events = run(auto, link, tmp_path / "job")
    assert file.read_bytes() == CONTENT
    assert list(file.parent.iterdir()) == [file]
    assert any("MEGAcmd failed" in message for message in messages)
    assert [event.status for event in events].count(ProgressStatus.COMPLETED) == 1
    percentages = [event.percentage for event in events]
    assert percentages == sorted(percentages)


@pytest.mark.parametrize("code", [2, 9, 13, 16, 20])
def test_where_the_embedded_backend_would_fail_too_it_is_not_tried(
    install_mega_get: Install,
    auto: MegaDownloader,
    server: LoopbackMega,
    link: str,
    tmp_path: Path,
    code: int,
) -> None:
    install_mega_get(f"sys.exit({code})")
    fails(auto, link, tmp_path / "job")
    assert server.counters.data_requests == 0


def test_megacmd_alone_without_megacmd_is_told(
    megacmd: MegaDownloader, link: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "MEGAcmd is not installed" in fails(megacmd, link, tmp_path / "job")


def test_megacmd_alone_does_not_take_folders(
    install_mega_get: Install, megacmd: MegaDownloader, server: LoopbackMega, tmp_path: Path
) -> None:
    install_mega_get("sys.exit(9)")
    link = server.add_folder("F", {"a.mp3": b"a"}).link
    assert re.search("folders as a whole only", fails(megacmd, link, tmp_path / "job"))
