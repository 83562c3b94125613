"""serve: the bot's life, from the login to the last message edited."""

import asyncio
import dataclasses
import fcntl
import logging
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import aiohttp
import discord
from discord.ext import commands

from similubot_bot.discord.bot import make_client
from similubot_bot.discord.job_messages import JobMessages
from similubot_bot.extensions import BotExtension, ExecutorContext, bot_extensions
from similubot_bot.jobs.executor import Executor
from similubot_bot.jobs.local_executor import LocalExecutor
from similubot_bot.jobs.lookup import Lookup
from similubot_bot.jobs.manager import JobManager
from similubot_bot.jobs.requests import allowed_plugins, operations_of
from similubot_bot.jobs.sinks import JobSinks
from similubot_bot.jobs.store_thread import StoreThread
from similubot_bot.ops.control import ControlServer
from similubot_bot.ops.health import HealthServer, Metrics
from similubot_bot.ops.loop_watch import LoopWatch
from similubot_bot.ops.own_process import PRIVATE_FOLDER, make_private
from similubot_bot.service import BotService
from similubot_bot.settings import BotSettings
from similubot_core import CommandContext, SimilubotError, StageContext, UsageError
from similubot_core.process import set_child_niceness
from similubot_discord_sink import DiscordSettings, point_discord_at

logger = logging.getLogger(__name__)

FIRST_DELAY, LONGEST_DELAY = 2.0, 60.0
CLOSE_SECONDS = 5.0
ATTACH_SECONDS = 600.0
CHILDREN_GIVE_WAY = 10


class _Signals:
    """What SIGTERM and SIGINT ask for: to stop, and, the second time, to hurry."""

    def __init__(self) -> None:
        self.stop = asyncio.Event()
        self.hurry = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._take)

    def _take(self) -> None:
        (self.hurry if self.stop.is_set() else self.stop).set()


async def serve(
    context: CommandContext,
    settings: BotSettings,
    discord_settings: DiscordSettings,
    targets: Sequence[str],
) -> int:
    """Run the bot until SIGTERM or SIGINT; returns the exit status 0.

    Args:
        context: Plugins and settings.
        settings: The table [bot].
        discord_settings: The table [discord], with a token.
        targets: What people may give as `to`, the default first.

    Raises:
        SimilubotError: The token or the intents are refused, another bot works in the folder, or
            the list of jobs cannot be opened.
    """
    signals = _Signals()
    # FFmpeg takes all processors there are, and the event loop waits for them behind it. The jobs'
    # threads stay equals of the loop: one that holds Python's lock must not wait long for its turn.
    set_child_niceness(CHILDREN_GIVE_WAY)
    # Each time the event loop waits for that lock behind a job's threads, it waits this long.
    sys.setswitchinterval(0.001)
    # Its warnings are about packages for speaking, which this bot does not do.
    discord.VoiceClient.warn_nacl = discord.VoiceClient.warn_dave = False
    point_discord_at(discord_settings.api_url, discord_settings.gateway_url)
    with _own_folder(settings.folder):
        store = StoreThread(settings.folder / "jobs.db")
        try:
            await _serve(context, settings, discord_settings, targets, store, signals)
        finally:
            store.close()
    return 0


async def _serve(
    context: CommandContext,
    settings: BotSettings,
    discord_settings: DiscordSettings,
    targets: Sequence[str],
    store: StoreThread,
    signals: _Signals,
) -> None:
    metrics = Metrics()
    plugins = allowed_plugins(context.plugins, settings)
    context = dataclasses.replace(context, plugins=plugins)
    extensions = bot_extensions(context.plugins, context.settings)
    _check_page(settings, extensions)
    token = discord_settings.bot_token
    assert token is not None
    interval = discord_settings.update_interval
    bot = await make_client(settings, store, interval, token)
    service = _make_service(context, settings, targets, store, metrics, bot.messages, extensions)
    bot.serve(service, extensions)
    metrics.watch(bot, service)
    health = HealthServer(bot, service, metrics, extensions)
    if settings.http_port is not None:
        await health.start(settings.http_port)
    control = ControlServer(settings.folder, lambda words: service.operate("shell", words))
    await control.start()
    life = asyncio.create_task(_live(bot, token), name="discord")
    stop = asyncio.create_task(signals.stop.wait())
    try:
        await asyncio.wait({life, stop}, return_when=asyncio.FIRST_COMPLETED)
        logger.info("Stopping")
        await service.manager.stop(settings.stop_seconds, signals.hurry)
    finally:
        stop.cancel()
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await bot.close()
        except TimeoutError:
            logger.warning("The connection to Discord did not close in time")
        await health.stop()
        await control.stop()
    if not life.done():
        life.cancel()
    with suppress(asyncio.CancelledError):
        await life
    logger.info("Stopped")


def _check_page(settings: BotSettings, extensions: Sequence[BotExtension]) -> None:
    """Refuse a page that nobody could see.

    Raises:
        UsageError: There is no port for it, or nothing that shows it.
    """
    if not settings.page:
        return
    if settings.http_port is None:
        raise UsageError("[bot] page is shown on [bot] http_port, which is not set; set it too.")
    if not any(extension.name == "web" for extension in extensions):
        raise UsageError("[bot] page needs similubot-web, which is not installed.")


def _make_service(
    context: CommandContext,
    settings: BotSettings,
    targets: Sequence[str],
    store: StoreThread,
    metrics: Metrics,
    messages: JobMessages,
    extensions: Sequence[BotExtension],
) -> BotService:
    plugins = context.plugins
    loop = asyncio.get_running_loop()

    def slots_changed() -> None:
        with suppress(RuntimeError):  # the loop is closed
            loop.call_soon_threadsafe(manager.pump)

    def attach(job: int, file: Path, stage: StageContext) -> str | None:
        future = asyncio.run_coroutine_threadsafe(attach_in_loop(job, file), loop)
        try:
            return future.result(ATTACH_SECONDS)
        except TimeoutError:
            future.cancel()
            return None

    async def attach_in_loop(job: int, file: Path) -> str | None:
        record = manager.get(job)
        return None if record is None else await messages.attach(record, file)

    folder = settings.folder / "jobs"
    folder.mkdir(exist_ok=True)  # the disk that it lies on is looked at, whoever carries the jobs
    executor_context = ExecutorContext(plugins, context.settings, settings.folder, slots_changed)
    executors: list[Executor] = [
        extension.make_executor(executor_context)
        for extension in extensions
        if extension.make_executor is not None
    ]
    if all(extension.local_slots for extension in extensions):
        executors.append(LocalExecutor(plugins, context.settings, folder, settings.jobs, attach))
    manager = JobManager(
        settings,
        store,
        executors,
        messages,
        lambda request: operations_of(plugins, context.settings, request),
        metrics.ended,
        Lookup(plugins, context.settings),
        JobSinks(plugins, context.settings, settings.sinks),
    )
    watch = LoopWatch(metrics.late)
    return BotService(plugins, context.settings, settings, targets, store, manager, watch)


async def _live(bot: commands.Bot, token: str) -> None:
    """Log in, as often as it takes while Discord cannot be reached, and stay connected."""
    delay = FIRST_DELAY
    while True:
        try:
            await bot.login(token)
            break
        except discord.LoginFailure:
            raise UsageError(
                "Discord does not accept the token; copy it again from the page Bot of your "
                "application at https://discord.com/developers/applications."
            ) from None
        except (discord.HTTPException, aiohttp.ClientError, OSError, TimeoutError) as error:
            logger.warning(
                "Discord cannot be reached (%s); the next try is in %g s.",
                type(error).__name__,
                delay,
            )
            await bot.http.close()
            bot.http.connector = discord.utils.MISSING  # a new login needs a new one
            await asyncio.sleep(delay)
            delay = min(LONGEST_DELAY, 2 * delay)
    try:
        await bot.connect(reconnect=True)
    except discord.PrivilegedIntentsRequired:
        raise UsageError(
            'Discord does not grant the intent "Message Content": switch it on, on the page Bot of '
            "your application at https://discord.com/developers/applications, or set "
            "[bot] message_content = false for slash commands only."
        ) from None
    except discord.ConnectionClosed as error:
        raise SimilubotError(
            f"Discord closed the connection for good (code {error.code}); look at the token."
        ) from None


@contextmanager
def _own_folder(folder: Path) -> Iterator[None]:
    """Make the folder, for nobody else to read, and keep other bots out of it.

    Raises:
        UsageError: It cannot be made, or another bot works in it.
    """
    try:
        folder.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
        lock = (folder / "lock").open("a")
        make_private(folder)  # it may have been there, as a container's volume is
    except OSError as error:
        raise UsageError(
            f"The folder {folder} cannot be used: {error.strerror}; name another [bot] data_folder."
        ) from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise UsageError(
                f"Another bot works in {folder}; stop it, or name another [bot] data_folder."
            ) from None
        yield
