"""The progress is true and the memory constant, measured against a server in its own process."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from similubot_catbox import CatboxUploader
from similubot_catbox.settings import CatboxSettings
from similubot_core import ProgressInfo, ProgressStatus
from similubot_loopback.catbox_server.faults import SlowRead
from similubot_loopback.catbox_server.process import CatboxProcess

MIB = 1 << 20


@pytest.fixture(scope="module")
def prompt_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CatboxProcess]:
    """One whose system holds back 1 MiB or so: what lies there unread, no client can see."""
    folder = tmp_path_factory.mktemp("prompt")
    with CatboxProcess(folder, receive_buffer=MIB) as running:
        yield running


@pytest.mark.parametrize("rate", [1_000_000, 10_000_000, 100_000_000])
def test_bytes_shown_are_never_4_mib_ahead_of_what_the_server_has_read(
    prompt_server: CatboxProcess, tmp_path: Path, rate: int
) -> None:
    server = prompt_server
    settings = CatboxSettings(api_url=server.catbox_url)
    file = tmp_path / "a.bin"
    with file.open("wb") as out:
        out.truncate(min(max(rate * 3, 6_000_000), 150_000_000))
    server.script(SlowRead(rate))
    before = server.bytes_read
    ahead: list[int] = []

    def compare(info: ProgressInfo) -> None:
        if info.status is ProgressStatus.IN_PROGRESS:
            ahead.append((info.current_size or 0) - (server.bytes_read - before))

    assert CatboxUploader(settings=settings).upload_with_progress(file, compare)[0]
    assert len(ahead) > 5
    assert max(ahead) <= 4 * MIB


def test_100_percent_comes_after_the_server_has_answered(
    server: CatboxProcess, settings: CatboxSettings, large_clip: Path
) -> None:
    server.script(SlowRead(24_000_000))
    answered: list[bool] = []
    finished: list[bool] = []

    def note(info: ProgressInfo) -> None:
        answered.append(bool(server.requests))
        finished.append(info.percentage >= 100)

    assert CatboxUploader(settings=settings).upload_with_progress(large_clip, note)[0]
    assert finished == [False] * (len(finished) - 1) + [True]
    assert answered[-1]


UPLOAD = """
import sys
from similubot_catbox import CatboxSettings, LitterboxUploader
states = []
uploader = LitterboxUploader(settings=CatboxSettings(litterbox_url=sys.argv[1]))
success, link, error = uploader.upload_with_progress(sys.argv[2], lambda info: states.append(None))
assert success, error
"""


def peak_memory(server: CatboxProcess, file: Path, size: int) -> int:
    """Bytes that a process of its own needs at most to upload `size` bytes."""
    with file.open("wb") as out:
        out.truncate(size)
    argv = [sys.executable, "-c", UPLOAD, server.litterbox_url, str(file)]
    _, status, usage = os.wait4(os.spawnv(os.P_NOWAIT, sys.executable, argv), 0)
    assert status == 0
    return usage.ru_maxrss * 1024


@pytest.mark.parametrize("size", [100_000_000, pytest.param(1_000_000_000, marks=pytest.mark.slow)])
def test_memory_does_not_grow_with_the_file(
    server: CatboxProcess, tmp_path: Path, size: int
) -> None:
    file = tmp_path / "a.bin"
    small = peak_memory(server, file, 1_000_000)
    large = peak_memory(server, file, size)
    assert server.requests[1].file is not None
    assert server.requests[1].file.size == size
    assert large - small <= 8 * MIB
