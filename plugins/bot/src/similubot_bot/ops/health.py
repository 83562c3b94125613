"""For the operator: /health and /metrics on a port of this machine."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING

from aiohttp import web
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    generate_latest,
)

from similubot_bot.jobs.records import JobOutcome, JobStatus
from similubot_bot.ops.loop_watch import LATE_SECONDS
from similubot_core import UsageError

if TYPE_CHECKING:
    from discord.ext import commands

    from similubot_bot.extensions import BotExtension
    from similubot_bot.service import BotService

logger = logging.getLogger(__name__)

_JOB_SECONDS = (1, 5, 15, 30, 60, 120, 300, 600, 1800, 3600)
_LATE_SECONDS = (0.001, 0.005, 0.01, 0.025, LATE_SECONDS, 0.1, 0.25, 1.0)


class Metrics:
    """The numbers of one bot, in a registry of their own. It is used in the event loop."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._ended = Counter(
            "similubot_jobs_ended",
            "Jobs that ended since the start, by how",
            ["outcome"],
            registry=self.registry,
        )
        for status in JobStatus:
            self._ended.labels(status.value)
        self._seconds = Histogram(
            "similubot_job_seconds",
            "How long jobs took that were done",
            buckets=_JOB_SECONDS,
            registry=self.registry,
        )
        self._late = Histogram(
            "similubot_loop_late_seconds",
            "How late the event loop woke up, asked 20 times a second",
            buckets=_LATE_SECONDS,
            registry=self.registry,
        )
        self._worst = self._gauge("similubot_loop_late_worst_seconds", "The worst of the above")
        self._busiest = self._gauge(
            "similubot_loop_busy_worst_seconds",
            "The most of a lateness that the loop's own work is",
        )

    def ended(self, outcome: JobOutcome) -> None:
        """Count a job that ended."""
        self._ended.labels(outcome.status.value).inc()
        if outcome.status is JobStatus.DONE:
            self._seconds.observe(outcome.seconds)

    def late(self, seconds: float) -> None:
        """Count a lateness of the event loop."""
        self._late.observe(seconds)

    def watch(self, bot: commands.Bot, service: BotService) -> None:
        """Have the gauges ask this bot whenever somebody looks."""
        manager = service.manager
        self._worst.set_function(lambda: service.loop_watch.worst)
        self._busiest.set_function(lambda: service.loop_watch.busiest)
        running = self._gauge("similubot_jobs_running", "Jobs that run")
        running.set_function(lambda: len(manager.running))
        waiting = self._gauge("similubot_jobs_waiting", "Jobs that wait")
        waiting.set_function(lambda: len(manager.waiting))
        slots = self._gauge("similubot_slots", "Jobs that can run at once just now")
        slots.set_function(lambda: manager.slots)
        serving = self._gauge("similubot_machines", "Machines besides this one that get jobs")
        serving.set_function(lambda: sum(not m.refused for m in manager.machines))
        refused = self._gauge("similubot_machines_refused", "Machines that get none, and say why")
        refused.set_function(lambda: sum(bool(m.refused) for m in manager.machines))
        connected = self._gauge("similubot_connected", "Whether Discord's gateway is there")
        connected.set_function(lambda: float(bot.is_ready()))
        low = self._gauge("similubot_disk_low", "Whether too little disk is free to begin jobs")
        low.set_function(lambda: float(manager.disk_is_low))

    def text(self) -> bytes:
        """All numbers, in Prometheus' text format."""
        return generate_latest(self.registry)

    def _gauge(self, name: str, text: str) -> Gauge:
        return Gauge(name, text, registry=self.registry)


class HealthServer:
    """Serves /health and /metrics on 127.0.0.1, in the bot's own event loop: one that hangs does
    not answer.

    Args:
        bot: Whose health it is.
        service: Its jobs.
        metrics: Its numbers.
        extensions: What other plugins add to it.
    """

    def __init__(
        self,
        bot: commands.Bot,
        service: BotService,
        metrics: Metrics,
        extensions: Sequence[BotExtension] = (),
    ) -> None:
        self._bot = bot
        self._manager = service.manager
        self._metrics = metrics
        app = web.Application()
        app.router.add_get("/health", self._health)
        app.router.add_get("/metrics", self._numbers)
        for extension in extensions:
            if extension.add_routes is not None:
                extension.add_routes(app, service)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)

    async def start(self, port: int) -> None:
        """Begin to serve.

        Raises:
            UsageError: The port is taken.
        """
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, "127.0.0.1", port).start()
        except OSError as error:
            await self._runner.cleanup()
            raise UsageError(
                f"The port {port} of [bot] http_port cannot be used: {error.strerror}; name "
                "another one."
            ) from error
        logger.info("Health and metrics at http://127.0.0.1:%d/health and /metrics", port)

    async def stop(self) -> None:
        """Serve nothing more."""
        await self._runner.cleanup()

    async def _health(self, request: web.Request) -> web.Response:
        """200 when the bot is connected and takes jobs, else 503; the body says which."""
        bot, manager = self._bot, self._manager
        state: dict[str, object] = {
            "connected": bot.is_ready() and not bot.is_closed(),
            "disk_low": manager.disk_is_low,
            "stopping": manager.stopping,
            "stuck": manager.is_stuck,
            "running": len(manager.running),
            "waiting": len(manager.waiting),
        }
        well = state["connected"] and not any(state[k] for k in ("disk_low", "stopping", "stuck"))
        return web.json_response({"ok": bool(well), **state}, status=200 if well else 503)

    async def _numbers(self, request: web.Request) -> web.Response:
        return web.Response(
            body=self._metrics.text(), headers={"Content-Type": CONTENT_TYPE_LATEST}
        )
