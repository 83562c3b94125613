"""A download that is offered while it comes."""

from pathlib import Path

import pytest

from similubot_core import CancelToken, StageContext, StageError
from similubot_core.jobs import GrowingFile
from similubot_http import CancellableSession, FetchLimits, HttpDownloader, HttpSettings, fetch

from .conftest import Server, content, status

BODY = bytes(range(256)) * 4096  # 1 MiB
QUICK = FetchLimits(first_wait=0.001, longest_wait=0.01, attempts=2)


def offered(server: Server, folder: Path) -> list[GrowingFile]:
    """What is offered on the way to the file."""
    files: list[GrowingFile] = []
    cancel = CancelToken()
    with CancellableSession(cancel) as session:
        fetch(
            session,
            f"{server.url}/a.mp3",
            folder,
            cancel,
            lambda *_: None,
            QUICK,
            offer=files.append,
        )
    return files


def test_it_is_offered_once_with_its_name_and_size(server: Server, tmp_path: Path) -> None:
    server.usual = content(BODY)
    (file,) = offered(server, tmp_path)
    assert (file.name, file.size, file.is_finished) == ("a.mp3", len(BODY), True)
    assert file.wait_for(0, CancelToken()) == len(BODY)


def test_it_is_offered_before_its_bytes_are_here(server: Server, tmp_path: Path) -> None:
    server.usual = content(BODY)
    here: list[bytes] = []
    context = StageContext(tmp_path, offer=lambda file: here.append(file.path.read_bytes()))
    HttpDownloader(HttpSettings()).run(f"{server.url}/a.mp3", context)
    assert here == [b""]


def test_a_connection_that_breaks_goes_on_in_the_same_file(server: Server, tmp_path: Path) -> None:
    server.plan = [content(BODY, cut_after=100_000, ETag='"one"')]
    server.usual = content(BODY, ETag='"one"')
    (file,) = offered(server, tmp_path)
    assert file.is_finished


def test_a_file_that_changed_on_the_way_is_never_called_whole(
    server: Server, tmp_path: Path
) -> None:
    server.plan = [content(BODY, cut_after=100_000, ETag='"one"')]
    server.usual = content(BODY[::-1], ETag='"two"')
    (file,) = offered(server, tmp_path)
    assert not file.is_finished
    with pytest.raises(StageError):
        file.wait_for(0, CancelToken())


def test_one_without_a_length_has_a_size_at_its_end(server: Server, tmp_path: Path) -> None:
    server.usual = content(BODY, length=False)
    (file,) = offered(server, tmp_path)
    assert (file.size, file.is_finished) == (len(BODY), True)


def test_a_download_that_fails_fails_for_its_readers_too(server: Server, tmp_path: Path) -> None:
    server.plan = [content(BODY, cut_after=100_000, ETag='"one"')]
    server.usual = status(404)
    files: list[GrowingFile] = []
    context = StageContext(tmp_path, offer=files.append)
    with pytest.raises(StageError):
        HttpDownloader(HttpSettings(), limits=QUICK).run(f"{server.url}/a.mp3", context)
    with pytest.raises(StageError):
        files[0].wait_until_whole(CancelToken())
