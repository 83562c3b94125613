"""What holds for every test of the repository."""

import contextlib
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, ConsoleMessage, Page

BROWSER_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
BROWSER_SECONDS = 60.0

SLOW_SECONDS = 3600
"""The limit of a test marked slow; `timeout` in pyproject.toml limits all others."""


def pytest_configure() -> None:
    """Set up the run.

    SIGHUP is heard even under `nohup`, and SIGINT in a shell's background, since a process that
    ignores one passes that on to every child of a test. Hypothesis gives an example no time limit:
    on a busy machine any takes long.
    """
    with contextlib.suppress(ImportError):  # the examples are tested where it is not installed
        import hypothesis

        hypothesis.settings.register_profile("ours", deadline=None)
        hypothesis.settings.load_profile("ours")
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give slow tests the time that they take."""
    for item in items:
        if item.get_closest_marker("slow") and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(SLOW_SECONDS))


@pytest.fixture(autouse=True, scope="session")
def _own_surroundings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The tests see no cache of this machine's user, and nothing that says who looks at them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("caches")))
        for name in ("CI", "NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES"):
            patch.delenv(name, raising=False)
        yield


@pytest.fixture(scope="module")
def browser() -> "Iterator[Browser]":
    """A real browser. For a module: while it runs, no test with an event loop of its own may."""
    playwright_api = pytest.importorskip("playwright.sync_api", reason="playwright is not there")
    program = shutil.which("chromium") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("chromium is not installed")
    with playwright_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=BROWSER_FLAGS)
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
        address: str,
        *,
        width: int = 1280,
        scheme: str = "light",
        expected: str = "",
        bypass_csp: bool = False,
    ) -> "Page":
        context = browser.new_context(
            viewport={"width": width, "height": 760},
            color_scheme=scheme,  # type: ignore[arg-type]
            bypass_csp=bypass_csp,
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(BROWSER_SECONDS * 1000)
        allowed.append(expected)
        page.on("console", note)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(address)
        return page

    yield begin
    for context in contexts:
        context.close()
    assert complaints == []


@pytest.fixture(scope="session")
def assert_accessible() -> "Callable[[Page], None]":
    """Has axe-core judge a page, which has to be opened with `bypass_csp`; it must find nothing."""
    script = Path(__file__).parent / "plugins/web/tests/node/node_modules/axe-core/axe.min.js"
    if not script.is_file():
        pytest.skip("axe-core is not installed: npm install --prefix plugins/web/tests/node")

    def check(page: "Page") -> None:
        page.evaluate(script.read_text(encoding="utf-8"))
        found = page.evaluate("() => axe.run()")
        told = [
            (violation["impact"], violation["id"], [node["target"] for node in violation["nodes"]])
            for violation in found["violations"]
        ]
        assert told == []
        assert len(found["passes"]) > 10

    return check
