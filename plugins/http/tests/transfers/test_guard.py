"""No spelling of a private address gets past the guard, in no phase of a download."""

import socket
from pathlib import Path

import pytest

from similubot_core import ProgressStatus, StageContext, StageError
from similubot_http import AddressGuard, HttpDownloader, HttpSettings

from .conftest import Server, content, status

PRIVATE = [
    "127.0.0.1", "127.8.8.8", "0.0.0.0", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254",
    "100.64.0.1", "192.0.0.1", "198.18.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255",
    "::1", "::", "fe80::1%eth0", "fc00::1", "fd12::1", "ff02::1", "fec0::1", "2001:db8::1",
    "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::",
    "2001:0:0:0:0:0:80ff:fffe", "no address",
]  # fmt: skip
PUBLIC = ["8.8.8.8", "93.184.216.34", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"]


@pytest.mark.parametrize("address", PRIVATE)
def test_private_addresses_are_refused(address: str) -> None:
    assert not AddressGuard().allows(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_allowed(address: str) -> None:
    assert AddressGuard().allows(address)


def test_a_network_can_be_allowed() -> None:
    guard = AddressGuard(["192.168.1.0/24", "fd12::/16"])
    assert guard.allows("192.168.1.7")
    assert guard.allows("::ffff:192.168.1.7")
    assert guard.allows("fd12::7")
    assert not guard.allows("192.168.2.7")


# -- a download of a stranger's link -----------------------------------------------------------


def sentence(url: str, folder: Path, allow: tuple[str, ...] = (), *, untrusted: bool = True) -> str:
    """What a download of the link ends on; "" when it succeeds."""
    downloader = HttpDownloader(HttpSettings(allow_networks=allow, attempts=1))
    seen: list[ProgressStatus] = []
    context = StageContext(
        folder, callbacks=(lambda info: seen.append(info.status),), untrusted=untrusted
    )
    try:
        downloader.run(url, context)
    except StageError as error:
        assert seen[-1] is ProgressStatus.FAILED
        return error.message
    return ""


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "2130706433", "0x7f000001", "017700000001", "127.1", "[::1]",
     "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "0"],
)  # fmt: skip
def test_no_spelling_of_this_machine_is_connected_to(
    server: Server, tmp_path: Path, host: str
) -> None:
    server.usual = content(b"secret")
    port = server.url.rpartition(":")[2]
    assert "private network" in sentence(f"http://{host}:{port}/a.mp3", tmp_path)
    assert server.requests == []


def test_the_operator_may_allow_a_network_and_the_command_line_needs_no_leave(
    server: Server, tmp_path: Path
) -> None:
    server.usual = content(b"mine")
    url = f"{server.url}/a.mp3"
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    assert sentence(url, tmp_path / "a", ("127.0.0.0/8",)) == ""
    assert sentence(url, tmp_path / "b", untrusted=False) == ""


@pytest.mark.parametrize("to", ["http://10.0.0.1/b.mp3", "http://[::ffff:10.0.0.1]/b.mp3"])
def test_a_redirect_leads_to_no_private_address(server: Server, tmp_path: Path, to: str) -> None:
    server.usual = status(302, Location=to)
    assert "private network" in sentence(f"{server.url}/a.mp3", tmp_path, ("127.0.0.0/8",))


def test_every_connection_is_judged_by_the_lookup_that_it_uses(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = ["127.0.0.1", "10.0.0.1"]  # a name that changes its address between two requests
    genuine = socket.getaddrinfo

    def look_up(host: str, port: int, *arguments: object, **options: object) -> object:
        if host == "rebind.example":
            return genuine(answers.pop(0), port, type=socket.SOCK_STREAM)
        return genuine(host, port, type=socket.SOCK_STREAM)

    monkeypatch.setattr("similubot_http.session.socket.getaddrinfo", look_up)
    port = server.url.rpartition(":")[2]
    server.usual = status(302, Location=f"http://rebind.example:{port}/b.mp3", Connection="close")
    message = sentence(f"http://rebind.example:{port}/a.mp3", tmp_path, ("127.0.0.0/8",))
    assert "private network" in message
    assert len(server.requests) == 1
    assert answers == []


def test_a_name_with_one_private_address_among_public_ones_is_refused(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (a, 80)) for a in ("8.8.8.8", "10.0.0.1")]
    monkeypatch.setattr("similubot_http.session.socket.getaddrinfo", lambda *a, **o: found)
    assert "private network" in sentence("http://mixed.example/a.mp3", tmp_path)


def test_a_proxy_is_asked_for_no_private_address(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", server.url)
    server.usual = content(b"secret")
    assert "private network" in sentence("http://10.0.0.1/a.mp3", tmp_path)
    assert server.requests == []
