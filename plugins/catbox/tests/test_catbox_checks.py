"""What is checked before a byte is sent, and while the file is being sent."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from similubot_catbox import CatboxUploader, LitterboxUploader
from similubot_catbox.attempts import Patience
from similubot_catbox.services import CATBOX_LIMIT, GIF_LIMIT, LITTERBOX_LIMIT
from similubot_catbox.settings import CatboxSettings
from similubot_core import ProgressInfo, ProgressStatus
from similubot_loopback.catbox_server.faults import Reply, SlowRead
from similubot_loopback.catbox_server.process import CatboxProcess

OnEachUpdate = Callable[[Callable[[ProgressInfo], object]], None]


def sparse(path: Path, size: int) -> Path:
    with path.open("wb") as file:
        file.truncate(size)
    return path


def a_folder(folder: Path) -> Path:
    return folder


def a_pipe(folder: Path) -> Path:
    os.mkfifo(folder / "pipe.m4a")
    return folder / "pipe.m4a"


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda folder: folder / "none.m4a", "There is no file none.m4a to upload."),
        (lambda folder: folder / "nul\0.m4a", "cannot be read"),
        (a_folder, "is a folder; only files"),
        (a_pipe, "is not a regular file"),
        (lambda folder: sparse(folder / "a.m4a", 0), "a.m4a is empty; there is nothing to upload."),
        (
            lambda folder: sparse(folder / "a.m4a", CATBOX_LIMIT + 1),
            "a.m4a (200.0 MB) is over Catbox's limit, 200.0 MB: make it smaller, for instance with "
            "a lower bitrate, or use Litterbox, which takes 1.0 GB for up to 72 hours.",
        ),
        (
            lambda folder: sparse(folder / "a.gif", GIF_LIMIT + 1),
            "is over Catbox's limit for a GIF, 20.0 MB",
        ),
        (lambda folder: sparse(folder / "a.EXE", 10), "Catbox refuses files that end in .exe"),
        (lambda folder: sparse(folder / "a.docx", 10), "Catbox refuses files that end in .docx"),
        (lambda folder: sparse(folder / "a.jar", 10), "Catbox refuses files that end in .jar"),
        (lambda folder: sparse(folder / "a.scr", 10), "Catbox refuses files that end in .scr"),
        (lambda folder: sparse(folder / "a.cpl", 10), "Catbox refuses files that end in .cpl"),
    ],
)
def test_a_file_that_cannot_go_up_is_told_before_anything_is_sent(
    server: CatboxProcess,
    settings: CatboxSettings,
    tmp_path: Path,
    make: Callable[[Path], Path],
    said: str,
) -> None:
    states: list[ProgressInfo] = []
    uploader = CatboxUploader(settings=settings)
    success, link, error = uploader.upload_with_progress(make(tmp_path), states.append)
    assert (success, link) == (False, None)
    assert said in (error or "")
    assert states[-1].status is ProgressStatus.FAILED
    assert states[-1].message == error
    assert server.requests == ()


def test_a_file_of_just_the_limit_goes_up(
    server: CatboxProcess, settings: CatboxSettings, tmp_path: Path
) -> None:
    file = sparse(tmp_path / "a.gif", GIF_LIMIT)
    assert CatboxUploader(settings=settings).upload(file)[0]


def test_litterbox_has_its_own_limit(
    server: CatboxProcess, settings: CatboxSettings, tmp_path: Path
) -> None:
    file = sparse(tmp_path / "a.m4a", LITTERBOX_LIMIT + 1)
    success, _, error = LitterboxUploader(settings=settings).upload(file)
    assert not success
    assert "is over Litterbox's limit, 1.0 GB" in (error or "")
    assert "use Litterbox" not in (error or "")
    assert server.requests == ()


@pytest.mark.parametrize(("name", "limit"), [("a.m4a", CATBOX_LIMIT), ("a.GIF", GIF_LIMIT)])
def test_a_file_too_large_for_catbox_goes_to_litterbox_where_the_settings_allow_it(
    server: CatboxProcess, tmp_path: Path, name: str, limit: int
) -> None:
    settings = CatboxSettings(
        api_url=server.catbox_url,
        litterbox_url=server.litterbox_url,
        litterbox_time="12h",
        litterbox_when_too_large=True,
    )
    states: list[ProgressInfo] = []
    file = sparse(tmp_path / name, limit + 1)
    assert CatboxUploader(settings=settings).upload_with_progress(file, states.append)[0]
    assert server.requests[0].service == "litterbox"
    assert states[-1].operation == "Litterbox Upload"
    assert "Too large for Catbox" in states[0].message
    assert "Too large for Catbox" in states[-1].message
    assert "12h" in states[-1].message
    small = sparse(tmp_path / "b.m4a", 1000)
    assert CatboxUploader(settings=settings).upload(small)[0]
    assert server.requests[1].service == "catbox"


def grow(file: Path) -> None:
    with file.open("ab") as out:
        out.write(b"more")


def shrink(file: Path) -> None:
    os.truncate(file, file.stat().st_size // 2)


def overwrite(file: Path) -> None:
    with file.open("r+b") as out:
        out.seek(-1, os.SEEK_END)
        out.write(b"!")


@pytest.mark.parametrize("change", [grow, shrink, overwrite])
def test_a_file_that_changes_while_it_is_sent_never_lands(
    server: CatboxProcess,
    settings: CatboxSettings,
    large_clip: Path,
    change: Callable[[Path], None],
) -> None:
    server.script(SlowRead(16_000_000))
    changes = [change]

    def change_once(info: ProgressInfo) -> None:
        if info.current_size and changes:
            changes.pop()(large_clip)

    uploader = CatboxUploader(settings=settings)
    success, _, error = uploader.upload_with_progress(large_clip, change_once)
    assert changes == []
    assert not success
    assert "large.m4a changed while it was being uploaded" in (error or "")
    assert server.wait_until(lambda s: len(s.requests) == 1)
    assert (server.requests[0].file, server.requests[0].url) == (None, None)


def test_a_file_that_disappears_between_two_attempts_is_told(
    server: CatboxProcess,
    settings: CatboxSettings,
    clip: Path,
    at_once: Patience,
    on_each_update: OnEachUpdate,
) -> None:
    server.script(Reply(503))

    def remove(info: ProgressInfo) -> None:
        if "Trying again" in info.message:
            clip.unlink(missing_ok=True)

    on_each_update(remove)
    uploader = CatboxUploader(settings=settings, patience=at_once)
    success, _, error = uploader.upload_with_progress(clip)
    assert not success
    assert "clip.m4a could no longer be read" in (error or "")
