"""The loopback servers as pytest fixtures; pytest finds them by the entry point `pytest11`.

Nothing is imported until a test asks for a fixture, so that a run that uses none of them costs
nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from similubot_loopback.catbox_server import LoopbackCatbox
    from similubot_loopback.discord_server import LoopbackDiscord
    from similubot_loopback.matrix_server import LoopbackMatrix
    from similubot_loopback.mega_server import LoopbackMega
    from similubot_loopback.telegram_server import LoopbackTelegram


@pytest.fixture
def loopback_mega() -> Iterator[LoopbackMega]:
    """A MEGA server of this machine; ``loopback_mega.url`` is SIMILUBOT_MEGA_API_URL."""
    from similubot_loopback.mega_server import LoopbackMega

    with LoopbackMega() as server:
        yield server


@pytest.fixture
def loopback_catbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LoopbackCatbox]:
    """A Catbox and Litterbox server; ``.catbox_url`` and ``.litterbox_url`` are their addresses."""
    from similubot_loopback.catbox_server import LoopbackCatbox

    with LoopbackCatbox(tmp_path_factory.mktemp("catbox")) as server:
        yield server


@pytest.fixture
def loopback_discord() -> Iterator[LoopbackDiscord]:
    """A Discord server, REST and gateway; ``.api_url``, ``.gateway_url`` and ``.token``."""
    from similubot_loopback.discord_server import LoopbackDiscord

    with LoopbackDiscord() as server:
        yield server


@pytest.fixture
def loopback_telegram() -> Iterator[LoopbackTelegram]:
    """A Telegram server; ``.url`` and ``.token`` are what the sink's settings take."""
    from similubot_loopback.telegram_server import LoopbackTelegram

    with LoopbackTelegram() as server:
        yield server


@pytest.fixture
def loopback_matrix() -> Iterator[LoopbackMatrix]:
    """A Matrix server; ``.url`` and ``.token``, and rooms by ``.add_room("#name")``."""
    from similubot_loopback.matrix_server import LoopbackMatrix

    with LoopbackMatrix() as server:
        yield server
