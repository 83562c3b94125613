"""AttachmentDownloader: fetches a file that was sent to Discord."""

import asyncio
import re
from pathlib import Path

import aiohttp

from similubot_core import Cancelled, CountingTracker, StageContext, StageError, render

BLOCK_BYTES = 256 * 1024
STALL_SECONDS = 60.0


class AttachmentDownloader:
    """Fetches one attachment. It blocks, in the thread that calls it.

    Args:
        name: The name that the file is to get; it is made safe.
        max_size: Bytes that the file may have at most.
    """

    def __init__(self, name: str, max_size: int) -> None:
        self._name = name
        self._max_size = max_size

    def run(self, source: str, context: StageContext) -> Path:
        """Fetch the address `source` into ``context.folder``.

        Raises:
            StageError: It is gone, too large, or could not be fetched; no file is left.
            Cancelled: The token was set; no file is left.
        """
        target = context.folder / safe_name(self._name)
        with context.attach(CountingTracker("Discord Download")) as tracker:
            try:
                asyncio.run(self._fetch_or_cancel(source, target, context, tracker))
            except BaseException:
                target.unlink(missing_ok=True)
                raise
            tracker.complete(f"Downloaded {target.name}")
        return target

    async def _fetch_or_cancel(
        self, url: str, target: Path, context: StageContext, tracker: CountingTracker
    ) -> None:
        loop = asyncio.get_running_loop()
        work = loop.create_task(self._fetch(url, target, tracker))
        with context.cancel.on_cancel(lambda: loop.call_soon_threadsafe(work.cancel)):
            try:
                await work
            except asyncio.CancelledError:
                raise Cancelled from None
            except (aiohttp.ClientError, TimeoutError) as error:
                raise StageError(
                    "The attachment could not be fetched from Discord; try again.",
                    detail=type(error).__name__,
                ) from error
            except OSError as error:
                raise StageError(
                    f"The attachment could not be saved: {error.strerror}; tell those who run me."
                ) from error

    async def _fetch(self, url: str, target: Path, tracker: CountingTracker) -> None:
        timeout = aiohttp.ClientTimeout(total=None, connect=30, sock_read=STALL_SECONDS)
        async with (
            aiohttp.ClientSession(timeout=timeout, auto_decompress=False) as session,
            session.get(url, allow_redirects=False) as answer,
        ):
            if answer.status != 200:
                raise StageError(
                    "The attachment is not on Discord any more; send it again.",
                    detail=f"HTTP {answer.status}",
                )
            total = answer.content_length
            self._check(total or 0)
            count = 0
            with target.open("xb") as file:
                async for block in answer.content.iter_chunked(BLOCK_BYTES):
                    count += len(block)
                    self._check(count)
                    file.write(block)
                    tracker.update(current_size=count, total_size=total)
            if count == 0:
                raise StageError("The attachment is empty; send another one.")

    def _check(self, size: int) -> None:
        if size > self._max_size:
            raise StageError(
                f"The attachment has more than the {render.size(self._max_size)} that are allowed "
                "here; send a smaller one."
            )


def safe_name(name: str) -> str:
    """A file name made of one from outside: no folder, nothing hidden, at most 150 bytes."""
    kept = re.sub(r'[/\\\x00-\x1f<>:"|?*]', "_", render.sanitize_line(name, 150)).lstrip(". ")
    stem, dot, suffix = kept.rpartition(".")
    if not dot:
        stem, suffix = kept, ""
    suffix = suffix.encode()[:20].decode(errors="ignore")
    stem = stem.encode()[:125].decode(errors="ignore").strip() or "file"
    return f"{stem}{dot}{suffix}".rstrip(". ")
