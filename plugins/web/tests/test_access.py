"""Who may look at a page, and how they show that they may; asked over real connections."""

import http.client
from collections.abc import Iterator
from urllib.parse import urlencode, urlsplit

import pytest

from similubot_testkit.fake_clock import FakeClock
from similubot_web.access import ALL_ATTEMPTS, ATTEMPTS, Access, Attempts
from similubot_web.sink import WebSink

TOKEN = "a-token-of-the-tests"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


class Site:
    """A page with a token, and what it answers."""

    def __init__(self, access: Access) -> None:
        self.sink = WebSink("127.0.0.1", 0, access, "")
        self.host = urlsplit(self.sink.address).netloc
        self.origin = f"http://{self.host}"

    def ask(
        self, method: str, path: str, body: str | None = None, **headers: str
    ) -> http.client.HTTPResponse:
        connection = http.client.HTTPConnection(self.host, timeout=60)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, body, named)
        answer = connection.getresponse()
        answer.read()
        connection.close()
        return answer

    def log_in(self, token: str = TOKEN, **headers: str) -> http.client.HTTPResponse:
        body = urlencode({"token": token})
        return self.ask("POST", "/login", body, **{"Origin": self.origin} | FORM | headers)

    def cookie(self) -> str:
        return (self.log_in().getheader("Set-Cookie") or "").partition(";")[0]


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def site(clock: FakeClock) -> Iterator[Site]:
    site = Site(Access(TOKEN, ("bot.example.org",), attempts=Attempts(clock), clock=clock))
    yield site
    site.sink.close()


@pytest.fixture
def open_site() -> Iterator[Site]:
    """A page without a token."""
    site = Site(Access())
    yield site
    site.sink.close()


def test_without_a_login_the_page_leads_to_the_form_and_tells_nothing(site: Site) -> None:
    page = site.ask("GET", "/")
    assert (page.status, page.getheader("Location")) == (303, "login")
    assert site.ask("GET", "/events").status == 401


def test_the_token_is_answered_with_a_cookie_that_scripts_and_other_sites_do_not_get(
    site: Site,
) -> None:
    answer = site.log_in()
    assert (answer.status, answer.getheader("Location")) == (303, "./")
    told = answer.getheader("Set-Cookie") or ""
    assert "HttpOnly" in told
    assert "SameSite=Strict" in told
    assert "Secure" not in told
    assert "Path" not in told  # so that a browser keeps it to the folder of the page
    assert TOKEN not in told
    assert site.ask("GET", "/", Cookie=site.cookie()).status == 200


def test_behind_a_proxy_with_https_the_cookie_is_for_https_only(site: Site) -> None:
    assert "Secure" in (site.log_in(X_Forwarded_Proto="https").getheader("Set-Cookie") or "")


@pytest.mark.parametrize("token", ["", "wrong", f"{TOKEN}x", "ü" * 20, "a" * 3000])
def test_another_token_is_refused(site: Site, token: str) -> None:
    answer = site.log_in(token)
    assert answer.status == 403
    assert answer.getheader("Set-Cookie") is None


def test_a_cookie_made_up_or_changed_is_no_login(site: Site) -> None:
    name, _, value = site.cookie().partition("=")
    ends, _, signature = value.partition(".")
    for wrong in (
        "",
        ".",
        "x.y",
        f"{int(ends) + 1}.{signature}",
        f"{ends}.{'0' * 64}",
        f"{ends}.ü",
    ):
        assert site.ask("GET", "/events", Cookie=f"{name}={wrong}").status == 401


def test_a_login_ends_after_a_week(site: Site, clock: FakeClock) -> None:
    cookie = site.cookie()
    clock.advance(7 * 86_400 - 1)
    assert site.ask("GET", "/", Cookie=cookie).status == 200
    clock.advance(2)
    assert site.ask("GET", "/", Cookie=cookie).status == 303


def test_a_login_lasts_over_a_restart_and_not_over_a_new_token(site: Site) -> None:
    cookie = site.cookie()
    for token, status in ((TOKEN, 200), ("another-token-of-the-tests", 303)):
        again = Site(Access(token, clock=FakeClock()))
        try:
            assert again.ask("GET", "/", Cookie=cookie).status == status
        finally:
            again.sink.close()


def test_logging_out_takes_the_cookie_back(site: Site) -> None:
    answer = site.ask("POST", "/logout", "", Origin=site.origin, Cookie=site.cookie())
    assert "Max-Age=0" in (answer.getheader("Set-Cookie") or "")


def test_after_five_wrong_tokens_even_the_right_one_has_to_wait(
    site: Site, clock: FakeClock
) -> None:
    for _ in range(ATTEMPTS):
        assert site.log_in("wrong").status == 403
    refused = site.log_in()
    assert (refused.status, refused.getheader("Retry-After")) == (429, "30")
    clock.advance(31)
    assert site.log_in().status == 303


def test_an_address_that_guesses_does_not_lock_out_another() -> None:
    attempts = Attempts(FakeClock())
    for _ in range(ATTEMPTS):
        attempts.note_wrong("192.0.2.1")
    assert attempts.wait("192.0.2.1") > 0
    assert attempts.wait("192.0.2.2") == 0


def test_the_addresses_of_one_ipv6_network_count_as_one() -> None:
    attempts = Attempts(FakeClock())
    for number in range(ATTEMPTS):
        attempts.note_wrong(f"2001:db8::{number + 1}")
    assert attempts.wait("2001:db8::ffff") > 0
    assert attempts.wait("2001:db8:0:1::1") == 0


def test_many_addresses_together_have_to_wait_too() -> None:
    attempts = Attempts(FakeClock())
    for number in range(ALL_ATTEMPTS):
        attempts.note_wrong(f"192.0.2.{number}")
    assert attempts.wait("203.0.113.1") > 0


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8080", "127.0.0.1.evil.example", ""]
)
def test_a_foreign_name_for_this_machine_is_refused(open_site: Site, host: str) -> None:
    assert open_site.ask("GET", "/", Host=host).status == 403


@pytest.mark.parametrize("host", ["localhost:1", "127.0.0.1", "[::1]:80", "192.0.2.7:8080"])
def test_numbers_and_localhost_are_no_foreign_names(open_site: Site, host: str) -> None:
    assert open_site.ask("GET", "/", Host=host).status == 200


def test_a_name_of_the_setting_is_no_foreign_name(site: Site) -> None:
    answer = site.log_in(Host="bot.example.org", Origin="https://bot.example.org")
    assert answer.status == 303


def test_a_proxy_that_hides_the_name_is_enough_with_the_name_in_the_setting(site: Site) -> None:
    assert site.log_in(Origin="https://bot.example.org").status == 303


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Origin": "http://bot.example.org.evil.example"},
        {"Origin": ""},
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"},
    ],
    ids=str,
)
def test_what_another_site_sends_is_refused(site: Site, headers: dict[str, str]) -> None:
    assert site.log_in(**headers).status == 403


def test_a_request_that_changes_something_says_where_it_comes_from(site: Site) -> None:
    assert site.ask("POST", "/login", f"token={TOKEN}", **FORM).status == 403


@pytest.mark.parametrize("header", ["X_Forwarded_For", "Forwarded", "Via"])
def test_without_a_token_nothing_is_served_through_a_proxy(open_site: Site, header: str) -> None:
    assert open_site.ask("GET", "/", **{header: "192.0.2.1"}).status == 403


def test_a_form_that_is_too_large_is_refused(site: Site) -> None:
    assert site.log_in("a" * 10_000).status == 413


@pytest.mark.parametrize(
    "path", ["/", "/events", "/login", "/page.css", "/live.js", "/nothing", "/../settings.py"]
)
def test_every_answer_forbids_foreign_code_and_frames(site: Site, path: str) -> None:
    told = site.ask("GET", path)
    policy = told.getheader("Content-Security-Policy") or ""
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    assert "frame-ancestors 'none'" in policy
    assert told.getheader("X-Content-Type-Options") == "nosniff"
    assert told.getheader("Cache-Control") in ("no-store", "no-cache")
