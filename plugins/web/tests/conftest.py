"""What the tests of the pages share: a viewer without a browser, and a real browser."""

import http.client
import json
import shutil
import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, ConsoleMessage, Page

PATIENCE = 60.0
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

State = dict[str, dict[str, Any]]


class Viewer:
    """Follows a page's stream as a browser does, and keeps the state."""

    def __init__(self, address: str, headers: dict[str, str] | None = None) -> None:
        url = urlsplit(address)
        self._connection = http.client.HTTPConnection(url.netloc, timeout=PATIENCE)
        self._connection.request("GET", f"{url.path}events", headers=headers or {})
        self._answer = self._connection.getresponse()
        self.status = self._answer.status
        self.state: State = {}
        self.events: list[str] = []
        self.hello: dict[str, Any] = {}

    def next(self) -> tuple[str, Any]:
        """Wait for the next event, and take it in; its name and data. ("", None) is the end."""
        name, data = "", None
        while line := self._answer.readline():
            if line == b"\n" and name:
                self._take(name, data)
                return name, data
            field, _, value = line.decode().rstrip("\n").partition(": ")
            if field == "event":
                name = value
            elif field == "data":
                data = json.loads(value)
        return "", None

    def until(self, condition: Callable[[State], bool]) -> State:
        """Wait until the state is so."""
        while not condition(self.state):
            name, _ = self.next()
            assert name, f"the stream ended at {self.state}"
        return self.state

    def close(self) -> None:
        self._answer.close()
        self._connection.close()

    def _take(self, name: str, data: Any) -> None:
        self.events.append(name)
        if name == "you":
            self.hello = data
        elif name == "all":
            self.state = data
        elif name == "some":
            for key, fields in data.items():
                if fields is None:
                    self.state.pop(key, None)
                else:
                    self.state[key] = {**self.state.get(key, {}), **fields}


@pytest.fixture
def watch() -> Iterator[Callable[..., Viewer]]:
    """Begins to look at an address."""
    viewers: list[Viewer] = []

    def begin(address: str, headers: dict[str, str] | None = None) -> Viewer:
        viewers.append(Viewer(address, headers))
        return viewers[-1]

    yield begin
    for viewer in viewers:
        viewer.close()


@pytest.fixture(scope="module")
def browser() -> "Iterator[Browser]":
    """A real browser. For a module: while it runs, no test with an event loop of its own may."""
    playwright_api = pytest.importorskip("playwright.sync_api", reason="playwright is not there")
    program = shutil.which("chromium") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("chromium is not installed")
    with playwright_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser: "Browser") -> "Iterator[Callable[..., Page]]":
    """Opens an address in a new window; an error or warning on its console fails the test,
    but for one that holds `expected`.
    """
    complaints: list[str] = []
    allowed: list[str] = []
    contexts = []

    def note(message: "ConsoleMessage") -> None:
        if message.type in ("error", "warning") and not (allowed and allowed[-1] in message.text):
            complaints.append(message.text)

    def begin(
        address: str, *, width: int = 1280, scheme: str = "light", expected: str = ""
    ) -> "Page":
        context = browser.new_context(
            viewport={"width": width, "height": 760},
            color_scheme=scheme,  # type: ignore[arg-type]
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(PATIENCE * 1000)
        allowed.append(expected)
        page.on("console", note)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(address)
        return page

    yield begin
    for context in contexts:
        context.close()
    assert complaints == []


@pytest.fixture
def in_thread() -> Iterator[Callable[[Callable[[], object]], threading.Thread]]:
    """Runs a function in a thread, and waits for it at the end."""
    threads = []

    def begin(function: Callable[[], object]) -> threading.Thread:
        thread = threading.Thread(target=function, daemon=True)
        thread.start()
        threads.append(thread)
        return thread

    yield begin
    for thread in threads:
        thread.join(PATIENCE)
        assert not thread.is_alive()
