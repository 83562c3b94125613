"""Asks a downloader what a source is, before it is fetched."""

import asyncio
import logging
from pathlib import Path

from similubot_bot.jobs.executor import task_of
from similubot_bot.jobs.records import JobRequest
from similubot_bot.jobs.requests import plan_task
from similubot_core import (
    Cancelled,
    CancelToken,
    DescribingDownloader,
    Settings,
    SimilubotError,
    SourceInfo,
    StageContext,
)
from similubot_core.plugins.specs import Plugins

logger = logging.getLogger(__name__)

LOOKUP_SECONDS = 8.0
"""How long a request's first message waits for the source's name and size."""
AT_ONCE = 4


class Lookup:
    """Asks for names and sizes, a few at a time, in threads. It is used in the event loop.

    Args:
        plugins: What is installed.
        settings: The settings of this run.
    """

    def __init__(self, plugins: Plugins, settings: Settings) -> None:
        self._plugins = plugins
        self._settings = settings
        self._slots = asyncio.Semaphore(AT_ONCE)

    async def __call__(self, request: JobRequest) -> SourceInfo | None:
        """The source's name and size; None where they are not known within `LOOKUP_SECONDS`.

        Raises:
            StageError: The source cannot be fetched; with the sentence for the user.
        """
        if request.kind != "link":
            return None
        cancel = CancelToken()
        try:
            async with asyncio.timeout(LOOKUP_SECONDS), self._slots:
                return await asyncio.to_thread(self._ask, request, cancel)
        except (TimeoutError, Cancelled):
            return None
        except SimilubotError:
            raise
        except Exception:
            logger.exception("A source cannot be looked up")
            return None
        finally:
            cancel.cancel()

    def _ask(self, request: JobRequest, cancel: CancelToken) -> SourceInfo | None:
        job = plan_task(self._plugins, self._settings, task_of(request, 0))
        if not isinstance(job.downloader, DescribingDownloader):
            return None
        return job.downloader.describe(request.source, StageContext(Path(), cancel))
