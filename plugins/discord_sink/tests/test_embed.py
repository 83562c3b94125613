"""The embed: truthful, within Discord's limits, and not to be broken by names from outside."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from similubot_core import ProgressInfo, ProgressStatus
from similubot_core.live import Operations, OperationState
from similubot_core.live.text import cut, units
from similubot_discord_sink.embed import STATUS_COLOURS, job_embed
from similubot_discord_sink.plain_text import escape
from similubot_loopback.discord_server.messages import pinged_by
from similubot_loopback.discord_server.validate import check_body

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
MIB = 1024 * 1024

nasty = st.text(max_size=3000) | st.sampled_from(
    [
        "@everyone",
        "<@123456789012345678> <@&123456789012345678> <#1> <:a:1> <t:0:R> </x:1>",
        "**bold** __u__ ~~s~~ ||spoiler|| `code` ```block``` [text](https://evil.example)",
        "# heading\n## two\n> quote\n- list\n1. list\n-# small",
        "\u202egpj.exe\u2066\x00\x1b[31m",
        "\\" * 3000,
        "😀" * 3000,
        "`" * 3000,
        "e\u0301" * 2000,
        "https://evil.example/" + "a" * 3000,
        " ",
        "",
    ]
)
sizes = st.none() | st.integers(0, 2**63)
numbers = st.none() | st.floats(0, 1e18, allow_nan=False)
infos = st.builds(
    ProgressInfo,
    operation=nasty,
    status=st.sampled_from(ProgressStatus),
    percentage=st.floats(0, 100),
    current_size=sizes,
    total_size=sizes,
    speed=numbers,
    eta=numbers,
    message=nasty,
    details=st.dictionaries(
        st.sampled_from(["speed_factor", "url"]), st.floats() | nasty | st.none() | st.booleans()
    ),
)
states = st.lists(
    st.builds(
        lambda info, planned, seconds: OperationState(
            info.operation,
            None if planned else info,
            seconds if info.status.is_final and not planned else None,
        ),
        infos,
        st.booleans(),
        st.floats(0, 1e9),
    ),
    max_size=40,
)


def state(
    name: str, status: ProgressStatus, percentage: float = 0.0, **rest: object
) -> OperationState:
    info = ProgressInfo(name, status, percentage, **rest)  # type: ignore[arg-type]
    return OperationState(name, info, 12.0 if status.is_final else None)


@settings(max_examples=150)
@given(states, nasty, st.integers(1, 100))
def test_no_input_breaks_discords_limits_or_pings(
    shown: list[OperationState], title: str, length: int
) -> None:
    body = dict(job_embed(shown, title=title, bar_length=length, now=NOW).to_dict())
    check_body({"embeds": [body]}, has_files=False, new=True)
    text = str(body)
    assert pinged_by(text, None, None) == frozenset()
    assert "<@" not in text.replace("\\\\<", "")


@given(nasty, st.integers(1, 300))
def test_plain_text_is_one_line_of_bounded_length(text: str, limit: int) -> None:
    for links in (False, True):
        made = escape(text, limit, links=links)
        assert "\n" not in made
        assert "\r" not in made
        assert units(made) <= 3 * limit + 3
        # no backslash is left alone at the end, where it would escape what comes after
        assert (len(made) - len(made.rstrip("\\"))) % 2 == 0


@given(st.text(alphabet="ab😀é", max_size=50), st.integers(1, 20))
def test_cut_counts_as_discord_does(text: str, limit: int) -> None:
    made = cut(text, limit)
    assert len(made.encode("utf-16-le")) // 2 <= limit
    assert made == text or made.endswith("…")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("my_song_final.mp4", r"my\_song\_final.mp4"),
        ("**loud**", r"\*\*loud\*\*"),
        ("[click](https://x.example)", "\\[click\\]\\(https:\u200b//x.example\\)"),
        ("@everyone", "@\u200beveryone"),
        ("<@123>", "\\<@\u200b123\\>"),
        ("- item", "\u200b- item"),
        ("1. item", "\u200b1. item"),
        ("# head", r"\# head"),
        ("`x`", r"\`x\`"),
        ("a\nb\r\nc\td", "a b c d"),
        ("name\u202egpj.exe", "name gpj.exe"),
    ],
)
def test_names_from_outside_are_shown_as_they_are_written(text: str, shown: str) -> None:
    assert escape(text) == shown


def test_a_link_in_a_message_stays_a_link() -> None:
    made = escape("Done_ https://files.example/a_b_c.m4a", links=True)
    assert made == r"Done\_ https://files.example/a_b_c.m4a"


@pytest.mark.parametrize("status", list(ProgressStatus))
def test_the_colour_and_the_mark_tell_the_status(status: ProgressStatus) -> None:
    embed = job_embed([state("Upload", status, 50)], now=NOW)
    assert embed.colour is not None
    assert embed.colour.value == STATUS_COLOURS[status]
    assert str(embed.title).endswith("Upload")


def test_the_documented_example_looks_as_documented() -> None:
    info = state(
        "MEGA Download",
        ProgressStatus.IN_PROGRESS,
        60.5,
        current_size=int(512.3 * MIB),
        total_size=int(847.2 * MIB),
        speed=2.4 * MIB,
        eta=138.0,
    )
    embed = job_embed([info], now=NOW)
    assert embed.title == "⏳ MEGA Download"
    assert embed.description == "`████████████░░░░░░░░` 60.5%"
    assert [(field.name, field.value) for field in embed.fields] == [
        ("Size", "512.3 MB / 847.2 MB"),
        ("Speed", "2.4 MB/s"),
        ("ETA", "2m 18s"),
    ]


def test_every_eighth_of_a_character_shows() -> None:
    bars = set()
    for step in range(161):
        shown = job_embed([state("x", ProgressStatus.IN_PROGRESS, step * 0.625)], now=NOW)
        found = re.search("`(.*)`", str(shown.description))
        assert found is not None
        assert len(found[1]) == 20
        bars.add(found[1])
    assert len(bars) == 161


def test_the_unknown_is_shown_as_unknown_and_never_as_zero() -> None:
    embed = job_embed([state("Upload", ProgressStatus.IN_PROGRESS)], now=NOW)
    assert {field.value for field in embed.fields} == {"unknown"}


def test_a_conversion_without_bytes_shows_its_speed_factor() -> None:
    info = state("Audio Conversion", ProgressStatus.IN_PROGRESS, details={"speed_factor": 29.7})
    embed = job_embed([info], now=NOW)
    assert "29.7×" in {field.value for field in embed.fields}


def test_an_upload_that_is_done_shows_its_link() -> None:
    link = "https://files.catbox.moe/abc123.m4a"
    done = state("Catbox Upload", ProgressStatus.COMPLETED, 100, details={"url": link})
    embed = job_embed([done], now=NOW)
    assert {field.name: field.value for field in embed.fields}["Link"] == link


def test_all_stages_are_shown_at_once_and_done_ones_ticked_with_their_time() -> None:
    stages = [
        state("MEGA Download", ProgressStatus.COMPLETED, 100),
        state("Audio Conversion", ProgressStatus.IN_PROGRESS, 43.2),
        OperationState("Catbox Upload", None, None),
    ]
    embed = job_embed(stages, title="clip.mp4", now=NOW)
    assert embed.title == "⏳ clip.mp4"
    assert str(embed.description).splitlines() == [
        "✅ MEGA Download · 12s",
        "⏳ **Audio Conversion**",
        "`████████▋░░░░░░░░░░░` 43.2%",
        "▫️ Catbox Upload",
    ]


def test_a_failed_stage_is_what_the_message_shows_with_its_sentence() -> None:
    stages = [
        state("MEGA Download", ProgressStatus.COMPLETED, 100),
        state("Audio Conversion", ProgressStatus.FAILED, 3, message="The file has no sound."),
        OperationState("Catbox Upload", None, None),
    ]
    embed = job_embed(stages, title="clip.mp4", now=NOW)
    assert embed.title == "❌ clip.mp4"
    assert "The file has no sound." in str(embed.description)


def test_words_in_a_file_name_do_not_change_the_status() -> None:
    info = state("Upload", ProgressStatus.IN_PROGRESS, 3, message="failed cancelled 100%.mp4")
    assert str(job_embed([info], now=NOW).title).startswith("⏳")


def test_a_hundred_operations_still_show_the_present_one() -> None:
    many = [state(f"part {n}", ProgressStatus.COMPLETED, 100) for n in range(100)]
    many[3] = state("part 3", ProgressStatus.IN_PROGRESS, 50)
    description = str(job_embed(many, now=NOW).description)
    assert "**part 3**" in description
    assert "90 more" in description


def test_an_end_is_sticky_until_the_operation_begins_anew() -> None:
    class Woken:
        woken = True

        def wake(self) -> None: ...

        def request_urgent(self) -> None: ...

    operations = Operations()
    take = operations.callback(Woken())
    for status, expected in (
        (ProgressStatus.STARTING, ProgressStatus.STARTING),
        (ProgressStatus.IN_PROGRESS, ProgressStatus.IN_PROGRESS),
        (ProgressStatus.FAILED, ProgressStatus.FAILED),
        (ProgressStatus.IN_PROGRESS, ProgressStatus.FAILED),
        (ProgressStatus.COMPLETED, ProgressStatus.FAILED),
        (ProgressStatus.STARTING, ProgressStatus.STARTING),
        (ProgressStatus.COMPLETED, ProgressStatus.COMPLETED),
    ):
        take(ProgressInfo("Upload", status))
        (shown,) = operations.states()
        assert shown.info is not None
        assert shown.info.status is expected
