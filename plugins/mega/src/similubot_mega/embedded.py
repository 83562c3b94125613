"""The embedded download: ranges over several connections, each chunk decrypted and its MAC kept.

A link carries one MAC for the whole file, made of the chunks' MACs. So a wrong chunk shows at the
end only, and is found by fetching chunks again until one comes with another MAC.
"""

import errno
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import requests
import urllib3

from similubot_core.cancel import CancelToken
from similubot_core.errors import SimilubotError, StageError, StorageError
from similubot_core.jobs.growing import GrowingFile
from similubot_core.render import duration
from similubot_http import CONNECT_SECONDS, CancellableSession
from similubot_mega.api import BAD_ADDRESS, MegaApi, MegaError, RemoteFile, over_quota, time_left
from similubot_mega.backoff import Waits, retry_after
from similubot_mega.crypto import (
    BLOCK,
    MIB,
    chunk_count,
    chunk_mac,
    chunk_start,
    decryptor_at,
    meta_mac,
)
from similubot_mega.part_file import BUFFER, PartFile
from similubot_mega.plan import Plan
from similubot_mega.tracker import MegaProgressTracker

logger = logging.getLogger(__name__)

_PIECE = 256 * 1024
_POLL_SECONDS = 0.1
_REPAIRS = 3
_BARREN_ADDRESSES = 4


@dataclass
class _TryAgain(Exception):  # noqa: N818
    """A failure that passes: `reason` is for people, `wait` seconds at least before a new try."""

    reason: str
    wait: float = 0.0


class _Stopped(Exception):  # noqa: N818
    """Another thread said that all is over."""


class EmbeddedDownload:
    """Fetches one file; `run` does it once.

    Memory is bounded by about 1.5 MiB for each connection, whatever the file's size. Bytes that
    have arrived are not asked for again when a connection breaks, nor chunks that an earlier run
    left whole.

    Args:
        remote: The file.
        part: Where it is written to.
        api: For fresh addresses.
        transport: The job's connections; aborted when the download fails.
        cancel: Obeyed by every wait and read.
        connections: How many at once.
        stall_timeout: Seconds without a new byte after which it is given up.
        waits: Waiting times.
        offer: Gets the file while it grows, and may have it read; None when nobody wants it.
        clock: Returns seconds that only grow.
    """

    def __init__(
        self,
        remote: RemoteFile,
        part: PartFile,
        api: MegaApi,
        transport: CancellableSession,
        cancel: CancelToken,
        *,
        connections: int,
        stall_timeout: float,
        waits: Waits,
        offer: Callable[[GrowingFile], object] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._remote = remote
        self._part = part
        self._api = api
        self._transport = transport
        self._cancel = cancel
        self._connections = max(1, min(connections, -(-remote.size // MIB)))
        self._stall_timeout = stall_timeout
        self._waits = waits
        self._offer = offer
        self._growing: GrowingFile | None = None
        self._clock = clock
        self._chunks = chunk_count(remote.size)
        self._repairing = False
        self._differing: set[int] = set()
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._wake = threading.Event()
        self._busy = 0
        self._error: BaseException | None = None
        self._received = 0
        self._last_byte = 0.0
        self._trouble = ""
        self._address_lock = threading.Lock()
        self._address = ""
        self._received_before = -1
        self._barren = 0

    def run(self, tracker: MegaProgressTracker) -> None:
        """Fetch, decrypt and check the file.

        Raises:
            StageError: It could not be had, or it stays damaged.
            Cancelled: The token was set.
        """
        if self._part.was_begun:
            tracker.update(message="Checking what has come before…")
        self._received = self._part.find_whole(self._cancel.raise_if_cancelled)
        tracker.transferred(self._received, self._remote.size, message="")
        if self._remote.size == 0:  # MEGA keeps no data and no MAC of an empty file
            return
        try:
            if missing := self._part.missing():
                self._address = self._api.address(self._remote)
                if self._offer is not None:
                    self._growing = self._part.growing()
                    self._offer(self._growing)
                self._pass(missing, tracker)
            if not self._mac_matches():
                # What was read of it so far may be wrong, and nothing says which part.
                self._give_up_growing("A part of the download arrived damaged.")
                self._repair(tracker)
        except BaseException as error:
            reason = error.message if isinstance(error, SimilubotError) else "The download failed."
            self._give_up_growing(reason)
            raise
        if self._growing is not None:
            self._growing.finish()

    def _give_up_growing(self, reason: str) -> None:
        if self._growing is not None:
            self._growing.fail(reason)
            self._growing = None

    def _repair(self, tracker: MegaProgressTracker) -> None:
        """Fetch chunks again; one that comes with another MAC was wrong once: take the newer."""
        logger.warning("%s: the MAC is wrong; fetching parts again", self._remote.shown)
        tracker.update(message="A part arrived damaged; finding and fetching it again…")
        self._repairing = True
        runs = [(0, self._chunks)]
        for _ in range(_REPAIRS):
            self._differing.clear()
            self._pass(runs, tracker)
            if self._mac_matches():
                return
            if not self._differing:
                break
            runs = [(index, index + 1) for index in sorted(self._differing)]
        raise StageError(
            "The file is damaged: its checksum does not fit its MEGA link, even when fetched "
            "again; ask its owner to upload it anew."
        )

    def _mac_matches(self) -> bool:
        return meta_mac(self._remote.key, self._part.macs) == self._remote.key.meta_mac

    def _pass(self, runs: list[tuple[int, int]], tracker: MegaProgressTracker) -> None:
        """Fetch these runs of chunks over all connections, telling the tracker."""
        growing = self._growing
        wanted = None if growing is None else lambda: growing.wanted
        plan = Plan(runs, self._remote.size, self._connections, wanted)
        self._last_byte = self._clock()
        self._busy = self._connections
        self._wake.clear()
        workers = [
            threading.Thread(target=self._work, args=(plan,), name=f"mega-{number}")
            for number in range(self._connections)
        ]
        with self._cancel.on_cancel(self._end):
            try:
                for worker in workers:
                    worker.start()
                while not self._wake.wait(_POLL_SECONDS):
                    self._tell(tracker)
            finally:
                if self._busy:  # cancelled, failed, or found right before all was fetched again
                    self._stop.set()
                    self._transport.abort()
                for worker in workers:
                    if worker.ident is not None:
                        worker.join()
        self._cancel.raise_if_cancelled()
        if self._error is not None:
            raise self._error
        if not self._repairing:
            tracker.transferred(self._received, self._remote.size, message="")

    def _tell(self, tracker: MegaProgressTracker) -> None:
        silent = self._clock() - self._last_byte
        if silent > self._stall_timeout:
            reason = f" ({self._trouble})" if self._trouble else ""
            raise StageError(
                f"MEGA sent nothing for {duration(silent)}{reason}, so the download was given up; "
                "try again later."
            )
        message = ""
        if silent > self._waits.reported:
            reason = f" ({self._trouble})" if self._trouble else ""
            message = f"MEGA has sent nothing for {duration(silent)}{reason}; trying again…"
        if not self._repairing:
            tracker.transferred(self._received, self._remote.size, message=message)
        elif message:
            tracker.update(message=message)

    # What runs in the workers' threads

    def _work(self, plan: Plan) -> None:
        try:
            plain = bytearray(BUFFER)
            while (run := plan.take()) is not None:
                self._fetch(*run, plain)
        except _Stopped:
            pass
        except BaseException as error:  # noqa: BLE001  (the main thread raises it)
            with self._lock:
                if self._error is None and not self._stop.is_set():
                    self._error = error
            self._end()
        finally:
            with self._lock:
                self._busy -= 1
            if not self._busy:
                self._wake.set()

    def _end(self) -> None:
        """Tell all threads that it is over."""
        self._stop.set()
        self._wake.set()

    def _fetch(self, chunk: int, end: int, plain: bytearray) -> None:
        """Fetch the chunks from `chunk` up to `end`, over as many connections as it takes."""
        got = failures = 0
        decryptor = decryptor_at(self._remote.key, chunk_start(chunk))
        while chunk < end:
            received = 0
            try:
                with self._open(chunk_start(chunk) + got, self._start(end)) as response:
                    while chunk < end:
                        length = self._start(chunk + 1) - chunk_start(chunk)
                        while got < length:
                            if self._stop.is_set():
                                raise _Stopped
                            piece = response.raw.read1(
                                min(_PIECE, length - got), decode_content=False
                            )
                            if not piece:
                                raise _TryAgain("the connection ended early")
                            with memoryview(plain) as view:
                                decryptor.update_into(piece, view[got:])
                            got += len(piece)
                            received += len(piece)
                            self._count(len(piece))
                        self._keep(chunk, length, plain)
                        chunk, got = chunk + 1, 0
                        decryptor = decryptor_at(self._remote.key, chunk_start(chunk))
            except BAD_ADDRESS:
                raise MegaError("MEGA gave an address that cannot be asked; try again.") from None
            except (OSError, urllib3.exceptions.HTTPError) as error:  # requests' are OSErrors too
                # Its text holds the address; its kind is enough.
                failure = _TryAgain(f"the connection broke: {type(error).__name__}")
            except _TryAgain as error:
                failure = error
            else:
                return
            if self._stop.is_set() or self._cancel.cancelled:  # it broke because we cut it
                raise _Stopped
            failures = 1 if received else failures + 1
            self._trouble = failure.reason
            wait = max(self._waits.after(failures), failure.wait)
            logger.info("%s: %s; again in %.1f s", self._remote.shown, failure.reason, wait)
            if self._stop.wait(wait):
                raise _Stopped

    def _start(self, chunk: int) -> int:
        return min(chunk_start(chunk), self._remote.size)

    def _open(self, start: int, end: int) -> requests.Response:
        """Ask for the bytes from `start` up to `end`."""
        address = self._address
        response = self._transport.session.get(
            f"{address}/{start}-{end - 1}",
            headers={"Accept-Encoding": "identity"},
            timeout=(CONNECT_SECONDS, min(self._waits.silence, self._stall_timeout)),
            stream=True,
            allow_redirects=False,
        )
        status, headers = response.status_code, response.headers
        if status in (200, 206) and headers.get("Content-Length") in (None, str(end - start)):
            return response
        response.close()
        if status in (403, 404, 410):
            self._renew(address)
            raise _TryAgain("its address had expired")
        if status == 509:
            raise over_quota(time_left(headers))
        if status in (200, 206):
            raise _TryAgain("an answer of the wrong length")
        if status == 429 or status >= 500:
            wait = retry_after(headers.get("Retry-After"), self._waits.longest)
            if status == 503:
                wait = max(wait, self._waits.busy)
            raise _TryAgain(f"HTTP {status}", wait)
        raise MegaError(
            f"MEGA's file server refuses this file (HTTP {status}); try again later.",
        )

    def _renew(self, dead: str) -> None:
        """Get a fresh address in place of a dead one; only the first of several threads asks."""
        with self._address_lock:
            if self._address != dead:
                return
            self._barren = self._barren + 1 if self._received == self._received_before else 0
            self._received_before = self._received
            if self._barren >= _BARREN_ADDRESSES:
                raise MegaError("MEGA's file server refuses this file; try again later.")
            self._address = self._api.address(self._remote)

    def _count(self, received: int) -> None:
        with self._lock:
            self._last_byte = self._clock()
            if not self._repairing:
                self._received += received

    def _keep(self, chunk: int, length: int, plain: bytearray) -> None:
        """Write a chunk that is whole, with its MAC."""
        mac = chunk_mac(self._remote.key, plain, length)
        if self._repairing and self._part.macs[chunk * BLOCK : (chunk + 1) * BLOCK] == mac:
            return
        try:
            self._part.keep(chunk, plain, length, mac)
        except OSError as error:
            raise disk_error(error) from error
        if self._repairing:
            with self._lock:
                logger.warning("%s: chunk %d was wrong", self._remote.shown, chunk)
                self._differing.add(chunk)
                if self._mac_matches():
                    self._end()


def disk_error(error: OSError) -> StorageError:
    """The error for a file that cannot be written."""
    return StorageError(
        f"The downloaded file cannot be written ({error.strerror}); free some disk space or choose "
        "another folder.",
        full=error.errno in (errno.ENOSPC, errno.EDQUOT),
    )
