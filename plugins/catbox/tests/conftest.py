"""What the tests of this plugin share: loopback Catboxes in processes of their own, and files."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from similubot_catbox.attempts import Patience
from similubot_catbox.settings import CatboxSettings
from similubot_http import Limits
from similubot_loopback.catbox_server.process import CatboxProcess


@pytest.fixture
def at_once() -> Patience:
    """No wait between attempts, and limits that no working exchange on loopback comes near."""
    return Patience(limits=Limits(connect=5, silence=5, answer=5), first_wait=0, pause=0)


@pytest.fixture(scope="session")
def one_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CatboxProcess]:
    with CatboxProcess(tmp_path_factory.mktemp("catbox")) as running:
        yield running


@pytest.fixture
def server(one_server: CatboxProcess) -> CatboxProcess:
    one_server.forget()
    return one_server


@pytest.fixture(scope="session")
def one_tls_server(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[CatboxProcess, Path]]:
    folder = tmp_path_factory.mktemp("tls")
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1")
    certificate, key, root = (folder / name for name in ("cert.pem", "key.pem", "ca.pem"))
    issued.cert_chain_pems[0].write_to_path(certificate)
    issued.private_key_pem.write_to_path(key)
    authority.cert_pem.write_to_path(root)
    with CatboxProcess(folder / "files", certificate=(certificate, key)) as running:
        yield running, root


@pytest.fixture
def tls_server(
    one_tls_server: tuple[CatboxProcess, Path], monkeypatch: pytest.MonkeyPatch
) -> CatboxProcess:
    running, root = one_tls_server
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(root))
    running.forget()
    return running


@pytest.fixture
def settings(server: CatboxProcess) -> CatboxSettings:
    return CatboxSettings(api_url=server.catbox_url, litterbox_url=server.litterbox_url)


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    file = tmp_path / "clip.m4a"
    file.write_bytes(os.urandom(200_000))
    return file


@pytest.fixture
def large_clip(tmp_path: Path) -> Path:
    """More than the buffers of both ends hold, so that a server can stop in the middle of it."""
    file = tmp_path / "large.m4a"
    file.write_bytes(os.urandom(24_000_000))
    return file
