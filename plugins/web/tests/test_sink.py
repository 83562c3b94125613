"""The sink "web": what a program's page tells, from the first state to the end."""

import http.client
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from similubot_core import (
    CountingTracker,
    ProgressInfo,
    ProgressStatus,
    Settings,
    SettingsError,
    SinkContext,
    UsageError,
)
from similubot_web import WebSink, open_web_sink
from similubot_web.sink import MOST_ROWS, read_target

Watch = Callable[..., Any]
TOKEN = "a-token-of-the-tests"


def open_sink(target: str | None = None, title: str = "", **environ: str) -> WebSink:
    return open_web_sink(SinkContext(target, Settings(environ=environ), title))


@pytest.fixture
def sink() -> Iterator[WebSink]:
    opened = open_sink(title="Live at Wembley.mp4")
    yield opened
    opened.close()


def state(status: ProgressStatus, percentage: float = 0.0, **values: object) -> ProgressInfo:
    return ProgressInfo("Copying", status, percentage, **values)  # type: ignore[arg-type]


def of(rows: dict[str, dict[str, object]], name: str) -> dict[str, object]:
    return next((row for row in rows.values() if row.get("name") == name), {})


def test_it_prints_where_the_page_is(capsys: pytest.CaptureFixture[str]) -> None:
    sink = open_sink()
    sink.close()
    assert capsys.readouterr().err == f"Progress at {sink.address}\n"
    assert sink.address.startswith("http://127.0.0.1:")


def test_a_viewer_sees_an_operation_from_its_first_state_to_its_end(
    sink: WebSink, watch: Watch
) -> None:
    viewer = watch(sink.address)
    tracker = CountingTracker("Copying")
    tracker.add_callback(sink.show)
    with tracker:
        tracker.update(current_size=1024 * 1024, total_size=4 * 1024 * 1024)
        row = of(viewer.until(lambda rows: "share" in of(rows, "Copying")), "Copying")
        assert (row["share"], row["sizes"], row["status"]) == (
            25.0,
            "1.0 MB / 4.0 MB",
            "in_progress",
        )
        tracker.complete("https://files.example/abc.m4a")
    row = of(viewer.until(lambda rows: of(rows, "Copying").get("status") == "completed"), "Copying")
    assert (row["share"], row["link"]) == (100.0, "https://files.example/abc.m4a")
    assert row["ended"] >= row["began"]  # type: ignore[operator]


def test_parts_name_the_row_that_they_are_a_part_of(sink: WebSink, watch: Watch) -> None:
    job = CountingTracker("The job", unit="stages")
    job.add_callback(sink.show)
    with job:
        part = job.child("MEGA Download")
        with part:
            rows = watch(sink.address).until(lambda rows: bool(of(rows, "MEGA Download")))
            part.complete()
        job.complete()
    assert rows[str(of(rows, "MEGA Download")["parent"])]["name"] == "The job"


def test_who_comes_late_sees_the_final_state(sink: WebSink, watch: Watch) -> None:
    watch(sink.address).until(lambda rows: "" in rows)
    sink.show(state(ProgressStatus.FAILED, 31.0, message="The disk is full."))
    watch(sink.address).until(lambda rows: of(rows, "Copying").get("status") == "failed")
    late = watch(sink.address)
    rows = late.until(lambda rows: "" in rows)
    assert late.events == ["you", "all"]
    assert of(rows, "Copying")["message"] == "The disk is full."


def test_the_end_of_the_program_brings_the_last_state_and_says_that_it_is_the_end(
    watch: Watch,
) -> None:
    sink = open_sink()
    viewer = watch(sink.address)
    viewer.until(lambda rows: "" in rows)
    sink.show(state(ProgressStatus.COMPLETED, 100.0))
    sink.close()
    while viewer.next()[0]:
        pass
    assert viewer.events[-1] == "end"
    assert of(viewer.state, "Copying")["status"] == "completed"


def test_a_closed_sink_serves_nothing_more() -> None:
    sink = open_sink()
    sink.close()
    with pytest.raises(OSError, match="refused"):
        ask(sink.address, "GET", "")


def test_what_is_secret_in_a_link_is_not_sent(sink: WebSink, watch: Watch) -> None:
    link = "https://mega.nz/file/AbCdEfGh#a-key_of-a-file"
    sink.show(ProgressInfo(f"Get {link}", ProgressStatus.COMPLETED, 100.0, message=link, id="1"))
    rows = watch(sink.address).until(lambda rows: "op:1" in rows)
    assert "a-key_of-a-file" not in str(rows)
    assert "link" not in rows["op:1"]  # without its key it leads nowhere


def test_only_addresses_of_the_web_become_links(sink: WebSink, watch: Watch) -> None:
    sink.show(state(ProgressStatus.COMPLETED, 100.0, message="javascript:alert(1)", id="1"))
    rows = watch(sink.address).until(lambda rows: "op:1" in rows)
    assert "link" not in rows["op:1"]


def test_unknown_figures_are_left_out(sink: WebSink, watch: Watch) -> None:
    sink.show(state(ProgressStatus.IN_PROGRESS, id="1"))
    row = watch(sink.address).until(lambda rows: "op:1" in rows)["op:1"]
    assert not {"share", "sizes", "speed"} & row.keys()
    assert row["eta"] == "unknown"


def test_of_very_many_operations_the_oldest_that_ended_go() -> None:
    sink = open_sink()
    try:
        for number in range(MOST_ROWS + 5):
            status = ProgressStatus.IN_PROGRESS if number == 0 else ProgressStatus.COMPLETED
            sink._take(state(status, 100.0 * (number > 0), id=str(number)))
        assert len(sink._infos) == MOST_ROWS
        assert {"0", "6", str(MOST_ROWS + 4)} <= sink._infos.keys()
        assert "5" not in sink._infos
    finally:
        sink.close()


@pytest.mark.parametrize(
    ("target", "read"),
    [
        (None, ("127.0.0.1", 0)),
        ("8080", ("127.0.0.1", 8080)),
        (":8080", ("127.0.0.1", 8080)),
        ("localhost", ("localhost", 0)),
        ("0.0.0.0:80", ("0.0.0.0", 80)),
        ("[::1]:8080", ("::1", 8080)),
        ("::1", ("::1", 0)),
    ],
)
def test_a_target_is_a_host_a_port_or_both(target: str | None, read: tuple[str, int]) -> None:
    assert read_target(target) == read


@pytest.mark.parametrize("target", ["host:port", "1.2.3.4:99999", "a/b", "user@host:1", "a:1:2"])
def test_another_target_is_refused_with_an_example(target: str) -> None:
    with pytest.raises(UsageError, match=r"HOST:PORT, such as web=127\.0\.0\.1:8080"):
        read_target(target)


def test_an_address_that_others_reach_needs_a_token() -> None:
    with pytest.raises(UsageError, match="set SIMILUBOT_WEB_TOKEN"):
        open_sink("0.0.0.0")
    open_sink("0.0.0.0", SIMILUBOT_WEB_TOKEN=TOKEN).close()


def test_a_name_that_others_ask_by_needs_a_token() -> None:
    with pytest.raises(UsageError, match="set SIMILUBOT_WEB_TOKEN"):
        open_sink(SIMILUBOT_WEB_HOSTS="bot.example.org")


def test_a_port_that_is_taken_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(UsageError, match=rf"127\.0\.0\.1:{port}: .*in use"):
            open_sink(str(port))


def test_a_short_token_is_refused() -> None:
    with pytest.raises(SettingsError, match="SIMILUBOT_WEB_TOKEN"):
        open_sink(SIMILUBOT_WEB_TOKEN="short")


def test_a_token_is_taken_from_a_file_that_nobody_else_may_read(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n")
    file.chmod(0o644)
    with pytest.raises(SettingsError, match="chmod 600"):
        open_sink(SIMILUBOT_WEB_TOKEN_FILE=str(file))
    file.chmod(0o600)
    sink = open_sink(SIMILUBOT_WEB_TOKEN_FILE=str(file))
    try:
        assert ask(sink.address, "GET", "events")[0] == 401
    finally:
        sink.close()


def ask(
    address: str, method: str, path: str, body: str | None = None, **headers: str
) -> tuple[int, dict[str, str], bytes]:
    connection = http.client.HTTPConnection(address.split("/")[2], timeout=60)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request(method, f"/{path}", body, named)
    answer = connection.getresponse()
    found = answer.status, dict(answer.getheaders()), answer.read()
    connection.close()
    return found
