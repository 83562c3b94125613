"""Cancelling ends an upload within two seconds, whatever it is waiting for."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from similubot_catbox import CatboxUploader
from similubot_catbox.settings import CatboxSettings
from similubot_core import Cancelled, CancelToken, ProgressInfo, ProgressStatus, StageContext
from similubot_loopback.catbox_server.faults import Reply, SlowRead, Stall
from similubot_loopback.catbox_server.process import CatboxProcess
from similubot_testkit.rules import assert_progress_keeps_the_rules

LIMIT = 2.0
"""Seconds from the cancel to the end of the upload."""


class Upload:
    """An upload in a thread of its own, which ends in an exception or a link."""

    def __init__(self, url: str, file: Path) -> None:
        self.states: list[ProgressInfo] = []
        self.token = CancelToken()
        self._outcome: str | BaseException | None = None
        self._changed = threading.Condition()
        self._uploader = CatboxUploader(settings=CatboxSettings(api_url=url))
        self._context = StageContext(file.parent, self.token, (self._note,))
        self._file = file
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _note(self, info: ProgressInfo) -> None:
        with self._changed:
            self.states.append(info)
            self._changed.notify_all()

    def _run(self) -> None:
        try:
            self._outcome = self._uploader.run(self._file, self._context)
        except BaseException as error:
            self._outcome = error

    def wait_for(self, condition: Callable[[ProgressInfo], bool]) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: any(map(condition, self.states)), 10)

    def is_cancelled_in_time(self) -> None:
        self.token.cancel()
        self._thread.join(LIMIT)
        assert not self._thread.is_alive()
        assert isinstance(self._outcome, Cancelled)
        assert self.states[-1].status is ProgressStatus.CANCELLED
        assert_progress_keeps_the_rules(self.states)


def test_before_it_begins(server: CatboxProcess, settings: CatboxSettings, clip: Path) -> None:
    token = CancelToken()
    token.cancel()
    with pytest.raises(Cancelled):
        CatboxUploader(settings=settings).run(clip, StageContext(clip.parent, token))
    assert server.requests == ()


def test_while_the_name_is_looked_up(clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # No resolver can be made to hang from here, so the lookup itself is held up.
    asked, released = threading.Event(), threading.Event()

    def hang(*_: object, **__: object) -> None:
        asked.set()
        released.wait(20)
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    upload = Upload("http://catbox.invalid/user/api.php", clip)
    assert asked.wait(10)
    upload.is_cancelled_in_time()
    released.set()


@contextmanager
def full_listener() -> Iterator[int]:
    """A port whose queue of connections is full, so that connecting hangs."""
    waiting: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        address = listener.getsockname()
        try:
            for _ in range(8):
                client = socket.socket()
                client.setblocking(False)
                client.connect_ex(address)
                waiting.append(client)
            yield address[1]
        finally:
            for client in waiting:
                client.close()


def connecting(port: int) -> bool:
    """Whether this machine has a connection to `port` that is not answered (state SYN_SENT)."""
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    wanted = f":{port:04X}"
    return any(f[2].endswith(wanted) and f[3] == "02" for f in (line.split() for line in lines))


def test_while_it_connects(clip: Path) -> None:
    with full_listener() as port:
        upload = Upload(f"http://127.0.0.1:{port}/user/api.php", clip)
        upload.wait_for(lambda info: info.status is ProgressStatus.IN_PROGRESS)
        assert connecting(port)
        upload.is_cancelled_in_time()


def test_while_tls_is_agreed_on(clip: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        upload = Upload(f"https://127.0.0.1:{listener.getsockname()[1]}/user/api.php", clip)
        listener.settimeout(10)
        silent, _ = listener.accept()
        with silent:
            assert silent.recv(1)
            upload.is_cancelled_in_time()


@pytest.mark.parametrize("tls", [False, True])
def test_while_the_server_reads_slowly(
    server: CatboxProcess, tls_server: CatboxProcess, large_clip: Path, tls: bool
) -> None:
    taking = tls_server if tls else server
    taking.script(SlowRead(2_000_000))
    upload = Upload(taking.catbox_url, large_clip)
    upload.wait_for(lambda info: bool(info.current_size))
    upload.is_cancelled_in_time()
    assert taking.wait_until(lambda s: len(s.requests) == 1)
    assert taking.requests[0].file is None


@pytest.mark.parametrize("tls", [False, True])
def test_while_the_server_reads_nothing(
    server: CatboxProcess, tls_server: CatboxProcess, large_clip: Path, tls: bool
) -> None:
    taking = tls_server if tls else server
    taking.script(Stall(after_bytes=1_000_000))
    upload = Upload(taking.catbox_url, large_clip)
    assert taking.wait_until(lambda s: len(s.requests) == 1)
    upload.is_cancelled_in_time()


@pytest.mark.parametrize("tls", [False, True])
def test_while_the_answer_is_waited_for(
    server: CatboxProcess, tls_server: CatboxProcess, clip: Path, tls: bool
) -> None:
    taking = tls_server if tls else server
    taking.script(Stall())
    upload = Upload(taking.catbox_url, clip)
    upload.wait_for(lambda info: info.message.startswith("Waiting for the server"))
    upload.is_cancelled_in_time()


def test_while_the_answer_trickles(server: CatboxProcess, clip: Path) -> None:
    server.script(Reply(200, "x" * 1000, byte_pause=0.1))
    upload = Upload(server.catbox_url, clip)
    upload.wait_for(lambda info: info.message.startswith("Waiting for the server"))
    upload.is_cancelled_in_time()


def test_while_it_waits_to_try_again(server: CatboxProcess, clip: Path) -> None:
    server.script(Reply(503, headers={"Retry-After": "100"}))
    upload = Upload(server.catbox_url, clip)
    upload.wait_for(lambda info: "Trying again" in info.message)
    upload.is_cancelled_in_time()
