"""A Telegram on loopback, and the sink's settings for it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from similubot_core import Settings
from similubot_loopback.telegram_server import LoopbackTelegram


@pytest.fixture
def server() -> Iterator[LoopbackTelegram]:
    with LoopbackTelegram() as made:
        yield made


@pytest.fixture
def settings(server: LoopbackTelegram) -> Settings:
    return Settings(
        environ={
            "SIMILUBOT_TELEGRAM_TOKEN": server.token,
            "SIMILUBOT_TELEGRAM_API_URL": server.url,
            "SIMILUBOT_TELEGRAM_UPDATE_INTERVAL": "0.05",
        }
    )
