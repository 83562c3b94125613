"""The uploader into a folder: whole or not at all, and never over something that is there."""

import errno
import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as settings_of_a_run
from hypothesis import strategies as st

from similubot_core import (
    Cancelled,
    ProgressInfo,
    ProgressStatus,
    Settings,
    StageContext,
    StageError,
    UsageError,
)
from similubot_core.files import move_into_place, write_error
from similubot_core.jobs.folder_uploader import BLOCK_BYTES, FolderUploader, open_folder_uploader

unhurried = settings_of_a_run(deadline=None, max_examples=60)  # a loaded machine is no failure


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "out"
    path.mkdir()
    return path


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "song.m4a"
    path.write_bytes(os.urandom(3 * BLOCK_BYTES + 17))
    return path


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_the_copy_is_the_same_and_the_file_stays(folder: Path, file: Path, tmp_path: Path) -> None:
    before = file.read_bytes()
    result = FolderUploader(folder).run(file, StageContext(tmp_path))
    assert result == str(folder / "song.m4a")
    assert Path(result).read_bytes() == file.read_bytes() == before
    assert names(folder) == ["song.m4a"]


def test_progress_is_told_in_true_bytes(
    folder: Path,
    file: Path,
    tmp_path: Path,
    on_each_update: Callable[[Callable[[ProgressInfo], object]], None],
) -> None:
    seen: list[ProgressInfo] = []
    left: list[ProgressInfo] = []
    on_each_update(left.append)
    FolderUploader(folder).run(file, StageContext(tmp_path, callbacks=(seen.append,)))
    size = file.stat().st_size
    assert [info.current_size for info in left] == [
        BLOCK_BYTES, 2 * BLOCK_BYTES, 3 * BLOCK_BYTES, size,
    ]  # fmt: skip
    assert {i.total_size for i in seen[1:]} == {size}
    assert seen[-1].status is ProgressStatus.COMPLETED
    assert seen[-1].message == "Saved as song.m4a."


def test_an_empty_file_is_copied_too(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    result = FolderUploader(folder).run(tmp_path / "empty", StageContext(tmp_path))
    assert Path(result).read_bytes() == b""


def test_a_name_that_is_taken_gets_a_number(folder: Path, file: Path, tmp_path: Path) -> None:
    (folder / "song.m4a").write_text("older")
    (folder / "song (2).m4a").symlink_to("nowhere")
    result = FolderUploader(folder).run(file, StageContext(tmp_path))
    assert result == str(folder / "song (3).m4a")
    assert (folder / "song.m4a").read_text() == "older"


def test_a_cancel_leaves_nothing(folder: Path, file: Path, tmp_path: Path) -> None:
    seen: list[ProgressInfo] = []
    context = StageContext(tmp_path)

    def cancel_half_way(info: ProgressInfo) -> None:
        seen.append(info)
        if info.percentage > 30:
            context.cancel.cancel()

    context = StageContext(tmp_path, context.cancel, (cancel_half_way,))
    with pytest.raises(Cancelled):
        FolderUploader(folder).run(file, context)
    assert names(folder) == []
    assert seen[-1].status is ProgressStatus.CANCELLED


def test_a_file_that_is_gone_is_told_as_such(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(StageError, match=r"^The file gone\.m4a cannot be read: No such file"):
        FolderUploader(folder).run(tmp_path / "gone.m4a", StageContext(tmp_path))
    assert names(folder) == []


def test_a_file_that_is_a_folder_is_told_as_such(folder: Path, tmp_path: Path) -> None:
    seen: list[ProgressInfo] = []
    with pytest.raises(StageError, match=r"^The file out cannot be read: Is a directory\.$"):
        FolderUploader(folder).run(folder, StageContext(tmp_path, callbacks=(seen.append,)))
    assert names(folder) == []
    assert seen[-1].status is ProgressStatus.FAILED


def test_a_folder_that_is_gone_is_told_as_such(folder: Path, file: Path, tmp_path: Path) -> None:
    folder.rmdir()
    with pytest.raises(
        StageError, match=r"^Nothing can be written into .*out: No such file or dir"
    ):
        FolderUploader(folder).run(file, StageContext(tmp_path))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_full_disk_is_told_as_such() -> None:
    with Path("/dev/full").open("wb", buffering=0) as full, pytest.raises(OSError) as caught:  # noqa: PT011
        full.write(b"x")
    assert str(write_error(Path("/out"), caught.value)) == (
        "The disk of /out is full; make room and try again."
    )


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_or_quota_asks_for_room(number: int) -> None:
    assert "make room" in write_error(Path("/out"), OSError(number, os.strerror(number))).message


def test_a_file_that_grows_while_it_is_copied_is_not_taken_for_whole(
    folder: Path, file: Path, tmp_path: Path
) -> None:
    grown = threading.Event()

    def grow(info: ProgressInfo) -> None:
        if info.percentage > 30 and not grown.is_set():
            grown.set()
            with file.open("ab") as more:
                more.write(b"more")

    with pytest.raises(StageError, match="changed while it was copied"):
        FolderUploader(folder).run(file, StageContext(tmp_path, callbacks=(grow,)))
    assert names(folder) == []


@pytest.mark.parametrize("target", [None, "", "/no/such/folder", "file"])
def test_a_target_that_is_no_folder_is_refused_before_any_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, target: str | None
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="folder"):
        open_folder_uploader(Settings(environ={}), target)


def test_a_home_folder_can_be_the_target(
    monkeypatch: pytest.MonkeyPatch, folder: Path, file: Path, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    uploader = open_folder_uploader(Settings(environ={}), "~/out")
    assert uploader.run(file, StageContext(tmp_path)) == str(folder / "song.m4a")


# -- moving into place -------------------------------------------------------------------------


def test_a_move_takes_the_name_and_leaves_nothing_behind(folder: Path, file: Path) -> None:
    content = file.read_bytes()
    assert move_into_place(file, folder / "x.m4a") == folder / "x.m4a"
    assert not file.exists()
    assert (folder / "x.m4a").read_bytes() == content


def test_a_taken_name_is_an_error_where_no_number_may_be_added(folder: Path, file: Path) -> None:
    (folder / "x.m4a").write_text("older")
    with pytest.raises(FileExistsError):
        move_into_place(file, folder / "x.m4a", number=False)
    assert file.exists()
    assert (folder / "x.m4a").read_text() == "older"


@pytest.mark.parametrize("links", [True, False], ids=["hard links", "none"])
def test_of_many_that_want_one_name_each_gets_its_own(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, links: bool
) -> None:
    if not links:

        def refuse(*_: object) -> None:  # as on FAT, or across file systems
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))

        monkeypatch.setattr(os, "link", refuse)
    results: list[Path] = []
    barrier = threading.Barrier(8)

    def work(number: int) -> None:
        mine = tmp_path / f"mine {number}"
        mine.write_text(str(number))
        barrier.wait(20)
        results.append(move_into_place(mine, folder / "x.m4a"))

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert len(set(results)) == 8
    assert sorted(path.read_text() for path in folder.iterdir()) == [str(n) for n in range(8)]


@pytest.mark.parametrize("name", ["é" * 125 + ".m4a", "x" * 255])
def test_the_longest_name_there_is_can_be_taken_twice(
    folder: Path, tmp_path: Path, name: str
) -> None:
    for content in ("one", "two"):
        (tmp_path / "mine").write_text(content)
        place = move_into_place(tmp_path / "mine", folder / name)
        assert place.read_text() == content
    assert len(names(folder)) == 2


@unhurried
@given(
    st.text(
        st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=40
    )
)
def test_any_name_that_a_file_can_have_can_be_taken_twice(
    tmp_path_factory: pytest.TempPathFactory, name: str
) -> None:
    if name in (".", ".."):
        return
    folder = tmp_path_factory.mktemp("names")
    places = []
    for content in ("one", "two"):
        (folder / "new").mkdir(exist_ok=True)
        mine = folder / "new" / "mine"
        mine.write_text(content)
        (folder / "out").mkdir(exist_ok=True)
        places.append(move_into_place(mine, folder / "out" / name))
    assert [place.read_text() for place in places] == ["one", "two"]
