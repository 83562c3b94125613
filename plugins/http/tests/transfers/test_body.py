"""The multipart body: what any file name, field and size become on the wire."""

import hashlib
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from similubot_http.body import BLOCK, FileToSend, MultipartBody, identity, sent_name
from similubot_loopback.catbox_server.form import FormReceiver

FIELDS = (("reqtype", "fileupload"), ("userhash", "0123"))


def received(body: MultipartBody, step: int) -> FormReceiver:
    """What a parser that is not ours makes of the body, fed `step` bytes at a time."""
    form = FormReceiver(body.content_type, None)
    whole = b"".join(bytes(block) for block in body)
    assert len(whole) == len(body)
    for start in range(0, len(whole), step):
        form.feed(whole[start : start + step])
    form.finish()
    return form


def file_named(name: str, content: bytes) -> FileToSend:
    """A file that is read from elsewhere, since not every system can store every name."""

    class Named(type(Path())):  # type: ignore[misc]
        @property
        def name(self) -> str:
            return name

    with tempfile.NamedTemporaryFile(delete=False) as out:
        out.write(content)
    path = Named(out.name)
    return FileToSend(path, len(content), identity(path.stat()))


NAMES = st.one_of(
    st.text(st.characters(), min_size=1, max_size=80),
    st.text('";\\\r\n\0=:- filename*\u2028\udc80é中🎵', min_size=1, max_size=40),
)


@given(name=NAMES, content=st.binary(min_size=1, max_size=2000), step=st.integers(1, 500))
def test_no_file_name_can_add_a_header_or_a_field(name: str, content: bytes, step: int) -> None:
    file = file_named(name, content)
    try:
        form = received(MultipartBody(FIELDS, file), step)
    finally:
        file.path.unlink()
    assert tuple(form.fields) == FIELDS
    (arrived,) = form.files
    assert (arrived.field, arrived.content_type) == ("fileToUpload", "application/octet-stream")
    assert arrived.name == sent_name(name)
    assert (arrived.size, arrived.sha256) == (len(content), hashlib.sha256(content).hexdigest())


@pytest.mark.parametrize(
    ("name", "arrives"),
    [
        ("clip.m4a", "clip.m4a"),
        ("中文 ünï 🎵.m4a", "中文 ünï 🎵.m4a"),
        ('a"b".m4a', "a'b'.m4a"),
        ("a\r\nX-Evil: 1\r\n\r\n.m4a", "a__X-Evil: 1____.m4a"),
        ("a\\.m4a", "a_.m4a"),
        ("a\udcff.m4a", "a_.m4a"),
        ("a; filename=b.exe", "a; filename=b.exe"),
        ("%22%0d%0a.m4a", "%22%0d%0a.m4a"),
        ("é" * 125 + ".m4a", "é" * 125 + ".m4a"),
        ("x" * 251 + ".m4a", "x" * 251 + ".m4a"),
    ],
)
def test_a_name_arrives_as_it_is_or_safely_changed(name: str, arrives: str) -> None:
    file = file_named(name, b"content")
    try:
        (arrived,) = received(MultipartBody(FIELDS, file), 7).files
    finally:
        file.path.unlink()
    assert arrived.name == arrives


@given(value=st.text(st.characters(codec="utf-8"), max_size=300))
def test_no_field_value_can_add_a_field(value: str) -> None:
    form = received(MultipartBody((("userhash", value),), None), 11)
    assert form.fields == [("userhash", value)]
    assert form.files == []


@pytest.mark.parametrize("size", [1, BLOCK - 1, BLOCK, BLOCK + 1, 5 * BLOCK])
def test_each_iteration_sends_the_whole_again(tmp_path: Path, size: int) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(bytes(range(251)) * (size // 251 + 1))
    with path.open("r+b") as file:
        file.truncate(size)
    body = MultipartBody(FIELDS, FileToSend(path, size, identity(path.stat())))
    first = b"".join(bytes(block) for block in body)
    assert body.finished
    assert body.handed == len(first) == len(body)
    assert b"".join(bytes(block) for block in body) == first
    assert body.file_bytes_of(len(first)) == size


def test_a_block_counts_once_the_next_is_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(bytes(1000))
    body = MultipartBody(FIELDS, FileToSend(path, 1000, identity(path.stat())))
    blocks = iter(body)
    head = len(next(blocks))
    assert body.handed == 0
    next(blocks)
    assert body.handed == head
    assert body.file_bytes_of(body.handed) == 0
    next(blocks)
    assert body.file_bytes_of(body.handed) == 1000
    assert not body.finished
