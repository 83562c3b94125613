"""The pages in a real browser: what people see, by keyboard too, on a phone, in the dark."""

from collections.abc import Callable, Iterator

import pytest

pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
from playwright.sync_api import Page, expect

from similubot_core import ProgressInfo, ProgressStatus, Settings, SinkContext
from similubot_web import WebSink, open_web_sink

Open = Callable[..., Page]
PATIENCE = 60_000
TOKEN = "a-token-of-the-tests"
HOSTILE = "<img src=x onerror=document.title='XSS'> <script>document.title='XSS'</script> ‮.mp4"

expect.set_options(timeout=PATIENCE)


@pytest.fixture
def sink() -> Iterator[WebSink]:
    opened = open_web_sink(SinkContext(None, Settings(environ={}), f"Two {HOSTILE}"))
    yield opened
    opened.close()


def show(
    sink: WebSink,
    status: ProgressStatus = ProgressStatus.IN_PROGRESS,
    percentage: float = 0.0,
    name: str = "Copying",
    **values: object,
) -> None:
    sink.show(ProgressInfo(name, status, percentage, **values))  # type: ignore[arg-type]


def test_bars_move_to_the_end_and_names_stay_text(sink: WebSink, open_page: Open) -> None:
    show(sink, percentage=12.5, id="1", name=HOSTILE, speed=2_500_000.0, eta=138.0)
    page = open_page(sink.address)
    bar, operation = page.locator("progress"), page.locator(".operation")
    expect(bar).to_have_js_property("value", 12.5)
    expect(operation).to_contain_text("<script>document.title='XSS'</script>")
    expect(operation.locator(".figures")).to_contain_text("2.4 MB/sETA 2m 18sfor")
    show(sink, percentage=61.0, id="1", name=HOSTILE)
    expect(bar).to_have_js_property("value", 61)
    link = "https://files.example/a.m4a"
    show(sink, ProgressStatus.COMPLETED, 100.0, id="1", name=HOSTILE, message=link)
    expect(bar).to_have_js_property("value", 100)
    expect(page.get_by_role("link", name=link)).to_have_attribute("href", link)
    expect(page.locator("img")).to_have_count(0)
    assert page.title() != "XSS"
    sink.close()
    expect(page.locator("#line")).to_have_text("The program has ended; this is its last state.")


@pytest.fixture
def guarded() -> Iterator[WebSink]:
    """A page that asks for a token."""
    settings = Settings(environ={"SIMILUBOT_WEB_TOKEN": TOKEN})
    opened = open_web_sink(SinkContext(None, settings, "The title"))
    yield opened
    opened.close()


def test_who_knows_the_token_gets_in_by_keyboard_and_out_again(
    guarded: WebSink, open_page: Open
) -> None:
    page = open_page(guarded.address, expected="403")
    expect(page).to_have_url(f"{guarded.address}login")
    page.keyboard.type("not-the-token-at-all")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_have_text("That is not the token; try again.")
    page.keyboard.type(TOKEN)
    page.keyboard.press("Enter")
    expect(page).to_have_url(guarded.address)
    expect(page.locator("#line")).to_have_text("Live")
    expect(page.locator("h1")).to_have_text("The title")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")  # "Log out" is the only thing that can be pressed
    expect(page).to_have_url(f"{guarded.address}login")
