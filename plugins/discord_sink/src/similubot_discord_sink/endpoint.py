"""Where discord.py finds Discord: the real one, or another that speaks its API."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import discord
import discord.gateway
import discord.http
import yarl

from similubot_core import SettingsError


@contextlib.contextmanager
def pointed_at(api_url: str | None, gateway_url: str | None) -> Iterator[None]:
    """`point_discord_at` for the time of a with block; a test uses it."""
    before = (
        discord.http.Route.BASE,
        discord.gateway.DiscordWebSocket.DEFAULT_GATEWAY,
        discord.asset.Asset.BASE,
    )
    point_discord_at(api_url, gateway_url)
    try:
        yield
    finally:
        discord.http.Route.BASE = before[0]
        discord.gateway.DiscordWebSocket.DEFAULT_GATEWAY = before[1]
        discord.asset.Asset.BASE = before[2]


def point_discord_at(api_url: str | None, gateway_url: str | None) -> None:
    """Have discord.py talk to another address, in this whole process, from now on.

    Call it before a client is made. discord.py has no setting for this; its class attributes
    are what it reads at each request (2.4 to 2.7).

    Args:
        api_url: The base of REST, ending in /api/v10; None leaves it.
        gateway_url: The gateway's address, beginning with ws:// or wss://; None leaves it.

    Raises:
        SettingsError: An address of another form.
    """
    if api_url is not None:
        if not api_url.startswith(("http://", "https://")) or not api_url.endswith("/api/v10"):
            raise SettingsError(
                "discord.api_url must be an http address that ends in /api/v10, such as "
                "https://discord.com/api/v10."
            )
        discord.http.Route.BASE = api_url
        if not api_url.startswith("https://discord.com/"):
            discord.asset.Asset.BASE = api_url.removesuffix("/api/v10") + "/cdn"
    if gateway_url is not None:
        if not gateway_url.startswith(("ws://", "wss://")):
            raise SettingsError(
                "discord.gateway_url must begin with ws:// or wss://, such as "
                "wss://gateway.discord.gg/."
            )
        discord.gateway.DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(gateway_url)
