"""The loopback Telegram refuses, limits and reads markup as Telegram does."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Mapping

import pytest

from similubot_loopback.telegram_server import LoopbackTelegram
from similubot_loopback.telegram_server.markup import BadMarkupError, found_in, parse_html

Answer = dict[str, object]


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def ask(server: LoopbackTelegram, method: str, **values: object) -> Answer:
    body = json.dumps(values).encode()
    url = f"{server.url}/bot{server.token}/{method}"
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=30) as response:
            found: Answer = json.load(response)
    except urllib.error.HTTPError as error:
        found = json.load(error)
    return found


def test_a_chat_has_one_message_a_second_and_a_group_twenty_a_minute() -> None:
    clock = Clock()
    with LoopbackTelegram(clock=clock) as server:
        group = server.add_chat(group=True)
        for _ in range(20):
            assert ask(server, "sendMessage", chat_id=group.id, text="x")["ok"]
            clock.now += 1.0
        refused = ask(server, "sendMessage", chat_id=group.id, text="x")
        assert refused["parameters"] == {"retry_after": 40}
        assert refused["description"] == "Too Many Requests: retry after 40"
        clock.now += 40.0
        assert ask(server, "sendMessage", chat_id=group.id, text="x")["ok"]
        assert ask(server, "sendMessage", chat_id=group.id, text="x")["parameters"] == {
            "retry_after": 1
        }


def test_errors_are_in_telegrams_words() -> None:
    with LoopbackTelegram() as server:
        server.limited = False
        chat = server.add_chat()
        sent = ask(server, "sendMessage", chat_id=chat.id, text="x")["result"]
        assert isinstance(sent, Mapping)
        edit = {"chat_id": chat.id, "message_id": sent["message_id"]}
        said = [
            ask(server, "editMessageText", **edit, text="x"),
            ask(server, "editMessageText", **{**edit, "message_id": 9}, text="x"),
            ask(server, "sendMessage", chat_id=5, text="x"),
            ask(server, "sendMessage", chat_id=chat.id, text=" "),
            ask(server, "sendMessage", chat_id=chat.id, text="x" * 4097),
            ask(server, "sendMessage", chat_id=chat.id, text="<x>", parse_mode="HTML"),
        ]
    assert [str(answer["description"]).partition(": ")[2][:28] for answer in said] == [
        "message is not modified: spe",
        "message to edit not found",
        "chat not found",
        "message text is empty",
        "message is too long",
        "can't parse entities: Unsupp",
    ]


@pytest.mark.parametrize("source", ["<", "a < b", "<script>x</script>", "<b>x", "x</b>", "<b></i>"])
def test_markup_that_is_none_is_refused(source: str) -> None:
    with pytest.raises(BadMarkupError):
        parse_html(source)


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("hello @someone", {"mention"}),
        ("/start", {"bot_command"}),
        ("#tag $USD", {"hashtag", "cashtag"}),
        ("see evil.example or https://x.y/z", {"url"}),
        ("song.mp3, 3/4, a@, 1.5 MB/s", set()),
    ],
)
def test_what_clients_find_in_plain_words_is_found(text: str, kinds: set[str]) -> None:
    assert {entity.type for entity in found_in(text)} == kinds


def test_code_and_links_hold_nothing_else() -> None:
    text, entities = parse_html('<code>@someone</code> <a href="https://x.y/?a&amp;b">/start</a>')
    assert text == "@someone /start"
    assert [(e.type, e.url) for e in entities] == [
        ("code", ""),
        ("text_link", "https://x.y/?a&b"),
    ]
