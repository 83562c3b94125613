"""The pages about usual changes name at most three files each, and those are there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted((ROOT / "docs" / "change").glob("*.md"))
_STEP = re.compile(r"^\d\. .*?`([\w./]+\.(?:py|md))`", re.MULTILINE | re.DOTALL)
_FULL_PATH = re.compile(r"`((?:similubot_core|plugins|tests)/[\w./]+)`")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_change_takes_three_files_at_most_and_they_are_there(page: Path) -> None:
    text = page.read_text()
    assert 1 <= len(_STEP.findall(text)) <= 3
    for path in (found for found in _FULL_PATH.findall(text) if "NAME" not in found):
        assert (ROOT / path).is_file(), path


def test_there_is_a_page_for_each_usual_change() -> None:
    assert [page.stem for page in PAGES] == ["field", "format", "host", "setting"]
