"""What each answer and each missing answer means; no answer at all can do harm."""

import datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from similubot_catbox.answers import (
    LONGEST_WAIT,
    Again,
    Failure,
    failure_of,
    is_link_of,
    link_in,
    quoted,
    refusal,
    seconds_to_wait,
)
from similubot_catbox.services import Service, catbox, litterbox
from similubot_catbox.settings import CatboxSettings
from similubot_core import SettingsError
from similubot_http import Answer, NoAnswerError, Trouble

CATBOX = catbox(CatboxSettings(), None)
WITH_ACCOUNT = catbox(CatboxSettings(), "5ecre7")
LITTERBOX = litterbox(CatboxSettings(), "1h")


@pytest.mark.parametrize(
    ("service", "link"),
    [
        (CATBOX, "https://files.catbox.moe/abc123.m4a"),
        (CATBOX, "https://files.catbox.moe/abc123"),
        (CATBOX, "https://FILES.catbox.moe/abc123.m4a"),
        (LITTERBOX, "https://litter.catbox.moe/abc123.m4a"),
    ],
)
def test_a_link_of_the_right_host_is_the_result(service: Service, link: str) -> None:
    assert link_in(Answer(200, f" {link}\n"), service) == link


@pytest.mark.parametrize(
    "link",
    [
        "http://files.catbox.moe/abc.m4a",
        "https://catbox.moe/abc.m4a",
        "https://litter.catbox.moe/abc.m4a",
        "https://files.catbox.moe.example.org/abc.m4a",
        "https://files.catbox.moe@example.org/abc.m4a",
        "https://user@files.catbox.moe/abc.m4a",
        "https://example.org\\@files.catbox.moe/abc.m4a",
        "https://files.catbox.moe/",
        "https://files.catbox.moe",
        "https://files.catbox.moe:x/abc.m4a",
        "https://files.catbox.moe/a b.m4a",
        "https://files.catbox.moe/a.m4a\nhttps://files.catbox.moe/b.m4a",
        "https://files.catbox.moe/a\u202e.m4a",
        "https://files.catbox.moe/<script>",
        "https://files.catbox.moe/" + "a" * 3000,
        "https://[::1",
        "javascript:alert(1)",
    ],
)
def test_no_other_text_is_taken_for_a_link(link: str) -> None:
    outcome = link_in(Answer(200, link), CATBOX)
    assert isinstance(outcome, Failure)
    assert outcome.again is Again.NEVER


def test_with_another_api_address_links_may_have_its_host() -> None:
    relay = catbox(CatboxSettings(api_url="http://127.0.0.1:8080/user/api.php"), None)
    assert is_link_of("http://127.0.0.1:8080/files/a.m4a", relay)
    assert is_link_of("https://files.catbox.moe/a.m4a", relay)
    assert not is_link_of("http://files.catbox.moe/a.m4a", relay)
    assert not is_link_of("http://localhost:8080/files/a.m4a", relay)


@pytest.mark.parametrize(
    "url", ["", "catbox.moe", "ftp://a/b", "https://u:p@a/b", "https:///x", "http://[::1/x"]
)
def test_an_address_in_the_settings_that_is_none_is_told_with_its_key(url: str) -> None:
    with pytest.raises(SettingsError, match=r"\[catbox\], key api_url"):
        catbox(CatboxSettings(api_url=url), None)
    with pytest.raises(SettingsError, match=r"\[catbox\], key litterbox_url"):
        litterbox(CatboxSettings(litterbox_url=url), "1h")


@pytest.mark.parametrize("userhash", ["a b", "a\r\nb", "é", "\udcff"])
def test_a_userhash_that_cannot_be_one_is_told_without_repeating_it(userhash: str) -> None:
    with pytest.raises(SettingsError) as caught:
        catbox(CatboxSettings(), userhash)
    assert userhash not in str(caught.value)


def test_a_link_that_comes_before_the_whole_file_went_out_is_none() -> None:
    outcome = link_in(Answer(200, "https://files.catbox.moe/a.m4a", whole=False), CATBOX)
    assert isinstance(outcome, Failure)
    assert "before it had the whole file" in outcome.sentence


REFUSALS = [
    (200, "", "Catbox answered with nothing: try again later.", Again.ONCE),
    (200, "<html><h1>Blocked</h1>", "answered with a web page instead of a link", Again.NEVER),
    (200, "<!DOCTYPE html>", "answered with a web page instead of a link", Again.NEVER),
    (200, "Invalid uploader", "put the userhash of a Catbox account into", Again.NEVER),
    (200, "Something went wrong", 'no link of its own, "Something went wrong"', Again.NEVER),
    (412, "Invalid uploader", "put the userhash of a Catbox account into", Again.NEVER),
    (412, "No request type given.", "did not find the upload's form", Again.NEVER),
    (412, "Uploads are paused, come back later.", "Catbox has paused uploads", Again.PAUSED),
    (412, "Not signed in!", "does not know the account", Again.NEVER),
    (413, "<html>nginx", "refuses the file as too large (HTTP 413)", Again.NEVER),
    (403, "<html>cloudflare", "Catbox refuses the request (HTTP 403):", Again.NEVER),
    (418, "teapot", 'Catbox refuses the request (HTTP 418, "teapot"):', Again.NEVER),
    (404, "Not found.", "takes no uploads at this address (HTTP 404", Again.NEVER),
    (302, "", "points to another address (HTTP 302)", Again.NEVER),
    (429, "", "asks to send less often (HTTP 429)", Again.SOON),
    (503, "", "is too busy (HTTP 503)", Again.SOON),
    (500, "<html>500", "has trouble of its own (HTTP 500):", Again.ONCE),
    (502, "", "has trouble of its own (HTTP 502):", Again.ONCE),
    (504, "", "has trouble of its own (HTTP 504):", Again.ONCE),
    (501, "", "has trouble of its own (HTTP 501):", Again.NEVER),
]


@pytest.mark.parametrize(("status", "text", "said", "again"), REFUSALS)
def test_each_refusal_has_its_sentence_and_its_place_in_the_retry_table(
    status: int, text: str, said: str, again: Again
) -> None:
    outcome = link_in(Answer(status, text), CATBOX)
    assert isinstance(outcome, Failure)
    assert said in outcome.sentence
    assert outcome.again is again


def test_with_a_userhash_invalid_uploader_says_to_check_it() -> None:
    assert "check the userhash" in refusal(Answer(412, "Invalid uploader"), WITH_ACCOUNT).sentence


@pytest.mark.parametrize(
    ("trouble", "whole", "said", "again"),
    [
        (Trouble.NO_ADDRESS, False, "The address of Catbox was not found", Again.SOON),
        (Trouble.REFUSED, False, "Catbox takes no connection", Again.SOON),
        (Trouble.CONNECT_TIMEOUT, False, "could not be reached in time", Again.SOON),
        (Trouble.LOST, False, "was lost before the file was sent", Again.SOON),
        (Trouble.STALLED, False, "stopped taking bytes in the middle of the file", Again.SOON),
        (Trouble.LOST, True, "The whole file was sent to Catbox, but the connection", Again.ONCE),
        (Trouble.NO_ANSWER, True, "The whole file was sent to Catbox, but no answer", Again.ONCE),
        (Trouble.NO_ANSWER, False, "Catbox gave no answer", Again.SOON),
        (Trouble.TLS, False, "could not prove who it is", Again.NEVER),
        (Trouble.PROXY, False, "The proxy does not let the upload through", Again.NEVER),
        (Trouble.BAD_REQUEST, False, "in the settings is not one", Again.NEVER),
    ],
)
def test_each_missing_answer_has_its_sentence_and_its_place_in_the_retry_table(
    trouble: Trouble, whole: bool, said: str, again: Again
) -> None:
    failure = failure_of(NoAnswerError(trouble, whole=whole, detail="x"), CATBOX)
    assert said in failure.sentence
    assert failure.again is again


@given(status=st.integers(100, 599), text=st.text(max_size=400), whole=st.booleans())
@example(status=200, text="https://files.catbox.moe/é.m4a", whole=True)
@example(status=200, text="https://[files.catbox.moe]/a", whole=True)
@example(status=412, text="Invalid uploader 5ecre7 <b>", whole=True)
def test_whatever_is_answered_becomes_a_link_or_one_clean_line(
    status: int, text: str, whole: bool
) -> None:
    outcome = link_in(Answer(status, text, whole=whole), WITH_ACCOUNT)
    if isinstance(outcome, str):
        assert 200 <= status < 300
        assert whole
        assert is_link_of(outcome, WITH_ACCOUNT)
        return
    assert outcome.sentence.isprintable()
    assert len(outcome.sentence) < 400
    assert "5ecre7" not in outcome.sentence


@given(before=st.text(max_size=150), after=st.text(max_size=50))
def test_the_userhash_is_never_quoted_back(before: str, after: str) -> None:
    assert "5ecre7" not in quoted(f"{before}5ecre7{after}", WITH_ACCOUNT)


@pytest.mark.parametrize("tag", ["<html>", "<!DOCTYPE html>", "<BODY onload=x>", "< script >x"])
def test_a_web_page_is_never_quoted(tag: str) -> None:
    assert quoted(f"Error {tag} more", CATBOX) == ""


NOW = datetime.datetime(2026, 11, 22, 12, 0, tzinfo=datetime.UTC)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
        ("٣", None),
        ("0", 0),
        (" 30 ", 30),
        ("9" * 400, 999_999_999),
        ("Sun, 22 Nov 2026 12:01:30 GMT", 90),
        ("Sun, 22 Nov 2026 11:00:00 GMT", 0),
        ("Sun, 22 Nov 2026 12:00:10 -0000", 10),
        ("Sun, 99 Nov 2026 12:00:00 GMT", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(header: str | None, seconds: float | None) -> None:
    assert seconds_to_wait(header, NOW) == seconds


@given(header=st.text(max_size=60))
def test_any_retry_after_is_a_wait_or_nothing(header: str) -> None:
    wait = seconds_to_wait(header, NOW)
    assert wait is None or wait >= 0


def test_a_wait_that_is_too_long_is_told_instead_of_waited() -> None:
    failure = refusal(Answer(503, "", retry_after=str(int(LONGEST_WAIT) + 1)), CATBOX)
    assert failure.again is Again.NEVER
    assert failure.sentence == "Catbox is too busy (HTTP 503): try again in 2m 1s."
    assert refusal(Answer(429, "", retry_after="7"), CATBOX).wait == 7
