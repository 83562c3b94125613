"""Untrusted media cannot make FFmpeg read other files or reach the network.

Each attack is a real file. Where FFmpeg without our restrictions falls for it, the test shows that
first, so that it cannot pass by a harmless attack.
"""

import shutil
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from similubot_core import CancelToken
from similubot_core.process import run_process
from similubot_ffmpeg import AudioConverter
from similubot_loopback.media import make_sound

Shapes = Callable[[str], Path]


@pytest.fixture
def secret(tmp_path: Path, maker: Path) -> Path:
    """Another user's recording, which lies where FFmpeg could read it."""
    (tmp_path / "private").mkdir()
    return make_sound(tmp_path / "private" / "secret.aac", 3.0, maker)


@pytest.fixture
def visitors() -> Iterator[tuple[str, list[bytes]]]:
    """An HTTP address of this machine, and what was asked of it."""
    seen: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.05)
        closing = threading.Event()

        def serve() -> None:
            while not closing.is_set():
                try:
                    connection, _ = server.accept()
                except TimeoutError:
                    continue
                with connection:
                    connection.settimeout(2)
                    seen.append(connection.recv(2000))
                    connection.sendall(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.getsockname()[1]}/track.aac", seen
        finally:
            closing.set()
            thread.join(5)


def playlist(target: str) -> bytes:
    return (
        f"#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:3\n#EXT-X-MEDIA-SEQUENCE:0\n"
        f"#EXTINF:3.0,\n{target}\n#EXT-X-ENDLIST\n"
    ).encode()


def concat_script(target: str) -> bytes:
    return f"ffconcat version 1.0\nfile '{target}'\n".encode()


def sdp(target: str) -> bytes:
    return (
        b"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio 5004 RTP/AVP 0\n"
    )


def falls_for_it(ffmpeg: Path, source: Path, *options: str) -> bool:
    """Whether FFmpeg without our restrictions makes sound of the attack."""
    result = run_process(
        [ffmpeg, "-v", "error", *options, "-i", f"file:{source}", "-f", "null", "-"],
        cancel=CancelToken(),
        time_limit=30,
    )
    return result.returncode == 0


def assert_refused(converter: AudioConverter, source: Path) -> None:
    """Neither looked into nor converted; and with a sentence."""
    ok, info, error = converter.get_media_info(source)
    assert (ok, info) == (False, None)
    assert error
    ok, path, error = converter.convert_to_aac(source, 64)
    assert (ok, path) == (False, None)
    assert error
    assert not list(converter.temp_dir.iterdir())


@pytest.mark.parametrize("name", ["list.m3u8", "list.mp3", "list.mp4", "list", "list.ts"])
def test_a_playlist_of_another_file_is_not_followed(
    name: str, ffmpeg: Path, converter: AudioConverter, secret: Path, tmp_path: Path
) -> None:
    source = tmp_path / name
    source.write_bytes(playlist(str(secret)))
    if name == "list.m3u8":
        assert falls_for_it(ffmpeg, source)
    assert_refused(converter, source)


@pytest.mark.parametrize("name", ["script.ffconcat", "script.mp4", "script.txt"])
def test_a_concat_script_is_not_followed(
    name: str, ffmpeg: Path, converter: AudioConverter, secret: Path, tmp_path: Path
) -> None:
    source = tmp_path / name
    source.write_bytes(concat_script("private/secret.aac"))
    assert falls_for_it(ffmpeg, source)
    assert_refused(converter, source)
    source.write_bytes(concat_script(str(secret)))
    assert falls_for_it(ffmpeg, source, "-safe", "0", "-f", "concat")
    assert_refused(converter, source)


@pytest.mark.parametrize("make", [playlist, concat_script])
@pytest.mark.parametrize(
    "scheme", ["subfile,,start,0,end,0,,:", "file:", "concat:", "crypto:", "cache:", "async:"]
)
def test_no_protocol_leads_to_another_file(
    scheme: str,
    make: Callable[[str], bytes],
    converter: AudioConverter,
    secret: Path,
    tmp_path: Path,
) -> None:
    source = tmp_path / "source.mp4"
    source.write_bytes(make(f"{scheme}{secret}"))
    assert_refused(converter, source)


@pytest.mark.parametrize("make", [playlist, concat_script, sdp])
def test_an_address_inside_a_file_is_not_visited(
    make: Callable[[str], bytes],
    ffmpeg: Path,
    converter: AudioConverter,
    visitors: tuple[str, list[bytes]],
    tmp_path: Path,
) -> None:
    address, seen = visitors
    for name in ("source.m3u8", "source.mp4", "source.sdp"):
        source = tmp_path / name
        source.write_bytes(make(address))
        assert_refused(converter, source)
    assert seen == []
    if make is playlist:
        source = tmp_path / "source.m3u8"
        falls_for_it(ffmpeg, source, "-protocol_whitelist", "file,http,tcp")
        assert seen, "the attack is harmless: FFmpeg does not visit even when it may"


@pytest.mark.parametrize(
    "name", ["subfile,,start,0,end,0,,:secret.aac", "concat:secret.aac", "http:secret", "pipe:0"]
)
def test_a_name_that_looks_like_a_protocol_is_a_name(
    name: str, newest: AudioConverter, shapes: Shapes, tmp_path: Path
) -> None:
    source = tmp_path / name
    shutil.copy(shapes("wav"), source)
    assert newest.convert_to_aac(source)[0]


def test_an_mpeg4_file_whose_sound_lies_in_another_file_does_not_get_it(
    ffmpeg: Path, converter: AudioConverter, shapes: Shapes, tmp_path: Path
) -> None:
    private = tmp_path / "private.m4a"
    shutil.copy(shapes("m4a with art"), private)
    source = tmp_path / "source.mov"
    source.write_bytes(referring_to(private.name, private.read_bytes()))
    assert falls_for_it(ffmpeg, source, "-enable_drefs", "1", "-use_absolute_path", "1")
    for bitrate in (None, 64):
        ok, path, error = converter.convert_to_aac(source, bitrate)
        assert (ok, path) == (False, None)
        assert error


def referring_to(name: str, data: bytes) -> bytes:
    """An index whose samples are said to lie in another file, by a Macintosh alias record."""
    path = name.encode()
    record = bytearray(150)
    record[10 + 1 + 27 + 12] = len(path)
    record[51 : 51 + len(path)] = path
    # How many folders to go up from this file and down to the other: the same folder.
    struct.pack_into(">HH", record, 51 + 63 + 16, 1, 1)
    absolute = path + b"\0" * (len(path) % 2)
    items = struct.pack(">HH", 18, len(absolute)) + absolute
    items += struct.pack(">HH", 2, len(absolute)) + absolute
    body = bytes(4) + bytes(record) + items + struct.pack(">HH", 0xFFFF, 0)
    alias = struct.pack(">I4s", len(body) + 8, b"alis") + body
    old = struct.pack(">I4sI", 12, b"url ", 1)
    grown = len(alias) - len(old)

    def boxes(data: bytes) -> bytes:
        out, at = b"", 0
        while at + 8 <= len(data):
            size, kind = struct.unpack_from(">I4s", data, at)
            inner = data[at + 8 : at + size]
            if kind in (b"moov", b"trak", b"mdia", b"minf", b"dinf"):
                inner = boxes(inner)
            elif kind == b"dref":
                assert old in inner
                inner = inner.replace(old, alias)
            elif kind == b"mdat":
                inner = b""
            out += struct.pack(">I4s", len(inner) + 8, kind) + inner
            at += size
        return out

    assert grown > 0
    return boxes(data)
