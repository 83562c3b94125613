"""The check of live messages, over our three messengers and over sinks wrong on purpose."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator, Sequence

import pytest

from similubot_core import ProgressInfo, Settings, Sink, SinkContext
from similubot_core.live.text import harmless
from similubot_discord_sink import open_webhook_sink
from similubot_discord_sink.endpoint import pointed_at
from similubot_loopback.discord_server import LoopbackDiscord
from similubot_loopback.discord_server.messages import pinged_by
from similubot_loopback.matrix_server import LoopbackMatrix
from similubot_loopback.telegram_server import LoopbackTelegram
from similubot_loopback.telegram_server.markup import found_in, parse_html
from similubot_matrix import open_matrix_sink
from similubot_telegram import open_telegram_sink
from similubot_testkit import live_sink_rules
from similubot_testkit.fake_clock import FakeClock
from similubot_testkit.live_sink_rules import Messenger, assert_live_sink_keeps_the_rules

INTERVAL = 5.0
_MARKUP = re.compile(r"(?<!\\)\]\(|(?<!\\)<[@#:!/a-z]")


class Discord:
    def __init__(self, server: LoopbackDiscord) -> None:
        self._server = server
        self._hook = server.add_webhook()
        self._settings = Settings(environ={"SIMILUBOT_DISCORD_API_URL": server.api_url})

    def open(self, title: str) -> Sink:
        return open_webhook_sink(SinkContext(self._hook.url, self._settings, title))

    def messages(self) -> Sequence[str]:
        return [str(m.embeds[0]["title"]) + "\n" + str(m.embeds[0].get("description", ""))
                for m in self._server.messages()]  # fmt: skip

    def refused(self) -> int:
        return sum(r.status == 429 for r in self._server.requests())

    def delete(self, part: str) -> None:
        for message in self._server.messages():
            if part in str(message.embeds):
                self._server.delete_message(message)

    def set_away(self, away: bool) -> None:
        if away:
            self._server.fail(status=503, times=None)
        else:
            self._server.heal()

    def alerts(self) -> Sequence[str]:
        texts = self.messages()
        found = [f"{text!r} pings" for text in texts if pinged_by(text, None, None)]
        return found + [m[0] for text in texts for m in _MARKUP.finditer(text)]


class Telegram:
    def __init__(self, server: LoopbackTelegram) -> None:
        self._server = server
        self._chat = server.add_chat(group=True)
        self._settings = Settings(
            environ={
                "SIMILUBOT_TELEGRAM_TOKEN": server.token,
                "SIMILUBOT_TELEGRAM_API_URL": server.url,
            }
        )

    def open(self, title: str) -> Sink:
        return open_telegram_sink(SinkContext(str(self._chat.id), self._settings, title))

    def messages(self) -> Sequence[str]:
        self._server.requests()  # waits for its thread
        return [message.text for message in self._chat.messages]

    def refused(self) -> int:
        return sum(r.status == 429 for r in self._server.requests())

    def delete(self, part: str) -> None:
        for message in list(self._chat.messages):
            if part in message.text:
                self._server.delete(self._chat, message)

    def set_away(self, away: bool) -> None:
        self._server.away = away

    def alerts(self) -> Sequence[str]:
        allowed = ("bold", "code")
        return [f"{e.type} {e.text}" for m in self._chat.messages for e in m.entities
                if e.type not in allowed]  # fmt: skip


class Matrix:
    def __init__(self, server: LoopbackMatrix) -> None:
        self._server = server
        self._room = server.add_room("#builds")
        environ = {
            "SIMILUBOT_MATRIX_TOKEN": server.token,
            "SIMILUBOT_MATRIX_UPDATE_INTERVAL": "15",
        }
        self._settings = Settings(environ=environ)

    def open(self, title: str) -> Sink:
        address = f"{self._server.url}/{self._room.alias}"
        return open_matrix_sink(SinkContext(address, self._settings, title))

    def messages(self) -> Sequence[str]:
        self._server.requests()
        return [message.body for message in self._room.messages if not message.deleted]

    def refused(self) -> int:
        return sum(r.status == 429 for r in self._server.requests())

    def delete(self, part: str) -> None:
        for message in self._room.messages:
            if part in message.body:
                self._server.delete(message)

    def set_away(self, away: bool) -> None:
        self._server.away = away

    def alerts(self) -> Sequence[str]:
        found = []
        for message in (m for m in self._room.messages if not m.deleted):
            text, entities = parse_html(message.html.replace("<br>", "\n"))
            assert text == message.body
            found += [e.type for e in entities if e.type not in ("bold", "code")]
            found += [e.type for e in found_in(message.body)]
            found += [] if message.content["m.mentions"] == {} else ["mentions"]
        return found


@contextlib.contextmanager
def discord(clock: FakeClock) -> Iterator[Messenger]:
    with LoopbackDiscord(clock=clock) as server, pointed_at(server.api_url, None):
        yield Discord(server)


@contextlib.contextmanager
def telegram(clock: FakeClock) -> Iterator[Messenger]:
    with LoopbackTelegram(clock=clock) as server:
        yield Telegram(server)


@contextlib.contextmanager
def matrix(clock: FakeClock) -> Iterator[Messenger]:
    with LoopbackMatrix(clock=clock) as server:
        yield Matrix(server)


Opened = Callable[[FakeClock], contextlib.AbstractContextManager[Messenger]]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("opened", "final_within", "interval"),
    [(discord, 4.0, 5.0), (telegram, 6.0, 5.0), (matrix, 10.0, 15.0)],
)
def test_our_sinks_keep_the_rules(opened: Opened, final_within: float, interval: float) -> None:
    clock = FakeClock(1000.0)
    with opened(clock) as messenger:
        assert_live_sink_keeps_the_rules(
            messenger, clock, final_within=final_within, interval=interval
        )


class Wall:
    """A messenger in memory whose sinks write at once, and in ways that are wrong."""

    def __init__(self, wrong: str) -> None:
        self._wrong = wrong
        self._texts: list[str] = []
        self._refused = 0
        self._away = False
        self._waiting: list[tuple[str | None, str]] = []

    def open(self, title: str) -> Sink:
        return _WrongSink(self, title, self._wrong)

    def messages(self) -> Sequence[str]:
        return list(self._texts)

    def refused(self) -> int:
        return self._refused

    def delete(self, part: str) -> None:
        self._texts = [text for text in self._texts if part not in text]

    def set_away(self, away: bool) -> None:
        self._away = away
        while not away and self._waiting:
            self.put(*self._waiting.pop(0))

    def alerts(self) -> Sequence[str]:
        return [text for text in self._texts if "@everyone" in text]

    def put(self, old: str | None, text: str) -> bool:
        if self._wrong == "hasty":
            self._refused += 1
        if self._away and self._wrong == "not kept":
            return False
        if self._away:
            self._waiting.append((old, text))
            return True
        if old in self._texts:
            self._texts[self._texts.index(old or "")] = text
        elif old is None or self._wrong == "sends again":
            self._texts.append(text)
        return True


class _WrongSink:
    def __init__(self, wall: Wall, title: str, wrong: str) -> None:
        self._wall, self._title, self._wrong = wall, title, wrong
        self._shown: str | None = None
        self._ended: set[str] = set()
        self._count = 0

    def show(self, info: ProgressInfo) -> None:
        self._count += 1
        if info.id in self._ended and self._wrong != "late":
            return None
        if info.status.is_final:
            self._ended.add(info.id)
        if self._wrong == "no end" and info.status.is_final:
            return None
        if self._wrong == "first only" and self._count > 1 and not info.status.is_final:
            return None
        if self._wrong == "backwards" and self._count % 40 == 1:
            return self._put("state 1 of it")
        if self._wrong == "new ones":
            self._shown = None
        return self._put(info.message)

    def _put(self, message: str) -> None:
        text = f"{self._title} {message}"
        if self._wrong != "names as they are":
            text = f"{harmless(self._title)} {harmless(message, 500)}"
        if self._wall.put(self._shown, text):
            self._shown = text

    def close(self) -> None:
        pass


@pytest.fixture
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    """These sinks ask no server."""
    monkeypatch.setattr(live_sink_rules, "PAUSE", 0.0)


@pytest.mark.usefixtures("no_pause")
def test_a_sound_sink_passes() -> None:
    clock = FakeClock(1000.0)
    assert_live_sink_keeps_the_rules(Wall(""), clock, final_within=2.0, interval=1.0)


@pytest.mark.usefixtures("no_pause")
@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("no end", "no final state"),
        ("late", "the final state was shown, and is not any more"),
        ("first only", "no state in progress was ever shown"),
        ("backwards", "newest wins"),
        ("new ones", "messages instead of one"),
        ("sends again", "the message was sent again"),
        ("not kept", "away for a minute: the final state is not shown"),
        ("hasty", "requests too soon"),
        ("names as they are", "hostile names: '@everyone"),
    ],
)
def test_what_a_wrong_sink_does_is_named(wrong: str, said: str) -> None:
    clock = FakeClock(1000.0)
    with pytest.raises(AssertionError, match=said):
        assert_live_sink_keeps_the_rules(Wall(wrong), clock, final_within=2.0, interval=1.0)
