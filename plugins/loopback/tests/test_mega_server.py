"""The loopback MEGA server: its protocol as a foreign client sees it, and its faults."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import http.client
import json
import os
import threading
import time
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CTR

from similubot_loopback.mega_server import LoopbackMega
from similubot_loopback.mega_server.crypto import unb64

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MIB = 1024 * 1024


@pytest.fixture
def server() -> Iterator[LoopbackMega]:
    with LoopbackMega() as running:
        yield running


def ask(
    server: LoopbackMega,
    body: object,
    query: str = "",
    headers: dict[str, str] | None = None,
) -> tuple[int, object, dict[str, str]]:
    connection = http.client.HTTPConnection(urlsplit(server.url).netloc, timeout=10)
    try:
        connection.request("POST", f"/cs?id=1{query}", json.dumps(body), headers or {})
        answer = connection.getresponse()
        text = answer.read()
        return answer.status, json.loads(text) if text else None, dict(answer.headers)
    finally:
        connection.close()


def handle_of(link: str) -> str:
    return urlsplit(link).path.rsplit("/", 1)[1]


def address_of(server: LoopbackMega, link: str) -> str:
    _, reply, _ = ask(server, [{"a": "g", "g": 1, "p": handle_of(link)}])
    assert isinstance(reply, list)
    return str(reply[0]["g"])


def fetch(
    address: str, ranges: str = "", headers: dict[str, str] | None = None
) -> http.client.HTTPResponse:
    parts = urlsplit(address)
    connection = http.client.HTTPConnection(parts.netloc, timeout=10)
    connection.request("GET", parts.path + ranges, headers=headers or {})
    return connection.getresponse()


# What a foreign client gets


@pytest.mark.parametrize("size", [0, 1, 15, 16, 128 * 1024, 128 * 1024 + 1, 3 * MIB + 7])
def test_a_foreign_client_gets_the_same_bytes(
    server: LoopbackMega, tmp_path: Path, size: int
) -> None:
    content = os.urandom(size)
    link = server.add_file("tëst 試.bin", content)
    _download_with_async_mega(server, link, tmp_path)
    assert (tmp_path / "tëst 試.bin").read_bytes() == content


@pytest.mark.parametrize("size", [0, 1, 128 * 1024, 3 * MIB + 7])
def test_a_foreign_client_gets_a_generated_file(
    server: LoopbackMega, tmp_path: Path, size: int
) -> None:
    link = server.add_generated_file("made.bin", size)
    _download_with_async_mega(server, link, tmp_path)
    key = unb64(link.rsplit("#", 1)[1])
    aes_key = bytes(a ^ b for a, b in zip(key[:16], key[16:], strict=True))
    stream = Cipher(AES(aes_key), CTR(key[16:24] + bytes(8))).encryptor()
    assert (tmp_path / "made.bin").read_bytes() == stream.update(bytes(size))


def test_a_foreign_client_gets_a_folder_with_its_tree(server: LoopbackMega, tmp_path: Path) -> None:
    folder = server.add_folder("Album", {"one.mp3": b"1" * 200_000, "sub/deep/two.mp3": b"22"})
    _download_with_async_mega(server, folder.link, tmp_path)
    assert (tmp_path / "Album/one.mp3").read_bytes() == b"1" * 200_000
    assert (tmp_path / "Album/sub/deep/two.mp3").read_bytes() == b"22"


def _download_with_async_mega(server: LoopbackMega, link: str, folder: Path) -> None:
    api = pytest.importorskip("mega.api", reason="async-mega-py is not installed")
    client = pytest.importorskip("mega.client")
    yarl = pytest.importorskip("yarl")

    async def download() -> None:
        async with client.MegaNzClient() as mega:
            result = await mega.download_url(link, folder)
            assert not result.fails

    before = api.MegaAPI._entrypoint
    api.MegaAPI._entrypoint = yarl.URL(server.url + "/cs")
    try:
        asyncio.run(download())
    finally:
        api.MegaAPI._entrypoint = before


# The protocol


def test_an_unknown_handle_is_not_found(server: LoopbackMega) -> None:
    assert ask(server, [{"a": "g", "g": 1, "p": "AAAAAAAA"}])[1] == [-9]


def test_an_unknown_command_is_a_wrong_argument(server: LoopbackMega) -> None:
    assert ask(server, [{"a": "us"}, "nonsense"])[1] == [-2, -2]


@pytest.mark.parametrize("body", [{}, 3, None, "x"])
def test_a_body_that_is_no_list_is_a_wrong_argument(server: LoopbackMega, body: object) -> None:
    assert ask(server, body)[1] == -2


def test_a_range_in_the_path_or_in_the_header_gives_those_bytes(server: LoopbackMega) -> None:
    address = address_of(server, server.add_file("a", os.urandom(1000)))
    whole = fetch(address).read()
    assert len(whole) == 1000
    assert fetch(address, "/10-19").read() == whole[10:20]
    assert fetch(address, "/990-").read() == whole[990:]
    partial = fetch(address, headers={"Range": "bytes=10-19"})
    assert (partial.status, partial.read()) == (206, whole[10:20])


def test_the_content_is_encrypted(server: LoopbackMega) -> None:
    assert b"secret" not in fetch(address_of(server, server.add_file("a", b"secret"))).read()


def test_the_limit_holds_for_each_connection() -> None:
    with LoopbackMega(limit=1_000_000) as server:
        address = address_of(server, server.add_file("a", bytes(200_000)))
        began = time.monotonic()
        answers = [fetch(address) for _ in range(2)]
        assert all(len(answer.read()) == 200_000 for answer in answers)
        # Not faster than the limit; how much slower is the machine's business.
        assert time.monotonic() - began > 0.15


def test_bytes_per_second_hold_for_all_connections_together() -> None:
    with LoopbackMega(bytes_per_second=1_000_000) as server:
        address = address_of(server, server.add_file("a", bytes(200_000)))
        began = time.monotonic()
        answers = [fetch(address) for _ in range(2)]
        assert all(len(answer.read()) == 200_000 for answer in answers)
        assert time.monotonic() - began > 0.3


def test_what_was_served_is_counted(server: LoopbackMega) -> None:
    address = address_of(server, server.add_file("a", bytes(1000)))
    fetch(address, "/0-99").read()
    fetch(address, "/0-99").read()
    server.wait_until_idle()
    assert server.counters.bytes_served == 200
    assert server.counters.data_requests == 2
    assert server.counters.api_requests == 1


# Faults


@pytest.mark.parametrize("code", [-3, -9, -16, -17, -18])
def test_the_api_fails_with_a_code_as_often_as_told(server: LoopbackMega, code: int) -> None:
    link = server.add_file("a", b"a")
    server.fail_api(code, times=2)
    replies = [ask(server, [{"a": "g", "p": handle_of(link)}])[1] for _ in range(3)]
    assert replies[:2] == [code, code]
    assert isinstance(replies[2], list)


@pytest.mark.parametrize("status", [429, 503, 509])
def test_the_api_fails_with_a_status(server: LoopbackMega, status: int) -> None:
    server.fail_api(status=status, headers={"X-MEGA-Time-Left": "77"})
    answer = ask(server, [])
    assert answer[0] == status
    assert answer[2]["X-MEGA-Time-Left"] == "77"


def test_hashcash_is_asked_for_until_the_work_is_done(server: LoopbackMega) -> None:
    server.ask_for_hashcash(255)
    status, _, headers = ask(server, [])
    challenge = headers["X-Hashcash"]
    assert status == 402
    wrong = f"1:{challenge.split(':')[3]}:AAAAAAAAAA"
    assert ask(server, [], headers={"X-Hashcash": wrong})[0] == 402
    assert ask(server, [], headers={"X-Hashcash": _solve(challenge)})[0] == 200


def _solve(challenge: str) -> str:
    token = challenge.split(":")[3]
    body = base64.urlsafe_b64decode(token) * 262_144
    for number in range(256):
        nonce = number.to_bytes(4, "big")
        if hashlib.sha256(nonce + body).digest()[:4] <= (127 << 24).to_bytes(4, "big"):
            return f"1:{token}:{base64.urlsafe_b64encode(nonce).decode().rstrip('=')}"
    raise AssertionError


def test_a_reset_comes_in_mid_body(server: LoopbackMega) -> None:
    address = address_of(server, server.add_file("a", bytes(500_000)))
    server.fail_data("reset", at=300_000)
    answer = fetch(address)
    with pytest.raises((ConnectionError, http.client.IncompleteRead)):
        answer.read()
    assert len(fetch(address).read()) == 500_000


def test_a_short_body_ends_where_told(server: LoopbackMega) -> None:
    address = address_of(server, server.add_file("a", bytes(500_000)))
    server.fail_data("short", at=300_000)
    with pytest.raises(http.client.IncompleteRead) as caught:
        fetch(address).read()
    assert len(caught.value.partial) == 300_000


def test_a_wrong_byte_is_one_wrong_byte(server: LoopbackMega) -> None:
    address = address_of(server, server.add_file("a", bytes(1000)))
    right = fetch(address).read()
    server.fail_data("wrong_byte", at=500)
    wrong = fetch(address).read()
    assert [i for i in range(1000) if wrong[i] != right[i]] == [500]


def test_a_fault_strikes_only_requests_for_its_byte(server: LoopbackMega) -> None:
    address = address_of(server, server.add_file("a", bytes(1000)))
    server.fail_data("status", at=500, status=503, times=None)
    assert fetch(address, "/0-499").status == 200
    assert fetch(address, "/400-600").status == 503
    server.heal()
    assert fetch(address, "/400-600").status == 200


def test_an_address_that_expired_stays_dead_and_a_fresh_one_works(server: LoopbackMega) -> None:
    link = server.add_file("a", bytes(1000))
    address = address_of(server, link)
    server.fail_data("expire", at=0)
    assert [fetch(address).status for _ in range(2)] == [403, 403]
    assert fetch(address_of(server, link)).status == 200


def test_closing_ends_a_stalled_answer_and_every_thread(tmp_path: Path) -> None:
    before = set(threading.enumerate())
    big = tmp_path / "big"
    big.write_bytes(bytes(400_000))
    with LoopbackMega() as server:
        address = address_of(server, server.add_file("a", big))
        server.fail_data("stall", at=1000)
        answer = fetch(address)
        assert len(answer.read(1000)) == 1000
    with pytest.raises((ConnectionError, http.client.IncompleteRead)):
        answer.read()
    assert set(threading.enumerate()) == before
