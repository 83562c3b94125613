"""Uploads 1 GB over loopback with similubot-catbox, curl and what Python programs use.

    make bench, or in its environment: python bench/catbox_upload.py [--bytes N] [--rounds N]

All send to the same server, which is a process of its own and drops what it reads, and each runs in
a fresh process. "work" is the upload alone, by each program's own clock; "process" has the start of
the program and its imports in it. Each client's body is checked once by a parser and its SHA-256.
"""

import argparse
import hashlib
import os
import shutil
import sys
import tempfile
from pathlib import Path

import trustme

from harness import comparison, ratio, run_interleaved, work
from report import Goal, Report, tell
from similubot_loopback.catbox_server.process import CatboxProcess

OURS = "similubot-catbox"
CLIENTS = {
    OURS: """
from similubot_catbox import CatboxSettings, LitterboxUploader
import similubot_catbox.uploader
uploader = LitterboxUploader("1h", settings=CatboxSettings(litterbox_url=url))
def upload():
    success, link, error = uploader.upload_with_progress(path, lambda info: None)
    assert success, error
""",
    "requests files=": """
import requests
def upload():
    with open(path, "rb") as file:
        requests.post(url, data=fields, files={"fileToUpload": file}).raise_for_status()
""",
    "requests-toolbelt": """
import requests
from requests_toolbelt import MultipartEncoder, MultipartEncoderMonitor
def upload():
    with open(path, "rb") as file:
        form = MultipartEncoder({**fields, "fileToUpload": ("a.bin", file)})
        body = MultipartEncoderMonitor(form, lambda monitor: None)
        headers = {"Content-Type": body.content_type}
        requests.post(url, data=body, headers=headers).raise_for_status()
""",
    "httpx": """
import httpx
def upload():
    with open(path, "rb") as file:
        httpx.post(url, data=fields, files={"fileToUpload": file}, timeout=60).raise_for_status()
""",
}
PROGRAM = """
import sys, time
url, path = sys.argv[1:]
fields = {{"reqtype": "fileupload", "time": "1h"}}
{client}
began = time.perf_counter()
upload()
print(time.perf_counter() - began)
"""


def commands(url: str, file: Path) -> dict[str, list[str]]:
    """How each client is started; each prints the seconds that its upload took."""
    form = ["-F", "reqtype=fileupload", "-F", "time=1h", "-F", f"fileToUpload=@{file}"]
    curl = ["curl", "-sS", "--fail", "-o", os.devnull, "-w", "%{time_total}", *form, url]
    python = {
        name: [sys.executable, "-c", PROGRAM.format(client=client), url, str(file)]
        for name, client in CLIENTS.items()
    }
    return {"curl -F": curl, **python}


def make_certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate for the loopback server; all clients are told to trust who signed it."""
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1", "localhost")
    trusted, chain, key = (folder / name for name in ("ca.pem", "chain.pem", "key.pem"))
    authority.cert_pem.write_to_path(str(trusted))
    issued.cert_chain_pems[0].write_to_path(str(chain))
    issued.private_key_pem.write_to_path(str(key))
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
        os.environ[name] = str(trusted)
    return chain, key


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--bytes", type=int, default=1_000_000_000)
    parser.add_argument("--rounds", type=int, default=7)


def measure(arguments: argparse.Namespace) -> Report:
    """Check each client once, then measure."""
    method = (
        f"{arguments.bytes:,} bytes sent to one loopback server, a process of its own that drops "
        f"what it reads; {arguments.rounds} interleaved rounds, each run in a fresh process. Work "
        "is the upload by each program's own clock. Before, each client's body was read by a "
        "parser of multipart forms and checked by its SHA-256."
    )
    if shutil.which("curl") is None:
        return Report("Catbox upload", method, ("Left out: curl is not installed here.",))
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "a.bin")
        digest = hashlib.sha256()
        with file.open("wb") as out:
            for start in range(0, arguments.bytes, 1 << 20):
                block = os.urandom(min(1 << 20, arguments.bytes - start))
                digest.update(block)
                out.write(block)
        with CatboxProcess(Path(folder, "checked")) as server:
            checked = commands(server.litterbox_url, file)

            def check(name: str) -> None:
                received = server.requests[-1].file
                assert received is not None, name
                assert received.sha256 == digest.hexdigest(), name

            run_interleaved(checked, 0, check)
        with CatboxProcess(Path(folder, "dropped"), parse=False) as server:
            runs = run_interleaved(commands(server.litterbox_url, file), arguments.rounds)
        certificate = make_certificate(Path(folder))
        with CatboxProcess(Path(folder, "tls"), parse=False, certificate=certificate) as server:
            all_of_them = commands(server.litterbox_url, file)
            fastest = {name: all_of_them[name] for name in ("curl -F", OURS, "httpx")}
            runs_with_tls = run_interleaved(fastest, arguments.rounds)
    speed = 1 / ratio(runs, OURS, "curl -F", work)
    with_tls = 1 / ratio(runs_with_tls, OURS, "curl -F", work)
    return Report(
        "Catbox upload",
        method,
        (
            f"Over TLS, as to the real Catbox, it is {with_tls:.2f} times curl's speed: both spend "
            "their time in OpenSSL.",
        ),
        (comparison(runs, "curl -F"), comparison(runs_with_tls, "curl -F", "Over TLS")),
        goals=(Goal("Catbox upload: speed, times curl's", speed, 1.0, at_least=True),),
    )


if __name__ == "__main__":
    tell(__doc__, measure, add_arguments)
