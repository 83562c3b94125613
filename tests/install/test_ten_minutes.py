"""From an idea to a tested plugin: new-plugin → pip install → listed → used → its tests pass."""

import functools
import gzip
import http.server
import json
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from .environments import ROOT, Environment, run


def make_and_install(environment: Environment, work: Path, name: str, kind: str) -> Path:
    """The first two steps, as a person types them."""
    made = environment.similubot("new-plugin", name, "--kind", kind, cwd=work)
    folder = work / made.stdout.strip()
    environment.pip("install", folder)
    return folder


def events(text: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in text.splitlines() if line.startswith('{"event"')]


def pass_tests(environment: Environment, folder: Path) -> None:
    ran = run(environment.python, "-m", "pytest", "-q", cwd=folder)
    assert " passed" in ran.stdout


def test_a_tracker_in_ten_minutes(authors_environment: Environment, tmp_path: Path) -> None:
    folder = make_and_install(authors_environment, tmp_path, "my-tool", "tracker")
    assert authors_environment.plugins()["my-tool"][0]["status"] == "ok"
    tool = tmp_path / "my-tool"
    tool.write_text(f"#!/bin/sh\ncat '{folder}/tests/sample.txt'\n")
    tool.chmod(0o755)
    ran = authors_environment.similubot("watch", "--sink", "json=stderr", "--", tool)
    assert ran.stdout == (folder / "tests/sample.txt").read_text()
    told = events(ran.stderr)
    assert {event["operation"] for event in told} == {"MyTool"}
    assert told[-1]["status"] == "completed"
    pass_tests(authors_environment, folder)


@pytest.mark.slow
def test_a_sink_in_ten_minutes(authors_environment: Environment, tmp_path: Path) -> None:
    folder = make_and_install(authors_environment, tmp_path, "my-log", "sink")
    assert authors_environment.plugins()["my-log"][0]["status"] == "ok"
    log = tmp_path / "log"
    authors_environment.similubot("watch", "--sink", f"my-log={log}", "--", "true")
    assert log.read_text().splitlines()[-1].startswith("true completed 100.0%")
    pass_tests(authors_environment, folder)


class Files(http.server.SimpleHTTPRequestHandler):
    """Serves a folder, and takes files into it."""

    def do_PUT(self) -> None:
        content = self.rfile.read(int(self.headers["Content-Length"]))
        (Path(self.directory) / self.path.lstrip("/")).write_bytes(content)
        self.send_response(201)
        self.end_headers()


@pytest.fixture
def files(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A folder and the address under which an HTTP server has it."""
    folder = tmp_path / "files"
    folder.mkdir()
    handler = functools.partial(Files, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,)).start()
        yield folder, f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


@pytest.mark.slow
def test_all_three_stages_in_ten_minutes_do_one_job_together(
    authors_environment: Environment,
    files: tuple[Path, str],
    tmp_path: Path,
) -> None:
    served, address = files
    folders = []
    for kind in ("downloader", "converter", "uploader"):
        folders.append(make_and_install(authors_environment, tmp_path, f"my-{kind}", kind))
    content = os.urandom(100_000)
    (served / "clip.wav").write_bytes(content)
    ran = authors_environment.similubot(
        *("convert", "my-downloader:clip.wav", "--to", f"my-uploader={address}", "--json"),
        SIMILUBOT_MY_DOWNLOADER_BASE_URL=address,
    )
    last = events(ran.stdout)[-1]
    assert (last["event"], last["result"]) == ("result", f"{address}/clip.wav.gz")
    assert gzip.decompress((served / "clip.wav.gz").read_bytes()) == content
    for folder in folders:
        pass_tests(authors_environment, folder)


@pytest.mark.parametrize(
    ("example", "name"), [("yt_dlp_tracker", "yt-dlp"), ("slack_sink", "slack")]
)
def test_an_example_works_as_a_wheel_in_a_strangers_environment(
    example: str, name: str, authors_environment: Environment, tmp_path: Path
) -> None:
    assert authors_environment.plugins()[name][0]["status"] == "ok"
    tests = ROOT / "examples" / example / "tests"
    ran = run(
        *(authors_environment.python, "-m", "pytest", "-q", "-p", "no:cacheprovider"),
        *("--rootdir", tests, tests),
        cwd=tmp_path,
        PYTHONDONTWRITEBYTECODE="1",
    )
    assert " passed" in ran.stdout
