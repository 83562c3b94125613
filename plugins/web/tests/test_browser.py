"""The pages in a real browser: what people see, by keyboard too, on a phone, in the dark."""

import asyncio
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from aiohttp import ClientSession, web
from multidict import CIMultiDict

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


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [375, 1280])
def test_axe_finds_nothing_wrong_with_operations_of_every_status(
    sink: WebSink,
    open_page: Open,
    assert_accessible: Callable[[Page], None],
    width: int,
    scheme: str,
) -> None:
    for number, status in enumerate(ProgressStatus):
        share = 100.0 if status is ProgressStatus.COMPLETED else 30.0
        link = "https://files.example/a.m4a"
        parent = "0" if number else None
        show(sink, status, share, id=str(number), message=link, parent=parent, eta=5.0)
    page = open_page(sink.address, width=width, scheme=scheme, bypass_csp=True)
    expect(page.locator(".operation")).to_have_count(5)
    assert_accessible(page)
    assert page.evaluate("document.documentElement.scrollWidth") == width


@pytest.mark.slow
def test_the_colours_follow_the_system(sink: WebSink, open_page: Open) -> None:
    def brightness(scheme: str) -> float:
        page = open_page(sink.address, scheme=scheme)
        colour = page.evaluate("getComputedStyle(document.body).backgroundColor")
        numbers = [int(part) for part in colour.removeprefix("rgb(").removesuffix(")").split(",")]
        return sum(numbers) / len(numbers)

    assert brightness("light") > 200
    assert brightness("dark") < 60


@pytest.mark.slow
def test_a_program_that_was_killed_and_began_again_is_followed_again(open_page: Open) -> None:
    port = free_port()
    command = [sys.executable, "-m", "similubot_core", "watch", "--sink", f"web={port}", "--title"]

    def begin(title: str) -> "subprocess.Popen[str]":
        started = subprocess.Popen(
            [*command, title, "--", "sleep", "600"], stderr=subprocess.PIPE, text=True
        )
        assert started.stderr is not None
        assert "Progress at" in started.stderr.readline()
        return started

    first = begin("The first")
    try:
        page = open_page(f"http://127.0.0.1:{port}/", expected="net::ERR")
        expect(page.locator(".operation .name")).to_have_text("The first")
        first.kill()
        first.communicate(timeout=60)
        expect(page.locator("#line")).to_have_text("The connection is lost; trying again…")
        second = begin("The second")
        try:
            expect(page.locator(".operation .name")).to_have_text("The second")
            expect(page.locator("#line")).to_have_text("Live")
        finally:
            second.terminate()
            second.communicate(timeout=60)
        expect(page.locator("#line")).to_contain_text("The program has ended")
        expect(page.locator(".operation .status")).to_have_text("cancelled")
    finally:
        first.kill()
        first.communicate(timeout=60)


@pytest.mark.slow
def test_behind_a_proxy_with_a_prefix_everything_works(open_page: Open) -> None:
    port = free_port()
    environ = {"SIMILUBOT_WEB_TOKEN": TOKEN, "SIMILUBOT_WEB_HOSTS": f"localhost:{port}"}
    sink = open_web_sink(SinkContext(None, Settings(environ=environ), "Proxied"))
    try:
        with prefixing_proxy(sink.address, port, "/deep/below/") as address:
            page = open_page(address)
            expect(page).to_have_url(f"{address}login")
            page.keyboard.type(TOKEN)
            page.keyboard.press("Enter")
            expect(page).to_have_url(address)
            expect(page.locator("h1")).to_have_text("Proxied")
            (cookie,) = page.context.cookies()
            assert (cookie["path"], cookie["httpOnly"]) == ("/deep/below", True)
            assert cookie["sameSite"] == "Strict"
            page.get_by_role("button", name="Log out").click()
            expect(page).to_have_url(f"{address}login")
    finally:
        sink.close()


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@contextmanager
def prefixing_proxy(target: str, port: int, prefix: str) -> Iterator[str]:
    """A reverse proxy for the page, below a prefix that it cuts; its address."""

    async def pass_on(request: web.Request) -> web.StreamResponse:
        path = request.path_qs.removeprefix(prefix)
        headers = {k: v for k, v in request.headers.items() if k not in ("Host", "Connection")}
        headers["X-Forwarded-For"] = "192.0.2.1"
        async with (
            ClientSession(auto_decompress=False) as session,
            session.request(
                request.method,
                f"{target}{path}",
                headers=headers,
                data=await request.read() or None,
                allow_redirects=False,
            ) as theirs,
        ):
            kept = CIMultiDict(theirs.headers)
            kept.popall("Transfer-Encoding", None)
            answer = web.StreamResponse(status=theirs.status, headers=kept)
            await answer.prepare(request)
            async for chunk in theirs.content.iter_any():
                await answer.write(chunk)
            return answer

    app = web.Application()
    app.router.add_route("*", f"{prefix}{{path:.*}}", pass_on)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    ready, ended = threading.Event(), threading.Event()

    async def serve() -> None:
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port).start()
        ready.set()
        await asyncio.to_thread(ended.wait, 600)
        await runner.cleanup()

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    try:
        assert ready.wait(60)
        yield f"http://localhost:{port}{prefix}"
    finally:
        ended.set()
        thread.join(60)
