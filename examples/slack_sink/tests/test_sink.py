"""The sink against a real HTTP server that answers as Slack's webhooks do."""

import http.server
import json
import logging
import threading
from collections.abc import Callable, Iterator

import pytest
import similubot_slack

from similubot_core import (
    ProgressInfo,
    ProgressStatus,
    Settings,
    SinkContext,
    SinkSpec,
    UsageError,
)
from similubot_core.plugins.specs import Plugins, Sink


class Slack(http.server.ThreadingHTTPServer):
    """Keeps the texts; answers the next posts with the statuses in `answers`, then with 200."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Hook)
        self.texts: list[str] = []
        self.answers: list[int] = []
        self.url = f"http://127.0.0.1:{self.server_address[1]}/services/secret"


class Hook(http.server.BaseHTTPRequestHandler):
    server: Slack

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        status = self.server.answers.pop(0) if self.server.answers else 200
        if status == 200:
            self.server.texts.append(body["text"])
        self.send_response(status)
        self.send_header("Retry-After", "0")
        self.end_headers()

    def log_message(self, *arguments: object) -> None:
        """Quiet."""


@pytest.fixture
def slack() -> Iterator[Slack]:
    with Slack() as server:
        threading.Thread(target=server.serve_forever, args=(0.05,)).start()
        yield server
        server.shutdown()


@pytest.fixture
def sink(slack: Slack, load_only: Callable[..., Plugins]) -> Sink:
    spec = load_only(similubot_slack).get(SinkSpec, "slack")
    settings = Settings(environ={"SIMILUBOT_SLACK_WEBHOOK_URL": slack.url})
    return spec.factory(SinkContext(None, settings, "clip <!channel>.mp4"))


def info(status: ProgressStatus, percentage: float = 0.0, message: str = "") -> ProgressInfo:
    return ProgressInfo("Audio Conversion", status, percentage, message=message)


def run(sink: Sink, *states: ProgressInfo) -> None:
    for state in states:
        sink.show(state)
    sink.close()


STARTING = info(ProgressStatus.STARTING)
RUNNING = [info(ProgressStatus.IN_PROGRESS, float(p)) for p in range(100)]


def test_only_the_beginning_and_the_end_are_posted(sink: Sink, slack: Slack) -> None:
    run(sink, STARTING, *RUNNING, info(ProgressStatus.COMPLETED, 100.0, "Checked."))
    assert slack.texts == [
        "⏳ *Audio Conversion* · clip &lt;!channel&gt;.mp4",
        "✅ *Audio Conversion* · clip &lt;!channel&gt;.mp4 · completed at 100.0% · Checked.",
    ]


def test_a_failure_says_how_far_it_came(sink: Sink, slack: Slack) -> None:
    run(sink, STARTING, info(ProgressStatus.FAILED, 43.0, "The disk is full."))
    assert "failed at 43.0% · The disk is full." in slack.texts[-1]


def test_too_many_messages_is_waited_out(sink: Sink, slack: Slack) -> None:
    slack.answers = [429]
    run(sink, STARTING)
    assert len(slack.texts) == 1


def test_a_refusal_is_logged_without_the_secret_address(
    sink: Sink, slack: Slack, caplog: pytest.LogCaptureFixture
) -> None:
    slack.answers = [403]
    with caplog.at_level(logging.WARNING):
        run(sink, STARTING)
    assert "refused a message (403)" in caplog.text
    assert "secret" not in caplog.text


@pytest.mark.parametrize("target", [None, "hooks.slack.com", "http://elsewhere/"])
def test_without_a_webhook_it_says_what_to_set(
    target: str | None, load_only: Callable[..., Plugins]
) -> None:
    spec = load_only(similubot_slack).get(SinkSpec, "slack")
    with pytest.raises(UsageError):
        spec.factory(SinkContext(target, Settings(environ={})))


def test_the_doctor_says_whether_the_webhook_is_set(load_only: Callable[..., Plugins]) -> None:
    check = load_only(similubot_slack).get(SinkSpec, "slack").check
    assert check is not None
    environ = {"SIMILUBOT_SLACK_WEBHOOK_URL": "https://hooks.slack.com/services/secret"}
    assert [c.ok for c in check(Settings(environ={}))] == [False]
    assert [c.ok for c in check(Settings(environ=environ))] == [True]
    assert "secret" not in str(check(Settings(environ=environ)))
