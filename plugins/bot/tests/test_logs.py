"""No secret gets into the log."""

import logging

import pytest

from similubot_bot.ops.logs import SafeFormatter, job_number

KEY = "SeCrEtKeY0123456789abcdefghijklmnopqrstuvwxyz"


def formatted(message: str, error: BaseException | None = None) -> str:
    info = None if error is None else (type(error), error, error.__traceback__)
    record = logging.LogRecord("x", logging.INFO, "f.py", 1, message, None, info)
    return SafeFormatter(["the-token", "abc"]).format(record)


@pytest.mark.parametrize(
    "text",
    [
        f"https://mega.nz/file/abcdefgh#{KEY}",
        f"https://mega.nz/#!abcdefgh!{KEY}",
        f"https://mega.co.nz/folder/abcdefgh#{KEY}/file/x",
        f"PATCH https://discord.com/api/v10/webhooks/123/{KEY}/messages/5",
        f"POST https://discord.com/api/v10/interactions/123/{KEY}/callback",
        f"https://cdn.discordapp.com/attachments/1/2/a.mp3?ex=1&hm={KEY}",
    ],
)
def test_the_secret_part_of_an_address_is_cut(text: str) -> None:
    assert KEY not in formatted(text)
    assert KEY not in formatted("failed", RuntimeError(text))


def test_the_settings_secrets_are_cut_wherever_they_stand() -> None:
    assert "the-token" not in formatted("Bot the-token refused")
    assert "the-token" not in formatted("failed", ValueError("the-token"))


def test_a_secret_too_short_to_be_one_does_not_garble_the_log() -> None:
    assert "abc" in formatted("abc")


def test_a_line_names_its_job() -> None:
    token = job_number.set(12)
    try:
        assert "[job 12]" in formatted("x")
    finally:
        job_number.reset(token)
    assert "job" not in formatted("x")
