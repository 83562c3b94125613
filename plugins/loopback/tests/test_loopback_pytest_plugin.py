"""The servers' fixtures, found by pytest as in anybody's repository."""

import urllib.error
import urllib.request
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from similubot_loopback.catbox_server import LoopbackCatbox
    from similubot_loopback.discord_server import LoopbackDiscord
    from similubot_loopback.mega_server import LoopbackMega


def test_each_fixture_starts_a_server_that_answers(
    loopback_mega: "LoopbackMega",
    loopback_catbox: "LoopbackCatbox",
    loopback_discord: "LoopbackDiscord",
) -> None:
    assert loopback_mega.add_file("name", b"content").startswith("https://mega.nz/file/")
    with pytest.raises(urllib.error.HTTPError):
        urllib.request.urlopen(loopback_catbox.catbox_url, timeout=10)
    request = urllib.request.Request(loopback_discord.api_url + "/gateway")
    with urllib.request.urlopen(request, timeout=10) as answer:
        assert b"ws://127.0.0.1" in answer.read()
