"""A job as text: bounded, truthful, and not to be broken by names from outside."""

from __future__ import annotations

import html
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from similubot_core import ProgressInfo, ProgressStatus
from similubot_core.live import OperationState
from similubot_core.live.text import harmless, job_frame, units

_TAG = re.compile(r"</?(?:b|code|a)(?: href=\"[^\"<>]*\")?>")

nasty = st.text(max_size=2000) | st.sampled_from(
    [
        "@everyone @room <@123> @someone",
        "<b>x</b><script>alert(1)</script> & &lt; &#60;",
        "**b** _i_ `c` [text](https://evil.example) ||s||",
        "https://evil.example/x www.evil.example evil.example clip.mov /start #tag $USD !cmd",
        "\u202egpj.exe\u2066\x00\x1b[31m",
        "😀" * 2000,
        "&" * 2000,
        "@" * 2000,
        "",
    ]
)
infos = st.builds(
    ProgressInfo,
    operation=nasty,
    status=st.sampled_from(ProgressStatus),
    percentage=st.floats(0, 100),
    current_size=st.none() | st.integers(0, 2**63),
    total_size=st.none() | st.integers(0, 2**63),
    speed=st.none() | st.floats(0, 1e18, allow_nan=False),
    eta=st.none() | st.floats(0, 1e18, allow_nan=False),
    message=nasty,
    details=st.dictionaries(st.sampled_from(["speed_factor", "url", "link"]), st.floats() | nasty),
    unit=st.just("B") | nasty,
)


def state(
    name: str, status: ProgressStatus, percentage: float = 0.0, **rest: object
) -> OperationState:
    info = ProgressInfo(name, status, percentage, **rest)  # type: ignore[arg-type]
    return OperationState(name, info, 12.0 if status.is_final else None)


@settings(max_examples=100, deadline=None)
@given(st.lists(infos, max_size=20), nasty)
def test_no_input_breaks_the_length_or_the_markup(given_: list[ProgressInfo], title: str) -> None:
    states = [OperationState(i.operation, i, 1.0 if i.status.is_final else None) for i in given_]
    frame = job_frame(states, title=title)
    assert units(frame.plain) <= 3500
    text = _TAG.sub("", frame.html)
    assert "<" not in text
    assert ">" not in text
    assert html.unescape(text) == frame.plain


@given(nasty, st.integers(1, 300))
def test_harmless_text_is_one_line_of_bounded_length(text: str, limit: int) -> None:
    made = harmless(text, limit)
    assert units(made) <= limit
    assert len(made.splitlines()) <= 1


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("song.mp3", "song.mp3"),
        ("1.5 MB/s, 3/4", "1.5 MB/s, 3/4"),
        ("@room", "@\u200broom"),
        ("evil.example", "evil.\u200bexample"),
        ("https://x", "https:\u200b//\u200bx"),
        ("/start #tag", "/\u200bstart #\u200btag"),
        ("[a](b)", "[a]\u200b(b)"),
        ("name\u202egpj.exe", "name gpj.\u200bexe"),
    ],
)
def test_what_would_mention_link_or_command_is_parted(text: str, shown: str) -> None:
    assert harmless(text) == shown


def test_a_job_shows_its_stages_its_bar_and_its_figures() -> None:
    stages = [
        state("MEGA Download", ProgressStatus.COMPLETED, 100),
        state("Audio Conversion", ProgressStatus.IN_PROGRESS, 43.2, details={"speed_factor": 29.7}),
        OperationState("Catbox Upload", None, None),
    ]
    assert job_frame(stages, title="clip.mp4").plain.splitlines() == [
        "⏳ clip.mp4",
        "✅ MEGA Download · 12s",
        "⏳ Audio Conversion",
        "████████▋░░░░░░░░░░░ 43.2%",
        "unknown · 29.7× · ETA unknown",
        "▫️ Catbox Upload",
    ]


def test_the_end_shows_the_link_and_how_long_it_took() -> None:
    link = "https://files.catbox.moe/abc_123.m4a?a=1&b=2"
    done = state("Catbox Upload", ProgressStatus.COMPLETED, 100, details={"url": link})
    frame = job_frame([done])
    assert frame.plain.splitlines()[-2:] == [link, "Took 12s"]
    assert f'<a href="{html.escape(link)}">' in frame.html


@pytest.mark.parametrize("link", ["javascript:alert(1)", 'https://x/"onclick=', "https://x y", 5])
def test_a_link_that_is_none_is_not_shown_as_one(link: object) -> None:
    done = state("Upload", ProgressStatus.COMPLETED, 100, details={"url": link})
    assert "<a" not in job_frame([done]).html
