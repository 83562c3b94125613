"""The bot's page in a real browser, beside a real bot: what operators see, and what they can do."""

import json
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
from playwright.sync_api import Locator, Page, expect

from .conftest import BotProcess, answers, fields, final_answer, run_bot

MakeSound = Callable[[float], Path]
Open = Callable[..., Page]
TOKEN = "a-token-of-the-tests"
HOSTILE = "<img src=x onerror=document.title='XSS'>.wav"

expect.set_options(timeout=60_000)


@pytest.fixture
def address(bot: BotProcess, free_port: int) -> str:
    """Where the page of the bot is going to be."""
    bot.settings |= {"BOT_PAGE": "true", "BOT_HTTP_PORT": str(free_port), "BOT_JOBS": "1"}
    return f"http://127.0.0.1:{free_port}/page/"


def job(page: Page, number: int) -> Locator:
    """The job's card in the view that is shown."""
    return page.locator(f'.job[data-number="{number}"]:visible')


@pytest.mark.slow
def test_the_queue_is_live_and_jobs_are_cancelled_and_asked_for_again(
    bot: BotProcess, make_sound: MakeSound, address: str, open_page: Open
) -> None:
    bot.mega.limit = 20_000
    bot.start()
    page = open_page(address, expected="409")
    expect(page.locator("#line")).to_have_text("Live")
    link = bot.mega.add_file(HOSTILE, make_sound(30))
    ann = bot.discord.add_user("ann")
    for author in (bot.discord.owner, ann):
        bot.discord.type_message(f"!convert {link}", author=author)
    running, waiting = page.locator("#running .job"), page.locator("#waiting .job")
    expect(running).to_contain_text(HOSTILE)
    stages = running.locator(".operation > .top .name")
    expect(stages).to_have_text(["MEGA Download", "Audio Conversion", "Catbox Upload"])
    first = running.locator("progress").first.evaluate("bar => bar.value")
    page.wait_for_function("v => document.querySelector('#running progress').value > v", arg=first)
    expect(waiting).to_contain_text("waiting in place 1")
    expect(waiting.get_by_role("link", name=f"user {ann.id}")).to_be_visible()

    waiting.get_by_role("button", name="Cancel job 2").click()
    page.get_by_role("button", name="Cancel the job").click()
    expect(page.locator("#said")).to_have_text("Cancelling job 2.")
    recent = page.locator("#recent .job")
    expect(recent).to_contain_text("Cancelled before it started.")
    assert page.title() == "Queue – SimiluBot"

    recent.get_by_role("button", name="Retry job 2").click()
    expect(page.locator("#said")).to_have_text("Asked for job 2 again; it is job 3 now.")
    expect(waiting).to_contain_text("#3")
    bot.discord.wait(lambda: len(answers(bot)) == 3)  # its message is in the channel
    assert link.partition("#")[2] not in page.content()


@pytest.mark.slow
def test_a_connection_lost_by_a_restart_of_the_bot_is_taken_up_again(
    bot: BotProcess, address: str, open_page: Open
) -> None:
    bot.start()
    page = open_page(address, expected="net::ERR")
    expect(page.locator("#line")).to_have_text("Live")
    bot.kill()
    expect(page.locator("#line")).to_have_text("The connection is lost; trying again…")
    bot.start()
    expect(page.locator("#line")).to_have_text("Live")
    assert bot.terminate() == 0
    expect(page.locator("#line")).to_have_text("The connection is lost; trying again…")


@pytest.mark.slow
def test_with_the_keyboard_alone_the_queue_is_paused_and_a_job_cancelled(
    bot: BotProcess, make_sound: MakeSound, address: str, open_page: Open
) -> None:
    bot.mega.limit = 20_000
    bot.start()
    page = open_page(address)
    link = bot.mega.add_file("a.wav", make_sound(30))
    bot.discord.type_message(f"!convert {link}")
    expect(page.locator("#running .job")).to_be_visible()

    def press_on(name: str) -> None:
        for _ in range(40):
            page.keyboard.press("Tab")
            focused = page.evaluate(
                "[document.activeElement.ariaLabel, document.activeElement.textContent]"
            )
            if name in focused:
                break
        else:
            raise AssertionError(f"the keyboard does not reach {name}")
        page.keyboard.press("Enter")

    press_on("To the content")
    press_on("Pause")
    expect(page.locator("#facts")).to_contain_text("paused: no job starts")
    press_on("Cancel job 1")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    page.keyboard.press("Enter")  # the focus is where it was
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Enter")
    expect(page.locator("#recent .job")).to_contain_text("cancelled")
    expect(page.locator("#told")).to_have_text("Job 1, a.wav: cancelled.")


@pytest.mark.slow
def test_the_history_is_searched_and_a_job_shown_with_its_sentence(
    bot: BotProcess, make_sound: MakeSound, address: str, open_page: Open
) -> None:
    bot.start()
    page = open_page(address, width=375, scheme="dark")
    bot.discord.type_message(f"!convert {bot.mega.add_file('song.wav', make_sound(1))}")
    link = fields(final_answer(bot))["Download Link"]
    bot.discord.type_message(f"!convert {bot.mega.add_file('text.wav', b'no sound at all' * 100)}")
    final_answer(bot, count=2)
    page.get_by_role("link", name="History").click()
    cards = page.locator("#history-list .job")
    expect(cards).to_have_count(2)
    page.get_by_label("Name, sentence").fill("SONG")
    page.keyboard.press("Enter")
    expect(cards).to_have_count(1)
    expect(cards.locator(".link")).to_have_attribute("href", link)
    page.get_by_label("Name, sentence").fill("")
    page.get_by_label("Ended").select_option("failed")
    page.get_by_role("button", name="Search").click()
    expect(cards).to_have_count(1)
    cards.locator(".number").click()
    expect(page.locator("#one-job .message")).to_contain_text(".")
    expect(page.locator("#details")).to_contain_text(f"user {bot.discord.owner.id}")
    assert page.evaluate("document.documentElement.scrollWidth") == 375


@pytest.mark.slow
def test_everything_that_the_page_does_a_command_does_too(
    bot: BotProcess, make_sound: MakeSound, address: str, open_page: Open
) -> None:
    bot.start()
    page = open_page(address)

    def ctl(*words: str) -> str:
        return run_bot(bot, "ctl", *words).stdout.strip()

    ctl("pause")
    expect(page.locator("#facts")).to_contain_text("paused: no job starts")
    bot.discord.type_message(f"!convert {bot.mega.add_file('song.wav', make_sound(1))}")
    expect(page.locator("#waiting .job")).to_be_visible()
    assert ctl("cancel", "1") == "Cancelling job 1."
    expect(page.locator("#recent .job")).to_be_visible()
    assert ctl("retry", "1") == "Asked for job 1 again; it is job 2 now."
    cancelled = "job 1: cancelled: song.wav: Cancelled before it started."
    assert [ctl("history", *words) for words in (["song"], ["cancelled", "song"], ["failed"])] == [
        cancelled,
        cancelled,
        "Nothing.",
    ]
    ctl("drain")
    ctl("resume")
    final_answer(bot, count=2)
    expect(page.locator("#recent .job").first).to_contain_text("done")
    assert run_bot(bot, "ctl", "retry", "99").returncode == 2
    page.get_by_role("button", name="Drain").click()
    page.get_by_role("dialog").get_by_role("button", name="Drain").click()
    expect(page.locator("#facts")).to_contain_text("draining: no job is accepted")
    assert "draining" in ctl("status")
    assert "page drain" in ctl("audit")


def ask(address: str, body: object = None, **headers: str) -> tuple[int, str]:
    """Ask without a browser; the status and the text of the answer."""
    data = None if body is None else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    try:
        with urllib.request.urlopen(urllib.request.Request(address, data, named)) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


@pytest.mark.slow
def test_with_a_token_the_page_is_behind_a_login_and_read_only_takes_the_buttons(
    bot: BotProcess, make_sound: MakeSound, address: str, open_page: Open
) -> None:
    bot.start(WEB_TOKEN=TOKEN, WEB_READ_ONLY="true")
    assert ask(f"{address}history")[0] == 401
    origin = address.removesuffix("/page/")
    assert ask(f"{address}act", {"verb": "pause"}, Origin=origin)[0] == 401
    page = open_page(address)
    page.get_by_label("Token").fill(TOKEN)
    page.keyboard.press("Enter")
    expect(page.locator("#line")).to_have_text("Live")
    bot.discord.type_message(f"!convert {bot.mega.add_file('song.wav', make_sound(1))}")
    final_answer(bot)
    expect(page.locator("#recent .job")).to_contain_text("done")
    assert page.locator("button:visible").all_text_contents() == ["Log out"]
    (cookie,) = page.context.cookies()
    held = f"{cookie['name']}={cookie['value']}"
    sent = {"Origin": origin, "Cookie": held, "Content-Type": "application/json"}
    assert ask(f"{address}act", {"verb": "pause"}, **sent)[0] == 403
    assert TOKEN not in bot.log_text()


@pytest.mark.slow
def test_what_no_button_sends_is_refused_with_a_sentence(bot: BotProcess, address: str) -> None:
    bot.start()
    headers = {"Origin": address.removesuffix("/page/"), "Content-Type": "application/json"}
    sent: list[tuple[object, int]] = [
        ({"verb": "leave", "job": 1}, 409),
        ({"verb": "cancel", "job": 99}, 409),
        ({"verb": "cancel"}, 409),
        ({"verb": "pause", "more": 1}, 400),
        ([], 400),
        ({"verb": "x" * 5000}, 413),
    ]
    for body, status in sent:
        assert ask(f"{address}act", body, **headers)[0] == status, body
    assert ask(f"{address}act", {"verb": "pause"})[0] == 403  # not from the page
    assert run_bot(bot, "ctl", "status").stdout == "running: 0 running, 0 waiting\n"


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_wrong_with_any_view(
    bot: BotProcess,
    make_sound: MakeSound,
    address: str,
    open_page: Open,
    assert_accessible: Callable[[Page], None],
    scheme: str,
) -> None:
    bot.start(WEB_TOKEN=TOKEN)
    page = open_page(address, scheme=scheme, bypass_csp=True)
    assert_accessible(page)
    page.get_by_label("Token").fill(TOKEN)
    page.keyboard.press("Enter")
    bot.discord.type_message(f"!convert {bot.mega.add_file('text.wav', b'no sound' * 100)}")
    final_answer(bot)
    bot.mega.limit = 20_000
    for name in ("ann", "bob"):
        user = bot.discord.add_user(name)
        link = bot.mega.add_file("song.wav", make_sound(30))
        bot.discord.type_message(f"!convert {link}", author=user)
    expect(page.locator("#running .operation")).to_have_count(3)
    expect(page.locator("#waiting .job")).to_have_count(1)
    assert_accessible(page)
    page.locator("#waiting .job").get_by_role("button", name="Cancel").click()
    assert_accessible(page)
    page.keyboard.press("Escape")
    page.locator("#running .number").click()
    expect(page.locator("#one-job .operation")).to_have_count(3)
    assert_accessible(page)
    page.get_by_role("link", name="History").click()
    expect(page.locator("#history-list .job")).to_have_count(1)
    assert_accessible(page)


def test_a_page_that_nobody_could_see_is_refused_at_the_start(bot: BotProcess) -> None:
    told = run_bot(bot, SIMILUBOT_BOT_PAGE="true")
    assert told.returncode == 2
    assert "[bot] http_port, which is not set" in told.stderr
