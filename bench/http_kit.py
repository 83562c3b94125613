"""Downloads and puts a file over loopback with similubot-http, curl, requests and httpx.

    make bench, or in its environment: python bench/http_kit.py [--bytes N] [--rounds N]

All talk to the same server, which is a process of its own, and each runs in a fresh process.
Downloads are written to a file; the server drops what is put there.
"""

import argparse
import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from harness import comparison, ratio, run_interleaved, work
from report import Goal, Report, tell

OURS = "similubot-http"
SERVER = """
import os, socketserver, sys
path = sys.argv[1]
class Serve(socketserver.StreamRequestHandler):
    def handle(self):
        verb, length = self.rfile.readline().split()[0], 0
        while line := self.rfile.readline().strip():
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        if verb == b"GET":
            size = os.path.getsize(path)
            head = f"HTTP/1.1 200 OK\\r\\nContent-Length: {size}\\r\\nConnection: close\\r\\n\\r\\n"
            self.request.sendall(head.encode())
            with open(path, "rb") as file:
                self.request.sendfile(file)
            return
        block = bytearray(1 << 18)
        while length > 0:
            length -= self.rfile.readinto1(memoryview(block)[: min(length, len(block))]) or length
        self.request.sendall(b"HTTP/1.1 201 Created\\r\\nContent-Length: 0\\r\\n"
                             b"Connection: close\\r\\n\\r\\n")
class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
server = Server(("127.0.0.1", 0), Serve)
print(server.server_address[1], flush=True)
server.serve_forever()
"""
HEAD = """
import sys, time
from pathlib import Path
url, path = sys.argv[1:]
"""
TAIL = """
began = time.perf_counter()
work()
print(time.perf_counter() - began)
"""
DOWNLOADS = {
    OURS: """
from similubot_core import StageContext
from similubot_http.downloader import HttpDownloader
def work():
    HttpDownloader().run(url, StageContext(Path(path), callbacks=(lambda info: None,)))
""",
    "requests": """
import requests
def work():
    with requests.get(url, stream=True, timeout=60) as answer, open(path + "/a.wav", "wb") as file:
        answer.raise_for_status()
        for block in answer.iter_content(1 << 18):
            file.write(block)
""",
    "httpx": """
import httpx
def work():
    with httpx.stream("GET", url, timeout=60) as answer, open(path + "/a.wav", "wb") as file:
        answer.raise_for_status()
        for block in answer.iter_bytes(1 << 18):
            file.write(block)
""",
}
UPLOADS = {
    OURS: """
from similubot_core import StageContext
from similubot_http.uploader import PutUploader
def work():
    context = StageContext(Path(path).parent, callbacks=(lambda info: None,))
    PutUploader(url + "/").run(Path(path), context)
""",
    "requests": """
import requests
def work():
    with open(path, "rb") as file:
        requests.put(url, data=file, timeout=60).raise_for_status()
""",
    "httpx": """
import httpx, os
def work():
    with open(path, "rb") as file:
        length = {"Content-Length": str(os.path.getsize(path))}
        httpx.put(url, content=file, headers=length, timeout=60).raise_for_status()
""",
}


@contextlib.contextmanager
def serving(file: Path) -> Iterator[str]:
    """The address of a server, in a process of its own, of this one file."""
    argv = [sys.executable, "-c", SERVER, str(file)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}/a.wav"
        finally:
            process.kill()


def commands(clients: dict[str, str], url: str, path: Path) -> dict[str, list[str]]:
    """How each Python client is started; each prints the seconds that its transfer took."""
    return {
        name: [sys.executable, "-c", HEAD + client + TAIL, url, str(path)]
        for name, client in clients.items()
    }


def measure(arguments: argparse.Namespace) -> Report:
    """Check what each client wrote, then measure."""
    method = (
        f"{arguments.bytes:,} bytes to and from one loopback server, a process of its own; "
        f"{arguments.rounds} interleaved rounds, each run in a fresh process. Work is the transfer "
        "by each program's own clock. Ours looks at the name, the kind and the size of what comes, "
        "can be cancelled at any moment and tells its progress; the others do none of it."
    )
    if shutil.which("curl") is None:
        return Report("HTTP kit", method, ("Left out: curl is not installed here.",))
    curl = ["curl", "-sS", "--fail", "-w", "%{time_total}", "-o"]
    with tempfile.TemporaryDirectory() as name:
        folder, file = Path(name), Path(name, "served.wav")
        into = folder / "into"
        into.mkdir()
        with file.open("wb") as out:
            for start in range(0, arguments.bytes, 1 << 20):
                out.write(os.urandom(min(1 << 20, arguments.bytes - start)))
        with serving(file) as url:

            def check(client: str) -> None:
                (came,) = into.iterdir()
                assert came.stat().st_size == arguments.bytes, client
                came.unlink()

            get = {"curl": [*curl, str(into / "a.wav"), url], **commands(DOWNLOADS, url, into)}
            downloads = run_interleaved(get, arguments.rounds, check)
            put = {"curl": [*curl, os.devnull, "-H", "Expect:", "-T", str(file), url]}
            put |= commands(UPLOADS, url, file)
            uploads = run_interleaved(put, arguments.rounds)
    goals = tuple(
        Goal(
            f"{what} by the kit: speed, times {peer}'s",
            1 / ratio(runs, OURS, peer, work),
            least,
            at_least=True,
        )
        for what, runs in (("a download", downloads), ("a PUT", uploads))
        for peer, least in (("curl", 0.8), ("requests", 1.0), ("httpx", 1.0))
    )
    return Report(
        "HTTP kit",
        method,
        (),
        (comparison(downloads, "curl", "Download"), comparison(uploads, "curl", "PUT")),
        goals=goals,
    )


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--bytes", type=int, default=1_000_000_000)
    parser.add_argument("--rounds", type=int, default=5)


if __name__ == "__main__":
    tell(__doc__, measure, add_arguments)
