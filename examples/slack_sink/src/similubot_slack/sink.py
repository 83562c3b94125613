"""SlackSink: posts to an incoming webhook of Slack."""

import json
import time
import urllib.error
import urllib.request

from similubot_core import (
    ProgressInfo,
    ProgressStatus,
    SimilubotError,
    SinkContext,
    UsageError,
    render,
)
from similubot_core.progress.paced_sink import PacedSink
from similubot_slack.settings import SlackSettings

ANSWER_SECONDS = 2.0
LONGEST_WAIT_SECONDS = 2.0
"""How long a Retry-After of Slack's is waited for. The final state has five seconds in all."""
_NEVER = 1_000_000.0


class SlackSink:
    """Posts the beginning and the end of each operation.

    Args:
        webhook_url: The incoming webhook's address.
        title: What the whole is about; text from outside.
    """

    def __init__(self, webhook_url: str, title: str) -> None:
        self._url = webhook_url
        self._title = title
        self._paced = PacedSink(self._write, _NEVER)  # changes of status only

    def show(self, info: ProgressInfo) -> None:
        """Take the newest state; any thread may call it, and it never waits."""
        self._paced.show(info)

    def close(self) -> None:
        """Post the final states, within 5 seconds."""
        self._paced.close()

    def _write(self, info: ProgressInfo) -> None:
        if info.status is ProgressStatus.IN_PROGRESS:
            return
        parts = [f"{render.MARKS[info.status]} *{_plain(info.operation)}*", _plain(self._title)]
        if info.status is ProgressStatus.COMPLETED and info.total_size is not None:
            parts.append(render.size(info.total_size))
        elif info.status.is_final:
            parts.append(f"{info.status.value} at {render.percent(info.percentage)}")
        parts.append(_plain(info.message))
        self._post(" · ".join(part for part in parts if part))

    def _post(self, text: str) -> None:
        """Post, once more after Slack's "too many".

        Raises:
            SimilubotError: Slack did not take it. The address is in no message.
        """
        body = json.dumps({"text": text}).encode()
        for last in (False, True):
            request = urllib.request.Request(  # noqa: S310  (`open_slack_sink` checks the scheme)
                self._url, body, {"Content-Type": "application/json"}
            )
            try:
                urllib.request.urlopen(request, timeout=ANSWER_SECONDS).close()  # noqa: S310
            except urllib.error.HTTPError as error:
                if error.code != 429 or last:
                    raise SimilubotError(f"Slack refused a message ({error.code}).") from None
                time.sleep(_wait(error.headers.get("Retry-After")))
            except OSError as error:
                reason = f"Slack cannot be reached ({type(error).__name__})."
                raise SimilubotError(reason) from None
            else:
                return


def open_slack_sink(context: SinkContext) -> SlackSink:
    """Open the sink on ``--sink slack=URL``, or on the webhook in the settings.

    Raises:
        UsageError: There is no webhook, or it is no address.
    """
    url = context.target or context.settings.table(SlackSettings).webhook_url
    if not url:
        raise UsageError("Set SIMILUBOT_SLACK_WEBHOOK_URL to the address of your webhook.")
    if not url.startswith(("https://", "http://127.0.0.1:")):
        raise UsageError("The webhook of the sink slack is no https address.")
    return SlackSink(url, context.title)


def _plain(text: str) -> str:
    """Text from outside: one line, and nothing in it that Slack takes for a mention or a link."""
    line = render.sanitize_line(text, 300)
    return line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _wait(retry_after: str | None) -> float:
    if retry_after is None or not retry_after.isdecimal():
        return 1.0
    return min(float(retry_after), LONGEST_WAIT_SECONDS)
