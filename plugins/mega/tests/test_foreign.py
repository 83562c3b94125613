"""Our server under foreign clients, and our client on a foreign server.

So our server and our client cannot be wrong together. megajs and mega-mock need node:
`npm install --prefix plugins/mega/tests/node`.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from similubot_core import StageContext
from similubot_loopback.mega_server import LoopbackMega
from similubot_mega import MegaDownloader
from similubot_mega.crypto import MIB

NODE_FOLDER = Path(__file__).parent / "node"
SIZES = [1, 16, 128 * 1024 + 1, 5 * MIB + 3]


@pytest.fixture
def node() -> str:
    program = shutil.which("node")
    if program is None:
        pytest.skip("node is not installed")
    if not (NODE_FOLDER / "node_modules" / "megajs").is_dir():
        pytest.skip("megajs is not installed: npm install --prefix plugins/mega/tests/node")
    return program


def megajs(node: str, url: str, link: str, target: Path) -> str:
    script = NODE_FOLDER / "download.mjs"
    done = subprocess.run(
        [node, script, url, link, target], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("size", SIZES)
def test_megajs_and_our_client_get_the_same_file_from_our_server(
    node: str, server: LoopbackMega, downloader: MegaDownloader, tmp_path: Path, size: int
) -> None:
    content = os.urandom(size)
    link = server.add_file("ünï 試.bin", content)
    said = megajs(node, server.url, link, tmp_path / "theirs")
    ours = downloader.run(link, StageContext(tmp_path))
    assert json.loads(said.splitlines()[0]) == {"name": "ünï 試.bin", "size": size}
    assert (tmp_path / "theirs").read_bytes() == ours.read_bytes() == content


def test_megajs_and_our_client_see_the_same_folder(
    node: str, server: LoopbackMega, downloader: MegaDownloader, tmp_path: Path
) -> None:
    shared = server.add_folder("Album", {"one.mp3": b"1" * 200_000, "sub/deep/two.txt": b"22"})
    megajs(node, server.url, shared.link, tmp_path / "listing")
    listing = json.loads((tmp_path / "listing").read_text())
    assert sorted(listing) == [["one.mp3", 200_000], ["sub/deep/two.txt", 2]]
    megajs(node, server.url, shared.link_to("one.mp3"), tmp_path / "theirs")
    ours = downloader.run(shared.link, StageContext(tmp_path))
    assert (tmp_path / "theirs").read_bytes() == ours.read_bytes() == b"1" * 200_000


@pytest.fixture
def serve_by_mega_mock(
    node: str, tmp_path: Path
) -> Iterator[Callable[[bytes, str], dict[str, str]]]:
    running: list[subprocess.Popen[str]] = []

    def serve(content: bytes, name: str) -> dict[str, str]:
        (tmp_path / "plain").write_bytes(content)
        (tmp_path / "data").mkdir()
        server = subprocess.Popen(
            [node, NODE_FOLDER / "mock.cjs", tmp_path / "plain", name, tmp_path / "data"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        running.append(server)
        assert server.stdout is not None
        answer: dict[str, str] = json.loads(server.stdout.readline())
        return answer

    yield serve
    for server in running:
        server.communicate(timeout=10)


@pytest.mark.parametrize("size", SIZES)
def test_our_client_gets_a_file_that_megajs_encrypted_from_mega_mock(
    serve_by_mega_mock: Callable[[bytes, str], dict[str, str]],
    make_downloader: Callable[..., MegaDownloader],
    tmp_path: Path,
    size: int,
) -> None:
    content = os.urandom(size)
    mock = serve_by_mega_mock(content, "clip 試.mp4")
    downloader = make_downloader(api_url=mock["url"])
    assert downloader.get_file_info(mock["link"])[1] == ("clip 試.mp4", size)
    file = downloader.run(mock["link"], StageContext(tmp_path))
    assert (file.name, file.read_bytes()) == ("clip 試.mp4", content)
