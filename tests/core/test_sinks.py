"""The two sinks of the core: plain lines for people, JSON lines for programs."""

import io
import json
import math

import pytest
from hypothesis import example, given
from hypothesis import settings as settings_of_a_run
from hypothesis import strategies as st

from similubot_core import ProgressInfo, ProgressStatus, SinkContext, UsageError
from similubot_core.progress.paced_sink import PacedSink
from similubot_core.sinks import line, open_json_sink, open_lines_sink, write_event

unhurried = settings_of_a_run(deadline=None, max_examples=60)  # a loaded machine is no failure

MB = 1024 * 1024


def info(status: str = "in_progress", **more: object) -> ProgressInfo:
    return ProgressInfo("MEGA Download", ProgressStatus(status), **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("state", "shown"),
    [
        (info("starting", message="clip.mp4"), "⏳ MEGA Download  clip.mp4"),
        (
            info(
                percentage=60.5, current_size=512 * MB, total_size=847 * MB, speed=2 * MB, eta=138
            ),
            "⏳ MEGA Download  60.5%  512.0 MB / 847.0 MB  2.0 MB/s  ETA 2m 18s",
        ),
        (info(percentage=5.0), "⏳ MEGA Download  5.0%  ETA unknown"),
        (info(current_size=MB), "⏳ MEGA Download  0.0%  1.0 MB  ETA unknown"),
        (info("completed", percentage=100.0, eta=0.0), "✅ MEGA Download  100.0%"),
        (info("failed", percentage=9.0, message="Gone."), "❌ MEGA Download  9.0%  Gone."),
        (info("cancelled", message="Cancelled."), "🚫 MEGA Download  0.0%  Cancelled."),
    ],
)
def test_a_state_as_a_line_leaves_out_what_is_not_known(state: ProgressInfo, shown: str) -> None:
    assert line(state) == shown


@unhurried
@given(st.text(), st.text())
def test_a_line_is_one_line_whatever_the_text(operation: str, message: str) -> None:
    shown = line(ProgressInfo(operation, ProgressStatus.IN_PROGRESS, message=message))
    assert len(shown.splitlines()) == 1
    assert "\x1b" not in shown


# -- JSON --------------------------------------------------------------------------------------

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(), inner, max_size=2),
    max_leaves=5,
)


@unhurried
@example({"a": [1.5, {"b": math.nan}], "c": (math.inf,)}, "")
@example({}, "clip\udcff.mp4\n\u2028")
@given(st.dictionaries(st.text(max_size=5), anything, max_size=3), st.text(st.characters()))
def test_any_state_is_one_line_of_strict_json(details: dict[str, object], message: str) -> None:
    stream = io.StringIO()
    state = ProgressInfo("X", ProgressStatus.IN_PROGRESS, message=message, details=details)
    write_event(stream, "progress", state.as_dict())
    written = stream.getvalue()
    assert written.endswith("\n")
    assert written.count("\n") == 1
    assert written.isascii()  # also a lone surrogate, of a file's name, can be written anywhere

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    event = json.loads(written, parse_constant=refuse)
    assert event["event"] == "progress"
    assert event["message"] == message


def test_the_event_comes_first_and_the_fields_have_their_names() -> None:
    stream = io.StringIO()
    write_event(stream, "progress", info(details={"speed_factor": math.nan}).as_dict())
    event = json.loads(stream.getvalue())
    assert list(event)[:3] == ["event", "operation", "status"]
    assert event["details"] == {"speed_factor": None}


# -- where they write --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "stream"), [(None, "stderr"), ("stderr", "stderr"), ("stdout", "stdout")]
)
def test_lines_go_to_stderr_unless_the_target_is_stdout(
    capsys: pytest.CaptureFixture[str], target: str | None, stream: str
) -> None:
    show(open_lines_sink(SinkContext(target)))
    captured = written(capsys)
    assert captured.pop(stream).splitlines()[-1] == "✅ MEGA Download  100.0%"
    assert set(captured.values()) == {""}


@pytest.mark.parametrize(
    ("target", "stream"), [(None, "stdout"), ("stderr", "stderr"), ("stdout", "stdout")]
)
def test_json_goes_to_stdout_unless_the_target_is_stderr(
    capsys: pytest.CaptureFixture[str], target: str | None, stream: str
) -> None:
    show(open_json_sink(SinkContext(target)))
    captured = written(capsys)
    assert json.loads(captured.pop(stream).splitlines()[-1])["status"] == "completed"
    assert set(captured.values()) == {""}


def written(capsys: pytest.CaptureFixture[str]) -> dict[str, str]:
    captured = capsys.readouterr()
    return {"stdout": captured.out, "stderr": captured.err}


def show(sink: PacedSink) -> None:
    sink.show(info("starting"))
    sink.show(info("completed", percentage=100.0))
    sink.close()


@pytest.mark.parametrize("opener", [open_lines_sink, open_json_sink])
def test_another_target_is_refused(opener: object) -> None:
    with pytest.raises(UsageError, match=r"takes the targets stdout and stderr, not '/etc/x'\.$"):
        opener(SinkContext("/etc/x"))  # type: ignore[operator]
