"""Names for files, made of names that strangers chose."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from similubot_http import safe_name


@given(st.text(max_size=400))
def test_a_name_is_always_one_plain_name_of_a_file(name: str) -> None:
    found = safe_name(name)
    assert found == Path(found).name
    assert found not in ("", ".", "..")
    assert not found.startswith(".")
    assert len(found.encode()) <= 207
    assert found.isprintable()


def test_letters_of_any_language_and_the_ending_stay() -> None:
    assert safe_name("Ein Lied 音.mp3") == "Ein Lied 音.mp3"
    assert safe_name("x" * 300 + ".mp3").endswith("x.mp3")
    assert safe_name("../../etc/passwd") == "_.._etc_passwd"
