"""Folder links: which file they mean, and hostile listings."""

import contextlib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from similubot_core import StageContext, StageError
from similubot_loopback.mega_server import LoopbackMega
from similubot_mega import MegaDownloader
from similubot_mega.folder import Node, choose_file, read_nodes
from similubot_mega.links import MegaLink


def fetch(downloader: MegaDownloader, link: str, folder: Path) -> tuple[str, bytes]:
    file = downloader.run(link, StageContext(folder))
    return file.name, file.read_bytes()


def refusal(downloader: MegaDownloader, link: str, folder: Path) -> str:
    with pytest.raises(StageError) as caught:
        downloader.run(link, StageContext(folder))
    assert list(folder.iterdir()) == []
    return caught.value.message


def test_a_chosen_file_is_taken(
    server: LoopbackMega, downloader: MegaDownloader, tmp_path: Path
) -> None:
    shared = server.add_folder("F", {"a.mp3": b"aaa", "deep/er/b.mp3": b"b" * 300_000})
    assert fetch(downloader, shared.link_to("deep/er/b.mp3"), tmp_path) == ("b.mp3", b"b" * 300_000)


def test_the_old_form_of_a_chosen_file_is_taken(
    server: LoopbackMega, downloader: MegaDownloader, tmp_path: Path
) -> None:
    shared = server.add_folder("F", {"a.mp3": b"aaa", "b.mp3": b"bbb"})
    handle, key = shared.link.rpartition("/")[2].split("#")
    old = f"https://mega.nz/#F!{handle}!{key}!{shared.handles['b.mp3']}"
    assert fetch(downloader, old, tmp_path) == ("b.mp3", b"bbb")


def test_the_only_file_is_taken(
    server: LoopbackMega, downloader: MegaDownloader, tmp_path: Path
) -> None:
    shared = server.add_folder("F", {"sub/readme.xyz": b"text"})
    assert fetch(downloader, shared.link, tmp_path) == ("readme.xyz", b"text")


def test_the_only_media_file_among_others_is_taken(
    server: LoopbackMega, downloader: MegaDownloader, tmp_path: Path
) -> None:
    shared = server.add_folder("F", {"cover.jpg": b"jpg", "song.FLAC": b"flac", "x.nfo": b"nfo"})
    assert fetch(downloader, shared.link, tmp_path) == ("song.FLAC", b"flac")


def test_of_a_chosen_sub_folder_only_its_files_count(
    server: LoopbackMega, downloader: MegaDownloader, tmp_path: Path
) -> None:
    shared = server.add_folder("F", {"a.mp3": b"a", "sub/deep/b.mp3": b"b", "other/c.mp3": b"c"})
    assert fetch(downloader, shared.link_to("sub"), tmp_path) == ("b.mp3", b"b")


def test_several_media_files_are_listed_with_what_chooses_them(
    server: LoopbackMega, downloader: MegaDownloader, tmp_path: Path
) -> None:
    shared = server.add_folder("F", {"one.mp3": b"1" * 2048, "two.mp4": b"2", "x.txt": b"x"})
    message = refusal(downloader, shared.link, tmp_path)
    assert "holds 2 media files" in message
    assert f"one.mp3 (2.0 KB): /file/{shared.handles['one.mp3']}" in message
    assert "two.mp4" in message
    assert "x.txt" not in message
    assert shared.link.partition("#")[2] not in message


def test_of_many_files_ten_are_listed(
    server: LoopbackMega, downloader: MegaDownloader, tmp_path: Path
) -> None:
    shared = server.add_folder("F", {f"{n:02}.mp3": b"x" for n in range(25)})
    message = refusal(downloader, shared.link, tmp_path)
    assert "09.mp3" in message
    assert "10.mp3" not in message
    assert message.endswith("and 15 more.")


def test_a_name_in_the_list_cannot_break_the_line(
    server: LoopbackMega, downloader: MegaDownloader, tmp_path: Path
) -> None:
    shared = server.add_folder("F", {"a\n\x1b[31m@everyone.mp3": b"1", "b.mp3": b"2"})
    message = refusal(downloader, shared.link, tmp_path)
    assert "\n" not in message
    assert "\x1b" not in message


def test_an_empty_folder_is_told(
    server: LoopbackMega, downloader: MegaDownloader, tmp_path: Path
) -> None:
    assert "holds no file" in refusal(downloader, server.add_folder("F", {}).link, tmp_path)


def test_a_chosen_file_that_is_not_there_is_told(
    server: LoopbackMega, downloader: MegaDownloader, tmp_path: Path
) -> None:
    shared = server.add_folder("F", {"a.mp3": b"a"})
    assert "no such file" in refusal(downloader, shared.link + "/file/AAAAAAAA", tmp_path)


def test_a_wrong_folder_key_is_told(
    server: LoopbackMega, downloader: MegaDownloader, tmp_path: Path
) -> None:
    link = server.add_folder("F", {"a.mp3": b"a"}).link
    wrong = link[:-22] + link[-22:].swapcase()
    assert "key of this MEGA link is wrong" in refusal(downloader, wrong, tmp_path)


def test_a_folder_that_is_gone_is_told(
    server: LoopbackMega, downloader: MegaDownloader, tmp_path: Path
) -> None:
    link = f"https://mega.nz/folder/AAAAAAAA#{'B' * 21}A"
    assert "nothing at this link" in refusal(downloader, link, tmp_path)


def test_an_address_in_a_folder_that_dies_is_replaced(
    server: LoopbackMega, downloader: MegaDownloader, tmp_path: Path
) -> None:
    content = bytes(3_000_000)
    shared = server.add_folder("F", {"a.mp3": content})
    server.fail_data("expire", at=2_000_000)
    assert fetch(downloader, shared.link, tmp_path) == ("a.mp3", content)


def test_the_info_of_a_folder_is_that_of_its_file(
    server: LoopbackMega, make_downloader: Callable[..., MegaDownloader]
) -> None:
    shared = server.add_folder("F", {"a.mp3": b"abc", "b.txt": b"b"})
    assert make_downloader().get_file_info(shared.link)[1] == ("a.mp3", 3)


def test_a_listing_that_goes_in_circles_ends() -> None:
    link = MegaLink("HHHHHHHH", bytes(16), is_folder=True, chosen="A", chosen_kind="folder")
    nodes = [
        Node("A", "B", True, bytes(16), "a", 0),
        Node("B", "A", True, bytes(16), "b", 0),
        Node("A", "A", True, bytes(16), "a", 0),
        Node("C", "B", False, bytes(32), "c.mp3", 7),
    ]
    assert choose_file(nodes, link).size == 7


@given(
    st.lists(
        st.dictionaries(
            st.sampled_from(["h", "p", "t", "k", "a", "s"]),
            st.none()
            | st.integers()
            | st.booleans()
            | st.text(max_size=30)
            | st.just("x:" + "A" * 43),
        )
        | st.integers()
        | st.text(max_size=3),
        max_size=5,
    )
)
def test_any_listing_is_read_or_refused(listing: list[object]) -> None:
    with contextlib.suppress(StageError):
        assert read_nodes(listing, bytes(16)) == []
