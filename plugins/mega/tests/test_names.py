"""File names made of hostile names."""

import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from similubot_mega.names import FALLBACK, name_limit, safe_name

RESERVED = {"CON", "PRN", "AUX", "NUL"} | {f"{d}{n}" for d in ("COM", "LPT") for n in range(10)}


@pytest.mark.parametrize(
    ("raw", "safe"),
    [
        ("../../etc/passwd", "_.._etc_passwd"),
        ("/etc/passwd", "_etc_passwd"),
        ("..\\..\\boot.ini", "_.._boot.ini"),
        ("..", FALLBACK),
        (".", FALLBACK),
        ("", FALLBACK),
        ("   ", FALLBACK),
        ("/", FALLBACK),
        ("\0", FALLBACK),
        ("CON", "_CON"),
        ("nul.txt", "_nul.txt"),
        ("com1.tar.gz", "_com1.tar.gz"),
        ("COM0", "_COM0"),
        ("console.mp4", "console.mp4"),
        ("a\r\nb.mp3", "a__b.mp3"),
        ("song.mp3. . ", "song.mp3"),
        ("what?.mp4", "what_.mp4"),
        ("cod\u202e3pm.exe", "cod_3pm.exe"),
        ("日本語 – Ünïcode 🎵.flac", "日本語 – Ünïcode 🎵.flac"),
        ("-rf.mp4", "-rf.mp4"),
    ],
)
def test_a_hostile_name_becomes_a_plain_one(raw: str, safe: str) -> None:
    assert safe_name(raw) == safe


def test_a_long_name_is_cut_and_keeps_its_ending() -> None:
    name = safe_name("é" * 4000 + ".webm", 100)
    assert name.endswith("é.webm")
    assert 98 <= len(name.encode()) <= 100


def test_a_long_ending_is_cut_like_the_rest() -> None:
    assert safe_name("a." + "b" * 4000, 100) == "a." + "b" * 98


def test_the_limit_is_what_the_file_system_takes(tmp_path: Path) -> None:
    name = safe_name("x" * 4000 + ".mp4", name_limit(tmp_path))
    (tmp_path / name).write_bytes(b"")
    (tmp_path / (name + ".part")).write_bytes(b"")
    assert len(name) > 100


@given(st.text(st.characters(exclude_categories=())), st.integers(16, 255))
def test_any_text_becomes_one_component_that_can_be_made(raw: str, limit: int) -> None:
    name = safe_name(raw, limit)
    assert name
    assert name not in (".", "..")
    assert len(name.encode("utf-8")) <= limit
    assert Path(name).name == name
    assert "\\" not in name
    assert not any(unicodedata.category(character) == "Cc" for character in name)
    assert not name.endswith((".", " "))
    assert name.split(".")[0].strip().upper() not in RESERVED


@given(st.text(st.characters(exclude_categories=())))
def test_a_safe_name_stays_as_it_is(raw: str) -> None:
    assert safe_name(safe_name(raw)) == safe_name(raw)
