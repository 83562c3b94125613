"""The sink "discord": posts a message by a webhook and edits it, from a thread of its own."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass

import aiohttp
import discord

from similubot_core import Check, Settings, Sink, SinkContext, UsageError
from similubot_core.live import LiveSink, SharedLimit, Target, Verdict
from similubot_core.redact import keep_secret
from similubot_discord_sink.embed import job_embed
from similubot_discord_sink.endpoint import point_discord_at
from similubot_discord_sink.settings import DiscordSettings
from similubot_discord_sink.target import EDITS_A_SECOND, Frame, judge, log, spaced

REQUEST_WITHIN = 60.0
OWN_HOSTS = ("discord.com", "discordapp.com", "ptb.discord.com", "canary.discord.com")

_ADDRESS = re.compile(
    r"(?P<scheme>https?)://(?P<host>[\w.:\[\]-]+)/api(?:/v\d+)?/webhooks/"
    r"(?P<id>\d{15,20})/(?P<token>[\w.-]{20,100})/?(?:\?thread_id=(?P<thread>\d{15,20}))?"
)
_FORM = (
    "https://discord.com/api/webhooks/NUMBER/TOKEN; Discord shows it under "
    "Edit Channel, Integrations, Webhooks, Copy Webhook URL"
)


@dataclass(frozen=True)
class WebhookAddress:
    """A webhook's address, taken apart. The token is a secret."""

    id: int
    token: str
    thread_id: int | None = None

    def __repr__(self) -> str:
        return f"WebhookAddress(id={self.id})"

    @classmethod
    def parse(cls, url: str, settings: DiscordSettings) -> WebhookAddress:
        """Take an address apart; one on another host than Discord's (or `api_url`'s) is refused.

        Raises:
            UsageError: It is not a webhook's address; does not repeat it.
        """
        found = _ADDRESS.fullmatch(url.strip())
        if found is None:
            raise UsageError(f"The Discord sink needs a webhook's address of the form {_FORM}.")
        elsewhere = (settings.api_url or "").startswith(f"{found['scheme']}://{found['host']}/")
        if not elsewhere and not (found["scheme"] == "https" and found["host"] in OWN_HOSTS):
            raise UsageError(
                f"The webhook's address is not on discord.com; it has the form {_FORM}."
            )
        thread = found["thread"]
        return cls(int(found["id"]), found["token"], int(thread) if thread else None)


class WebhookTarget(Target[Frame]):
    """A message that a webhook posts with the first frame and edits with the others."""

    def __init__(self, address: WebhookAddress) -> None:
        self._address = address
        self._session: aiohttp.ClientSession | None = None
        self._message: discord.WebhookMessage | None = None
        self._sent_at = 0.0
        self.name = f"the message of webhook {address.id}"
        self.log = log
        self.limit = SharedLimit(address.id, a_second=EDITS_A_SECOND)

    def interval(self, wanted: float) -> float:
        """Seconds between edits; more for a message that is old."""
        return spaced(wanted, time.monotonic() - self._sent_at)

    async def show(self, frame: Frame) -> None:
        """Post the message, or edit it."""
        embed = frame.embed or discord.Embed()
        if self._message is not None:
            await self._message.edit(embed=embed)
            return
        if self._session is None:
            limit = aiohttp.ClientTimeout(total=REQUEST_WITHIN)
            self._session = aiohttp.ClientSession(timeout=limit)
        webhook = discord.Webhook.partial(
            self._address.id, self._address.token, session=self._session
        )
        thread = self._address.thread_id
        self._message = await webhook.send(
            embed=embed,
            wait=True,
            allowed_mentions=discord.AllowedMentions.none(),
            thread=discord.Object(thread) if thread else discord.utils.MISSING,
        )
        self._sent_at = time.monotonic()

    def judge(self, error: Exception) -> Verdict:
        """What Discord's error means; a webhook's token is all there is."""
        return judge(error, lambda: False)

    async def aclose(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()


def _hide_addresses(record: logging.LogRecord) -> bool:
    """discord.py writes whole addresses of webhooks, which are secrets, at DEBUG."""
    return record.levelno > logging.DEBUG


def open_webhook_sink(context: SinkContext) -> Sink:
    """Open the sink on a webhook's address: the target, else the setting `webhook_url`.

    Raises:
        UsageError: There is no address, or it is none of a webhook.
    """
    settings = context.settings.table(DiscordSettings)
    url = context.target or settings.webhook_url
    if not url:
        raise UsageError(
            "The Discord sink needs a webhook: --sink discord=URL, or "
            f"SIMILUBOT_DISCORD_WEBHOOK_URL in the environment. It has the form {_FORM}."
        )
    address = WebhookAddress.parse(url, settings)
    keep_secret(address.token)
    point_discord_at(settings.api_url, None)
    logging.getLogger("discord.webhook.async_").addFilter(_hide_addresses)
    target = WebhookTarget(address)
    return LiveSink(
        target,
        lambda states: Frame(job_embed(states, title=context.title)),
        settings.update_interval,
        target.aclose,
    )


def check_webhook(settings: Settings) -> Sequence[Check]:
    """What `similubot doctor` says of the sink; looks at no network."""
    table = settings.table(DiscordSettings)
    if not table.webhook_url:
        return [Check("Discord webhook", True, "none in the settings; give one as the target")]
    try:
        address = WebhookAddress.parse(table.webhook_url, table)
    except UsageError as error:
        return [Check("Discord webhook", False, "webhook_url is no webhook's address", str(error))]
    return [Check("Discord webhook", True, f"webhook {address.id} in the settings")]
