"""MEGA links: all forms, broken ones, and those that are none."""

import base64
import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from similubot_mega.links import (
    LinkError,
    MegaLink,
    find_mega_links,
    looks_like_mega_link,
    parse_link,
)

FILE_KEY, FOLDER_KEY = "a-_" + "B" * 39 + "A", "c-_" + "D" * 18 + "A"
H, SUB = "AbC-_fGh", "ZzZ-_zZz"


@pytest.mark.parametrize("scheme", ["https://", "http://", ""])
@pytest.mark.parametrize(
    "host", ["mega.nz", "www.mega.nz", "mega.co.nz", "www.mega.co.nz", "MEGA.nz"]
)
@pytest.mark.parametrize(
    "path", [f"/file/{H}#{FILE_KEY}", f"/#!{H}!{FILE_KEY}", f"#!{H}!{FILE_KEY}"]
)
def test_every_form_of_a_file_link_is_read(scheme: str, host: str, path: str) -> None:
    text = scheme + host + path
    assert looks_like_mega_link(text)
    link = parse_link(text)
    assert link == MegaLink(H, base64.urlsafe_b64decode(FILE_KEY + "="))
    assert len(link.key) == 32


@pytest.mark.parametrize(
    ("path", "chosen", "kind"),
    [
        (f"/folder/{H}#{FOLDER_KEY}", None, None),
        (f"/folder/{H}#{FOLDER_KEY}/file/{SUB}", SUB, "file"),
        (f"/folder/{H}#{FOLDER_KEY}/folder/{SUB}", SUB, "folder"),
        (f"/#F!{H}!{FOLDER_KEY}", None, None),
        (f"/#F!{H}!{FOLDER_KEY}!{SUB}", SUB, None),
        (f"/#F!{H}!{FOLDER_KEY}?{SUB}", SUB, None),
    ],
)
def test_every_form_of_a_folder_link_is_read(
    path: str, chosen: str | None, kind: str | None
) -> None:
    link = parse_link("https://mega.nz" + path)
    assert (link.handle, link.is_folder) == (H, True)
    assert (link.chosen, link.chosen_kind) == (chosen, kind)
    assert len(link.key) == 16


@pytest.mark.parametrize(
    "text",
    [
        f"  <https://mega.nz/file/{H}#{FILE_KEY}>\n",
        f"https://mega.nz/file/{H}?utm_source=x&b=1#{FILE_KEY}",
        f"https://mega.nz/file/{H}/embed#{FILE_KEY}&ref=1",
        f"https://mega.nz/file/{H}%23{FILE_KEY}",
        f"https://mega.nz/%23%21{H}%21{FILE_KEY}",
    ],
)
def test_what_chats_and_trackers_add_is_skipped(text: str) -> None:
    assert looks_like_mega_link(text)
    assert parse_link(text).handle == H


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (f"https://mega.nz/file/{H}", "lacks its key"),
        (f"https://mega.nz/file/{H}#", "lacks its key"),
        (f"https://mega.nz/#!{H}", "lacks its key"),
        (f"https://mega.nz/folder/{H}", "lacks its key"),
        (f"https://mega.nz/file/{H}#{FILE_KEY[:-1]}", "has 42 characters, not 43"),
        (f"https://mega.nz/folder/{H}#{FILE_KEY}", "has 43 characters, not 22"),
        (f"https://mega.nz/file/short#{FILE_KEY}", "cut or misspelt"),
        ("https://mega.nz/#P!AgDx", "password"),
    ],
)
def test_a_broken_link_is_accepted_and_its_error_says_what_is_missing(text: str, says: str) -> None:
    assert looks_like_mega_link(text)
    with pytest.raises(LinkError, match=says):
        parse_link(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "clip.mp4",
        "https://example.com/file/x#y",
        f"https://mega.nz.evil.com/file/{H}#{FILE_KEY}",
        f"https://notmega.nz/file/{H}#{FILE_KEY}",
        f"https://evil.com/?u=https://mega.nz/file/{H}#{FILE_KEY}",
        "https://mega.nz/chat/abc#def",
        "https://mega.nz",
    ],
)
def test_other_texts_are_no_mega_links(text: str) -> None:
    assert not looks_like_mega_link(text)
    with pytest.raises(LinkError):
        parse_link(text)


def test_links_are_found_in_a_text_in_order_and_once() -> None:
    file, old = f"https://mega.nz/file/{H}#{FILE_KEY}", f"https://mega.nz/#!{H}!{FILE_KEY}"
    folder = f"https://mega.nz/folder/{H}#{FOLDER_KEY}/file/{SUB}"
    text = f"see <{old}>, ({file}). [x]({folder}) ||{file}|| https://mega.nz/file/{H} **{old}**"
    assert find_mega_links(text) == [old, file, folder]


def test_neither_repr_nor_shown_holds_the_key() -> None:
    link = parse_link(f"https://mega.nz/file/{H}#{FILE_KEY}")
    assert FILE_KEY not in repr(link) + link.shown
    assert repr(link.key) not in repr(link)
    assert link.secret_url == f"https://mega.nz/file/{H}#{FILE_KEY}"


@given(st.text() | st.from_regex(r"https://mega\.nz/(file|folder|#F?!).{0,80}", fullmatch=True))
def test_any_text_is_a_link_or_an_error(text: str) -> None:
    looks_like_mega_link(text)
    for found in find_mega_links(text):
        assert found in text
        assert looks_like_mega_link(found)
    with contextlib.suppress(LinkError):
        link = parse_link(text)
        assert len(link.key) == (16 if link.is_folder else 32)


@given(
    st.sampled_from(["/file/", "/folder/", "/#!", "/#F!", "/#P!", "/chat/"]),
    st.text(max_size=10),
    st.sampled_from(["#", "!", "%23", ""]),
    st.integers(1, 9),
    st.text(max_size=10),
)
def test_no_error_repeats_a_part_of_the_key(
    form: str, handle: str, separator: str, length: int, rest: str
) -> None:
    text = f"https://mega.nz{form}{handle}{separator}{'S3cr3t' * length}{rest}"
    with contextlib.suppress(LinkError):
        parse_link(text)
        return
    with pytest.raises(LinkError) as caught:
        parse_link(text)
    assert "S3cr3t" not in caught.value.message + caught.value.detail


def test_a_long_hostile_text_is_searched_quickly() -> None:
    assert find_mega_links("https://mega.nz/file/" + "a" * 200_000) == []
    assert find_mega_links("mega.nz/#" * 20_000) == []
    assert find_mega_links("mega.nz/" + "x#!" * 20_000) == []
