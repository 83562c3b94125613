"""The files of the pages: what they weigh, and what they must not hold."""

import re
from importlib import resources

import pytest

FOLDER = resources.files("similubot_web") / "page"
FILES = sorted(item.name for item in FOLDER.iterdir())
PAGES = [name for name in FILES if name.endswith(".html")]


def text(name: str) -> str:
    return (FOLDER / name).read_text(encoding="utf-8")


def test_all_pages_together_weigh_less_than_60_kb() -> None:
    assert sum(len(text(name).encode()) for name in FILES) < 60_000


@pytest.mark.parametrize("name", PAGES)
def test_a_page_holds_no_code_and_no_style_of_its_own(name: str) -> None:
    page = text(name)
    assert not re.search(r"<style|style=|\son[a-z]+=|javascript:", page)
    assert not re.search(r"<script(?![^>]*src=)", page)


@pytest.mark.parametrize("name", FILES)
def test_nothing_is_fetched_from_elsewhere(name: str) -> None:
    fetching = (
        r"(?:\bhref=|\bsrc=|action=|from |fetch\(|EventSource\(|import|url\()\W*(?:https?:)?//"
    )
    found = re.findall(fetching, text(name))
    assert found == []


@pytest.mark.parametrize("name", [name for name in FILES if name.endswith(".js")])
def test_scripts_put_text_in_as_text(name: str) -> None:
    assert not re.search(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(", text(name)
    )


@pytest.mark.parametrize("name", PAGES)
def test_every_address_of_a_page_is_relative(name: str) -> None:
    addresses = re.findall(r'(?:href|src|action)="([^"]*)"', text(name))
    assert addresses
    assert not [address for address in addresses if address.startswith("/")]
