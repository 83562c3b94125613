"""AttachmentDownloader: fetches a file that was sent to Discord."""

import asyncio
import logging
import re
from pathlib import Path

import aiohttp

from similubot_core import Cancelled, CountingTracker, StageContext, StageError, render
from similubot_core.files import write_error

TRIES = 5
FIRST_DELAY = 0.5
LONGEST_WAIT = 30.0
BLOCK_BYTES = 256 * 1024
STALL_SECONDS = 60.0


logger = logging.getLogger(__name__)


class _Passing(Exception):  # noqa: N818
    """A failure that may pass by itself.

    Args:
        reason: What it was, for the log.
        wait: Seconds to wait at least.
    """

    def __init__(self, reason: str, wait: float = 0.0) -> None:
        super().__init__(reason)
        self.reason = reason
        self.wait = wait


def _retry_after(answer: aiohttp.ClientResponse) -> float:
    try:
        return min(LONGEST_WAIT, max(0.0, float(answer.headers.get("Retry-After", "0"))))
    except ValueError:
        return 0.0


class AttachmentDownloader:
    """Fetches one attachment. It blocks, in the thread that calls it.

    Args:
        name: The name that the file is to get; it is made safe.
        max_size: Bytes that the file may have at most.
        size: Its bytes, as Discord said; None where it said nothing.
    """

    def __init__(self, name: str, max_size: int, size: int | None = None) -> None:
        self._name = name
        self._size = size
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
            except OSError as error:
                raise write_error(target.parent, error) from error

    async def _fetch(self, url: str, target: Path, tracker: CountingTracker) -> None:
        """Fetch the file; what passes by itself is tried again, from the beginning."""
        timeout = aiohttp.ClientTimeout(total=None, connect=30, sock_read=STALL_SECONDS)
        async with aiohttp.ClientSession(timeout=timeout, auto_decompress=False) as session:
            for attempt in range(TRIES):
                try:
                    await self._fetch_once(session, url, target, tracker)
                except _Passing as error:
                    if attempt + 1 == TRIES:
                        raise StageError(
                            "Discord's file server does not hand the attachment over; try again "
                            "in a few minutes.",
                            detail=error.reason,
                        ) from error
                    logger.info("The attachment is tried again: %s", error.reason)
                    await asyncio.sleep(max(error.wait, FIRST_DELAY * 2**attempt))
                else:
                    return

    async def _fetch_once(
        self, session: aiohttp.ClientSession, url: str, target: Path, tracker: CountingTracker
    ) -> None:
        count = 0
        try:
            async with session.get(url, allow_redirects=False) as answer:
                if answer.status == 429 or answer.status >= 500:
                    raise _Passing(f"HTTP {answer.status}", _retry_after(answer))
                if answer.status != 200:
                    raise StageError(
                        "The attachment is not on Discord any more; send it again.",
                        detail=f"HTTP {answer.status}",
                    )
                expected = self._size if answer.content_length is None else answer.content_length
                self._check(expected or 0)
                with target.open("wb") as file:
                    async for block in answer.content.iter_chunked(BLOCK_BYTES):
                        count += len(block)
                        self._check(count)
                        file.write(block)
                        tracker.update(current_size=count, total_size=expected)
        except (aiohttp.ClientError, TimeoutError) as error:
            raise _Passing(type(error).__name__) from error
        if self._size is not None and count != self._size:
            raise _Passing(f"{count} bytes of {self._size}")
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
