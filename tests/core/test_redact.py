"""No secret stands in a log: marked ones are put everywhere, and looked for in what comes out."""

import base64
import logging
import secrets as entropy
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from similubot_core.cli._console_log import _Everything, _OneLine
from similubot_core.redact import keep_address, keep_secret, redact
from similubot_core.settings import Settings

FILE_KEY = "aB3dE5fG7hI9jK1lM3nO5pQ7rS9tU1vW3xY5zA7bC9d"
FOLDER_KEY = "aB3dE5fG7hI9jK1lM3nO5p"
INTERACTION = "aW50ZXJhY3Rpb246MTIzNDU2Nzg5MDEyMzQ1Njc4OTpYWVpBQkNERUZHSElKS0xNTk9QUVJTVFVWV1hZWg"
TOKEN = "MTA5NzUzMTA5NzUzMTA5NzUz.GaBcDe.fGhIjKlMnOpQrStUvWxYz0123456789AbCdEf"


@pytest.mark.parametrize("host", ["mega.nz", "mega.co.nz", "mega.io", "www.mega.nz", "MEGA.NZ"])
@pytest.mark.parametrize("scheme", ["https://", "http://", ""])
@pytest.mark.parametrize(
    "path",
    [
        f"/file/abcdefgh#{FILE_KEY}", f"/file/abcdefgh%23{FILE_KEY}", f"/#!abcdefgh!{FILE_KEY}",
        f"/folder/abcdefgh#{FOLDER_KEY}/file/ijklmnop", f"/#F!abcdefgh!{FOLDER_KEY}",
        f"/file/abcdefgh #{FILE_KEY}", f"/file/abcdefgh {FILE_KEY}", f"/%23!abcdefgh!{FILE_KEY}",
    ],
)  # fmt: skip
def test_the_key_of_a_link_is_cut_however_it_is_written(scheme: str, host: str, path: str) -> None:
    shown = redact(f"job 5: fetching ({scheme}{host}{path}), then 'more'")
    assert FILE_KEY not in shown
    assert FOLDER_KEY not in shown
    assert "job 5: fetching" in shown


@pytest.mark.parametrize(
    "text",
    [
        f"https://store.example/a.mp3?X-Amz-Signature={FILE_KEY}&X-Amz-Date=1",
        f"https://user:{FILE_KEY}@host.example/a",
        f"https://host.example/a?sig=short-{FILE_KEY}",
        f"PATCH https://discord.com/api/v10/webhooks/123/{INTERACTION}/messages/5",
        f"POST https://discord.com/api/v10/interactions/123/{INTERACTION}/callback",
        f"header Authorization: Bot {TOKEN}",
        f"{{'token': '{INTERACTION}', 'id': '5'}}",
        f"key={FILE_KEY}",
    ],
)
def test_other_hosts_signatures_and_tokens_are_cut(text: str) -> None:
    shown = redact(text)
    for secret in (FILE_KEY, INTERACTION, TOKEN):
        assert secret not in shown


def test_what_is_no_secret_stays() -> None:
    text = (
        "2026-11-26 22:07:19 INFO similubot_discord_sink.updater [job 12]: Converted "
        "Some.Show.S01E02.1080p.WEB-DL.x264.mp4 (9f86d081884c7d659a2feaa0c55ad015a3bf4f1b) "
        "in /data/jobs/12/convert-abc123 and/or https://mega.nz/file/abcdefgh"
    )
    assert redact(text) == text


def test_secrets_of_settings_are_cut_once_their_table_was_read() -> None:
    from dataclasses import dataclass, field
    from typing import ClassVar

    @dataclass(frozen=True)
    class Table:
        table_name: ClassVar[str] = "shelf"
        password: str | None = field(default=None, repr=False)

    Settings(environ={"SIMILUBOT_SHELF_PASSWORD": "s3cret phrase"}).table(Table)
    assert redact("login with s3cret phrase failed") == "login with … failed"


def record(text: str) -> logging.LogRecord:
    error = ValueError(text)
    info = (type(error), error, error.__traceback__)
    return logging.LogRecord("x", logging.WARNING, "f.py", 1, "%s", (text,), info)


@settings(deadline=None, max_examples=200)
@given(
    st.binary(min_size=32, max_size=32),
    st.text(max_size=30), st.text(max_size=30),
    st.sampled_from(["{}", "https://mega.nz/file/a#{}", "mega.io/file/x%23{}", "({}),", "k={};"]),
)  # fmt: skip
def test_a_key_is_in_no_log_whatever_stands_around_it(
    raw: bytes, before: str, after: str, form: str
) -> None:
    # A key that could as well be words with blanks between them is one in a hundred thousand.
    key = base64.urlsafe_b64encode(raw).decode().rstrip("=").replace("-", "a").replace("_", "B")
    key = f"{key[:20]}aB3{key[23:]}"
    text = f"{before} {form.format(key)} {after}"
    for formatter in (_OneLine(), _Everything()):
        assert key not in formatter.format(record(text))


def test_a_known_secret_is_cut_percent_encoded_too() -> None:
    secret = f"{entropy.token_hex(4)} {entropy.token_hex(4)}/x"
    keep_secret(secret)
    assert quote(secret, safe="") not in redact(f"body userhash={quote(secret, safe='')}")


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("ntfy://quiet-topic-1", "posting to quiet-topic-1"),
        ("json://127.0.0.1:8000/quiet-topic-2/x", "POST http://127.0.0.1:8000/quiet-topic-2"),
        ("mailto://me:quietword3@example.org", "user me has quietword3"),
        ("slack://x.example/quiet%20token4", "quiet token4"),
        ("discord://123456/quiet_token-5?tts=no", "404 for quiet_token-5"),
    ],
)
def test_the_parts_of_a_kept_address_are_cut_wherever_they_stand(address: str, said: str) -> None:
    keep_address(address)
    assert "quiet" not in redact(said)
    assert redact("example.org and 127.0.0.1 stay") == "example.org and 127.0.0.1 stay"
