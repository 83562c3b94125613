"""The loopback Catbox behaves as Catbox does, and fails exactly as a test asks it to."""

import hashlib
import os
import socket
import ssl
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests
import trustme
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from similubot_loopback.catbox_server import LoopbackCatbox
from similubot_loopback.catbox_server.faults import Fault, Reply, Reset, SlowRead, Stall
from similubot_loopback.catbox_server.process import CatboxProcess

DATA = os.urandom(300_000)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[LoopbackCatbox]:
    with LoopbackCatbox(tmp_path / "catbox") as running:
        yield running


def post(url: str, fields: dict[str, str] | None = None, data: bytes = DATA) -> requests.Response:
    return requests.post(
        url,
        data={"reqtype": "fileupload"} if fields is None else fields,
        files={"fileToUpload": ("clip.m4a", data)},
        timeout=20,
    )


def test_an_upload_is_kept_and_served_back(server: LoopbackCatbox) -> None:
    answer = post(server.catbox_url)
    assert answer.status_code == 200
    assert answer.text.startswith(server.files_url)
    assert answer.text.endswith(".m4a")
    assert requests.get(answer.text, timeout=20).content == DATA
    (upload,) = server.uploads
    assert upload.file is not None
    assert upload.url == answer.text
    assert upload.fields == (("reqtype", "fileupload"),)
    assert (upload.file.field, upload.file.name) == ("fileToUpload", "clip.m4a")
    assert (upload.file.size, upload.file.sha256) == (len(DATA), hashlib.sha256(DATA).hexdigest())
    assert dict(upload.headers)["user-agent"].startswith("python-requests")
    assert server.bytes_read == upload.body_bytes > len(DATA)


def test_curl_is_understood_too(server: LoopbackCatbox, tmp_path: Path) -> None:
    clip = tmp_path / "clip.mp4"
    clip.write_bytes(DATA * 10)  # over 1 MB, where curl asks "Expect: 100-continue"
    form = ["-F", "reqtype=fileupload", "-F", "time=24h", "-F", f"fileToUpload=@{clip}"]
    out = subprocess.run(
        ["curl", "-sS", "--max-time", "20", *form, server.litterbox_url],
        capture_output=True,
        check=True,
        text=True,
    ).stdout
    (upload,) = server.uploads
    assert upload.file is not None
    assert upload.url == out
    assert upload.file.sha256 == hashlib.sha256(DATA * 10).hexdigest()


@pytest.mark.parametrize(
    ("service", "fields", "text"),
    [
        ("catbox", {}, "No request type given."),
        ("catbox", {"reqtype": "deletefiles", "files": "a.m4a"}, "Not signed in!"),
        ("catbox", {"reqtype": "deletefiles", "userhash": "x", "files": "../a"}, "File doesn't"),
        ("litterbox", {"reqtype": "fileupload"}, "No expire time"),
        ("litterbox", {"reqtype": "fileupload", "time": "2h"}, "No expire time"),
    ],
)
def test_what_catbox_refuses_is_refused(
    server: LoopbackCatbox, service: str, fields: dict[str, str], text: str
) -> None:
    url = server.catbox_url if service == "catbox" else server.litterbox_url
    answer = post(url, fields)
    assert answer.status_code == 412
    assert answer.text.startswith(text)
    assert server.uploads == ()
    assert list(server.folder.iterdir()) == []


def test_a_file_is_deleted_with_a_userhash(server: LoopbackCatbox) -> None:
    url = post(server.catbox_url).text
    fields = {"reqtype": "deletefiles", "userhash": "0", "files": url.rsplit("/", 1)[1]}
    assert "deleted" in post(server.catbox_url, fields).text
    assert requests.get(url, timeout=20).status_code == 404


def test_without_a_user_agent_there_is_no_answer(server: LoopbackCatbox) -> None:
    with socket.create_connection(("127.0.0.1", int(server.base_url.rsplit(":", 1)[1]))) as client:
        client.sendall(b"POST /user/api.php HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n")
        assert client.recv(100) == b""


@pytest.mark.parametrize(
    "body",
    [
        b"--b\r\nnothing",
        b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\nno end',
        b'--b\r\nContent-Disposition: form-data; name="a"; filename="b"\r\nA b\r\n\r\n--b--',
        b"--b\r\nX: y\r\n\r\n1\r\n--b--\r\n",
    ],
)
def test_a_broken_form_is_told_and_nothing_is_kept(server: LoopbackCatbox, body: bytes) -> None:
    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    answer = requests.post(server.catbox_url, data=body, headers=headers, timeout=20)
    assert answer.status_code == 400
    assert server.requests[0].problem
    assert list(server.folder.iterdir()) == []


def test_an_early_answer_comes_after_the_bytes_asked_for(server: LoopbackCatbox) -> None:
    server.script(Reply(413, "too much", after_bytes=1000, linger=True))
    assert post(server.catbox_url).status_code == 413
    assert server.requests[0].body_bytes == 1000


def test_a_reset_is_a_reset(server: LoopbackCatbox) -> None:
    server.script(Reset(after_bytes=5000))
    with pytest.raises(requests.ConnectionError):
        post(server.catbox_url)
    assert post(server.catbox_url).status_code == 200
    assert [request.status for request in server.requests] == [None, 200]


def test_a_stall_holds_until_the_client_leaves(server: LoopbackCatbox) -> None:
    server.script(Stall())
    with pytest.raises(requests.ReadTimeout):
        requests.post(
            server.catbox_url,
            data={"reqtype": "fileupload"},
            files={"fileToUpload": ("clip.m4a", DATA)},
            timeout=0.5,
        )
    assert server.requests[0].file is not None
    assert server.uploads == ()


def test_closing_ends_a_stall(tmp_path: Path) -> None:
    with LoopbackCatbox(tmp_path) as server:
        server.script(Stall(after_bytes=0))
        client = socket.create_connection(("127.0.0.1", int(server.base_url.rsplit(":", 1)[1])))
        client.sendall(
            b"POST /user/api.php HTTP/1.1\r\nUser-Agent: a\r\n"
            b"Content-Type: multipart/form-data; boundary=b\r\nContent-Length: 9\r\n\r\n"
        )
        assert server.wait_until(lambda s: len(s.requests) == 1)
    client.settimeout(10)
    assert client.recv(1) == b""
    client.close()


def test_bytes_per_second_hold_for_all_uploads_together(tmp_path: Path) -> None:
    with (
        LoopbackCatbox(tmp_path, bytes_per_second=1_000_000) as server,
        ThreadPoolExecutor() as pool,
    ):
        began = time.monotonic()
        answers = list(pool.map(post, [server.catbox_url] * 2))
        assert [answer.status_code for answer in answers] == [200, 200]
        assert time.monotonic() - began > 0.5


def test_slow_reading_keeps_the_whole_file(server: LoopbackCatbox) -> None:
    server.script(SlowRead(2_000_000))
    assert post(server.catbox_url).status_code == 200
    assert server.uploads[0].file is not None
    assert server.uploads[0].file.size == len(DATA)


def test_it_speaks_tls(tmp_path: Path) -> None:
    authority = trustme.CA()
    certificate, key, root = (tmp_path / name for name in ("cert.pem", "key.pem", "ca.pem"))
    issued = authority.issue_cert("127.0.0.1")
    issued.cert_chain_pems[0].write_to_path(certificate)
    issued.private_key_pem.write_to_path(key)
    authority.cert_pem.write_to_path(root)
    with LoopbackCatbox(tmp_path / "files", certificate=(certificate, key)) as server:
        answer = requests.post(
            server.catbox_url,
            data={"reqtype": "fileupload"},
            files={"fileToUpload": ("clip.m4a", DATA)},
            verify=str(root),
            timeout=20,
        )
        assert answer.text.startswith("https://127.0.0.1:")
        context = ssl.create_default_context(cafile=str(root))
        with urllib.request.urlopen(answer.text, context=context) as back:
            assert back.read() == DATA


def test_in_a_process_of_its_own_it_does_the_same(tmp_path: Path) -> None:
    faults: tuple[Fault, ...] = (Reply(503, "busy", headers={"Retry-After": "1"}), SlowRead(10**7))
    with CatboxProcess(tmp_path) as server:
        server.script(*faults)
        busy = post(server.catbox_url)
        assert (busy.status_code, busy.headers["Retry-After"]) == (503, "1")
        url = post(server.catbox_url).text
        assert requests.get(url, timeout=20).content == DATA
        assert [request.status for request in server.requests] == [503, 200]
        assert server.requests[1].file is not None
        assert server.requests[1].file.sha256 == hashlib.sha256(DATA).hexdigest()
        assert server.bytes_read == sum(request.body_bytes for request in server.requests)


@given(sent=st.binary(max_size=300), rest=st.sampled_from([b"", b"\r\n\r\n"]))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
def test_whatever_is_sent_the_server_goes_on(
    server: LoopbackCatbox, sent: bytes, rest: bytes
) -> None:
    with socket.create_connection(("127.0.0.1", int(server.base_url.rsplit(":", 1)[1]))) as client:
        client.sendall(b"POST /user/api.php HTTP/1.1\r\nUser-Agent: a\r\n" + sent + rest)
        client.shutdown(socket.SHUT_WR)
        client.settimeout(10)
        while client.recv(65_536):
            pass
    assert requests.get(server.files_url + "none", timeout=20).status_code == 404
