"""What people type, and what is understood of it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from similubot_bot.jobs.reading import Reading, Vocabulary, find_links, read, read_bitrate
from similubot_core import UsageError

KEY = "abcDEF012_-ghiJKL345mnoPQR678stuVWX901yz-_3"
LINK = f"https://mega.nz/file/AbCd1234#{KEY}"
OTHER = "https://tube.example/watch?v=xyz_(live)"
FOLDER = "https://mega.nz/folder/AbCd1234#0123456789abcdefABCDEF"


def accepts(link: str) -> bool:
    return link.startswith(("https://mega.nz/", "https://tube.example/"))


WORDS = Vocabulary(
    accepts,
    ("catbox", "litterbox", "litterbox=24h"),
    ("aac", "mp3", "opus"),
    {"m4a": "aac"},
    (32, 512),
)

UNDERSTOOD = [
    # Links, however they are wrapped.
    (LINK, Reading((LINK,))),
    (f"<{LINK}>", Reading((LINK,))),
    (f"||{LINK}||", Reading((LINK,))),
    (f"|| {LINK} ||", Reading((LINK,))),
    (f"||<{LINK}>||", Reading((LINK,))),
    (f"[clip]({LINK})", Reading((LINK,))),
    (f"[clip](<{LINK}>)", Reading((LINK,))),
    (f'[my clip]({LINK} "a title") 96', Reading((LINK,), bitrate=96)),
    (f"[x]({OTHER})", Reading((OTHER,))),
    (f"**{LINK}**", Reading((LINK,))),
    (f"*{LINK}*", Reading((LINK,))),
    (f"__{LINK}__", Reading((LINK,))),
    (f"_{LINK}_", Reading((LINK,))),
    (f"~~{LINK}~~", Reading((LINK,))),
    (f"`{LINK}`", Reading((LINK,))),
    (f"```\n{LINK}\n```", Reading((LINK,))),
    (f'"{LINK}"', Reading((LINK,))),
    (f'"{LINK}', Reading((LINK,))),
    (f"“{LINK}”", Reading((LINK,))),
    (f"({LINK})", Reading((LINK,))),
    (f"> {LINK}", Reading((LINK,))),
    (f"{LINK}.", Reading((LINK,))),
    (f"{LINK}, 128", Reading((LINK,), bitrate=128)),
    (f"link:{LINK}", Reading((LINK,))),
    (f"link={LINK} bitrate=96", Reading((LINK,), bitrate=96)),
    (
        "https://mega.nz/file/AbCd1234%23" + KEY,
        Reading(("https://mega.nz/file/AbCd1234%23" + KEY,)),
    ),
    (LINK.removeprefix("https://"), Reading((LINK,))),
    (LINK.replace("https", "http"), Reading((LINK,))),
    (LINK.replace("https://mega.nz", "HTTPS://Mega.NZ"), Reading((LINK,))),
    (LINK.replace("https://", "https:// "), Reading((LINK,))),
    (LINK.replace("https://", "https//"), Reading((LINK,))),
    (LINK.replace("#", " #"), Reading((LINK,))),
    (LINK.replace("#", "\n#"), Reading((LINK,))),
    (LINK.replace("#", " "), Reading((LINK,))),
    (LINK.replace("#", " #") + " 128", Reading((LINK,), bitrate=128)),
    (LINK[:20] + "\u200b" + LINK[20:], Reading((LINK,))),
    (LINK.replace("_", "\\_"), Reading((LINK,))),
    (OTHER + "&amp;t=5", Reading((OTHER + "&t=5",))),
    (f"{OTHER})", Reading((OTHER,))),
    # Bitrates and their units.
    (f"{LINK} 128", Reading((LINK,), bitrate=128)),
    (f"128 {LINK}", Reading((LINK,), bitrate=128)),
    (f"{LINK} 128k", Reading((LINK,), bitrate=128)),
    (f"{LINK} 128K", Reading((LINK,), bitrate=128)),
    (f"{LINK} 128kbps", Reading((LINK,), bitrate=128)),
    (f"{LINK} 96 kbps", Reading((LINK,), bitrate=96)),
    (f"{LINK} 96 kbit/s", Reading((LINK,), bitrate=96)),
    (f"{LINK} 96 kb/s", Reading((LINK,), bitrate=96)),
    (f"{LINK} @128k", Reading((LINK,), bitrate=128)),
    (f"{LINK} 128000", Reading((LINK,), bitrate=128)),
    (f"{LINK} 128000 bps", Reading((LINK,), bitrate=128)),
    (f"{LINK} 0.25 mbps", Reading((LINK,), bitrate=250)),
    (f"{LINK} 0,25 Mbit", Reading((LINK,), bitrate=250)),
    (f"{LINK} '128'", Reading((LINK,), bitrate=128)),
    (f"{LINK} (192k)", Reading((LINK,), bitrate=192)),
    (f"{LINK} bitrate 192", Reading((LINK,), bitrate=192)),
    (f"{LINK} bitrate: 192", Reading((LINK,), bitrate=192)),
    (f"{LINK} --bitrate 192", Reading((LINK,), bitrate=192)),
    (f"{LINK} -b 192", Reading((LINK,), bitrate=192)),
    (f"{LINK} best", Reading((LINK,), bitrate=512)),
    (f"{LINK} in the best quality please", Reading((LINK,), bitrate=512)),
    # Targets, formats and who may see it.
    (f"{LINK} litterbox", Reading((LINK,), to="litterbox")),
    (f"{LINK} LitterBox 64", Reading((LINK,), bitrate=64, to="litterbox")),
    (f"{LINK} to litterbox", Reading((LINK,), to="litterbox")),
    (f"litterbox {LINK}", Reading((LINK,), to="litterbox")),
    (f"{LINK} to=litterbox=24h", Reading((LINK,), to="litterbox=24h")),
    (f"{LINK} litterbox 24h", Reading((LINK,), to="litterbox=24h")),
    (f"{LINK} --to litterbox", Reading((LINK,), to="litterbox")),
    (f"{LINK} mp3", Reading((LINK,), format="mp3")),
    (f"{LINK} m4a", Reading((LINK,), format="aac")),
    (f"{LINK} format=.M4A", Reading((LINK,), format="aac")),
    (f"{LINK} as .MP3 192k", Reading((LINK,), bitrate=192, format="mp3")),
    (f"{LINK} --format opus", Reading((LINK,), format="opus")),
    (f"{LINK} --private", Reading((LINK,), private=True)),
    (
        f"{LINK} private mp3 to litterbox",
        Reading((LINK,), format="mp3", to="litterbox", private=True),
    ),
    # Several, and text around.
    (f"{LINK} {OTHER}", Reading((LINK, OTHER))),
    (f"{LINK}\n{OTHER} 96", Reading((LINK, OTHER), bitrate=96)),
    (f"{LINK},{OTHER}", Reading((f"{LINK},{OTHER}",))),
    (f"1. {LINK}\n2. {OTHER}", Reading((LINK, OTHER))),
    (f"- {LINK} 64\n- {OTHER}", Reading((LINK, OTHER), bitrate=64)),
    (f"{LINK} {LINK}", Reading((LINK,))),
    (f"{FOLDER} {LINK}", Reading((FOLDER, LINK))),
    (f"please {LINK}", Reading((LINK,))),
    (f"{LINK} thanks!", Reading((LINK,))),
    (f"can you convert {LINK} for me please?", Reading((LINK,))),
    (f"Check out my 3 new songs on MEGA: {LINK} (sent from my phone)", Reading((LINK,))),
    (f"My Song 2 by Someone {OTHER} via @Tube", Reading((OTHER,))),
    (f"{LINK} to audio", Reading((LINK,))),
    (f"https://other.example/x {LINK}", Reading((LINK,), ("other.example",))),
    ("https://other.example/x", Reading((), ("other.example",))),
    ("hello", Reading()),
    ("", Reading()),
]


@pytest.mark.parametrize(("typed", "understood"), UNDERSTOOD, ids=[t for t, _ in UNDERSTOOD])
def test_what_is_typed_is_read_as_meant(typed: str, understood: Reading) -> None:
    assert read(typed, WORDS) == understood


REFUSED = [
    (f"{LINK} litterbix", "can't upload to 'litterbix'. Did you mean litterbox?"),
    (f"{LINK} to nowhere", "can't upload to 'nowhere'. Choose one of catbox"),
    (f"{LINK} to=nowhere", "can't upload to 'nowhere'"),
    (f"{LINK} folder=/etc", "can't upload to 'folder=/etc'"),
    (f"{LINK} --format wma", "can't convert to 'wma'. .*Choose one of aac, mp3, opus"),
    (f"{LINK} opuss", "Did you mean opus"),
    (f"{LINK} -5", "1 kb/s or more"),
    (f"{LINK} 0", "1 kb/s or more"),
    (f"{LINK} 128kbs2", "not a bitrate; write it like 128 or 128k"),
    (f"{LINK} bitrate=loud", "not a bitrate"),
    (f"{LINK} to {KEY}", "can't upload to that"),
    ("https://mega.nz/" + "x" * 1001, "too long for a link"),
    ("x" * 6001, "too long"),
]


@pytest.mark.parametrize(("typed", "sentence"), REFUSED, ids=[t[:60] for t, _ in REFUSED])
def test_what_cannot_be_meant_is_refused_with_what_can(typed: str, sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence) as refused:
        read(typed, WORDS)
    assert KEY not in str(refused.value)


def test_the_links_of_any_text_are_found() -> None:
    text = f"see https://other.example/ and (<{LINK}>), and {LINK}2"
    assert find_links(text, accepts) == (LINK, f"{LINK}2")


def outcome(text: str) -> Reading | str:
    """What is understood, or the sentence that refuses it."""
    try:
        return read(text, WORDS)
    except UsageError as error:
        return error.message


@given(st.text(max_size=300), st.text(max_size=100))
def test_a_link_is_found_whatever_stands_around_it(before: str, after: str) -> None:
    found = outcome(f"{before}\n{OTHER}\n{after}")
    assert OTHER not in found if isinstance(found, str) else OTHER in found.links


@given(st.text(max_size=300))
def test_no_text_raises_anything_but_a_sentence(text: str) -> None:
    found = outcome(text)
    assert not isinstance(found, str) or found.endswith((".", "?"))


@given(st.text(max_size=30))
def test_a_bitrate_is_a_number_or_a_sentence(text: str) -> None:
    try:
        assert read_bitrate(text) >= 1
    except UsageError as error:
        assert "bitrate" in error.message  # noqa: PT017
